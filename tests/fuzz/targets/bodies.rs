//! Bodies, from bytes to what they mean, and what is decided on them without the ledger.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use stagedoor::{
    clock::{Clock, Moment},
    device::{batch::NewBatch, enrol::EnrolBody},
    door,
    event::upload::{ChunkedUpload, UploadBody},
    guestlist::{
        check_in::request::{CheckInBody, Request as CheckIn},
        manage::{GuestsBody, read as read_guests},
    },
    http::parse_body,
    ids::{DeviceId, GuestId, GuestListId, SaleId},
    ledger::{guestlist::GuestList, rows::EventFacts},
    limits,
    pos::{
        self,
        hold::{
            decide::decide as decide_hold,
            request::{HoldBody, HoldRequest},
        },
        sale::decide::{Here, decide},
        void::request::{VoidBody, VoidRequest},
    },
    session::sign_in::SignInRequest,
};

/// The id that the seeds name.
const ID: &str = "00000000-0000-0000-0000-000000000001";
const NOW: &str = "2026-11-22T19:30:00Z";

/// What a body says, or a refusal that the caller can do something about.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    match parse_body(bytes) {
        Ok(body) => Some(body),
        Err(problem) => {
            assert!(matches!(problem.status.as_u16(), 400 | 422), "{problem:?}");
            let pointers = problem.members.get("errors").and_then(Value::as_array).into_iter().flatten();
            assert!(pointers.into_iter().all(|fault| fault["pointer"].is_string()), "{problem:?}");
            None
        }
    }
}

fn is_sound(basket: &pos::sale::decide::Basket) {
    let lines = &basket.lines;
    assert_eq!(lines.iter().map(|line| line.amount_minor).sum::<i64>(), basket.total.minor());
    assert!(lines.iter().all(|line| line.amount_minor == line.unit_minor * i64::from(line.quantity) && line.quantity > 0));
}

/// An event with one type.
fn event() -> EventFacts {
    serde_json::from_value(json!({
        "event": {"id": ID, "organisation_id": ID, "name": "Gala", "venue": null, "starts_at": NOW, "ends_at": NOW, "timezone": "Europe/Berlin",
                  "currency": "EUR", "status": "live", "version": 1, "created_at": NOW},
        "types": [{"id": ID, "organisation_id": ID, "event_id": ID, "name": "Seat", "price_minor": 1250, "quota": null, "entries_allowed": 1,
                   "reentry": false, "gates": [], "valid_from": null, "valid_until": null, "taken": 0, "created_at": NOW}],
    }))
    .expect("an event")
}

fn scan(body: door::scan::request::ScanBody) {
    let request = door::scan::request::Request::parse(body);
    if let Some(code) = request.code() {
        assert!((1..=limits::CODE_BYTES).contains(&code.len()) && !code.contains('\0'));
    }
}

fn sale(body: pos::sale::request::SaleBody, event: &EventFacts, now: Moment) {
    let request = pos::sale::request::Request::parse(body.clone());
    assert_eq!(request.fingerprint(), pos::sale::request::Request::parse(body).fingerprint());
    let here = Here { device: Some(DeviceId(Default::default())), now, hold: None };
    if let Ok(quote) = decide(&request, event, here) {
        is_sound(&quote.basket);
        if let (Some(given), Some(change)) = (quote.tendered, quote.change) {
            assert_eq!(given.minor() - change.minor(), quote.basket.total.minor());
            assert!(change.minor() >= 0);
        }
    }
}

fn guests(body: &GuestsBody, list: &GuestList, now: Moment) {
    let rows = read_guests(list, &body.guests, now);
    assert_eq!(rows.len(), body.guests.len());
    for guest in rows.iter().flatten() {
        assert!(guest.name_key.len() <= limits::NAME_KEY_BYTES && !guest.name.contains('\0'));
        assert!(guest.party_size >= 1);
    }
}

fuzz_target!(|bytes: &[u8]| {
    let (event, now): (_, Moment) = (event(), NOW.parse().expect("a time"));
    read(bytes).map(scan);
    read(bytes).map(|body| sale(body, &event, now));
    if let Some(Ok(basket)) = read::<HoldBody>(bytes).map(|body| decide_hold(&HoldRequest::parse(&body, Duration::from_secs(120)), &event)) {
        is_sound(&basket);
    }
    read::<VoidBody>(bytes).map(|body| VoidRequest::parse(SaleId(Default::default()), &body));
    read::<CheckInBody>(bytes).map(|body| CheckIn::parse(GuestId(Default::default()), &body));
    read::<EnrolBody>(bytes);
    read::<NewBatch>(bytes);
    read::<SignInRequest>(bytes);
    if let Some(body) = read::<UploadBody>(bytes) {
        let mut upload = ChunkedUpload::new(&event, Clock::of_this_machine());
        for (row, ticket) in (1..).zip(&body.tickets) {
            upload.take(row, ticket);
        }
        let taken: u64 = upload.by_status.values().sum();
        assert_eq!(taken + upload.rejected_total, u64::try_from(body.tickets.len()).expect("a number"));
    }
    if let Some(body) = read::<GuestsBody>(bytes) {
        let list = GuestList {
            organisation_id: event.event.organisation_id,
            id: GuestListId(Default::default()),
            event_id: event.event.id,
            name: "Press".to_owned(),
            note: None,
            removed_at: None,
            version: 1,
            created_at: now,
        };
        guests(&body, &list, now);
    }
});
