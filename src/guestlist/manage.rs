//! Guest lists in the back office: lists are made, changed and struck off, and so are guests.

use serde::Deserialize;

pub use super::added::{Added, GuestBody, RejectedGuest, Row, read};
use super::{
    GuestError, GuestListView, GuestView,
    added::{guest_name, note, plan},
    search::{manager_of_event, manager_of_guest, manager_of_list},
    view_guest, view_list,
};
use crate::{
    authorise::{Refused, StaffSession},
    clock::{self, Clock},
    faults::{Faults, Whole, nullable, present},
    ids::{EventId, GuestId, GuestListId},
    ledger::{
        Ledger,
        change::Guard,
        guestlist::{GuestChange, GuestList, ListedGuest, ListedGuestList},
    },
    limits,
    openapi_schemas::{Name, Note},
};

/// A guest list to be made.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = new_guest_list)]
pub struct NewGuestList {
    /// Its name.
    #[schema(value_type = Name)]
    pub name: String,
    /// Anything that its readers should know.
    #[schema(value_type = Option<Note>)]
    pub note: Option<String>,
}

/// What is to be changed of a guest list.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = guest_list_change)]
pub struct GuestListChange {
    /// Another name.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Name)]
    pub name: Option<String>,
    /// Another note; null for none.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Note>)]
    pub note: Option<Option<String>>,
}

/// Guests that come on a list.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = guest_upload)]
pub struct GuestsBody {
    /// Up to 1,000 guests.
    #[schema(max_items = 1000)]
    pub guests: Vec<GuestBody>,
}

/// What is to be changed of a guest.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = guest_change)]
pub struct GuestBodyChange {
    /// Another name.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Name)]
    pub name: Option<String>,
    /// Another size of the party, not below who of it is in.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = u32, minimum = 1, maximum = 1000)]
    pub party_size: Option<Whole>,
    /// Another company; null for none.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Name>)]
    pub company: Option<Option<String>>,
    /// Another note; null for none.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Note>)]
    pub note: Option<Option<String>>,
}

/// Makes a guest list.
pub async fn create_list(
    ledger: &Ledger,
    clock: Clock,
    staff: StaffSession<'_>,
    event: EventId,
    new: &NewGuestList,
) -> Result<GuestListView, GuestError> {
    let organisation = manager_of_event(ledger, staff, event).await?.organisation();
    let mut faults = Faults::default();
    let list = GuestList {
        organisation_id: organisation,
        id: clock::new_id(),
        event_id: event,
        name: faults.name("/name", &new.name),
        note: note(&mut faults, "/note", new.note.as_deref()),
        removed_at: None,
        version: 1,
        created_at: clock.now(),
    };
    faults.none_or(()).map_err(GuestError::Invalid)?;
    ledger
        .change(organisation, || async {
            let mandate = manager_of_event(ledger, staff, event).await?;
            if ledger.guest_census(event).await?.0 >= limits::GUEST_LISTS_MAX {
                return Err(GuestError::Invalid(Faults::one("", format!("an event has at most {} guest lists", limits::GUEST_LISTS_MAX))));
            }
            let mut change = GuestChange::new(organisation, mandate.guards());
            change.lists.push(list.clone());
            Ok((change, ()))
        })
        .await?;
    Ok(view_list(&ListedGuestList { list, guests: 0, people: 0, arrived: 0 }))
}

/// Changes a guest list.
pub async fn patch_list(
    ledger: &Ledger,
    staff: StaffSession<'_>,
    id: GuestListId,
    wanted: &GuestListChange,
) -> Result<GuestListView, GuestError> {
    alter_list(ledger, staff, id, |list| {
        let mut faults = Faults::default();
        if let Some(name) = &wanted.name {
            list.name = faults.name("/name", name);
        }
        if let Some(text) = &wanted.note {
            list.note = note(&mut faults, "/note", text.as_deref());
        }
        faults.none_or(())
    })
    .await
}

/// Removes a guest list and the guests on it. What has happened stays in the ledger.
pub async fn strike_list(ledger: &Ledger, clock: Clock, staff: StaffSession<'_>, id: GuestListId) -> Result<(), GuestError> {
    let now = clock.now();
    alter_list(ledger, staff, id, |list| {
        list.removed_at = Some(now);
        Ok(())
    })
    .await
    .map(drop)
}

