//! Telling what is in the demo: `demo.json` for programs, and commands to paste for people.

use std::path::{Path, PathBuf};

use anyhow::Context;
use uuid::Uuid;

use super::{DemoUser, Filled};
use crate::{
    ledger::kinds::{DeviceKind, Role},
    private_file,
};

/// Writes `demo.json`, whole or not at all.
pub fn write(filled: &Filled, folder: &Path) -> anyhow::Result<PathBuf> {
    private_file::folder(folder)?;
    let (file, half) = (folder.join("demo.json"), folder.join("demo.json.half"));
    drop(private_file::file(&half)?);
    std::fs::write(&half, serde_json::to_vec_pretty(filled)?).with_context(|| format!("{} cannot be written", half.display()))?;
    std::fs::rename(&half, &file).with_context(|| format!("{} cannot be written", file.display()))?;
    Ok(file)
}

/// A sign-in, a scan and a sale, to be pasted into a shell as they are.
pub fn what_to_try(filled: &Filled, written: &Path) -> String {
    let code = |kind| filled.devices.iter().find(|device| device.kind == kind).map_or("", |device| device.enrolment_code.as_str());
    let user = |role| filled.users.iter().find(|user| user.role == role);
    let event = filled.events.first();
    let id = event.map(|event| event.id).unwrap_or_default();
    let ticket = event.and_then(|event| event.ticket_codes.first()).map_or("", String::as_str);
    let ticket_type = event.and_then(|event| event.ticket_types.first()).map(|t| t.id).unwrap_or_default();
    let (scan, sale) = (Uuid::new_v4(), Uuid::new_v4());
    format!(
        "\nEverything to try is in {written}: users, enrolment codes, events, ticket codes.\n\
         Paste this into a shell with curl:\n\n\
         {setup}\n\
         # A phone: enrol it, sign in, scan a ticket. Scan it twice to see a refusal.\n\
         PHONE=$(sign_in '{scanner_code}' '{scanner}' '{scanner_password}')\n\
         post /v1/scans \"$PHONE\" '{{\"id\":\"{scan}\",\"event\":\"{id}\",\"code\":\"{ticket}\"}}'\n\n\
         # A till: enrol it, sign in, sell two tickets for cash and let the buyers in.\n\
         TILL=$(sign_in '{pos_code}' '{seller}' '{seller_password}')\n\
         post /v1/sales \"$TILL\" '{{\"id\":\"{sale}\",\"event\":\"{id}\",\"lines\":[{{\"ticket_type\":\"{ticket_type}\",\"quantity\":2}}],\"payment\":{{\"method\":\"cash\",\"tendered\":\"50.00\"}},\"admit\":true}}'\n\n\
         The calls are described at {base}/docs; Ctrl-C stops the gateway.",
        written = written.display(),
        setup = setup(filled),
        base = filled.base_url,
        scanner_code = code(DeviceKind::Scanner),
        pos_code = code(DeviceKind::Pos),
        scanner = user(Role::Scanner).map_or("", |u| u.username),
        scanner_password = user(Role::Scanner).map_or("", password),
        seller = user(Role::BoxOffice).map_or("", |u| u.username),
        seller_password = user(Role::BoxOffice).map_or("", password),
    )
}

fn password(user: &DemoUser) -> &str {
    &user.password
}

/// Two shell functions that every command below uses.
fn setup(filled: &Filled) -> String {
    let Filled { base_url, organisation, .. } = filled;
    [
        &format!("post() {{ curl -sS {base_url}$1 -H 'content-type: application/json' ${{2:+-H \"authorization: Bearer $2\"}} -d \"$3\"; echo; }}"),
        "token() { sed -n \"s/.*\\\"$1\\\":\\\"\\([^\\\"]*\\)\\\".*/\\1/p\"; }",
        &format!(
            "sign_in() {{ post /v1/sessions \"$(post /v1/devices/enrol '' \"{{\\\"enrolment_code\\\":\\\"$1\\\"}}\" | token device_token)\" \
             \"{{\\\"organisation\\\":\\\"{organisation}\\\",\\\"username\\\":\\\"$2\\\",\\\"password\\\":\\\"$3\\\"}}\" | token session_token; }}"
        ),
        "",
    ]
    .join("\n")
}
