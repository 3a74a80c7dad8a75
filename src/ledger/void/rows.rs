//! Voids as they are read back.

use sqlx::FromRow;

use crate::{
    clock::Moment,
    ids::{DeviceId, SaleId, VoidId},
};

/// A row of `sale_voids`.
#[derive(Clone, Debug, FromRow)]
pub struct Void {
    pub id: VoidId,
    /// The sale that it takes back.
    pub sale_id: SaleId,
    /// On which device.
    pub device_id: DeviceId,
    /// When it was recorded.
    pub recorded_at: Moment,
    /// What the request meant.
    pub fingerprint: String,
}
