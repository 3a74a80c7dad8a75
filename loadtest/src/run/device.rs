//! One device: its connection, its session, its requests, and what it remembers of them.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use super::record::Call;
use super::{Admitted, Basket, Evidence, Job, Outcome, Probe, ProbeSent, SaleSent, Scan, ScanSent, Sends, Stage, words};
use crate::wire::{self, Connection, Form, Reply};
use crate::world::Station;

/// When something was planned, sent and answered, counted from the run's start.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// When its first byte left.
    pub sent: Duration,
    /// When its last byte was back, or it was given up.
    pub answered: Duration,
}

pub struct Device {
    place: usize,
    /// Who it is.
    pub station: Station,
    forms: Forms,
    connection: Option<Connection>,
    request: Vec<u8>,
    body: Vec<u8>,
    /// What it has recorded.
    pub evidence: Evidence,
}

/// The requests of a device, all but their bodies.
struct Forms {
    scan: Form,
    sale: Form,
    authorise: Form,
    sign_in: Form,
}

impl Forms {
    fn of(station: &Station) -> Self {
        let form = |path| Form::post(&station.target, path, Some(&station.token));
        Self {
            scan: form("/v1/scans"),
            sale: form("/v1/sales"),
            authorise: form("/v1/authorise"),
            sign_in: Form::post(&station.target, "/v1/sessions", Some(&station.device_token)),
        }
    }
}

impl Device {
    /// The device at this place, not yet connected.
    pub fn new(place: usize, station: Station) -> Self {
        let forms = Forms::of(&station);
        Self { place, station, forms, connection: None, request: Vec::new(), body: Vec::new(), evidence: Evidence::default() }
    }

    /// Everything that it has recorded, when the run is over.
    pub fn told(self) -> Evidence {
        let mut evidence = self.evidence;
        evidence.tokens.insert(self.place, self.station.token);
        evidence
    }

    /// Does a job, and remembers what came of it. Its latency counts from `due`.
    pub async fn perform(&mut self, stage: &Stage, job: Job, due: Instant) {
        match job {
            Job::Scan(scan) => self.scan(stage, scan, due).await,
            Job::Sell(basket) => self.sell(stage, basket, due).await,
            Job::Authorise => self.authorise(stage, due).await,
            Job::SignIn => self.sign_in(stage, due).await,
            Job::Probe(probe) => self.probe(stage, &probe, due).await,
        }
    }

