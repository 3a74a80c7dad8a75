//! Whoever runs the deployment.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::{Device, Member, Phone, Till};
use crate::support::{Answer, Client, Event, TicketType, ids_of, ref_id};

/// An Organisation Admin, signed in backstage: hires people, hands out devices, puts on shows.
#[derive(Clone)]
pub struct Admin {
    pub client: Client,
    pub who: Member,
}

impl Admin {
    /// The same administrator at another gateway.
    pub fn at(&self, gateway: &Client) -> Self {
        Self { client: self.client.at(gateway), who: self.who.clone() }
    }

    /// A new member with a role and no events.
    pub async fn hire(&self, role: &str) -> Member {
        self.hire_for(role, &[]).await
    }

    /// A new member with a role, for these events.
    pub async fn hire_for(&self, role: &str, events: &[&Event]) -> Member {
        let body = self.new_member(role, events);
        let member = self.client.post("/v1/team", &body).await.ok(201);
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        let id = ref_id(&member["user"]);
        Member { id, username: text("username"), password: text("password"), slug: self.who.slug.clone() }
    }

    /// The body that makes a new member with a user name that no other member has.
    pub fn new_member(&self, role: &str, events: &[&Event]) -> Value {
        let username = format!("{role}-{}", next());
        json!({
            "name": format!("Somebody called {username}"),
            "email": format!("{username}@example.org"),
            "username": username,
            "role": role,
            "events": events.iter().map(|event| &event.id).collect::<Vec<_>>(),
            "password": format!("a long password for {username}"),
        })
    }

    /// Changes a membership; it must succeed.
    pub async fn change(&self, member: &Member, change: Value) -> Value {
        self.try_change(member, change).await.ok(200)
    }

    pub async fn try_change(&self, member: &Member, change: Value) -> Answer {
        self.client.patch(&format!("/v1/team/{}", member.id), &change).await
    }

    /// Sets the member's list of events; exactly one is a pin.
    pub async fn pin(&self, member: &Member, events: &[&Event]) {
        let events: Vec<_> = events.iter().map(|event| &event.id).collect();
        let member = self.client.put(&format!("/v1/team/{}/events", member.id), &json!({"events": events})).await.ok(200);
        assert_eq!(ids_of(&member["events"]).len(), events.len(), "{member}");
    }

    pub async fn remove(&self, member: &Member) {
        self.client.delete(&format!("/v1/team/{}", member.id)).await.ok(204);
    }

    /// A new device, enrolled. `kind` is `scanner` or `pos`.
    pub async fn device(&self, kind: &str) -> Device {
        let name = format!("{kind} {}", next());
        let made = self.client.post("/v1/devices", &json!({"name": name, "kind": kind})).await.ok(201);
        self.enrol(made["enrolment_code"].as_str().unwrap()).await
    }

    /// What the device does with its enrolment code.
    pub async fn enrol(&self, code: &str) -> Device {
        let anonymous = self.client.anonymous();
        let enrolled = anonymous.post("/v1/devices/enrol", &json!({"enrolment_code": code})).await.ok(201);
        let client = anonymous.with_token(enrolled["device_token"].as_str().unwrap());
        let device = &enrolled["device"];
        Device { id: ref_id(device), name: device["name"].as_str().unwrap().to_owned(), client }
    }

    pub async fn revoke(&self, device: &Device) {
        self.client.delete(&format!("/v1/devices/{}", device.id)).await.ok(204);
    }

    /// Gives the member a new scanner and has them sign in on it.
    pub async fn phone(&self, member: &Member) -> Phone {
        member.phone(&self.device("scanner").await).await
    }

    /// Gives the member a new POS device and has them sign in on it.
    pub async fn till(&self, member: &Member) -> Till {
        member.till(&self.device("pos").await).await
    }

    /// A live event in euros.
    pub async fn event(&self, name: &str) -> Event {
        self.event_with(name, json!({})).await
    }

    /// A live event in euros, but for what is said otherwise.
    pub async fn event_with(&self, name: &str, otherwise: Value) -> Event {
        Event::of(&self.client.post("/v1/events", &new_event(name, otherwise)).await.ok(201))
    }

    pub async fn set_status(&self, event: &Event, status: &str) {
        let event = self.client.patch(&format!("/v1/events/{}", event.id), &json!({"status": status})).await.ok(200);
        assert_eq!(event["status"], status);
    }

    /// A ticket type without a quota.
    pub async fn ticket_type(&self, event: &Event, name: &str, price: &str) -> TicketType {
        self.ticket_type_with(event, json!({"name": name, "price": price})).await
    }

    pub async fn ticket_type_with(&self, event: &Event, body: Value) -> TicketType {
        let path = format!("/v1/events/{}/ticket-types", event.id);
        TicketType::of(&self.client.post(&path, &body).await.ok(201))
    }

    /// Valid tickets with these codes.
    pub async fn tickets(&self, event: &Event, kind: &TicketType, codes: &[&str]) {
        let tickets = codes.iter().map(|code| json!({"code": code, "type": kind.id, "status": "valid"})).collect();
        let taken = self.upload(event, tickets).await;
        assert_eq!(taken["rejected"], json!([]), "{taken}");
    }

    /// Uploads tickets and answers what became of them.
    pub async fn upload(&self, event: &Event, tickets: Value) -> Value {
        let path = format!("/v1/events/{}/tickets", event.id);
        self.client.post(&path, &json!({"tickets": tickets})).await.ok(200)
    }

    /// One of the event's ticket types as it is now, price and stock included.
    pub async fn stock(&self, event: &Event, kind: &TicketType) -> Value {
        let event = self.client.get(&format!("/v1/events/{}", event.id)).await.ok(200);
        let types = event["ticket_types"].as_array().unwrap();
        types.iter().find(|found| found["id"] == kind.id).unwrap_or_else(|| panic!("no {} in {event}", kind.id)).clone()
    }
}

/// What is sent to put on a live event in euros, but for what is said otherwise.
pub fn new_event(name: &str, otherwise: Value) -> Value {
    let mut body = json!({
        "name": name,
        "starts_at": "2026-06-01T18:00:00.000Z",
        "ends_at": "2026-06-01T23:00:00.000Z",
        "timezone": "Europe/Berlin",
        "currency": "EUR",
        "status": "live",
    });
    body.as_object_mut().unwrap().extend(otherwise.as_object().unwrap().clone());
    body
}

/// A number that no other name in this run carries.
fn next() -> u32 {
    static TAKEN: AtomicU32 = AtomicU32::new(1);
    TAKEN.fetch_add(1, Ordering::Relaxed)
}
