//! What is read of guest lists: statements that both databases understand.

use sqlx::{Connection, query_as};

use super::{CheckInLook, CheckInSeen, GuestSearch, ListedGuest, ListedGuestList, RecordedCheckIn};
use crate::{
    ids::{CheckInId, EventId, GuestId, GuestListId, OrganisationId},
    ledger::{
        Connected, Page,
        both::{ask, on_both},
        error::LedgerError,
        lease::within,
        postgres::Postgres,
        rows::Event,
        sqlite::Sqlite,
    },
    limits,
};

/// A list with its counts, as the beginning of a statement; `$whose` are the guests that are counted, and no list outside of them is
/// asked for.
macro_rules! lists {
    ($whose:literal, $rest:literal) => {
        concat!(
            "select l.*, coalesce(c.guests, 0) as guests, cast(coalesce(c.people, 0) as bigint) as people,
                    cast(coalesce(c.arrived, 0) as bigint) as arrived
             from guest_lists l
             left join (select organisation_id, list_id, count(*) as guests, sum(party_size) as people, sum(arrived) as arrived
                        from guests where ",
            $whose,
            " and removed_at is null group by organisation_id, list_id) c
               on c.organisation_id = l.organisation_id and c.list_id = l.id ",
            $rest
        )
    };
}

/// A guest with the name of the list, as the beginning of a statement.
macro_rules! guests {
    ($rest:literal) => {
        concat!(
            "select g.*, l.name as list_name from guests g
             join guest_lists l on l.organisation_id = g.organisation_id and l.id = g.list_id ",
            $rest
        )
    };
}
pub(in crate::ledger) use guests;

/// A movement with the names of who wrote it, as the beginning of a statement.
macro_rules! check_ins {
    ($rest:literal) => {
        concat!(
            "select c.id, c.guest_id, c.seq, c.people, c.arrived, c.party_size, c.undoes, c.membership_id, u.id as user_id, u.name as user_name, c.device_id,
                    d.name as device_name, c.gate, c.recorded_at, c.fingerprint
             from guest_check_ins c
             join memberships m on m.id = c.membership_id
             join users u on u.id = m.user_id
             left join devices d on d.id = c.device_id ",
            $rest
        )
    };
}

on_both! {
    /// The guest lists of an event, oldest first.
    pub async fn guest_lists(&self, event: EventId, page: Page) -> Result<Vec<ListedGuestList>, LedgerError> {
        ask!(self, limits::LEDGER_BULK_TIMEOUT, db =>
            query_as(lists!("event_id = $1", "where l.event_id = $1 and l.removed_at is null and l.id > $2 order by l.id limit $3"))
                .bind(event).bind(page.after).bind(i64::from(page.limit)).fetch_all(db))
    }

    /// A guest list of this organisation that has not been struck off.
    pub async fn guest_list(&self, organisation: OrganisationId, id: GuestListId) -> Result<Option<ListedGuestList>, LedgerError> {
        ask!(self, limits::LEDGER_CALL_TIMEOUT, db =>
            query_as(lists!("organisation_id = $1 and list_id = $2", "where l.organisation_id = $1 and l.id = $2 and l.removed_at is null"))
                .bind(organisation).bind(id).fetch_optional(db))
    }

    /// How many guest lists and how many guests an event has.
    pub async fn guest_census(&self, event: EventId) -> Result<(i64, i64), LedgerError> {
        ask!(self, limits::LEDGER_CALL_TIMEOUT, db => Self::guest_census_on(db, event))
    }

    pub(in crate::ledger) async fn guest_census_on(db: &mut <Self as Connected>::Connection, event: EventId) -> Result<(i64, i64), sqlx::Error> {
        query_as(
            "select (select count(*) from guest_lists where event_id = $1 and removed_at is null),
                    (select count(*) from guests where event_id = $1 and removed_at is null)",
        ).bind(event).fetch_one(db).await
    }

    /// The guests that are searched for, in the order of their names; the page begins after the guest with its id.
    pub async fn guests(&self, organisation: OrganisationId, event: EventId, search: &GuestSearch, page: Page) -> Result<Vec<ListedGuest>, LedgerError> {
        let [a, b, c, d, e, f, g, h] = search.patterns();
        ask!(self, limits::LEDGER_BULK_TIMEOUT, db => query_as(guests!(
            "where g.event_id = $1 and g.removed_at is null
               and g.name_key like $2 escape '\\' and g.name_key like $3 escape '\\' and g.name_key like $4 escape '\\'
               and g.name_key like $5 escape '\\' and g.name_key like $6 escape '\\' and g.name_key like $7 escape '\\'
               and g.name_key like $8 escape '\\' and g.name_key like $9 escape '\\'
               and ($10 or g.list_id = $11)
               and ($12 = '' or $12 = case when g.arrived = 0 then 'none' when g.arrived < g.party_size then 'part' else 'all' end)
               and ($13 or (g.name_key, g.id) > (select k.name_key, k.id from guests k where k.organisation_id = $14 and k.id = $15))
             order by g.name_key, g.id limit $16"
        )).bind(event).bind(a).bind(b).bind(c).bind(d).bind(e).bind(f).bind(g).bind(h)
            .bind(search.list.is_none()).bind(search.list).bind(search.arrival.map_or("", super::Arrival::as_str))
            .bind(page.after.is_nil()).bind(organisation).bind(page.after).bind(i64::from(page.limit)).fetch_all(db))
    }

    /// A guest of this organisation, struck off or not.
    pub async fn guest(&self, organisation: OrganisationId, id: GuestId) -> Result<Option<ListedGuest>, LedgerError> {
        ask!(self, limits::LEDGER_CALL_TIMEOUT, db => Self::guest_on(db, organisation, id))
    }

    pub(in crate::ledger) async fn guest_on(
        db: &mut <Self as Connected>::Connection, organisation: OrganisationId, id: GuestId,
    ) -> Result<Option<ListedGuest>, sqlx::Error> {
        query_as(guests!("where g.organisation_id = $1 and g.id = $2")).bind(organisation).bind(id).fetch_optional(db).await
    }

    /// All that happened to a party, oldest first.
    pub async fn check_ins(&self, organisation: OrganisationId, guest: GuestId) -> Result<Vec<RecordedCheckIn>, LedgerError> {
        ask!(self, limits::LEDGER_BULK_TIMEOUT, db =>
            query_as(check_ins!("where c.organisation_id = $1 and c.guest_id = $2 order by c.seq"))
                .bind(organisation).bind(guest).fetch_all(db))
    }

    async fn check_in_on(
        db: &mut <Self as Connected>::Connection, organisation: OrganisationId, id: CheckInId,
    ) -> Result<Option<RecordedCheckIn>, sqlx::Error> {
        query_as(check_ins!("where c.organisation_id = $1 and c.id = $2")).bind(organisation).bind(id).fetch_optional(db).await
    }

    async fn undo_on(
        db: &mut <Self as Connected>::Connection, organisation: OrganisationId, id: CheckInId,
    ) -> Result<Option<RecordedCheckIn>, sqlx::Error> {
        query_as(check_ins!("where c.organisation_id = $1 and c.undoes = $2")).bind(organisation).bind(id).fetch_optional(db).await
    }

    /// Takes a fresh look for a check-in: all of one moment.
    pub async fn check_in_look(&self, look: CheckInLook) -> Result<CheckInSeen, LedgerError> {
        ask!(self, limits::LEDGER_CALL_TIMEOUT, db => async {
            let mut tx = db.begin_with(<Self as Connected>::SNAPSHOT).await?;
            let seen = Self::check_in_look_on(&mut tx, look).await?;
            tx.commit().await?;
            Ok(seen)
        })
    }

    async fn check_in_look_on(db: &mut <Self as Connected>::Connection, look: CheckInLook) -> Result<CheckInSeen, sqlx::Error> {
        let mut seen = CheckInSeen { authority: Self::authority_on(&mut *db, look.session).await?, ..CheckInSeen::default() };
        let Some(membership) = seen.authority.as_ref().map(|authority| &authority.membership) else { return Ok(seen) };
        let organisation = membership.organisation_id;
        if let [only] = membership.events.as_slice() {
            seen.pinned = Self::event_named_on(&mut *db, *only).await?;
        }
        seen.check_in = Self::check_in_on(&mut *db, organisation, look.check_in).await?;
        seen.undo = Self::undo_on(&mut *db, organisation, look.check_in).await?;
        if let Some(guest) = look.guest.or(seen.check_in.as_ref().map(|check_in| check_in.guest_id)) {
            seen.guest = Self::guest_on(&mut *db, organisation, guest).await?;
        }
        if let Some(found) = &seen.guest {
            seen.event = query_as::<_, Event>("select * from events where id = $1").bind(found.guest.event_id).fetch_optional(&mut *db).await?;
        }
        Ok(seen)
    }
}
