//! The sheet of a batch: one HTML page to print on A4 and cut, with everything in it. Nothing is loaded from anywhere.

use chrono_tz::Tz;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::batch::{Batch, BatchDevice};
use crate::{clock::Stamp, string_enum::string_enum};

string_enum! {
    /// As what a sheet of codes is answered.
    pub enum SheetForm {
        /// One page to print.
        Html = "html",
        /// The codes for a program.
        Json = "json",
    }
}

/// Eight cards on a page; none is cut in two.
const STYLE: &str = "
@page { size: A4; margin: 12mm }
* { box-sizing: border-box }
body { margin: 0; font: 11pt/1.35 system-ui, sans-serif; color: #000; background: #fff }
header { margin: 0 0 5mm }
h1 { font-size: 15pt; margin: 0 }
header p { margin: 1mm 0 0 }
main { display: grid; grid-template-columns: 1fr 1fr }
section { display: flex; gap: 4mm; align-items: center; padding: 3mm; border: 0.3mm dashed #999; min-height: 60mm; break-inside: avoid }
section svg { width: 42mm; height: 42mm; flex: none }
h2 { font-size: 13pt; margin: 0; overflow-wrap: anywhere }
section p { margin: 1mm 0 0; overflow-wrap: anywhere }
code { display: block; margin-top: 2mm; font: bold 12pt/1.3 ui-monospace, monospace }
";

/// The sheet. What was enrolled already is not on it.
pub fn page(batch: &Batch) -> String {
    let organisation = &batch.organisation.name;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { "Devices to enrol: " (organisation) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (organisation) }
                    p { "One card for each device. Open the app, choose to enrol this device, and scan or type the code. It works once." }
                }
                main {
                    @for device in &batch.devices {
                        @if let (Some(code), Some(until), Some(qr)) = (&device.enrolment_code, device.enrolment_expires_at, &device.enrolment_qr) {
                            (card(device, code, qr, &until_when(until, batch.timezone)))
                        }
                    }
                }
            }
        }
    }
    .into_string()
}

fn card(card: &BatchDevice, code: &str, qr: &str, until: &str) -> Markup {
    // The picture begins with a declaration that belongs into a file of its own.
    let picture = qr.split_once("?>").map_or(qr, |(_, picture)| picture);
    html! {
        section {
            (PreEscaped(picture))
            div {
                h2 { (card.device.name) }
                p { (card.device.kind.for_people()) @if let Some(gate) = &card.device.gate { " · " (gate) } }
                code { (code) }
                p { "until " (until) }
            }
        }
    }
}

fn until_when(until: Stamp, timezone: Tz) -> String {
    until.0.with_timezone(&timezone).format("%A %-d %B %Y, %H:%M %Z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_told_where_the_sheet_hangs() {
        let until = Stamp("2026-11-22T22:30:00.000Z".parse().unwrap());
        assert_eq!(until_when(until, Tz::Europe__Berlin), "Sunday 22 November 2026, 23:30 CET");
        assert_eq!(until_when(until, Tz::UTC), "Sunday 22 November 2026, 22:30 UTC");
    }
}
