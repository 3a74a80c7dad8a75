//! A night at the door and at the till: members scan and sell without pause whatever happens to the stores, and repeat a request with its id
//! until it is answered.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::support::{
    A_SECOND, Answer, Auditor, Client, Deployment, Event, Phone, Plan, TicketType, Till, basket, card, cash, sale_of, scan_of, until,
};

/// Time that a terminal waits before it repeats a request.
const PAUSE: Duration = Duration::from_millis(5);
/// Time after which the gateways serve again once the ledger is back.
const BACK_WITHIN: Duration = Duration::from_secs(2);
/// Tickets that there are to be scanned.
const TICKETS: usize = 20_000;

/// A deployment with an event, members at work, and an auditor that records all their answers.
pub struct Night {
    pub deployment: Deployment,
    pub event: Event,
    pub seat: TicketType,
    pub phone: Phone,
    pub till: Till,
    pub auditor: Arc<Auditor>,
    /// Lines to the gateways as they are now.
    doors: Arc<Mutex<Vec<Client>>>,
    scanned: Arc<AtomicUsize>,
    /// What was sent and never answered: to be asked again when the night is over.
    open: Mutex<Vec<Value>>,
}

impl Night {
    pub async fn begin(plan: Plan) -> Self {
        let deployment = plan.open().await;
        let event = deployment.admin.event("Gala").await;
        let seat = deployment.admin.ticket_type(&event, "Seat", "12.50").await;
        let rows = (0..TICKETS).map(|number| format!("T-{number},Seat,valid\n"));
        let csv = std::iter::once("code,type,status\n".to_owned()).chain(rows).collect::<String>();
        let path = format!("/v1/events/{}/tickets", event.id);
        assert_eq!(deployment.admin.client.post_raw(&path, "text/csv", csv).await.ok(200)["created"], TICKETS);
        let (scanner, seller) = (deployment.admin.hire("scanner").await, deployment.admin.hire("box_office").await);
        let (phone, till) = (deployment.admin.phone(&scanner).await, deployment.admin.till(&seller).await);
        let doors = Arc::default();
        let night =
            Self { deployment, event, seat, phone, till, auditor: Arc::default(), doors, scanned: Arc::default(), open: Mutex::default() };
        night.gateways_are_elsewhere();
        for gateway in [night.deployment.a(), night.deployment.b()] {
            night.phone.at(gateway).refuses(&night.event, "warms the event", "unknown_ticket").await;
            night.till.at(gateway).may("sell_cash", &night.event).await;
        }
        night
    }

    /// Everybody finds the gateways where they are now.
    pub fn gateways_are_elsewhere(&self) {
        *self.doors.lock().unwrap() = self.deployment.gateways().iter().map(|gateway| gateway.client().clone()).collect();
    }

    /// A scan of a ticket that was not scanned yet.
    pub fn new_scan(&self) -> Value {
        scan_of(&self.event, &format!("T-{}", self.scanned.fetch_add(1, Ordering::Relaxed)))
    }

    pub fn new_sale(&self) -> Value {
        sale_of(&self.event, basket(&[(&self.seat, 2)]), cash())
    }

    /// What a terminal sends, recorded by the auditor; none if no answer came.
    pub async fn send(&self, gateway: &Client, sent: &Value) -> Option<Answer> {
        self.asker().send(gateway, sent).await
    }

    /// This was not answered: it is asked again when the night is over.
    pub fn leave_open(&self, sent: Value) {
        self.open.lock().unwrap().push(sent);
    }

    /// While the ledger is away: no yes, and no wait, at any gateway.
    pub async fn says_so_at_once(&self) {
        for gateway in self.deployment.gateways() {
            for sent in [self.new_scan(), self.new_sale()] {
                let begun = Instant::now();
                let answer = self.send(gateway.client(), &sent).await.unwrap();
                answer.problem(503, "ledger_unavailable");
                assert!(begun.elapsed() < A_SECOND, "{answer} after {:?}", begun.elapsed());
                // Nobody waits for the end of this outage with it: it is asked again when the night is over.
                self.leave_open(sent);
            }
        }
    }

    /// The ledger is back: so is the service, at every gateway, without anybody's help.
    pub async fn is_back(&self) {
        let begun = Instant::now();
        for gateway in self.deployment.gateways() {
            for sent in [self.new_scan(), self.new_sale()] {
                until("the service is back", || async {
                    let answer = self.send(gateway.client(), &sent).await.unwrap();
                    self.auditor.told(&sent, &answer)
                })
                .await;
            }
        }
        eprintln!("the service was back after {:?}", begun.elapsed());
        assert!(begun.elapsed() < BACK_WITHIN, "the service came back after {:?}", begun.elapsed());
    }

    fn asker(&self) -> Asker {
        Asker { scans: self.phone.client.clone(), sales: self.till.client.clone(), auditor: Arc::clone(&self.auditor) }
    }

    /// So many people go to work, half of them at the door and half at the till.
    pub fn crew(&self, count: usize) -> Crew {
        let figures = Arc::<Figures>::default();
        let stop = Arc::new(AtomicBool::new(false));
        let worker = |number: usize| {
            let worker = Worker {
                number,
                asker: self.asker(),
                doors: Arc::clone(&self.doors),
                event: self.event.clone(),
                seat: self.seat.clone(),
                scanned: Arc::clone(&self.scanned),
                figures: Arc::clone(&figures),
                stop: Arc::clone(&stop),
            };
            tokio::spawn(worker.work())
        };
        Crew { workers: (0..count).map(worker).collect(), figures, stop }
    }

