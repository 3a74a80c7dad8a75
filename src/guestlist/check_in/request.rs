//! A check-in as it was sent, and what it means.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    attempt::fingerprint,
    faults::{Faults, Whole},
    ids::{CheckInId, GuestId},
    ledger::rows::Device,
    limits,
    openapi_schemas::Name,
};

/// A check-in as it was sent.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = check_in)]
pub struct CheckInBody {
    /// Made by the client and kept before it sends: the same id again finds the first answer.
    pub id: Uuid,
    /// People who come in now; all that remain if absent.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1000)]
    pub people: Option<Whole>,
    /// The gate; the device's own if none is named.
    #[schema(value_type = Option<Name>)]
    pub gate: Option<String>,
}

/// What a check-in means.
#[derive(Clone, Debug)]
pub struct Request {
    pub id: CheckInId,
    pub guest: GuestId,
    /// People; none is all that remain.
    pub people: Option<i32>,
    /// The gate that it names.
    pub gate: Option<String>,
    /// What is wrong with the body; reported after all errors that concern the caller.
    pub faults: Faults,
}

impl Request {
    /// What this body means for this guest.
    pub fn parse(guest: GuestId, body: &CheckInBody) -> Self {
        let mut faults = Faults::default();
        Self {
            id: CheckInId(body.id),
            guest,
            people: body.people.map(|people| faults.count("/people", people, 1, limits::PARTY_SIZE_MAX)),
            gate: faults.name_if_any("/gate", body.gate.as_deref()),
            faults,
        }
    }

    /// The gate that the check-in is made at.
    pub fn gate_at<'r>(&'r self, device: Option<&'r Device>) -> Option<&'r str> {
        self.gate.as_deref().or(device.and_then(|device| device.gate.as_deref()))
    }

    /// What is the same when the same check-in is sent again.
    pub fn fingerprint(&self, device: Option<&Device>) -> String {
        #[derive(Serialize)]
        struct Meaning<'r> {
            guest: GuestId,
            people: Option<i32>,
            gate: Option<&'r str>,
        }
        fingerprint(&Meaning { guest: self.guest, people: self.people, gate: self.gate_at(device) })
    }
}
