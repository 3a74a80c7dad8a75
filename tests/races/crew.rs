//! Members who work without pause, and the count of what they write before and after a change.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::future::join_all;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::support::{Admin, Answer, Deployment, Event, PATIENCE, Phone, TicketType, Till, basket, card, cash, new_event, new_id, sale_of};

/// Writes that must have succeeded before the change, so that it comes in the middle of work.
const BEFORE: u32 = 30;
/// Attempts after the change's answer, before the ledger is counted again.
const AFTER: u32 = 60;

/// An event of this crew's own, with more tickets than it can scan.
pub struct Stage {
    pub event: Event,
    pub seat: TicketType,
    scanned: Arc<AtomicUsize>,
}

impl Stage {
    pub async fn open(deployment: &Deployment) -> Self {
        let event = deployment.admin.event("Full tilt").await;
        let seat = deployment.admin.ticket_type(&event, "Seat", "12.50").await;
        let rows = (0..20_000).map(|number| format!("T-{number},Seat,valid\n"));
        let csv = std::iter::once("code,type,status\n".to_owned()).chain(rows).collect::<String>();
        let path = format!("/v1/events/{}/tickets", event.id);
        assert_eq!(deployment.admin.client.post_raw(&path, "text/csv", csv).await.ok(200)["created"], 20_000);
        Self { event, seat, scanned: Arc::default() }
    }

    /// Members who sell one seat after the other for cash.
    pub fn sellers(&self, deployment: &Deployment, till: &Till, count: usize) -> Crew {
        let mut crew = Crew::of(&self.event);
        for number in 0..count {
            let (till, event, lines) = (till.at(deployment.turn(number)), self.event.clone(), basket(&[(&self.seat, 1)]));
            crew.put_to_work(move || {
                let (till, event, lines) = (till.clone(), event.clone(), lines.clone());
                async move { till.try_sell(&event, lines, cash()).await }
            });
        }
        crew
    }

    /// Members who sell by card, and only at this price.
    pub fn sellers_at(&self, deployment: &Deployment, till: &Till, count: usize, price: &str) -> Crew {
        let mut crew = Crew::of(&self.event);
        for number in 0..count {
            let (till, event, lines) = (till.at(deployment.turn(number)), self.event.clone(), basket(&[(&self.seat, 1)]));
            let price = price.to_owned();
            crew.put_to_work(move || {
                let mut sale = sale_of(&event, lines.clone(), card());
                sale["expected_total"] = json!(price);
                let till = till.clone();
                async move { till.send_sale(&sale).await }
            });
        }
        crew
    }

    /// Members who scan one ticket after the other, never one twice.
    pub fn scanners(&self, deployment: &Deployment, phones: &[Phone], count: usize) -> Crew {
        let mut crew = Crew::of(&self.event);
        for number in 0..count {
            let phone = phones[number % phones.len()].at(deployment.turn(number));
            let (event, scanned) = (self.event.clone(), self.scanned.clone());
            crew.put_to_work(move || {
                let code = format!("T-{}", scanned.fetch_add(1, Ordering::Relaxed));
                let (phone, event) = (phone.clone(), event.clone());
                async move { phone.try_scan(&event, &code).await }
            });
        }
        crew
    }
}

/// Members who do one thing again and again until they are stopped.
pub struct Crew {
    event: Event,
    workers: Vec<JoinHandle<()>>,
    stop: Vec<Arc<AtomicBool>>,
    written: Arc<Semaphore>,
    tried: Arc<Semaphore>,
}

impl Crew {
    pub fn of(event: &Event) -> Self {
        let counter = || Arc::new(Semaphore::new(0));
        Self { event: event.clone(), workers: Vec::new(), stop: Vec::new(), written: counter(), tried: counter() }
    }

    fn put_to_work<Doing: Future<Output = Answer> + Send>(&mut self, mut act: impl FnMut() -> Doing + Send + 'static) {
        let (stop, written, tried) = (Arc::new(AtomicBool::new(false)), self.written.clone(), self.tried.clone());
        self.stop.push(stop.clone());
        self.workers.push(tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let answer = act().await;
                assert!(answer.status < 500 || answer.status == 503, "{answer}");
                let admitted = || answer.status == 200 && answer.json()["verdict"] == "admit";
                let wrote = answer.status == 201 || admitted();
                written.add_permits(usize::from(wrote));
                tried.add_permits(1);
            }
        }));
    }

    /// Members who register one device after the other.
    pub fn announcing_devices(mut self, deployment: &Deployment, admin: &Admin, count: usize) -> Self {
        for number in 0..count {
            let client = admin.at(deployment.turn(number)).client;
            self.put_to_work(move || {
                let client = client.clone();
                async move { client.post("/v1/devices", &json!({"name": new_id(), "kind": "scanner"})).await }
            });
        }
        self
    }

    /// Members who make one event after the other.
    pub fn putting_on_events(mut self, deployment: &Deployment, admin: &Admin, count: usize) -> Self {
        for number in 0..count {
            let client = admin.at(deployment.turn(number)).client;
            self.put_to_work(move || {
                let client = client.clone();
                async move { client.post("/v1/events", &new_event(&new_id(), json!({}))).await }
            });
        }
        self
    }

    /// Another crew works beside this one. Each must have written before the change, so their counters stay apart.
    pub fn joined_by(self, other: Self) -> Crews {
        Crews(vec![self, other])
    }

    pub async fn nothing_more_after<T>(self, deployment: &Deployment, change: impl Future<Output = T>) {
        Crews(vec![self]).nothing_more_after(deployment, change).await;
    }
}

/// Crews that work at the same time for the same event.
pub struct Crews(Vec<Crew>);

impl Crews {
    /// Makes the change in the middle of the work, and compares the ledger right after its answer with the ledger at the end.
    pub async fn nothing_more_after<T>(self, deployment: &Deployment, change: impl Future<Output = T>) {
        for crew in &self.0 {
            count_up_to(&crew.written, BEFORE, "the crew writes").await;
        }
        change.await;
        let answered = written(deployment, &self.0[0].event).await;
        for crew in &self.0 {
            crew.tried.forget_permits(usize::MAX);
            count_up_to(&crew.tried, AFTER, "the crew goes on trying").await;
        }
        let event = self.0[0].event.clone();
        self.go_home().await;
        let at_the_end = written(deployment, &event).await;
        assert_eq!(at_the_end, answered, "something was written after the change had been answered");
    }

    async fn go_home(self) {
        for crew in &self.0 {
            crew.stop.iter().for_each(|stop| stop.store(true, Ordering::Relaxed));
        }
        for worker in join_all(self.0.into_iter().flat_map(|crew| crew.workers)).await {
            worker.unwrap();
        }
    }
}

/// Sales and admissions of the event, devices and events of the deployment: all that crews write.
async fn written(deployment: &Deployment, event: &Event) -> [i64; 4] {
    let house_id = [deployment.organisation.id.as_str()];
    let ledger = &deployment.ledger;
    [
        ledger.sales(&event.id).await,
        ledger.admissions(&event.id).await,
        ledger.count("select count(*) from devices where organisation_id = $1", &house_id).await,
        ledger.count("select count(*) from events where organisation_id = $1", &house_id).await,
    ]
}

async fn count_up_to(counter: &Semaphore, count: u32, what: &str) {
    let reached = timeout(PATIENCE, counter.acquire_many(count)).await;
    reached.unwrap_or_else(|_| panic!("waited in vain until {what}")).unwrap().forget();
}
