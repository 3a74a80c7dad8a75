//! Many devices at once: twenty volunteers, twenty codes, one sheet to print.
//!
//! All of them or none. The codes are hashed in the ledger like every other, so the one answer is the only place where they stand. The
//! same batch again makes no further devices: it gives fresh codes to those that are not enrolled yet, for a sheet that was lost on
//! the way or in the venue, and the codes of the lost sheet are then good for nothing.

use chrono::TimeDelta;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use super::{
    DeviceError, DeviceView,
    enrol::{Code, make_code, qr},
    manage::waiting,
    view,
};
use crate::{
    authorise::StaffSession,
    clock::{Clock, Moment, Stamp},
    faults::{Faults, Whole},
    ids::{DeviceId, OrganisationId},
    ledger::{
        Ledger,
        change::Change,
        kinds::{DeviceKind, Permission},
        rows::Device,
    },
    limits,
    openapi_schemas::{Name, TimeZone},
    session::view::OrganisationRef,
};

/// Devices to be added together.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = new_device_batch)]
pub struct NewBatch {
    /// Made by the client, who keeps it and sends it again when the answer was lost; without one, each call adds devices.
    pub id: Option<Uuid>,
    /// What all of them are called, each with a number after it: "Volunteer 1", "Volunteer 2". Goes on where such names end.
    #[schema(value_type = Name, example = "Volunteer")]
    pub name: String,
    /// What they are for.
    pub kind: DeviceKind,
    /// How many.
    #[schema(value_type = u32, minimum = 1, maximum = 100, example = 20)]
    pub count: Whole,
    /// The gate that they stand at.
    #[schema(value_type = Option<Name>, example = "North")]
    pub gate: Option<String>,
    /// Minutes that the codes work: a sheet is printed before the evening, so up to a day.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1440, default = 720)]
    pub valid_minutes: Option<Whole>,
    /// The time zone in which the sheet tells until when the codes work.
    #[schema(value_type = Option<TimeZone>, default = "UTC")]
    pub timezone: Option<String>,
}

/// A batch as it is meant.
struct Wish {
    id: Option<Uuid>,
    name: String,
    kind: DeviceKind,
    count: u32,
    gate: Option<String>,
    lifetime: TimeDelta,
    timezone: Tz,
}

impl Wish {
    fn parse(new: NewBatch) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let minutes = new.valid_minutes.unwrap_or(Whole(limits::BATCH_DEFAULT_MINUTES));
        faults.count("/count", new.count, 1, limits::BATCH_DEVICES_MAX);
        faults.count("/valid_minutes", minutes, 1, limits::BATCH_MINUTES_MAX);
        let timezone = new.timezone.as_deref().unwrap_or("UTC").parse();
        if timezone.is_err() {
            faults.add("/timezone", "is not a time zone of the IANA database, such as \"Europe/Berlin\"");
        }
        let wish = Self {
            id: new.id,
            name: faults.name("/name", &new.name),
            kind: new.kind,
            count: new.count.0,
            gate: faults.name_if_any("/gate", new.gate.as_deref()),
            lifetime: TimeDelta::minutes(minutes.0.into()),
            timezone: timezone.unwrap_or(Tz::UTC),
        };
        faults.none_or(wish)
    }

    /// Whether a device of the batch is as this wish has it.
    fn meant(&self, device: &Device) -> bool {
        device.kind == self.kind && device.gate == self.gate && number_of(&device.name, &self.name).is_some()
    }
}

/// The number after the common name, if that is what the name consists of.
fn number_of(name: &str, common: &str) -> Option<u32> {
    name.strip_prefix(common)?.strip_prefix(' ')?.parse().ok()
}

/// A device of a batch; with its code, unless it was enrolled already or revoked.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = batch_device)]
pub struct BatchDevice {
    /// The device.
    pub device: DeviceView,
    /// The code; shown once, works once.
    pub enrolment_code: Option<String>,
    /// Until when it works.
    pub enrolment_expires_at: Option<Stamp>,
    /// The code as a QR picture (SVG).
    pub enrolment_qr: Option<String>,
}

/// The devices of a batch.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = device_batch)]
pub struct Batch {
    /// The devices, in the order of their numbers.
    pub devices: Vec<BatchDevice>,
    /// Whether they were there before.
    #[serde(skip)]
    pub replayed: bool,
    /// Whose they are.
    #[serde(skip)]
    pub organisation: OrganisationRef,
    /// In which time zone a sheet tells the time.
    #[serde(skip)]
    pub timezone: Tz,
}

