//! E12: guest lists. People are found by any part of their name, come in party by party or one by one, and mistakes are taken back.

mod lists;
mod races;
mod repeated;
mod search;
mod who_may;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Client, Deployment, Event, Phone, SignedIn, new_id, on_both};

/// An event with a guest list, and a phone at its door.
pub struct Door {
    pub event: Event,
    pub list: String,
    pub phone: Phone,
}

impl Door {
    pub async fn open(deployment: &Deployment) -> Self {
        let event = deployment.admin.event("Gala").await;
        let list = new_list(&deployment.admin.client, &event, "Friends").await;
        let scanner = deployment.admin.hire("scanner").await;
        Self { phone: deployment.admin.phone(&scanner).await, event, list }
    }

    /// Puts one guest on the list, and answers the id.
    pub async fn guest(&self, deployment: &Deployment, name: &str, party_size: u32) -> String {
        let guest = json!({"id": new_id(), "name": name, "party_size": party_size});
        let added = add(&deployment.admin.client, &self.list, json!([guest])).await.ok(200);
        assert_eq!((&added["created"], &added["rejected"]), (&json!(1), &json!([])), "{added}");
        added["guests"][0]["id"].as_str().unwrap().to_owned()
    }

    /// Who is found, by name.
    pub async fn find(&self, client: &Client, query: &str) -> Vec<String> {
        names(&self.search(client, &[("q", query)]).await.ok(200))
    }

    pub async fn search(&self, client: &Client, query: &[(&str, &str)]) -> Answer {
        Answer::to(client.request(Method::GET, &format!("/v1/events/{}/guests", self.event.id)).query(query)).await
    }
}

pub fn names(list: &Value) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|guest| guest["name"].as_str().unwrap().to_owned()).collect()
}

pub async fn new_list(client: &Client, event: &Event, name: &str) -> String {
    let made = client.post(&format!("/v1/events/{}/guest-lists", event.id), &json!({"name": name})).await.ok(201);
    made["id"].as_str().unwrap().to_owned()
}

pub async fn add(client: &Client, list: &str, guests: Value) -> Answer {
    client.post(&format!("/v1/guest-lists/{list}/guests"), &json!({"guests": guests})).await
}

/// A check-in with a new id, of so many people or of all that remain.
pub fn check_in_of(people: Option<u32>) -> Value {
    match people {
        Some(people) => json!({"id": new_id(), "people": people}),
        None => json!({"id": new_id()}),
    }
}

/// The calls of a member at the guest list, in any kind of session.
impl SignedIn {
    pub async fn send_check_in(&self, guest: &str, check_in: &Value) -> Answer {
        self.client.post(&format!("/v1/guests/{guest}/check-ins"), check_in).await
    }

    /// Checks people in; it must succeed.
    pub async fn lets_in(&self, guest: &str, people: Option<u32>) -> Value {
        let answer = self.send_check_in(guest, &check_in_of(people)).await.ok(200);
        assert_eq!((&answer["verdict"], &answer["reason"]), (&json!("admit"), &Value::Null), "{answer}");
        answer
    }

    /// Turns people away for this reason.
    pub async fn turns_away(&self, guest: &str, people: Option<u32>, reason: &str) -> Value {
        let answer = self.send_check_in(guest, &check_in_of(people)).await.ok(200);
        assert_eq!((&answer["verdict"], &answer["reason"]), (&json!("refuse"), &json!(reason)), "{answer}");
        assert_eq!(answer["check_in"], Value::Null, "{answer}");
        assert!(answer["message"].as_str().is_some_and(|message| !message.is_empty()), "{answer}");
        answer
    }

    pub async fn undo_check_in(&self, check_in: &Value) -> Answer {
        self.client.delete(&format!("/v1/check-ins/{}", check_in["id"].as_str().unwrap())).await
    }
}

/// The party, its people who are in, and those who are missing.
pub fn party(answer: &Value) -> [i64; 3] {
    ["party_size", "arrived", "remaining"].map(|name| answer["guest"][name].as_i64().unwrap_or_else(|| panic!("no {name}: {answer}")))
}

on_both!(a_party_comes_in_part_by_part);
async fn a_party_comes_in_part_by_part(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let guest = door.guest(&deployment, "Zoë Straßer", 4).await;
    let phone = door.phone.at(deployment.b());
    let first = phone.lets_in(&guest, Some(1)).await;
    assert_eq!((party(&first), &first["check_in"]["seq"], &first["check_in"]["people"]), ([4, 1, 3], &json!(1), &json!(1)));
    assert_eq!(first["guest"]["name"], "Zoë Straßer");
    assert_eq!(first["guest"]["list"], json!({"id": door.list, "name": "Friends"}));
    assert_eq!(first["check_in"]["device"]["id"], json!(phone.device.id));
    let refused = phone.turns_away(&guest, Some(4), "too_many").await;
    assert_eq!(party(&refused), [4, 1, 3]);
    let rest = door.phone.lets_in(&guest, None).await;
    assert_eq!((party(&rest), &rest["check_in"]["people"]), ([4, 4, 0], &json!(3)));
    door.phone.turns_away(&guest, None, "party_complete").await;
    door.phone.turns_away(&guest, Some(1), "party_complete").await;
    let counted = deployment.ledger.count("select count(*) from guest_check_ins where event_id = $1", &[&door.event.id]).await;
    assert_eq!(counted, 2, "a refusal writes nothing");
}

