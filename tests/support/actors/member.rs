//! A person who can sign in, and a device that they sign in on.

use serde_json::{Value, json};

use super::{Phone, SignedIn, Till};
use crate::support::{Answer, Client};

/// A person in an organisation, who can sign in.
#[derive(Clone, Debug)]
pub struct Member {
    pub id: String,
    pub username: String,
    pub password: String,
    /// The organisation's slug.
    pub slug: String,
}

impl Member {
    /// Tries to sign in over a client: a device's, or an anonymous one for backstage.
    pub async fn try_sign_in(&self, client: &Client) -> Answer {
        client.post("/v1/sessions", &self.credentials()).await
    }

    pub fn credentials(&self) -> Value {
        json!({"organisation": self.slug, "username": self.username, "password": self.password})
    }

    /// Signs in backstage at a gateway.
    pub async fn signed_in(&self, gateway: &Client) -> SignedIn {
        SignedIn::of(gateway, &self.try_sign_in(gateway).await.ok(201))
    }

    /// Signs in on a scanner.
    pub async fn phone(&self, device: &Device) -> Phone {
        let signed_in = SignedIn::of(&device.client, &self.try_sign_in(&device.client).await.ok(201));
        Phone { signed_in, device: device.clone() }
    }

    /// Signs in on a POS device.
    pub async fn till(&self, device: &Device) -> Till {
        Till { phone: self.phone(device).await }
    }
}

/// A device that is enrolled; its client carries its token.
#[derive(Clone)]
pub struct Device {
    pub id: String,
    pub name: String,
    pub client: Client,
}

impl Device {
    /// The same device at another gateway.
    pub fn at(&self, gateway: &Client) -> Self {
        Self { client: self.client.at(gateway), ..self.clone() }
    }
}
