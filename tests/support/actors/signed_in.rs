//! A signed-in session of any kind.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Answer, Client, Event, new_id, ref_id};

/// A signed-in session of any kind.
#[derive(Clone)]
pub struct SignedIn {
    pub client: Client,
    pub session: Value,
    /// What the sign-in said about the session that it ended.
    pub displaced: Value,
}

impl SignedIn {
    pub fn of(gateway: &Client, answer: &Value) -> Self {
        let client = gateway.with_token(answer["session_token"].as_str().unwrap());
        Self { client, session: answer["session"].clone(), displaced: answer["displaced"].clone() }
    }

    pub fn session_id(&self) -> String {
        ref_id(&self.session)
    }

    /// The session as the gateway returns it.
    pub async fn current(&self) -> Answer {
        self.client.get("/v1/sessions/current").await
    }

    pub async fn sign_out(&self) {
        self.client.delete("/v1/sessions/current").await.ok(204);
    }

    /// What this session may do, sorted.
    pub async fn permissions(&self) -> Vec<String> {
        let mut permissions = words(&self.current().await.ok(200)["permissions"]);
        permissions.sort();
        permissions
    }

    /// What "May I?" answers.
    pub async fn may(&self, action: &str, event: &Event) -> Value {
        self.client.post("/v1/authorise", &json!({"action": action, "event": event.id})).await.ok(200)
    }
}

impl SignedIn {
    /// "May I?" comes to answer this code, or yes: it may be a second behind a change made on another gateway.
    pub async fn learns(&self, action: &str, event: &Event, code: Option<&str>) {
        let begun = Instant::now();
        loop {
            let answer = self.may(action, event).await;
            if answer["allowed"] == json!(code.is_none()) && answer["code"].as_str() == code {
                return;
            }
            // A second, and what the machine takes for the asking itself.
            assert!(begun.elapsed() < Duration::from_millis(1_500), "{action} should come to {code:?}: {answer}");
        }
    }
}

/// The words of a list.
pub fn words(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

impl SignedIn {
    /// Sends a sale unchanged, also from a session that is not at a till.
    pub async fn send_sale(&self, sale: &Value) -> Answer {
        self.client.post("/v1/sales", sale).await
    }
}

impl SignedIn {
    /// Sends a hold unchanged, also from a session that is not at a till.
    pub async fn send_hold(&self, hold: &Value) -> Answer {
        self.client.post("/v1/holds", hold).await
    }

    /// Tries to void a sale.
    pub async fn try_void(&self, sale: &Value) -> Answer {
        self.send_void(sale, &json!({"id": new_id(), "reason": "Wrong date"})).await
    }

    /// Sends a void of a sale unchanged.
    pub async fn send_void(&self, sale: &Value, void: &Value) -> Answer {
        self.client.post(&format!("/v1/sales/{}/void", ref_id(sale)), void).await
    }
}