/// Adds the devices of a batch, or gives fresh codes to those that were not enrolled yet.
pub async fn add(ledger: &Ledger, clock: Clock, staff: StaffSession<'_>, new: NewBatch) -> Result<Batch, DeviceError> {
    let mandate = staff.mandate(Permission::DevicesManage).await?;
    let wish = Wish::parse(new).map_err(DeviceError::Invalid)?;
    let (devices, replayed) = ledger.change(mandate.organisation(), || attempt(ledger, clock, staff, &wish)).await?;
    let organisation = OrganisationRef::of(mandate.caller().authority());
    let shown = |(device, code): (Device, Option<Code>)| BatchDevice {
        device: view(&device, &organisation),
        enrolment_expires_at: code.as_ref().map(|code| code.expires_at.into()),
        enrolment_qr: code.as_ref().map(|code| qr(&code.text)),
        enrolment_code: code.map(|code| code.text),
    };
    Ok(Batch { devices: devices.into_iter().map(shown).collect(), replayed, organisation, timezone: wish.timezone })
}

type Coded = Vec<(Device, Option<Code>)>;

async fn attempt(ledger: &Ledger, clock: Clock, staff: StaffSession<'_>, wish: &Wish) -> Result<(Change, (Coded, bool)), DeviceError> {
    let mandate = staff.mandate(Permission::DevicesManage).await?;
    let (organisation, now) = (mandate.organisation(), clock.now());
    let mut change = Change::new(organisation, now, mandate.guards());
    let known = known(ledger, organisation, wish).await?;
    let replayed = !known.is_empty();
    let coded: Coded = if replayed {
        known.into_iter().map(|device| renewed(device, wish, now)).collect()
    } else {
        fresh(ledger, clock, organisation, wish).await?
    };
    change.images.devices.extend(coded.iter().filter(|(_, code)| code.is_some()).map(|(device, _)| device.clone()));
    Ok((change, (coded, replayed)))
}

/// The devices that this batch has made before; none if it has not. Another batch under the same id is refused.
async fn known(ledger: &Ledger, organisation: OrganisationId, wish: &Wish) -> Result<Vec<Device>, DeviceError> {
    let Some(batch) = wish.id else { return Ok(Vec::new()) };
    let mut known = Vec::new();
    // One place further than it goes: a batch that was larger is another one.
    for place in 0..=wish.count {
        match ledger.device(id_in(organisation, batch, place)).await? {
            Some(device) => known.push(device),
            None => break,
        }
    }
    let same = u32::try_from(known.len()) == Ok(wish.count) && known.iter().all(|device| wish.meant(device));
    if known.is_empty() || same { Ok(known) } else { Err(DeviceError::IdReused) }
}

/// The id of a device of a batch: the same whenever the batch is sent, and of no other organisation. They are next to each other in the list.
fn id_in(organisation: OrganisationId, batch: Uuid, place: u32) -> DeviceId {
    let mut digest = Sha256::new();
    digest.update(organisation.0);
    digest.update(batch);
    let [a, b, c, d, e, f, g, h, i, j, k, l, ..] = <[u8; 32]>::from(digest.finalize());
    let [m, n, o, p] = place.to_be_bytes();
    DeviceId(Builder::from_custom_bytes([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]).into_uuid())
}

async fn fresh(ledger: &Ledger, clock: Clock, organisation: OrganisationId, wish: &Wish) -> Result<Coded, DeviceError> {
    let taken = ledger.device_names(organisation, &wish.name).await?;
    let last = taken.iter().filter_map(|name| number_of(name, &wish.name)).max().unwrap_or(0);
    let device = |place: u32| {
        let code = make_code(clock.now(), wish.lifetime);
        let name = format!("{} {}", wish.name, last.saturating_add(1).saturating_add(place));
        let device = waiting(clock, organisation, name, wish.kind, wish.gate.clone(), &code);
        let id = wish.id.map_or(device.id, |batch| id_in(organisation, batch, place));
        (Device { id, ..device }, Some(code))
    };
    Ok((0..wish.count).map(device).collect())
}

fn renewed(mut device: Device, wish: &Wish, now: Moment) -> (Device, Option<Code>) {
    if device.enrolled_at.is_some() || device.revoked_at.is_some() {
        return (device, None);
    }
    let code = make_code(now, wish.lifetime);
    device.version += 1;
    device.enrolment_hash = Some(code.hash.clone());
    device.enrolment_expires_at = Some(code.expires_at);
    (device, Some(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_batch_has_one_id() {
        let (ours, theirs, batch) = (OrganisationId(Uuid::from_u128(1)), OrganisationId(Uuid::from_u128(2)), Uuid::from_u128(3));
        assert_eq!(id_in(ours, batch, 0), id_in(ours, batch, 0));
        assert!(id_in(ours, batch, 0) < id_in(ours, batch, 1) && id_in(ours, batch, 1) < id_in(ours, batch, 256));
        assert_ne!(id_in(ours, batch, 0), id_in(theirs, batch, 0));
        assert_eq!(id_in(ours, batch, 99).0.get_version_num(), 8);
    }

    #[test]
    fn a_number_is_what_stands_after_the_name() {
        assert_eq!(number_of("Volunteer 12", "Volunteer"), Some(12));
        for other in ["Volunteer", "Volunteer ", "Volunteer x", "Volunteer 1 2", "Volunteers 1", "The Volunteer 1"] {
            assert_eq!(number_of(other, "Volunteer"), None, "{other}");
        }
    }
}