on_both!(a_mistake_is_taken_back_by_a_new_movement);
async fn a_mistake_is_taken_back_by_a_new_movement(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let guest = door.guest(&deployment, "Zoë", 4).await;
    let check_in = door.phone.lets_in(&guest, None).await;
    let undone = door.phone.at(deployment.b()).undo_check_in(&check_in).await;
    assert!(!undone.replayed());
    let undone = undone.ok(200);
    assert_eq!((party(&undone), &undone["id"]), ([4, 0, 4], &check_in["id"]));
    assert_eq!((&undone["check_in"]["people"], &undone["check_in"]["undoes"]), (&json!(-4), &check_in["id"]));
    door.phone.lets_in(&guest, Some(2)).await;
    let told = door.phone.client.get(&format!("/v1/guests/{guest}")).await.ok(200);
    let people: Vec<_> = told["check_ins"].as_array().unwrap().iter().map(|row| (&row["seq"], &row["people"])).collect();
    assert_eq!(people, [(&json!(1), &json!(4)), (&json!(2), &json!(-4)), (&json!(3), &json!(2))]);
    assert_eq!((&told["arrived"], &told["remaining"]), (&json!(2), &json!(2)));
    // What took something back is no check-in.
    door.phone.undo_check_in(&undone["check_in"]).await.problem(404, "not_found");
}

on_both!(who_is_struck_off_comes_in_no_more_and_stays_in_the_ledger);
async fn who_is_struck_off_comes_in_no_more_and_stays_in_the_ledger(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let guest = door.guest(&deployment, "Zoë", 4).await;
    let check_in = door.phone.lets_in(&guest, Some(1)).await;
    deployment.admin.client.delete(&format!("/v1/guests/{guest}")).await.ok(204);
    door.phone.at(deployment.b()).turns_away(&guest, Some(1), "struck_off").await;
    assert_eq!(door.find(&door.phone.client, "zoe").await, Vec::<String>::new());
    let told = deployment.admin.client.get(&format!("/v1/guests/{guest}")).await.ok(200);
    assert_eq!((&told["arrived"], told["removed_at"].is_string()), (&json!(1), true));
    deployment.admin.client.patch(&format!("/v1/guests/{guest}"), &json!({"party_size": 9})).await.problem(404, "not_found");
    // Taking back what happened before is still a correction.
    assert_eq!(party(&door.phone.undo_check_in(&check_in).await.ok(200)), [4, 0, 4]);
}

on_both!(the_record_of_check_ins_refuses_to_be_changed);
async fn the_record_of_check_ins_refuses_to_be_changed(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let guest = door.guest(&deployment, "Zoë", 4).await;
    door.phone.lets_in(&guest, Some(1)).await;
    let mut statements = vec![
        "update guest_check_ins set people = people + 1",
        "update guest_check_ins set seq = seq",
        "delete from guest_check_ins",
        "update guests set arrived = 5",
        "update guests set party_size = 0",
    ];
    match deployment.setup {
        crate::support::Setup::Shared => statements.extend(["truncate guest_check_ins", "truncate guest_check_ins cascade"]),
        crate::support::Setup::Embedded => {
            statements.push("pragma recursive_triggers = on; insert or replace into guest_check_ins select * from guest_check_ins")
        }
    }
    for statement in statements {
        assert!(deployment.ledger.execute(statement).await.is_err(), "the ledger let through: {statement}");
    }
    let sum = "select cast(sum(people * 100 + seq) as bigint) from guest_check_ins";
    assert_eq!(deployment.ledger.count(sum, &[]).await, 101);
}

on_both!(a_guest_is_in_no_log, "STAGEDOOR_LOG" = "debug");
async fn a_guest_is_in_no_log(mut deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let guest = door.guest(&deployment, "Ophelia Unheard", 2).await;
    door.find(&door.phone.client, "unheard").await;
    let check_in = door.phone.lets_in(&guest, None).await;
    door.phone.turns_away(&guest, None, "party_complete").await;
    door.phone.undo_check_in(&check_in).await.ok(200);
    add(&deployment.admin.client, &door.list, json!([{"name": "Ophelia Unheard", "party_size": 0}])).await.ok(200);
    let log = deployment.close().to_lowercase();
    assert!(log.contains("check-ins"), "the log is there");
    for name in ["ophelia", "unheard"] {
        assert!(!log.contains(name), "{name} is in the log");
    }
}
