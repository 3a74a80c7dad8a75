//! The content of `demo.json`.

use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use uuid::Uuid;

/// The content of `demo.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Demo {
    /// Where the gateway listens.
    pub base_url: String,
    /// The organisation's slug.
    pub organisation: String,
    pub events: Vec<DemoEvent>,
    /// A user per role.
    pub users: Vec<DemoUser>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct DemoEvent {
    pub id: Uuid,
    /// Its state.
    pub status: String,
    /// Codes that were valid, single-entry and not scanned when the demo began.
    pub ticket_codes: Vec<String>,
    /// The others.
    pub odd_tickets: Vec<OddTicket>,
}

/// A ticket that is not simply good for one entry.
#[derive(Clone, Debug, Deserialize)]
pub struct OddTicket {
    /// What its bar code holds.
    pub code: String,
    /// Why.
    pub reason: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct DemoUser {
    pub username: String,
    pub password: String,
    pub role: String,
}

impl Demo {
    /// Reads the file.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
        serde_json::from_slice(&bytes).with_context(|| format!("{} is no demo.json", file.display()))
    }

    /// The user with this role.
    pub fn user(&self, role: &str) -> Option<&DemoUser> {
        self.users.iter().find(|user| user.role == role)
    }
}