    async fn scan(&mut self, stage: &Stage, scan: Scan, due: Instant) {
        let id = Uuid::new_v4();
        self.body.clear();
        let code = serde_json::to_string(&*scan.code).unwrap_or_default();
        // Writing into memory does not fail.
        let _ = write!(self.body, r#"{{"id":"{id}","event":"{}","code":{code}}}"#, stage.event.id);
        self.forms.scan.fill(&mut self.request, &self.body);
        for (number, lost) in rounds(scan.sends) {
            let begun = if number == 0 { due } else { Instant::now() };
            let (times, outcome) = self.send(stage, lost, |reply| read_scan(reply, id)).await;
            stage.record(Call::Scan, scan_word(&outcome), begun);
            let (code, expected) = (Arc::clone(&scan.code), scan.expected);
            self.evidence.scans.push(ScanSent { id, device: self.place, code, expected, times, outcome });
        }
    }

    async fn sell(&mut self, stage: &Stage, basket: Basket, due: Instant) {
        let id = Uuid::new_v4();
        let body = sale_body(stage, id, &basket);
        self.body = serde_json::to_vec(&body).unwrap_or_default();
        self.forms.sale.fill(&mut self.request, &self.body);
        for (number, lost) in rounds(basket.sends) {
            let begun = if number == 0 { due } else { Instant::now() };
            let (times, outcome) = self.send(stage, lost, read_sale).await;
            stage.record(Call::Sale, sale_word(&outcome), begun);
            self.evidence.sales.push(SaleSent { id, basket: basket.clone(), times, outcome });
        }
    }

    async fn authorise(&mut self, stage: &Stage, due: Instant) {
        self.body.clear();
        let _ = write!(self.body, r#"{{"action":"scan","event":"{}"}}"#, stage.event.id);
        self.forms.authorise.fill(&mut self.request, &self.body);
        let (_, outcome) = self.send(stage, false, read_authorise).await;
        stage.record(Call::Authorise, word(&outcome, "allowed"), due);
    }

    async fn sign_in(&mut self, stage: &Stage, due: Instant) {
        let who = &self.station.who;
        let body = json!({"organisation": stage.organisation, "username": who.username, "password": who.password});
        self.body = serde_json::to_vec(&body).unwrap_or_default();
        self.forms.sign_in.fill(&mut self.request, &self.body);
        let (_, outcome) = self.send(stage, false, read_sign_in).await;
        stage.record(Call::SignIn, word(&outcome, "signed_in"), due);
        let outcome = match outcome {
            Outcome::Done { told: (token, session), replayed } => {
                (self.station.token, self.station.session) = (token, session);
                self.forms = Forms::of(&self.station);
                Outcome::Done { told: (), replayed }
            }
            Outcome::Refused(reason) => Outcome::Refused(reason),
            Outcome::Problem(status, code) => Outcome::Problem(status, code),
            Outcome::Lost => Outcome::Lost,
            Outcome::Cut => Outcome::Cut,
            Outcome::Garbled => Outcome::Garbled,
        };
        self.evidence.sign_ins.push(outcome);
    }

    async fn probe(&mut self, stage: &Stage, probe: &Arc<Probe>, due: Instant) {
        self.request.clone_from(&probe.request);
        let (_, outcome) = self.send(stage, false, |reply| Outcome::Done { told: (reply.status, code_of(reply)), replayed: false }).await;
        let (status, code) = match outcome {
            Outcome::Done { told: (status, code), .. } => (Some(status), code),
            _ => (None, "lost"),
        };
        let good = status == Some(probe.status) && code == probe.code;
        stage.record(Call::Probe, if good { "refused_as_it_must" } else { "refused_otherwise" }, due);
        self.evidence.probes.push(ProbeSent { probe: Arc::clone(probe), status, code });
        // Who was refused for a broken request may find the line closed.
        if matches!(status, Some(400 | 413) | None) {
            self.connection = None;
        }
    }

    /// Sends the prepared request. To lose an answer, the connection is cut as soon as the request is out.
    async fn send<T>(&mut self, stage: &Stage, lost: bool, read: impl Fn(&Reply<'_>) -> Outcome<T>) -> (Times, Outcome<T>) {
        let sent = stage.begun.elapsed();
        let outcome = match timeout(stage.patience, self.exchange(lost, read)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => {
                self.connection = None;
                if lost { Outcome::Cut } else { Outcome::Lost }
            }
        };
        (Times { sent, answered: stage.begun.elapsed() }, outcome)
    }

    async fn exchange<T>(&mut self, lost: bool, read: impl Fn(&Reply<'_>) -> Outcome<T>) -> io::Result<Outcome<T>> {
        let used = self.connection.take();
        let idle = used.is_some();
        let mut connection = match used {
            Some(connection) => connection,
            None => Connection::open(&self.station.target).await?,
        };
        if lost {
            connection.send(&self.request).await?;
            return Ok(Outcome::Cut);
        }
        let answered = match connection.call(&self.request).await {
            Ok(reply) => Ok(read(&reply)),
            Err(error) => Err(error),
        };
        let outcome = match answered {
            Ok(outcome) => outcome,
            // A quiet line is closed after a while, and that is noticed only when it is used. The same id, on a line of its own.
            Err(_) if idle => {
                connection = Connection::open(&self.station.target).await?;
                read(&connection.call(&self.request).await?)
            }
            Err(error) => return Err(error),
        };
        self.connection = Some(connection);
        Ok(outcome)
    }
}

impl Stage {
    fn record(&self, call: Call, verdict: &'static str, due: Instant) {
        self.recorder.record(call, verdict, due.elapsed(), self.begun.elapsed());
    }
}

/// Each time that a request is sent: which one it is, and whether its answer gets lost.
fn rounds(sends: Sends) -> impl Iterator<Item = (u8, bool)> {
    let all = sends.lost.saturating_add(1).saturating_add(sends.again);
    (0..all).map(move |number| (number, number < sends.lost))
}

/// What a basket costs by the event's prices.
pub fn total(stage: &Stage, basket: &Basket) -> Decimal {
    let price = |place: usize| stage.event.types.get(place).map_or(Decimal::ZERO, |t| t.price);
    basket.lines.iter().map(|(place, quantity)| price(*place) * Decimal::from(*quantity)).sum()
}

fn sale_body(stage: &Stage, id: Uuid, basket: &Basket) -> Value {
    let kind = |place: usize| stage.event.types.get(place).map(|t| t.id).unwrap_or_default();
    let lines: Vec<Value> =
        basket.lines.iter().map(|(place, quantity)| json!({"ticket_type": kind(*place), "quantity": quantity})).collect();
    let total = total(stage, basket);
    let payment = match basket.cash_over {
        Some(over) => json!({"method": "cash", "tendered": format!("{:.2}", total + over)}),
        None => json!({"method": "card", "reference": format!("card {}", id.simple())}),
    };
    json!({
        "id": id, "event": stage.event.id, "lines": lines, "expected_total": format!("{total:.2}"), "payment": payment,
        "admit": basket.admit,
    })
}

fn read_scan(reply: &Reply<'_>, sent: Uuid) -> Outcome<Admitted> {
    if reply.status != 200 {
        return problem(reply);
    }
    match serde_json::from_slice::<wire::Scan>(reply.body) {
        Ok(wire::Scan { id, verdict: wire::Verdict::Admit, admission: Some(admission), .. }) if id == sent => Outcome::Done {
            told: Admitted { seq: admission.seq, recorded_at: admission.recorded_at.into_boxed_str() },
            replayed: reply.replayed,
        },
        Ok(wire::Scan { id, verdict: wire::Verdict::Refuse, reason: Some(reason), .. }) if id == sent => {
            Outcome::Refused(words::keep(&reason))
        }
        _ => Outcome::Garbled,
    }
}

fn read_sale(reply: &Reply<'_>) -> Outcome<Box<wire::Sale>> {
    if reply.status != 201 {
        return problem(reply);
    }
    match serde_json::from_slice(reply.body) {
        Ok(sale) => Outcome::Done { told: Box::new(sale), replayed: reply.replayed },
        Err(_) => Outcome::Garbled,
    }
}

fn read_authorise(reply: &Reply<'_>) -> Outcome<()> {
    if reply.status != 200 {
        return problem(reply);
    }
    match serde_json::from_slice::<Value>(reply.body).ok().and_then(|body| body.get("allowed").and_then(Value::as_bool)) {
        Some(true) => Outcome::Done { told: (), replayed: false },
        Some(false) => Outcome::Refused("not_allowed"),
        None => Outcome::Garbled,
    }
}

fn read_sign_in(reply: &Reply<'_>) -> Outcome<(String, Uuid)> {
    if reply.status != 201 {
        return problem(reply);
    }
    let body: Value = serde_json::from_slice(reply.body).unwrap_or_default();
    let token = body.get("session_token").and_then(Value::as_str);
    let session = body.pointer("/session/id").and_then(Value::as_str).and_then(|id| id.parse().ok());
    match (token, session) {
        (Some(token), Some(session)) => Outcome::Done { told: (token.to_owned(), session), replayed: false },
        _ => Outcome::Garbled,
    }
}

fn problem<T>(reply: &Reply<'_>) -> Outcome<T> {
    match reply.status {
        400..=599 => Outcome::Problem(reply.status, code_of(reply)),
        _ => Outcome::Garbled,
    }
}

fn code_of(reply: &Reply<'_>) -> &'static str {
    serde_json::from_slice::<wire::Problem>(reply.body).map_or("none", |problem| words::keep(&problem.code))
}

fn word<T>(outcome: &Outcome<T>, done: &'static str) -> &'static str {
    match outcome {
        Outcome::Done { .. } => done,
        Outcome::Refused(reason) | Outcome::Problem(_, reason) => reason,
        Outcome::Lost => "lost",
        Outcome::Cut => "cut off",
        Outcome::Garbled => "garbled",
    }
}

fn scan_word(outcome: &Outcome<Admitted>) -> &'static str {
    word(outcome, if matches!(outcome, Outcome::Done { replayed: true, .. }) { "replayed" } else { "admit" })
}

fn sale_word(outcome: &Outcome<Box<wire::Sale>>) -> &'static str {
    word(outcome, if matches!(outcome, Outcome::Done { replayed: true, .. }) { "replayed" } else { "sold" })
}