    /// The people go home, what was left open is asked again until it is answered, and everything is compared.
    pub async fn is_over(&self, crew: Crew) {
        let doors = self.doors.lock().unwrap().clone();
        let left = std::mem::take(&mut *self.open.lock().unwrap());
        for sent in crew.go_home().await.into_iter().chain(left) {
            until("every id finds its answer", || async {
                let answer = self.send(&doors[0], &sent).await;
                answer.is_some_and(|answer| self.auditor.told(&sent, &answer))
            })
            .await;
        }
        self.auditor.audit(&self.deployment.ledger).await;
    }
}

/// Sends scans as a phone and sales as a till.
#[derive(Clone)]
struct Asker {
    scans: Client,
    sales: Client,
    auditor: Arc<Auditor>,
}

impl Asker {
    async fn send(&self, gateway: &Client, sent: &Value) -> Option<Answer> {
        self.auditor.asked(sent);
        let (client, path) = if sent["code"].is_string() { (&self.scans, "/v1/scans") } else { (&self.sales, "/v1/sales") };
        Answer::if_any(client.at(gateway).request(reqwest::Method::POST, path).json(sent)).await
    }
}

/// What a crew has seen.
#[derive(Default)]
pub struct Figures {
    /// Ids that were answered.
    pub settled: AtomicUsize,
    /// Times that the ledger was said to be away.
    pub put_off: AtomicUsize,
    /// The longest that an answer took.
    slowest: Mutex<Duration>,
}

/// Members who work without pause.
pub struct Crew {
    workers: Vec<JoinHandle<Option<Value>>>,
    pub figures: Arc<Figures>,
    stop: Arc<AtomicBool>,
}

impl Crew {
    /// Waits until so many more were answered.
    pub async fn settles(&self, more: usize) {
        let from = self.figures.settled.load(Ordering::Relaxed);
        wait(&format!("{more} more are answered"), || self.figures.settled.load(Ordering::Relaxed) >= from + more).await;
    }

    /// Waits until so many more requests were answered with 503.
    pub async fn is_put_off(&self, more: usize) {
        let from = self.figures.put_off.load(Ordering::Relaxed);
        wait(&format!("{more} more are put off"), || self.figures.put_off.load(Ordering::Relaxed) >= from + more).await;
    }

    /// No request has waited long, whatever its answer was.
    pub fn answered_in_time(&self) {
        let slowest = *self.figures.slowest.lock().unwrap();
        eprintln!("the slowest answer took {slowest:?}");
        assert!(slowest < A_SECOND, "an answer took {slowest:?}");
    }

    /// Answers what is still open.
    async fn go_home(self) -> Vec<Value> {
        self.stop.store(true, Ordering::Relaxed);
        let mut open = Vec::new();
        for worker in self.workers {
            open.extend(worker.await.unwrap());
        }
        open
    }
}

async fn wait(what: &str, mut reached: impl FnMut() -> bool) {
    until(what, || {
        let reached = reached();
        async move {
            tokio::task::yield_now().await;
            reached
        }
    })
    .await;
}

struct Worker {
    number: usize,
    asker: Asker,
    doors: Arc<Mutex<Vec<Client>>>,
    event: Event,
    seat: TicketType,
    scanned: Arc<AtomicUsize>,
    figures: Arc<Figures>,
    stop: Arc<AtomicBool>,
}

impl Worker {
    /// Works until the end; answers what is still open then.
    async fn work(self) -> Option<Value> {
        for turn in 0.. {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            let sent = self.next(turn);
            if !self.ask_until_answered(turn, &sent).await {
                return Some(sent);
            }
        }
        None
    }

    /// Scans, now and then a ticket that was scanned before, or sells, now and then with admission at once.
    fn next(&self, turn: usize) -> Value {
        if self.number.is_multiple_of(2) {
            let ticket = if turn % 5 == 4 { 0 } else { self.scanned.fetch_add(1, Ordering::Relaxed) };
            return scan_of(&self.event, &format!("T-{}", ticket % TICKETS));
        }
        let mut sale = sale_of(&self.event, basket(&[(&self.seat, 2)]), if turn.is_multiple_of(2) { cash() } else { card() });
        sale["admit"] = json!(turn % 3 == 2);
        sale
    }

    async fn ask_until_answered(&self, turn: usize, sent: &Value) -> bool {
        for attempt in 0.. {
            let door = {
                let doors = self.doors.lock().unwrap();
                doors[(self.number + turn + attempt) % doors.len()].clone()
            };
            let begun = Instant::now();
            let answer = self.asker.send(&door, sent).await;
            if let Some(answer) = answer {
                let mut slowest = self.figures.slowest.lock().unwrap();
                *slowest = begun.elapsed().max(*slowest);
                drop(slowest);
                if self.asker.auditor.told(sent, &answer) {
                    self.figures.settled.fetch_add(1, Ordering::Relaxed);
                    return true;
                }
                self.figures.put_off.fetch_add(1, Ordering::Relaxed);
            }
            if self.stop.load(Ordering::Relaxed) {
                return false;
            }
            sleep(PAUSE).await;
        }
        false
    }
}
