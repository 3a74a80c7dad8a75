//! A guest list for the demo's first event, with names to search for.

use uuid::Uuid;

use crate::{
    clock::{self, Clock},
    faults::Whole,
    guestlist::manage::{GuestBody, put, read},
    ids::{EventId, OrganisationId},
    ledger::{
        Ledger, Page,
        guestlist::{GuestChange, GuestList},
    },
    limits,
};

const LIST: &str = "Friends of the house";

/// Who is expected, with how many people.
const GUESTS: [(&str, u32); 12] = [
    ("Zoë Straßer", 4),
    ("José Núñez", 2),
    ("Łukasz Żółć", 1),
    ("Søren Ærø", 3),
    ("İpek Işık", 2),
    ("Siobhán O’Brien", 10),
    ("Νίκος Παπαδόπουλος", 2),
    ("Фёдор Достоевский", 1),
    ("فاطمة الزهراء", 2),
    ("田中 太郎", 2),
    ("김민준", 1),
    ("अमित शर्मा", 5),
];

/// Makes the list, unless the event has one.
pub async fn ensure_guests(ledger: &Ledger, clock: Clock, organisation: OrganisationId, event: EventId) -> anyhow::Result<()> {
    let known = ledger.guest_lists(event, Page { limit: limits::PAGE_ROWS_MAX, after: Uuid::nil() }).await?;
    if !known.is_empty() {
        return Ok(());
    }
    let list = GuestList {
        organisation_id: organisation,
        id: clock::new_id(),
        event_id: event,
        name: LIST.to_owned(),
        note: None,
        removed_at: None,
        version: 1,
        created_at: clock.now(),
    };
    let mut change = GuestChange::new(organisation, Vec::new());
    change.lists.push(list.clone());
    ledger.store_guests(&change).await?;
    let body = |(name, party_size): (&str, u32)| GuestBody {
        id: None,
        name: name.to_owned(),
        party_size: Some(Whole(party_size)),
        company: None,
        note: None,
    };
    let rows = read(&list, &GUESTS.map(body), clock.now());
    let (change, _) = put(ledger, &list, &rows, Vec::new()).await?;
    Ok(ledger.store_guests(&change).await?)
}