async fn alter_list(
    ledger: &Ledger,
    staff: StaffSession<'_>,
    id: GuestListId,
    change_it: impl Fn(&mut GuestList) -> Result<(), Faults>,
) -> Result<GuestListView, GuestError> {
    let organisation = manager_of_list(ledger, staff, id).await?.0.organisation();
    ledger
        .change(organisation, || async {
            let (mandate, mut listed) = manager_of_list(ledger, staff, id).await?;
            change_it(&mut listed.list).map_err(GuestError::Invalid)?;
            listed.list.version += 1;
            let mut change = GuestChange::new(organisation, mandate.guards());
            change.lists.push(listed.list.clone());
            Ok((change, view_list(&listed)))
        })
        .await
}

/// Puts guests on a list, or brings guests of it to the state that is sent. A bad row costs only itself.
pub async fn add(ledger: &Ledger, clock: Clock, staff: StaffSession<'_>, id: GuestListId, body: &GuestsBody) -> Result<Added, GuestError> {
    let (mandate, listed) = manager_of_list(ledger, staff, id).await?;
    if body.guests.len() > limits::GUESTS_AT_ONCE_MAX {
        return Err(GuestError::Invalid(Faults::one("/guests", format!("must have at most {} guests", limits::GUESTS_AT_ONCE_MAX))));
    }
    let organisation = mandate.organisation();
    let rows = read(&listed.list, &body.guests, clock.now());
    ledger
        .change(organisation, || async {
            let (mandate, listed) = manager_of_list(ledger, staff, id).await?;
            put(ledger, &listed.list, &rows, mandate.guards()).await
        })
        .await
}

/// The change that puts these guests on this list, and what is answered.
pub async fn put(ledger: &Ledger, list: &GuestList, rows: &[Row], guards: Vec<Guard>) -> Result<(GuestChange, Added), GuestError> {
    let ids: Vec<GuestId> = rows.iter().filter_map(|row| row.as_ref().ok()).map(|guest| guest.id).collect();
    let known = ledger.guests_by_id(list.organisation_id, &ids).await?;
    let (_, guests) = ledger.guest_census(list.event_id).await?;
    let (images, added) = plan(list, rows, known);
    if guests + added.created > limits::GUESTS_MAX {
        return Err(GuestError::Invalid(Faults::one("/guests", format!("an event has at most {} guests", limits::GUESTS_MAX))));
    }
    let mut change = GuestChange::new(list.organisation_id, guards);
    change.on_list = Some((list.id, list.version));
    change.guests = images;
    Ok((change, added))
}

/// Changes a guest. A party never becomes smaller than the number of its people who are in.
pub async fn patch(ledger: &Ledger, staff: StaffSession<'_>, id: GuestId, wanted: &GuestBodyChange) -> Result<GuestView, GuestError> {
    let changed = alter(ledger, staff, id, |listed| {
        let guest = &mut listed.guest;
        if guest.removed_at.is_some() {
            return Err(Refused::NotFound.into());
        }
        let mut faults = Faults::default();
        if let Some(name) = &wanted.name {
            (guest.name, guest.name_key) = guest_name(&mut faults, "/name", name);
        }
        if let Some(size) = wanted.party_size {
            guest.party_size = faults.count("/party_size", size, 1, limits::PARTY_SIZE_MAX);
        }
        if let Some(company) = &wanted.company {
            guest.company = faults.name_if_any("/company", company.as_deref());
        }
        if let Some(text) = &wanted.note {
            guest.note = note(&mut faults, "/note", text.as_deref());
        }
        faults.none_or(()).map_err(GuestError::Invalid)?;
        if guest.party_size < guest.arrived {
            return Err(GuestError::AlreadyArrived(guest.arrived));
        }
        Ok(())
    })
    .await?;
    Ok(view_guest(&changed))
}

/// Strikes a guest off. What has happened stays in the ledger.
pub async fn strike(ledger: &Ledger, clock: Clock, staff: StaffSession<'_>, id: GuestId) -> Result<(), GuestError> {
    let now = clock.now();
    alter(ledger, staff, id, |listed| {
        listed.guest.removed_at = listed.guest.removed_at.or(Some(now));
        Ok(())
    })
    .await
    .map(drop)
}

async fn alter(
    ledger: &Ledger,
    staff: StaffSession<'_>,
    id: GuestId,
    change_it: impl Fn(&mut ListedGuest) -> Result<(), GuestError>,
) -> Result<ListedGuest, GuestError> {
    let organisation = manager_of_guest(ledger, staff, id).await?.0.organisation();
    ledger
        .change(organisation, || async {
            let (mandate, mut listed) = manager_of_guest(ledger, staff, id).await?;
            change_it(&mut listed)?;
            listed.guest.version += 1;
            let mut change = GuestChange::new(organisation, mandate.guards());
            change.guests.push(listed.guest.clone());
            Ok((change, listed))
        })
        .await
}
