//! What an app reports of itself between enrolments: above all that it was updated.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{DeviceError, DeviceView, enrol::Hardware, view};
use crate::{
    authenticate::Authenticator,
    authorise::Denied,
    faults::Faults,
    ledger::{Ledger, LedgerError, Note},
    session::view::OrganisationRef,
};

/// What an app says of itself.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = device_report)]
pub struct Report {
    /// What has changed of the hardware; what is not named stays.
    pub hardware: Hardware,
}

/// A device with what its app says of the hardware.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = reported_device)]
pub struct Reported {
    /// The device.
    #[serde(flatten)]
    pub device: DeviceView,
    /// What the app said of the hardware.
    #[schema(value_type = Option<Hardware>)]
    pub hardware: Option<Value>,
}

/// Notes what the app on this device says. No decision rests on it, so it is no change: an app that says something else every second
/// delays no other call.
pub async fn report(ledger: &Ledger, gate: &Authenticator, token: &str, report: Report) -> Result<Reported, DeviceError> {
    let mut device = gate.device(token).await.map_err(Denied::from)?.device().clone();
    let mut faults = Faults::default();
    let said = report.hardware.checked(&mut faults);
    faults.none_or(()).map_err(DeviceError::Invalid)?;
    let hardware = merged(device.hardware.as_ref(), &said);
    if device.hardware.as_ref() != Some(&hardware) {
        ledger.note(Note::Hardware(device.id, device.enrolment_id, &hardware)).await?;
        device.hardware = Some(hardware);
    }
    let organisation = ledger.organisation(device.organisation_id).await?.ok_or(LedgerError::Broken)?;
    let organisation = OrganisationRef { id: organisation.id.0, name: organisation.name, slug: organisation.slug };
    Ok(Reported { device: view(&device, &organisation), hardware: device.hardware })
}

fn merged(known: Option<&Value>, said: &Value) -> Value {
    let mut all = known.and_then(Value::as_object).cloned().unwrap_or_else(Map::new);
    for (name, value) in said.as_object().into_iter().flatten() {
        if !value.is_null() || !all.contains_key(name) {
            all.insert(name.clone(), value.clone());
        }
    }
    Value::Object(all)
}
