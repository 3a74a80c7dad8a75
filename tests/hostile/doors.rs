//! Every call of `/openapi.json`: how it is made, and what it answers to a token of another deployment.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Admin, Answer, Client, Deployment, Event, Member, TicketType, Till, basket, card, cash, new_event, new_id, on_both, ref_id,
};

/// One of everything that has an id.
#[derive(Clone)]
pub struct Ids {
    pub event: String,
    pub kind: String,
    pub device: String,
    pub user: String,
    pub session: String,
    pub sale: String,
    pub hold: String,
    pub scan: String,
    pub list: String,
    pub guest: String,
    pub check_in: String,
}

impl Ids {
    /// Ids that nothing has.
    fn of_nothing() -> Self {
        let [event, kind, device, user, session, sale] = std::array::from_fn(|_| new_id());
        let [hold, scan, list, guest, check_in] = std::array::from_fn(|_| new_id());
        Self { event, kind, device, user, session, sale, hold, scan, list, guest, check_in }
    }
}

/// A deployment with one record of each kind, and the clients that can make more.
pub struct Stage {
    pub admin: Admin,
    pub till: Till,
    pub scanner: Member,
    pub event: Event,
    pub seat: TicketType,
    pub ids: Ids,
}

impl Stage {
    pub async fn furnish(admin: &Admin) -> Self {
        let event = admin.event("Gala").await;
        let seat = admin.ticket_type(&event, "Seat", "12.50").await;
        admin.tickets(&event, &seat, &["A-1"]).await;
        let (scanner, seller) = (admin.hire("scanner").await, admin.hire("box_office").await);
        let (phone, till) = (admin.phone(&scanner).await, admin.till(&seller).await);
        let scan = json!({"id": new_id(), "event": event.id, "code": "A-1"});
        phone.send(&scan).await.ok(200);
        let ids = Ids {
            event: event.id.clone(),
            kind: seat.id.clone(),
            device: phone.device.id.clone(),
            user: scanner.id.clone(),
            session: phone.session_id(),
            scan: ref_id(&scan),
            ..Ids::of_nothing()
        };
        let mut stage = Self { admin: admin.clone(), till, scanner, event, seat, ids };
        for call in ["{sale}", "{hold}", "{list}", "{guest}", "{check_in}"] {
            stage.ids = stage.fresh(call).await;
        }
        stage
    }

    /// The same ids, but for a new thing of this kind: for a call that uses it up.
    pub async fn fresh(&self, kind: &str) -> Ids {
        let mut ids = self.ids.clone();
        let client = &self.admin.client;
        match kind {
            "{sale}" => ids.sale = ref_id(&self.till.sell(&self.event, basket(&[(&self.seat, 1)]), card()).await),
            "{hold}" => ids.hold = ref_id(&self.till.hold(&self.event, basket(&[(&self.seat, 1)])).await),
            "{device}" => {
                ids.device = ref_id(&client.post("/v1/devices", &json!({"name": new_id(), "kind": "pos"})).await.ok(201)["device"])
            }
            "{user}" => ids.user = self.admin.hire("viewer").await.id,
            "{list}" => {
                let path = format!("/v1/events/{}/guest-lists", self.event.id);
                ids.list = ref_id(&client.post(&path, &json!({"name": new_id()})).await.ok(201));
            }
            "{guest}" => {
                let path = format!("/v1/guest-lists/{}/guests", ids.list);
                let added = client.post(&path, &json!({"guests": [{"name": new_id(), "party_size": 1000}]})).await.ok(200);
                ids.guest = ref_id(&added["guests"][0]);
            }
            "{check_in}" => {
                ids.check_in = new_id();
                let path = format!("/v1/guests/{}/check-ins", ids.guest);
                client.post(&path, &json!({"id": ids.check_in, "people": 1})).await.fine();
            }
            other => panic!("what is a {other}?"),
        }
        ids
    }
}

/// How a call is made: its method, its path with the kinds of its ids, and what has to be new for it.
pub struct Call {
    pub method: &'static str,
    pub path: &'static str,
    pub uses_up: &'static str,
}

const fn call(method: &'static str, path: &'static str) -> Call {
    Call { method, path, uses_up: "" }
}

const fn used(method: &'static str, path: &'static str, uses_up: &'static str) -> Call {
    Call { method, path, uses_up }
}

