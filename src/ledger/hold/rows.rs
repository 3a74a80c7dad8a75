//! Holds as they are read back.

use sqlx::FromRow;

use crate::{
    clock::Moment,
    ids::{DeviceId, EventId, HoldId, SaleId},
    ledger::rows::SaleLine,
};

/// A row of `holds`.
#[derive(Clone, Debug, FromRow)]
pub struct Hold {
    pub id: HoldId,
    pub event_id: EventId,
    /// On which device.
    pub device_id: DeviceId,
    /// ISO 4217.
    pub currency: String,
    /// The total of its lines.
    pub total_minor: i64,
    /// From when on it keeps nothing.
    pub expires_at: Moment,
    /// What the request meant.
    pub fingerprint: String,
    /// The sale that used it.
    pub used_by: Option<SaleId>,
    /// When it was released.
    pub released_at: Option<Moment>,
}

/// A hold that the ledger has under this id.
#[derive(Clone, Debug)]
pub struct RecordedHold {
    pub hold: Hold,
    /// Its lines, in the order of the request, with the prices that it keeps.
    pub lines: Vec<SaleLine>,
}
