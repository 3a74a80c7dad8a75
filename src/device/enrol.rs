//! Enrolment: a code that works once becomes a device token. The code is hashed at rest, like everything that people hold.

use chrono::TimeDelta;
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use qrcode::{QrCode, render::svg};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{DeviceError, DeviceView, view};
use crate::{
    authenticate::token::Tokens,
    clock::{self, Clock, Moment, Stamp},
    faults::Faults,
    ledger::{
        Ledger, LedgerError,
        change::{Change, Guard},
        rows::Device,
    },
    limits,
    openapi_schemas::Name,
    session::{end::end_with, view::OrganisationRef},
};

/// A code that waits to be used.
pub struct Code {
    /// What a person types or a camera reads.
    pub text: String,
    /// What the ledger keeps.
    pub hash: String,
    /// Until when it works.
    pub expires_at: Moment,
}

/// Makes a code of 100 random bits, in groups that can be read aloud.
pub fn make_code(now: Moment, lifetime: TimeDelta) -> Code {
    let letters = BASE32_NOPAD.encode(&rand::random::<[u8; 13]>());
    let groups: Vec<&str> = [0..5, 5..10, 10..15, 15..20].into_iter().filter_map(|range| letters.get(range)).collect();
    let text = groups.join("-");
    Code { hash: hash(&text), text, expires_at: now + lifetime }
}

/// What the ledger keeps of a code. The code is random enough that a plain digest gives nothing away. Case, spaces and dashes do not
/// matter: people type it.
pub fn hash(code: &str) -> String {
    let plain: String = code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    HEXLOWER.encode(&Sha256::digest(plain.as_bytes()))
}

/// The code as a QR picture.
pub fn qr(code: &str) -> String {
    match QrCode::new(code.as_bytes()) {
        Ok(picture) => picture.render::<svg::Color<'_>>().min_dimensions(240, 240).build(),
        Err(error) => {
            tracing::error!(error = %error, "an enrolment code does not fit a QR code");
            String::new()
        }
    }
}

/// A device that wants its token.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = enrolment)]
pub struct EnrolBody {
    /// The code.
    #[schema(value_type = Name, example = "ABCDE-FGHIJ-KLMNO-PQRST")]
    pub enrolment_code: String,
    /// What the app says of the hardware.
    pub hardware: Option<Hardware>,
}

/// What an app says of its hardware.
#[derive(Clone, Default, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = hardware)]
pub struct Hardware {
    /// Who made it.
    #[schema(value_type = Option<Name>)]
    pub brand: Option<String>,
    /// Which model.
    #[schema(value_type = Option<Name>)]
    pub model: Option<String>,
    /// The operating system.
    #[schema(value_type = Option<Name>)]
    pub os: Option<String>,
    /// The app's version.
    #[schema(value_type = Option<Name>)]
    pub app_version: Option<String>,
}

impl Hardware {
    /// What is kept of it.
    pub(super) fn checked(&self, faults: &mut Faults) -> serde_json::Value {
        let Self { brand, model, os, app_version } = self;
        let mut said = |name: &str, text: &Option<String>| faults.name_if_any(&format!("/hardware/{name}"), text.as_deref());
        json!({ "brand": said("brand", brand), "model": said("model", model), "os": said("os", os), "app_version": said("app_version", app_version) })
    }
}

/// A device with its token.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = enrolled_device)]
pub struct Enrolled {
    /// The device.
    pub device: DeviceView,
    /// Signs people in on this device; shown once.
    pub device_token: String,
}

/// Enrols a device.
pub async fn enrol(ledger: &Ledger, tokens: &Tokens, clock: Clock, body: EnrolBody) -> Result<Enrolled, DeviceError> {
    let hardware = check(&body)?;
    let hash = hash(&body.enrolment_code);
    let waiting = ledger.device_by_enrolment(&hash).await?.ok_or(DeviceError::CodeInvalid)?;
    let signer = tokens.signer().await?;
    let device = ledger.change(waiting.organisation_id, || attempt(ledger, clock, &hash, hardware.as_ref())).await?;

    let enrolment = device.enrolment_id.ok_or(LedgerError::Broken)?;
    let until = device.enrolled_at.unwrap_or_else(|| clock.now()) + TimeDelta::days(limits::DEVICE_TOKEN_DAYS);
    let device_token = signer.for_device(device.id, enrolment, until)?;
    let organisation = ledger.organisation(device.organisation_id).await?.ok_or(LedgerError::Broken)?;
    let organisation = OrganisationRef { id: organisation.id.0, name: organisation.name, slug: organisation.slug };
    Ok(Enrolled { device: view(&device, &organisation), device_token })
}

fn check(body: &EnrolBody) -> Result<Option<serde_json::Value>, DeviceError> {
    let mut faults = Faults::default();
    faults.text("/enrolment_code", &body.enrolment_code, 1, limits::NAME_CHARS);
    let hardware = body.hardware.as_ref().map(|hardware| hardware.checked(&mut faults));
    faults.none_or(hardware).map_err(DeviceError::Invalid)
}

/// The code is used up; an older token of the device and the sessions on it are no longer valid.
async fn attempt(ledger: &Ledger, clock: Clock, hash: &str, hardware: Option<&serde_json::Value>) -> Result<(Change, Device), DeviceError> {
    let now = clock.now();
    let mut device = ledger.device_by_enrolment(hash).await?.ok_or(DeviceError::CodeInvalid)?;
    if device.revoked_at.is_some() || device.enrolment_expires_at.is_none_or(|until| now >= until) {
        return Err(DeviceError::CodeInvalid);
    }
    device.version += 1;
    device.enrolment_hash = None;
    device.enrolment_expires_at = None;
    device.enrolment_id = Some(clock::new_id());
    device.enrolled_at = Some(now);
    device.hardware = hardware.cloned();
    let mut change = Change::new(device.organisation_id, now, Vec::new());
    let open = ledger.open_sessions(None, Some(device.id)).await?;
    end_with(&mut change, open, |version| Guard::OpenOfDevice { id: device.id, version });
    change.images.devices.push(device.clone());
    Ok((change, device))
}

/// A new code for people to use, as an answer shows it.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = enrolment_code)]
pub struct CodeView {
    /// The device.
    pub device: DeviceView,
    /// The code; shown once, works once.
    pub enrolment_code: String,
    /// Until when it works.
    pub enrolment_expires_at: Stamp,
    /// The code as a QR picture (SVG).
    pub enrolment_qr: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_however_it_is_typed() {
        let code = make_code(Clock::of_this_machine().now(), TimeDelta::minutes(15));
        assert_eq!(code.text.len(), 23);
        assert_eq!(hash(&code.text.to_lowercase()), code.hash);
        assert_eq!(hash(&format!(" {} ", code.text.replace('-', " "))), code.hash);
        assert_ne!(make_code(Clock::of_this_machine().now(), TimeDelta::minutes(15)).hash, code.hash);
    }
}
