//! What the demo writes about itself: `demo.json` for programs, and commands to paste for people.

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
         PHONE=$(sign_in '{scanner_code}' '{scanner}' '{scanner_password}') &&\n\
         post /v1/scans \"$PHONE\" '{{\"id\":\"{scan}\",\"event\":\"{id}\",\"code\":\"{ticket}\"}}'\n\n\
         # A till: enrol it, sign in, sell two tickets for cash and let the buyers in.\n\
         TILL=$(sign_in '{pos_code}' '{seller}' '{seller_password}') &&\n\
         post /v1/sales \"$TILL\" '{{\"id\":\"{sale}\",\"event\":\"{id}\",\"lines\":[{{\"ticket_type\":\"{ticket_type}\",\"quantity\":2}}],\"payment\":{{\"method\":\"cash\",\"tendered\":\"50.00\"}},\"admit\":true}}'\n\n\
         The calls are described at {base}/docs; Ctrl-C stops the gateway.",
        written = written.display(),
        setup = setup(&filled.base_url, filled.organisation),
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

/// The shell functions that the commands use. A step that fails says which one it is, with the gateway's answer, and the next does not run.
fn setup(base_url: &str, organisation: &str) -> String {
    [
        &format!(
            "post() {{ curl -sS --fail-with-body {base_url}$1 -H 'content-type: application/json' \
             ${{2:+-H \"authorization: Bearer $2\"}} -d \"$3\" && echo || {{ echo; echo \"POST $1 failed\" >&2; false; }}; }}"
        ),
        // The answer is JSON on one line. Without this word in it, it is an error: it goes to the terminal.
        "word() { sed -n -e \"/\\\"$1\\\"/!w /dev/stderr\" -e \"s/.*\\\"$1\\\":\\\"\\([^\\\"]*\\)\\\".*/\\1/p\"; }",
        &format!(
            "sign_in() {{ device=$(post /v1/devices/enrol '' \"{{\\\"enrolment_code\\\":\\\"$1\\\"}}\" | word device_token) && [ -n \"$device\" ] && \
             session=$(post /v1/sessions \"$device\" \
             \"{{\\\"organisation\\\":\\\"{organisation}\\\",\\\"username\\\":\\\"$2\\\",\\\"password\\\":\\\"$3\\\"}}\" | word session_token) && \
             [ -n \"$session\" ] && echo \"$session\"; }}"
        ),
        "",
    ]
    .join("\n")
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
        process::Command,
    };

    use super::*;

    /// The address of a gateway that gives these answers, one after the other.
    fn answering(answers: Vec<(u16, &'static str)>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for (status, body) in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.read(&mut [0; 4096]).unwrap();
                write!(stream, "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()).unwrap();
            }
        });
        base_url
    }

    /// Signs in and scans as the printed lines do; what goes to standard output, and to standard error.
    fn pasted(base_url: &str) -> (String, String) {
        let lines =
            format!("{}\nPHONE=$(sign_in 'CODE' 'scanner' 'password') && post /v1/scans \"$PHONE\" '{{}}'", setup(base_url, "demo"));
        let output = Command::new("sh").args(["-c", &lines]).output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    }

    #[test]
    fn the_printed_shell_says_which_step_failed() {
        let device = (201, r#"{"device":{"id":"1"},"device_token":"D"}"#);
        let session = (201, r#"{"session_token":"S"}"#);
        let used = (401, r#"{"code":"enrolment_code_invalid"}"#);
        let scanned = pasted(&answering(vec![device, session, (200, r#"{"verdict":"admit"}"#)]));
        assert_eq!(scanned, ("{\"verdict\":\"admit\"}\n".to_owned(), String::new()));
        for (answers, step, detail) in [
            (vec![used], "POST /v1/devices/enrol failed", "enrolment_code_invalid"),
            (vec![device, (401, r#"{"code":"credentials_invalid"}"#)], "POST /v1/sessions failed", "credentials_invalid"),
        ] {
            let (out, err) = pasted(&answering(answers));
            assert_eq!(out, "");
            assert!(err.contains(step) && err.contains(detail) && !err.contains("/v1/scans"), "{err}");
        }
        let (out, err) = pasted(&answering(vec![device, session, (403, r#"{"code":"permission_missing"}"#)]));
        assert!(out.contains("permission_missing") && err.contains("POST /v1/scans failed"), "{out}{err}");
    }
}
