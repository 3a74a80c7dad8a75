//! Devices: enrolled with a code that works once, known by a token, revoked at once (feature D1).

pub mod batch;
pub mod enrol;
pub mod manage;
pub mod report;
pub mod sheet;

use serde::Serialize;
use serde_json::Value;

use crate::{
    authenticate::token::Unsigned,
    authorise::{Denied, Refused},
    clock::Stamp,
    faults::Faults,
    ids::{DeviceId, Named},
    ledger::{LedgerError, kinds::DeviceKind, rows::Device},
    session::view::OrganisationRef,
};

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The caller is refused.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// There is no such device.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The body breaks a rule.
    #[error("the body is invalid")]
    Invalid(Faults),
    /// Unknown, used or expired.
    #[error("This enrolment code is not valid. Please ask for a new one.")]
    CodeInvalid,
    /// The device was revoked.
    #[error("This device has been revoked.")]
    Revoked,
    /// The id of a batch came back with another one.
    #[error("This id was used for another batch of devices.")]
    IdReused,
    /// A token could not be signed.
    #[error(transparent)]
    Unsigned(#[from] Unsigned),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A device as the contract shows it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = device)]
pub struct DeviceView {
    /// Its id.
    pub id: DeviceId,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub kind: DeviceKind,
    /// The gate that it stands at; used unless a scan names another.
    pub gate: Option<String>,
    /// Whose it is.
    pub organisation: OrganisationRef,
    /// When it was last enrolled.
    pub enrolled_at: Option<Stamp>,
    /// When it was revoked.
    pub revoked_at: Option<Stamp>,
    /// When it was last used, to the minute.
    pub last_seen_at: Option<Stamp>,
}

/// A device and who is signed in on it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = listed_device)]
pub struct ListedDevice {
    /// The device.
    #[serde(flatten)]
    pub device: DeviceView,
    /// What the app said of the hardware.
    #[schema(value_type = Option<enrol::Hardware>)]
    pub hardware: Option<Value>,
    /// Its open session.
    pub session: Option<DeviceSession>,
}

/// The open session of a device.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = device_session)]
pub struct DeviceSession {
    /// Its id.
    pub id: uuid::Uuid,
    /// Who is signed in.
    pub user: Named,
    /// Since when.
    pub started_at: Stamp,
}

/// Shows a device.
pub fn view(device: &Device, organisation: &OrganisationRef) -> DeviceView {
    DeviceView {
        id: device.id,
        name: device.name.clone(),
        kind: device.kind,
        gate: device.gate.clone(),
        organisation: organisation.clone(),
        enrolled_at: device.enrolled_at.map(Stamp),
        revoked_at: device.revoked_at.map(Stamp),
        last_seen_at: device.seen_at.map(Stamp),
    }
}
