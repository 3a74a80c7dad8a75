//! Guest lists in the ledger: their rows, what is written to them, and how they are searched.
//!
//! A guest's `arrived` moves only with a row of `guest_check_ins`, under the guest's row lock; its `version` moves only with what a
//! manager changes. So a check-in rests on the version, and the ledger itself counts the people.

mod postgres;
pub(super) mod reads;
mod sqlite;

use serde::Serialize;
use sqlx::FromRow;

use super::{
    Ledger, LedgerError,
    change::{Guard, Storable},
    rows::{Authority, Event, Version},
};
use crate::{
    clock::Moment,
    ids::{CheckInId, DeviceId, EventId, GuestId, GuestListId, MembershipId, Named, OrganisationId, SessionId, UserId},
    limits,
    string_enum::string_enum,
};

/// A row of `guest_lists`.
#[derive(Clone, Debug, FromRow, Serialize)]
pub struct GuestList {
    pub organisation_id: OrganisationId,
    pub id: GuestListId,
    pub event_id: EventId,
    pub name: String,
    /// What its manager wrote to it.
    pub note: Option<String>,
    /// When it was struck off.
    pub removed_at: Option<Moment>,
    pub version: Version,
    /// When it was created.
    pub created_at: Moment,
}

/// A guest list, and who is on it and in.
#[derive(Clone, Debug, FromRow)]
pub struct ListedGuestList {
    #[sqlx(flatten)]
    pub list: GuestList,
    /// Guests on it.
    pub guests: i64,
    /// People that they stand for.
    pub people: i64,
    /// People who are in.
    pub arrived: i64,
}

/// A row of `guests`.
#[derive(Clone, FromRow, Serialize)]
pub struct Guest {
    pub organisation_id: OrganisationId,
    pub id: GuestId,
    pub event_id: EventId,
    pub list_id: GuestListId,
    /// The name, as it was written.
    pub name: String,
    /// The name, as it is searched.
    pub name_key: String,
    /// Whom they come from.
    pub company: Option<String>,
    /// What its manager wrote to it.
    pub note: Option<String>,
    /// People that the guest stands for, the guest included.
    pub party_size: i32,
    /// People of the party who are in. Read only: the ledger counts it.
    pub arrived: i32,
    /// When it was struck off.
    pub removed_at: Option<Moment>,
    /// Its version: moves with what a manager changes, not with check-ins.
    pub version: Version,
    /// When it was created.
    pub created_at: Moment,
}

impl Guest {
    /// People of the party who are still missing.
    pub fn remaining(&self) -> i32 {
        (self.party_size - self.arrived).max(0)
    }
}

impl std::fmt::Debug for Guest {
    /// Without the name: a guest is in no log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id, party_size, arrived, version, .. } = self;
        f.debug_struct("Guest").field("id", id).field("party", &(arrived, party_size)).field("version", version).finish_non_exhaustive()
    }
}

/// A guest, and the name of the list.
#[derive(Clone, Debug, FromRow)]
pub struct ListedGuest {
    #[sqlx(flatten)]
    pub guest: Guest,
    pub list_name: String,
}

/// A row of `guest_check_ins`, and who wrote it.
#[derive(Clone, Debug, FromRow)]
pub struct RecordedCheckIn {
    pub id: CheckInId,
    pub guest_id: GuestId,
    /// Its number among the movements of the party, from 1.
    pub seq: i32,
    /// People it let in; less than nothing where it took a check-in back.
    pub people: i32,
    /// People of the party who were in after it.
    pub arrived: i32,
    /// The party at that time.
    pub party_size: i32,
    /// The check-in that it took back.
    pub undoes: Option<CheckInId>,
    /// The member who wrote it.
    pub membership_id: MembershipId,
    /// That person.
    pub user_id: UserId,
    /// That person's name.
    pub user_name: String,
    /// The device that it was written on, if it was on one.
    pub device_id: Option<DeviceId>,
    /// That device's name.
    pub device_name: Option<String>,
    /// Where.
    pub gate: Option<String>,
    /// When.
    pub recorded_at: Moment,
    /// What the request meant.
    pub fingerprint: String,
}

/// A change of guest lists: images of rows, each one version above what was read.
#[derive(Debug)]
#[must_use = "a change does nothing until the ledger stores it"]
pub struct GuestChange {
    /// Whose.
    pub organisation: OrganisationId,
    /// What it rests on.
    pub guards: Vec<Guard>,
    /// The list that guests come on, as it was read.
    pub on_list: Option<(GuestListId, Version)>,
    /// Lists. With one that is struck off, its guests are.
    pub lists: Vec<GuestList>,
    /// Guests; how many of them have arrived is not a manager's to say.
    pub guests: Vec<Guest>,
}

impl GuestChange {
    /// A change that writes nothing yet.
    pub fn new(organisation: OrganisationId, guards: Vec<Guard>) -> Self {
        Self { organisation, guards, on_list: None, lists: Vec::new(), guests: Vec::new() }
    }

    /// The event whose lists or guests it changes; it changes those of one only.
    pub(super) fn event(&self) -> Option<EventId> {
        self.lists.first().map(|list| list.event_id).or(self.guests.first().map(|guest| guest.event_id))
    }
}

impl Storable for GuestChange {
    async fn store_in(&self, ledger: &Ledger) -> Result<(), LedgerError> {
        ledger.store_guests(self).await
    }
}

/// What a check-in, or one taken back, is decided on.
#[derive(Clone, Copy, Debug)]
pub struct CheckInLook {
    /// The member who asks.
    pub session: SessionId,
    /// The guest; none is the one of the check-in.
    pub guest: Option<GuestId>,
    /// The check-in that may be in the ledger already.
    pub check_in: CheckInId,
}

/// What was seen, all of one moment.
#[derive(Clone, Debug, Default)]
pub struct CheckInSeen {
    /// The member who asks.
    pub authority: Option<Authority>,
    /// The one event in the caller's list.
    pub pinned: Option<Named>,
    /// What the ledger has under the check-in's id.
    pub check_in: Option<RecordedCheckIn>,
    /// What took it back.
    pub undo: Option<RecordedCheckIn>,
    /// The guest, if it is of the caller's organisation.
    pub guest: Option<ListedGuest>,
    /// The guest's event.
    pub event: Option<Event>,
}

string_enum! {
    /// How much of a party has arrived.
    pub enum Arrival {
        /// Nobody.
        None = "none",
        /// Some, not all.
        Part = "part",
        /// Everybody.
        All = "all",
    }
}

/// Which guests of an event are looked for.
#[derive(Clone, Debug, Default)]
pub struct GuestSearch {
    /// Words that the name has, as [`crate::guestlist::words`] makes them; the first [`limits::QUERY_WORDS_MAX`] count.
    pub words: Vec<String>,
    /// On this list.
    pub list: Option<GuestListId>,
    /// People of these parties who have arrived.
    pub arrival: Option<Arrival>,
}

impl GuestSearch {
    /// A pattern for `like` per word; what is left over is found in every name.
    fn patterns(&self) -> [String; limits::QUERY_WORDS_MAX] {
        let mut words = self.words.iter();
        std::array::from_fn(|_| {
            let word = words.next().map_or("", String::as_str);
            format!("%{}%", word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))
        })
    }
}
