//! Refused scans, as they are written down and as they are read.

use sqlx::FromRow;

use crate::{
    clock::Moment,
    ids::{DeviceId, EventId, OrganisationId, RefusedScanId, ScanId, SessionId, TicketId, TicketTypeId, UserId},
    ledger::kinds::Direction,
};

/// A row of `refused_scans`.
#[derive(Clone, Debug)]
pub struct RefusedScan {
    /// Its id; grows with time.
    pub id: RefusedScanId,
    /// Whose.
    pub organisation_id: OrganisationId,
    /// At which event.
    pub event_id: EventId,
    /// The id that the phone gave it; the same scan may be refused more than once.
    pub scan_id: ScanId,
    /// What was scanned.
    pub code: String,
    /// The ticket, if the event has one with this code.
    pub ticket_id: Option<TicketId>,
    /// Which way.
    pub direction: Direction,
    /// Why it was refused, as the contract spells it.
    pub reason: &'static str,
    /// Where.
    pub gate: Option<String>,
    /// In which session.
    pub session_id: SessionId,
    /// On which device.
    pub device_id: DeviceId,
    /// When, as the phone had it.
    pub scanned_at: Option<Moment>,
    /// When it was refused.
    pub refused_at: Moment,
}

/// A refused scan with the names that belong to it.
#[derive(Clone, Debug, FromRow)]
pub struct ListedRefusal {
    pub id: RefusedScanId,
    /// The id that the phone gave it.
    pub scan_id: ScanId,
    /// What was scanned.
    pub code: String,
    pub ticket_id: Option<TicketId>,
    pub ticket_type_id: Option<TicketTypeId>,
    pub ticket_type_name: Option<String>,
    /// Which way.
    pub direction: Direction,
    /// Why it was refused.
    pub reason: String,
    /// Where.
    pub gate: Option<String>,
    /// On which device.
    pub device_id: DeviceId,
    /// That device's name.
    pub device_name: String,
    /// Who scanned.
    pub user_id: UserId,
    /// That person's name.
    pub user_name: String,
    /// When, as the phone had it.
    pub scanned_at: Option<Moment>,
    /// When it was refused.
    pub refused_at: Moment,
}

/// Which refused scans to list. A field that is none filters nothing.
#[derive(Clone, Debug, Default)]
pub struct RefusalFilter {
    /// Refused for this reason.
    pub reason: Option<&'static str>,
    /// On this device.
    pub device: Option<DeviceId>,
    pub gate: Option<String>,
    /// Refused at this moment or later.
    pub from: Option<Moment>,
    /// Refused before this moment.
    pub until: Option<Moment>,
}