/// Every call under `/v1`. One that is missing here fails a test.
pub const CALLS: &[Call] = &[
    call("GET", "/v1/devices"),
    call("GET", "/v1/devices/{device}"),
    call("GET", "/v1/events"),
    call("GET", "/v1/events/{event}"),
    call("GET", "/v1/events/{event}/attendance"),
    call("GET", "/v1/events/{event}/guest-lists"),
    call("GET", "/v1/events/{event}/guests"),
    call("GET", "/v1/events/{event}/refused-scans"),
    call("GET", "/v1/events/{event}/sales-summary"),
    call("GET", "/v1/guests/{guest}"),
    call("GET", "/v1/sales"),
    call("GET", "/v1/sales/totals"),
    call("GET", "/v1/sales/{sale}"),
    call("GET", "/v1/sessions"),
    call("GET", "/v1/sessions/current"),
    call("GET", "/v1/stream"),
    call("GET", "/v1/team"),
    call("POST", "/v1/authorise"),
    call("POST", "/v1/devices"),
    call("POST", "/v1/devices/batch"),
    call("POST", "/v1/devices/enrol"),
    used("POST", "/v1/devices/{device}/enrolment", "{device}"),
    call("POST", "/v1/events"),
    call("POST", "/v1/events/{event}/guest-lists"),
    call("POST", "/v1/events/{event}/imports"),
    call("POST", "/v1/events/{event}/ticket-types"),
    call("POST", "/v1/events/{event}/tickets"),
    call("POST", "/v1/guest-lists/{list}/guests"),
    call("POST", "/v1/guests/{guest}/check-ins"),
    call("POST", "/v1/holds"),
    call("POST", "/v1/sales"),
    used("POST", "/v1/sales/{sale}/void", "{sale}"),
    call("POST", "/v1/scans"),
    call("POST", "/v1/sessions"),
    call("POST", "/v1/team"),
    call("PATCH", "/v1/devices/current"),
    call("PATCH", "/v1/events/{event}"),
    call("PATCH", "/v1/events/{event}/ticket-types/{kind}"),
    call("PATCH", "/v1/guest-lists/{list}"),
    call("PATCH", "/v1/guests/{guest}"),
    call("PATCH", "/v1/team/{user}"),
    call("PUT", "/v1/team/{user}/events"),
    used("DELETE", "/v1/check-ins/{check_in}", "{check_in}"),
    used("DELETE", "/v1/devices/{device}", "{device}"),
    used("DELETE", "/v1/guest-lists/{list}", "{list}"),
    used("DELETE", "/v1/guests/{guest}", "{guest}"),
    call("DELETE", "/v1/holds/{hold}"),
    call("DELETE", "/v1/scans/{scan}"),
    used("DELETE", "/v1/sessions", "{device}"),
    call("DELETE", "/v1/sessions/{session}"),
    used("DELETE", "/v1/team/{user}", "{user}"),
    call("DELETE", "/v1/sessions/current"),
];

impl Call {
    /// Makes it over this client, with these ids.
    pub async fn make(&self, client: &Client, ids: &Ids) -> Answer {
        let path = self.fill(ids);
        let request = client.request(Method::from_bytes(self.method.as_bytes()).unwrap(), &path);
        if self.path == "/v1/stream" {
            return Answer::begun(request).await;
        }
        if self.path.ends_with("/imports") {
            return Answer::to(request.header("Content-Type", "text/csv").body("Secret,Product,Status\nX-1,Seat,Paid\n")).await;
        }
        match self.body(ids) {
            Value::Null => Answer::to(request).await,
            body => Answer::to(request.json(&body)).await,
        }
    }

    fn fill(&self, ids: &Ids) -> String {
        let mut path = self.path.to_owned();
        for (kind, id) in [
            ("{event}", &ids.event),
            ("{kind}", &ids.kind),
            ("{device}", &ids.device),
            ("{user}", &ids.user),
            ("{session}", &ids.session),
            ("{sale}", &ids.sale),
            ("{hold}", &ids.hold),
            ("{scan}", &ids.scan),
            ("{list}", &ids.list),
            ("{guest}", &ids.guest),
            ("{check_in}", &ids.check_in),
        ] {
            path = path.replace(kind, id);
        }
        match (self.method, self.path) {
            ("DELETE", "/v1/sessions") => format!("{path}?device={}", ids.device),
            ("GET", "/v1/sales" | "/v1/sales/totals") => format!("{path}?event={}", ids.event),
            ("GET", "/v1/sessions") => format!("{path}?user={}", ids.user),
            ("GET", "/v1/stream") => format!("{path}?attendance={}", ids.event),
            (_, end) if end.ends_with("/imports") => format!("{path}?dry_run=true"),
            _ => path,
        }
    }

