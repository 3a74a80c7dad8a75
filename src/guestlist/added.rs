//! How guests are put on a list: a pure function of what was sent and who is on it already.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use super::{GuestView, fold, view_guest};
use crate::{
    clock::Moment,
    faults::{Faults, Whole},
    ids::GuestId,
    ledger::guestlist::{Guest, GuestList, ListedGuest},
    limits,
};

/// A guest that comes on a list. What is out of order with it is told in the answer, and costs only this one.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = guest_upload_row)]
pub struct GuestBody {
    /// Its id, made by the client. Without one, a guest is known by list, name and company: the same again is the same guest.
    pub id: Option<Uuid>,
    /// The name.
    pub name: String,
    /// People that the guest stands for, the guest included; one if absent.
    pub party_size: Option<Whole>,
    /// Whom they come from.
    pub company: Option<String>,
    /// Anything that the door should know.
    pub note: Option<String>,
}

/// What became of guests that were sent.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
#[schema(as = guest_upload_result)]
pub struct Added {
    /// Guests that are new, or on the list again.
    pub created: i64,
    /// Guests that have changed.
    pub updated: i64,
    /// Guests that stood so already.
    pub unchanged: i64,
    /// Rows that were not taken.
    pub rejected: Vec<RejectedGuest>,
    /// The guests that were taken, in the order in which they were sent.
    pub guests: Vec<GuestView>,
}

/// A row that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = rejected_guest)]
pub struct RejectedGuest {
    /// Which, from 1.
    pub row: u64,
    /// Its id, if it was sent.
    pub id: Option<Uuid>,
    /// Why.
    pub detail: String,
}

/// A row as it is to be stored should the guest be new, or why it is not taken.
pub type Row = Result<Guest, (Option<Uuid>, String)>;

/// Reads the rows. An id that occurs twice is taken once; a guest without an id gets one, and the same row, sent again, gets the same one.
pub fn read(list: &GuestList, bodies: &[GuestBody], now: Moment) -> Vec<Row> {
    let mut ids = HashSet::new();
    let mut namesakes: HashMap<(String, Option<String>), u32> = HashMap::new();
    let mut read_one = |body: &GuestBody| {
        let mut guest = parse(list, body, now).map_err(|detail| (body.id, detail))?;
        guest.id = body.id.map_or_else(
            || {
                let nth = namesakes.entry((guest.name.clone(), guest.company.clone())).or_default();
                *nth += 1;
                made_id(&guest, *nth)
            },
            GuestId,
        );
        if ids.insert(guest.id) { Ok(guest) } else { Err((body.id, "the id stands in this call before".to_owned())) }
    };
    bodies.iter().map(&mut read_one).collect()
}

fn parse(list: &GuestList, body: &GuestBody, now: Moment) -> Result<Guest, String> {
    let mut faults = Faults::default();
    let (name, name_key) = guest_name(&mut faults, "name", &body.name);
    let company = body.company.as_deref().map(str::trim).filter(|company| !company.is_empty());
    let guest = Guest {
        organisation_id: list.organisation_id,
        id: GuestId(Uuid::nil()),
        event_id: list.event_id,
        list_id: list.id,
        name,
        name_key,
        company: faults.name_if_any("company", company),
        note: note(&mut faults, "note", body.note.as_deref()),
        party_size: faults.count("party_size", body.party_size.unwrap_or(Whole(1)), 1, limits::PARTY_SIZE_MAX),
        arrived: 0,
        removed_at: None,
        version: 1,
        created_at: now,
    };
    match faults.into_vec().into_iter().next() {
        None => Ok(guest),
        Some(fault) => Err(format!("{} {}", fault.pointer, fault.detail)),
    }
}

/// The id of a guest that came without one: of list, name, company, and which namesake of the call it is.
fn made_id(guest: &Guest, nth: u32) -> GuestId {
    let mut digest = Sha256::new();
    digest.update(guest.list_id.0);
    for part in [&guest.name, guest.company.as_deref().unwrap_or_default(), &nth.to_string()] {
        digest.update(part);
        digest.update([0]);
    }
    let mut bytes = [0; 16];
    for (byte, of_digest) in bytes.iter_mut().zip(digest.finalize()) {
        *byte = of_digest;
    }
    GuestId(Builder::from_custom_bytes(bytes).into_uuid())
}

/// What is to be stored, and what is answered, when these guests of those that were sent are known already.
pub(super) fn plan(list: &GuestList, rows: &[Row], known: Vec<ListedGuest>) -> (Vec<Guest>, Added) {
    let known: HashMap<GuestId, Guest> = known.into_iter().map(|listed| (listed.guest.id, listed.guest)).collect();
    let mut images = Vec::new();
    let mut added = Added::default();
    for (number, row) in (1_u64..).zip(rows) {
        let settled = match row {
            Ok(sent) => settle(sent, known.get(&sent.id)).map_err(|detail| (Some(sent.id.0), detail)),
            Err(refused) => Err(refused.clone()),
        };
        let (fate, guest) = match settled {
            Ok(settled) => settled,
            Err((id, detail)) => {
                added.rejected.push(RejectedGuest { row: number, id, detail });
                continue;
            }
        };
        added.guests.push(view_guest(&ListedGuest { guest: guest.clone(), list_name: list.name.clone() }));
        match fate {
            Fate::Created => added.created += 1,
            Fate::Updated => added.updated += 1,
            Fate::Unchanged => {
                added.unchanged += 1;
                continue;
            }
        }
        images.push(guest);
    }
    (images, added)
}

enum Fate {
    Created,
    Updated,
    Unchanged,
}

fn settle(sent: &Guest, known: Option<&Guest>) -> Result<(Fate, Guest), String> {
    let Some(known) = known else { return Ok((Fate::Created, sent.clone())) };
    if known.list_id != sent.list_id {
        return Err("the id is that of a guest on another list".to_owned());
    }
    let meaning = |guest: &Guest| (guest.name.clone(), guest.company.clone(), guest.note.clone(), guest.party_size);
    if known.removed_at.is_none() && meaning(known) == meaning(sent) {
        return Ok((Fate::Unchanged, known.clone()));
    }
    if sent.party_size < known.arrived {
        return Err(format!("{} of this party are in already", known.arrived));
    }
    let fate = if known.removed_at.is_some() { Fate::Created } else { Fate::Updated };
    let Guest { arrived, created_at, .. } = *known;
    Ok((fate, Guest { arrived, created_at, version: known.version + 1, ..sent.clone() }))
}

/// A guest's name and its key, which an index of the ledger has to hold.
pub(super) fn guest_name(faults: &mut Faults, pointer: &str, text: &str) -> (String, String) {
    let name = faults.name(pointer, text);
    let key = fold(&name);
    if key.len() > limits::NAME_KEY_BYTES {
        faults.add(pointer, "is too long once its letters are taken apart");
    }
    (name, key)
}

/// A note on a list or a guest.
pub(super) fn note(faults: &mut Faults, pointer: &str, text: Option<&str>) -> Option<String> {
    text.map(|text| faults.text(pointer, text, 0, limits::NOTE_CHARS)).filter(|note| !note.is_empty())
}
