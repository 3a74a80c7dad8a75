//! Somebody with a scanner in their hand.

use std::ops::Deref;

use serde_json::{Value, json};

use super::{Device, SignedIn};
use crate::support::{Answer, Client, Event, new_id};

/// Somebody with a scanner in their hand.
#[derive(Clone)]
pub struct Phone {
    pub(super) signed_in: SignedIn,
    pub device: Device,
}

impl Deref for Phone {
    type Target = SignedIn;

    fn deref(&self) -> &SignedIn {
        &self.signed_in
    }
}

impl Phone {
    /// The same phone at another gateway.
    pub fn at(&self, gateway: &Client) -> Self {
        let mut phone = self.clone();
        phone.signed_in.client = self.signed_in.client.at(gateway);
        phone.device = self.device.at(gateway);
        phone
    }

    /// Sends a scan unchanged.
    pub async fn send(&self, scan: &Value) -> Answer {
        self.client.post("/v1/scans", scan).await
    }

    /// Scans a code, however that is answered.
    pub async fn try_scan(&self, event: &Event, code: &str) -> Answer {
        self.send(&scan_of(event, code)).await
    }

    /// Asks to take back the scan with this id.
    pub async fn take_back(&self, id: &Value) -> Answer {
        self.client.delete(&format!("/v1/scans/{}", id.as_str().unwrap())).await
    }

    /// Scans a code on its way out; that must be let through.
    pub async fn lets_out(&self, event: &Event, code: &str) -> Value {
        let mut out = scan_of(event, code);
        out["direction"] = json!("out");
        let answer = self.send(&out).await.ok(200);
        assert_eq!((&answer["verdict"], &answer["admission"]["direction"]), (&json!("admit"), &json!("out")), "{code}: {answer}");
        answer
    }

    /// Scans a code; the caller must be allowed to.
    pub async fn scan(&self, event: &Event, code: &str) -> Value {
        self.try_scan(event, code).await.ok(200)
    }

    /// Scans a code that must be let in.
    pub async fn admits(&self, event: &Event, code: &str) -> Value {
        let answer = self.scan(event, code).await;
        assert_eq!((&answer["verdict"], &answer["reason"]), (&json!("admit"), &Value::Null), "{code}: {answer}");
        answer
    }

    /// Scans a code that must be turned away for this reason.
    pub async fn refuses(&self, event: &Event, code: &str, reason: &str) -> Value {
        let answer = self.scan(event, code).await;
        assert_eq!((&answer["verdict"], &answer["reason"]), (&json!("refuse"), &json!(reason)), "{code}: {answer}");
        assert!(answer["message"].as_str().is_some_and(|message| !message.is_empty()), "{answer}");
        assert_eq!(answer["admission"], Value::Null, "{answer}");
        answer
    }
}

/// A scan with a new id and nothing but what is needed.
pub fn scan_of(event: &Event, code: &str) -> Value {
    json!({"id": new_id(), "event": event.id, "code": code})
}
