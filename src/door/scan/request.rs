//! A scan as it was sent, and what it means.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    attempt::fingerprint,
    clock::Moment,
    event::trim_code,
    faults::Faults,
    ids::{EventId, ScanId},
    ledger::{kinds::Direction, rows::Device},
    limits,
    openapi_schemas::{Name, TicketCode},
};

/// A scan as it was sent.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = scan)]
pub struct ScanBody {
    /// Made by the device and kept before it sends: the same id again finds the first answer.
    pub id: Uuid,
    /// The event.
    pub event: Uuid,
    /// What the bar code holds; 1 to 512 bytes, white space and control characters at its ends are cut.
    #[schema(value_type = TicketCode, example = "k7qj2kz5cmyyphx4jcrw3gcvbd")]
    pub code: String,
    /// Which way.
    #[serde(default = "inwards")]
    pub direction: Direction,
    /// The gate; the device's own if none is named.
    #[schema(value_type = Option<Name>)]
    pub gate: Option<String>,
    /// When, as the phone had it; recorded, never decided on.
    pub scanned_at: Option<DateTime<Utc>>,
    /// Decides and records nothing.
    #[serde(default)]
    pub dry_run: bool,
}

fn inwards() -> Direction {
    Direction::In
}

/// What a scan means.
#[derive(Clone, Debug)]
pub struct Request {
    pub id: ScanId,
    pub event: EventId,
    /// The code as tickets are compared.
    pub code: String,
    /// Which way.
    pub direction: Direction,
    /// The gate that it names.
    pub gate: Option<String>,
    /// When, as the phone had it.
    pub scanned_at: Option<Moment>,
    /// Decides and records nothing.
    pub dry_run: bool,
    /// What is wrong with the body; reported after all errors that concern the caller.
    pub faults: Faults,
}

impl Request {
    /// What this body means.
    pub fn parse(body: ScanBody) -> Self {
        let mut faults = Faults::default();
        let code = trim_code(&body.code);
        if code.is_empty() || code.len() > limits::CODE_BYTES {
            faults.add("/code", format!("must have 1 to {} bytes", limits::CODE_BYTES));
        } else if code.contains('\0') {
            faults.add("/code", "must not contain a NUL");
        }
        Self {
            id: ScanId(body.id),
            event: EventId(body.event),
            code: code.to_owned(),
            direction: body.direction,
            gate: faults.name_if_any("/gate", body.gate.as_deref()),
            scanned_at: faults.moment_if_any("/scanned_at", body.scanned_at),
            dry_run: body.dry_run,
            faults,
        }
    }

    /// The gate that the scan is made at.
    pub fn gate_at<'r>(&'r self, device: Option<&'r Device>) -> Option<&'r str> {
        self.gate.as_deref().or(device?.gate.as_deref())
    }

    /// The code to look for; none that could not be a ticket's.
    pub fn code(&self) -> Option<&str> {
        self.faults.is_empty().then_some(self.code.as_str())
    }

    /// What is the same when the same scan is sent again. The gate is the one that counts: named, or the device's own.
    pub fn fingerprint(&self, device: Option<&Device>) -> String {
        #[derive(Serialize)]
        struct Meaning<'r> {
            event: EventId,
            code: &'r str,
            direction: Direction,
            gate: Option<&'r str>,
            scanned_at: Option<Moment>,
            dry_run: bool,
        }
        let Self { event, code, direction, scanned_at, dry_run, .. } = self;
        let gate = self.gate_at(device);
        fingerprint(&Meaning { event: *event, code, direction: *direction, gate, scanned_at: *scanned_at, dry_run: *dry_run })
    }
}
