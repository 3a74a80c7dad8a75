//! The demo: a filled deployment whose `demo.json` has all that is needed to try it.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Admin, Client, Deployment, Event, Gateway, Member, Plan, Setup, Till, cash, on_both, words};

const ROLES: [&str; 7] = ["organisation_admin", "event_manager", "finance_manager", "scanner", "viewer", "box_office", "door_operator"];

on_both!(the_demo_is_filled_as_it_says);
async fn the_demo_is_filled_as_it_says(mut deployment: Deployment) {
    let demo = Demo::start(&mut deployment);
    assert_eq!(demo.gateway.client().get("/readyz").await.ok(200)["status"], "ready");
    assert_eq!(demo.facts["base_url"], demo.gateway.client().base());
    let events = demo.facts["events"].as_array().unwrap();
    let mut own: Vec<_> = events[..3].iter().map(|event| event["status"].as_str().unwrap()).collect();
    own.sort_unstable();
    assert_eq!((own, &events[3]["status"]), (vec!["ended", "live", "live"], &json!("live")));
    for event in events {
        assert!(!event["ticket_codes"].as_array().unwrap().is_empty(), "{}", event["name"]);
    }
    for event in &events[..3] {
        let count = "select count(*) from tickets where event_id = $1";
        assert!(deployment.ledger.count(count, &[event["id"].as_str().unwrap()]).await >= 2_000);
        for kind in event["ticket_types"].as_array().unwrap() {
            assert!(kind["left"].as_u64().is_none_or(|left| left >= 500), "{kind}");
        }
    }

    let users = demo.facts["users"].as_array().unwrap();
    let mut roles: Vec<_> = users.iter().map(|user| user["role"].as_str().unwrap()).collect();
    roles.sort_unstable();
    let mut wanted = ROLES;
    wanted.sort_unstable();
    assert_eq!(roles, wanted, "one user per role");
    let kinds = |kind: &str| demo.facts["devices"].as_array().unwrap().iter().filter(|device| device["kind"] == kind).count();
    assert_eq!((kinds("scanner"), kinds("pos")), (10, 4));
}

on_both!(the_demo_is_played_through);
async fn the_demo_is_played_through(mut deployment: Deployment) {
    let demo = Demo::start(&mut deployment);
    let till = demo.till("box_office").await;
    let event = demo.event();
    for code in demo.codes().iter().take(20) {
        till.admits(&event, code).await;
    }
    for odd in demo.live()["odd_tickets"].as_array().unwrap() {
        till.refuses(&event, odd["code"].as_str().unwrap(), odd["reason"].as_str().unwrap()).await;
    }
    let kind = &demo.live()["ticket_types"][0];
    let lines = json!([{"ticket_type": kind["id"], "quantity": 2}]);
    let sold = till.sell(&event, lines, cash()).await;
    till.admits(&event, sold["tickets"][0]["code"].as_str().unwrap()).await;

    let operator = demo.member("door_operator").signed_in(demo.gateway.client()).await;
    assert_eq!(operator.session["pinned_event"]["id"], json!(event.id));
    for role in ROLES {
        let signed_in = demo.member(role).signed_in(demo.gateway.client()).await;
        assert_eq!(signed_in.session["role"], role);
    }
}

on_both!(the_demo_started_again_keeps_data_and_passwords);
async fn the_demo_started_again_keeps_data_and_passwords(mut deployment: Deployment) {
    let demo = Demo::start(&mut deployment);
    let (event, code) = (demo.event(), demo.codes()[0].clone());
    demo.till("box_office").await.admits(&event, &code).await;
    let before = demo.facts.clone();
    let (status, log) = demo.gateway.stop();
    assert!(status.success(), "{log}");

    let again = Demo::open(&deployment);
    assert_eq!(again.facts["users"], before["users"]);
    assert_eq!(again.event().id, event.id);
    assert!(!again.codes().contains(&code), "it names only codes that are not yet scanned");
    assert_ne!(again.facts["devices"], before["devices"], "new enrolment codes");
    again.till("box_office").await.refuses(&event, &code, "already_admitted").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_beside_the_demo_is_a_second_gateway() {
    let mut deployment = Plan::shared().open().await;
    let demo = Demo::start(&mut deployment);
    let till = demo.till("box_office").await;
    till.at(deployment.a()).admits(&demo.event(), &demo.codes()[0]).await;
    till.refuses(&demo.event(), &demo.codes()[0], "already_admitted").await;
}

/// A running demo and what it wrote down about itself.
pub struct Demo {
    pub gateway: Gateway,
    facts: Value,
}

impl Demo {
    /// On the stores of a deployment; an embedded ledger belongs to one process, so its gateway goes first.
    pub fn start(deployment: &mut Deployment) -> Self {
        if deployment.setup == Setup::Embedded {
            deployment.close();
        }
        Self::open(deployment)
    }

    fn open(deployment: &Deployment) -> Self {
        let gateway = Gateway::start(&mut deployment.command(&["demo"]));
        let facts = facts(deployment.data());
        Self { gateway, facts }
    }

    /// What it wrote about the first live event.
    fn live(&self) -> &Value {
        let events = self.facts["events"].as_array().unwrap();
        events.iter().find(|event| event["status"] == "live").unwrap()
    }

    fn event(&self) -> Event {
        Event::of(self.live())
    }

    fn codes(&self) -> Vec<String> {
        words(&self.live()["ticket_codes"])
    }

    pub fn member(&self, role: &str) -> Member {
        let users = self.facts["users"].as_array().unwrap();
        let user = users.iter().find(|user| user["role"] == role).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Member {
            id: String::new(),
            username: text(&user["username"]),
            password: text(&user["password"]),
            slug: text(&self.facts["organisation"]),
        }
    }

    /// Enrols the first POS device with the code that was written down, and signs the member in on it.
    async fn till(&self, role: &str) -> Till {
        let devices = self.facts["devices"].as_array().unwrap();
        let device = devices.iter().find(|device| device["kind"] == "pos").unwrap();
        let anybody = Admin { client: Client::to(self.gateway.client().base()), who: self.member(role) };
        let device = anybody.enrol(device["enrolment_code"].as_str().unwrap()).await;
        self.member(role).till(&device).await
    }
}

fn facts(data: &Path) -> Value {
    let file = std::fs::read_to_string(data.join("demo.json")).unwrap();
    serde_json::from_str(&file).unwrap()
}
