//! Devices in the back office: adding, listing, a fresh code, revoking.

use chrono::TimeDelta;
use serde::Deserialize;

use super::{
    DeviceError, DeviceSession, ListedDevice,
    enrol::{Code, CodeView, make_code, qr},
    view,
};
use crate::{
    authenticate::Caller,
    authorise::{Refused, StaffSession},
    clock::{self, Clock},
    faults::Faults,
    ids::{DeviceId, Named, OrganisationId},
    ledger::{
        Ledger, Page,
        change::{Change, Guard},
        kinds::{DeviceKind, Permission},
        rows::Device,
    },
    limits,
    openapi_schemas::Name,
    session::{end::end_with, view::OrganisationRef},
};

/// A device to be added.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = new_device)]
pub struct NewDevice {
    /// Its name, as the crew knows it.
    #[schema(value_type = Name, example = "Scanner 7")]
    pub name: String,
    /// What it is for.
    pub kind: DeviceKind,
    /// The gate that it stands at.
    #[schema(value_type = Option<Name>, example = "North")]
    pub gate: Option<String>,
}

fn show(caller: &Caller, device: &Device, code: Code) -> CodeView {
    CodeView {
        device: view(device, &OrganisationRef::of(caller.authority())),
        enrolment_qr: qr(&code.text),
        enrolment_code: code.text,
        enrolment_expires_at: code.expires_at.into(),
    }
}

/// Adds a device and gives out its first code.
pub async fn add(ledger: &Ledger, clock: Clock, staff: StaffSession<'_>, new: NewDevice) -> Result<CodeView, DeviceError> {
    let mandate = staff.mandate(Permission::DevicesManage).await?;
    let mut faults = Faults::default();
    let name = faults.name("/name", &new.name);
    let gate = faults.name_if_any("/gate", new.gate.as_deref());
    faults.none_or(()).map_err(DeviceError::Invalid)?;
    let code = make_code(clock.now(), TimeDelta::minutes(limits::ENROLMENT_MINUTES));
    let device = waiting(clock, mandate.organisation(), name, new.kind, gate, &code);
    ledger
        .change(mandate.organisation(), || async {
            let mandate = staff.mandate(Permission::DevicesManage).await?;
            let mut change = Change::new(mandate.organisation(), clock.now(), mandate.guards());
            change.images.devices.push(device.clone());
            Ok::<_, DeviceError>((change, ()))
        })
        .await?;
    Ok(show(mandate.caller(), &device, code))
}

/// A device that waits to be enrolled with this code.
pub fn waiting(clock: Clock, organisation: OrganisationId, name: String, kind: DeviceKind, gate: Option<String>, code: &Code) -> Device {
    Device {
        id: clock::new_id(),
        organisation_id: organisation,
        name,
        kind,
        gate,
        enrolment_hash: Some(code.hash.clone()),
        enrolment_expires_at: Some(code.expires_at),
        enrolment_id: None,
        enrolled_at: None,
        revoked_at: None,
        hardware: None,
        version: 1,
        created_at: clock.now(),
        seen_at: None,
    }
}

/// A fresh code for a device whose app was installed again. The old token ends when the code is used.
pub async fn renew(ledger: &Ledger, clock: Clock, staff: StaffSession<'_>, id: DeviceId) -> Result<CodeView, DeviceError> {
    let mandate = staff.mandate(Permission::DevicesManage).await?;
    let code = make_code(clock.now(), TimeDelta::minutes(limits::ENROLMENT_MINUTES));
    let device = ledger
        .change(mandate.organisation(), || async {
            let mandate = staff.mandate(Permission::DevicesManage).await?;
            let mut device = find(ledger, mandate.caller(), id).await?;
            if device.revoked_at.is_some() {
                return Err(DeviceError::Revoked);
            }
            device.version += 1;
            device.enrolment_hash = Some(code.hash.clone());
            device.enrolment_expires_at = Some(code.expires_at);
            let mut change = Change::new(mandate.organisation(), clock.now(), mandate.guards());
            change.images.devices.push(device.clone());
            Ok((change, device))
        })
        .await?;
    Ok(show(mandate.caller(), &device, code))
}

/// Revokes a device: its session and its token are refused from now on, on every gateway.
pub async fn revoke(ledger: &Ledger, clock: Clock, staff: StaffSession<'_>, id: DeviceId) -> Result<(), DeviceError> {
    let organisation = staff.mandate(Permission::DevicesManage).await?.organisation();
    ledger
        .change(organisation, || async {
            let mandate = staff.mandate(Permission::DevicesManage).await?;
            let now = clock.now();
            let mut change = Change::new(organisation, now, mandate.guards());
            let mut device = find(ledger, mandate.caller(), id).await?;
            if device.revoked_at.is_none() {
                device.version += 1;
                device.revoked_at = Some(now);
                device.enrolment_hash = None;
                device.enrolment_expires_at = None;
                let open = ledger.open_sessions(None, Some(id)).await?;
                end_with(&mut change, open, |version| Guard::OpenOfDevice { id, version });
                change.images.devices.push(device);
            }
            Ok((change, ()))
        })
        .await
}

/// The devices of the organisation.
pub async fn list(ledger: &Ledger, staff: StaffSession<'_>, page: Page) -> Result<Vec<ListedDevice>, DeviceError> {
    let mandate = staff.mandate(Permission::DevicesManage).await?;
    let mut listed = Vec::new();
    for device in ledger.devices(mandate.organisation(), page).await? {
        listed.push(with_session(ledger, mandate.caller(), &device).await?);
    }
    Ok(listed)
}

/// One device of the organisation.
pub async fn one(ledger: &Ledger, staff: StaffSession<'_>, id: DeviceId) -> Result<ListedDevice, DeviceError> {
    let mandate = staff.mandate(Permission::DevicesManage).await?;
    let device = find(ledger, mandate.caller(), id).await?;
    with_session(ledger, mandate.caller(), &device).await
}

async fn with_session(ledger: &Ledger, caller: &Caller, device: &Device) -> Result<ListedDevice, DeviceError> {
    let open = ledger.open_sessions(None, Some(device.id)).await?.into_iter().next();
    let hardware = device.hardware.clone();
    let mut device = view(device, &OrganisationRef::of(caller.authority()));
    // A sign-in is a use, and is in the ledger before the note that the device was seen.
    device.last_seen_at = device.last_seen_at.max(open.as_ref().map(|a| a.session.seen_at.into()));
    let session = open.map(|a| DeviceSession {
        id: a.session.id.0,
        user: Named::new(a.membership.user_id, a.user_name),
        started_at: a.session.started_at.into(),
    });
    Ok(ListedDevice { device, hardware, session })
}

async fn find(ledger: &Ledger, caller: &Caller, id: DeviceId) -> Result<Device, DeviceError> {
    let found = ledger.device(id).await?.filter(|device| device.organisation_id == caller.organisation());
    Ok(found.ok_or(Refused::NotFound)?)
}