    /// A body with nothing wrong in it.
    fn body(&self, ids: &Ids) -> Value {
        let lines = json!([{"ticket_type": ids.kind, "quantity": 1}]);
        let name = new_id();
        match (self.method, self.path) {
            ("POST", "/v1/authorise") => json!({"action": "scan", "event": ids.event}),
            ("POST", "/v1/devices") => json!({"name": name, "kind": "scanner"}),
            ("POST", "/v1/devices/batch") => json!({"name": name, "kind": "scanner", "count": 1}),
            ("POST", "/v1/devices/enrol") => json!({"enrolment_code": "AAAAA-BBBBB-CCCCC-DDDDD"}),
            ("POST", "/v1/events") => new_event(&name, json!({"status": "draft"})),
            ("POST", "/v1/events/{event}/guest-lists") => json!({"name": name}),
            ("POST", "/v1/events/{event}/ticket-types") => json!({"name": name, "price": "1.00"}),
            ("POST", "/v1/events/{event}/tickets") => json!({"tickets": []}),
            ("POST", "/v1/guest-lists/{list}/guests") => json!({"guests": [{"name": name}]}),
            ("POST", "/v1/guests/{guest}/check-ins") => json!({"id": name, "people": 1}),
            ("POST", "/v1/holds") => json!({"id": name, "event": ids.event, "lines": lines}),
            ("POST", "/v1/sales") => json!({"id": name, "event": ids.event, "lines": lines, "payment": cash()}),
            ("POST", "/v1/sales/{sale}/void") => json!({"id": name, "reason": "Wrong date"}),
            ("POST", "/v1/scans") => json!({"id": name, "event": ids.event, "code": "no such code"}),
            ("POST", "/v1/sessions") => json!({"organisation": "nobody", "username": "nobody", "password": "nothing"}),
            ("POST", "/v1/team") => {
                json!({"name": "Max", "email": "max@example.org", "username": name, "role": "viewer", "password": "a long password"})
            }
            ("PATCH", "/v1/devices/current") => json!({"hardware": {"app_version": "1"}}),
            ("PATCH", "/v1/events/{event}") => json!({"venue": "The Hall"}),
            ("PATCH", "/v1/events/{event}/ticket-types/{kind}") => json!({"price": "12.50"}),
            ("PATCH", "/v1/guest-lists/{list}" | "/v1/guests/{guest}") => json!({"note": "seen"}),
            ("PATCH", "/v1/team/{user}") => json!({"role": "scanner"}),
            ("PUT", "/v1/team/{user}/events") => json!({"events": []}),
            _ => Value::Null,
        }
    }

    /// Whether it names a record of an organisation.
    fn names_something(&self) -> bool {
        let in_its_body = self.method == "POST" && matches!(self.path, "/v1/scans" | "/v1/sales" | "/v1/holds" | "/v1/authorise");
        self.path.contains('{') || in_its_body || self.path == "/v1/stream"
    }
}

on_both!(every_call_is_in_the_table);
async fn every_call_is_in_the_table(deployment: Deployment) {
    let document = deployment.a().get("/openapi.json").await.ok(200);
    let parts = |path: &str| path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/");
    let mut documented = BTreeSet::new();
    for (path, calls) in document["paths"].as_object().unwrap() {
        for method in ["get", "post", "put", "patch", "delete"] {
            if path.starts_with("/v1/") && !calls[method].is_null() {
                documented.insert((method.to_uppercase(), parts(path)));
            }
        }
    }
    let known: BTreeSet<_> = CALLS.iter().map(|call| (call.method.to_owned(), parts(call.path))).collect();
    assert_eq!(known, documented);
}

on_both!(records_of_another_organisation_are_answered_like_unknown_ids);
async fn records_of_another_organisation_are_answered_like_unknown_ids(mut deployment: Deployment) {
    let rival = Stage::furnish(&deployment.another_organisation().await).await;
    let chief = deployment.admin.hire("organisation_admin").await;
    let (till, signed_in) = (deployment.admin.till(&chief).await, deployment.admin.clone());
    let mut told = 0;
    for call in CALLS {
        for client in [&till.client, &signed_in.client] {
            let client = client.at(deployment.turn(told));
            if call.path == "/v1/sessions/current" || call.path == "/v1/sessions" && call.method == "POST" {
                continue;
            }
            let theirs = call.make(&client, &rival.ids).await;
            let nothing = call.make(&client, &Ids::of_nothing()).await;
            assert_eq!(without_ids(&theirs), without_ids(&nothing), "{theirs}\n{nothing}");
            let asked_without_a_device = theirs.text.contains("device_required");
            let told_in_the_answer = call.path == "/v1/authorise" && theirs.text.contains("not_found");
            if call.names_something() && !asked_without_a_device && !told_in_the_answer {
                assert_eq!(theirs.status, 404, "{theirs}");
                told += 1;
            }
        }
    }
    assert!(told > 50, "{told} calls told nothing");
    // And nothing was done: they are as they were.
    assert_eq!(rival.admin.client.get(&format!("/v1/events/{}", rival.event.id)).await.ok(200)["venue"], Value::Null);
    rival.till.current().await.ok(200);
    rival.scanner.signed_in(deployment.a()).await;
}

/// What an answer reveals, without the ids that are new in each.
fn without_ids(answer: &Answer) -> (u16, String) {
    let ids = regex::Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap();
    let text = ids.replace_all(&answer.text, "ID");
    // What a call that names nothing makes is new each time as well.
    if answer.status == 201 || answer.status == 200 { (answer.status, String::new()) } else { (answer.status, text.into_owned()) }
}
