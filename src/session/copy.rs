//! A hot copy of a session, as it is kept in memory and in Redis.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ledger::rows::{Authority, Version};

/// What the ledger said of a session, and at which position of the log of changes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Copy {
    /// The position.
    pub as_of: i64,
    /// The session with its member and device.
    pub authority: Arc<Authority>,
}

impl Copy {
    /// The versions of the session, the member and the device.
    pub fn versions(&self) -> (Version, Version, Option<Version>) {
        let authority = &self.authority;
        (authority.session.version, authority.membership.version, authority.device.as_ref().map(|device| device.version))
    }

    /// The things that it contains.
    pub fn things(&self) -> [Uuid; 3] {
        let authority = &self.authority;
        let device = authority.device.as_ref().map_or(authority.session.id.0, |d| d.id.0);
        [authority.session.id.0, authority.membership.id.0, device]
    }
}
