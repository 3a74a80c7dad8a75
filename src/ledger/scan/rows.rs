//! Movements of tickets, and scans as they are read back.

use sqlx::FromRow;

use crate::{
    clock::Moment,
    ids::{DeviceId, Named, ScanId, TicketId, TicketTypeId},
    ledger::kinds::Direction,
};

/// The last row of `admissions` of a ticket.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct Movement {
    /// Its number, from 1.
    pub seq: i32,
    /// Which way.
    pub direction: Direction,
    /// Entries used after it.
    pub used: i32,
    /// How many are inside after it.
    pub inside: i32,
    /// Where.
    pub gate: Option<String>,
    /// When it was recorded.
    pub recorded_at: Moment,
    /// On which device; none where another system made it.
    pub device_id: Option<DeviceId>,
    /// That device's name.
    pub device_name: Option<String>,
}

impl Movement {
    /// The device that it was made on, unless another system made it.
    pub fn device(&self) -> Option<Named> {
        Some(Named::new(self.device_id?, self.device_name.as_deref().unwrap_or_default()))
    }
}

/// A scan that the ledger has under this id, with all that its answer contained.
#[derive(Clone, Debug, FromRow)]
pub struct RecordedScan {
    pub id: ScanId,
    /// On which device; none where another system made it.
    pub device_id: Option<DeviceId>,
    /// What the request meant.
    pub fingerprint: String,
    /// Its number.
    pub seq: i32,
    /// Which way.
    pub direction: Direction,
    /// Entries that it used: 1 in, 0 or -1 out.
    pub uses: i32,
    /// Entries used after it.
    pub used: i32,
    /// Where.
    pub gate: Option<String>,
    /// When it was recorded.
    pub recorded_at: Moment,
    /// The number of the movement that took it back.
    pub back_seq: Option<i32>,
    /// Entries used after that one.
    pub back_used: Option<i32>,
    /// When that one was recorded.
    pub back_recorded_at: Option<Moment>,
    pub ticket_id: TicketId,
    pub holder: Option<String>,
    /// Entries that it allows.
    pub entries_allowed: i32,
    pub ticket_type_id: TicketTypeId,
    pub ticket_type_name: String,
}

/// A movement that took another one back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reversal {
    /// Its number.
    pub seq: i32,
    /// Which way: the other one.
    pub direction: Direction,
    /// Entries used after it.
    pub used: i32,
    /// When it was recorded.
    pub recorded_at: Moment,
}

impl RecordedScan {
    /// The movement that took it back, if there is one.
    pub fn reversal(&self) -> Option<Reversal> {
        let (seq, used, recorded_at) = (self.back_seq?, self.back_used?, self.back_recorded_at?);
        Some(Reversal { seq, direction: self.direction.reversed(), used, recorded_at })
    }
}
