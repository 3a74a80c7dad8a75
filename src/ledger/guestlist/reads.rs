//! What is read of guest lists.

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::{Arrival, CheckInLook, CheckInSeen, GuestSearch, ListedGuest, ListedGuestList, RecordedCheckIn};
use crate::{
    ids::{EventId, GuestId, GuestListId, OrganisationId},
    ledger::{
        Ledger, LedgerError, Page,
        db::{Arg, Reader},
        event::reads::{event_named_on, row_on},
        session::reads::authority_on,
    },
    limits,
};

/// How many guest lists and how many guests the event `$1` has.
pub(in crate::ledger) const GUEST_CENSUS: &str = "select (select count(*) from guest_lists where event_id = $1 and removed_at is null),
                    (select count(*) from guests where event_id = $1 and removed_at is null)";

/// Lists with their counts. Only guests that pass `counted` are counted, so `listed` must select no other list.
fn lists(counted: &'static str, listed: &'static str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "select l.*, coalesce(c.guests, 0) as guests, cast(coalesce(c.people, 0) as bigint) as people,
                    cast(coalesce(c.arrived, 0) as bigint) as arrived
             from guest_lists l
             left join (select organisation_id, list_id, count(*) as guests, sum(party_size) as people, sum(arrived) as arrived
                        from guests where {counted} and removed_at is null group by organisation_id, list_id) c
               on c.organisation_id = l.organisation_id and c.list_id = l.id {listed}"
    ))
}

/// Guests `g` with the names of their lists.
fn guests(condition: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "select g.*, l.name as list_name from guests g
             join guest_lists l on l.organisation_id = g.organisation_id and l.id = g.list_id {condition}"
    ))
}

/// Check-ins `c` with the names of their members and devices.
fn check_ins(condition: &'static str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "select c.id, c.guest_id, c.seq, c.people, c.arrived, c.party_size, c.undoes, c.membership_id, u.id as user_id, u.name as user_name, c.device_id,
                    d.name as device_name, c.gate, c.recorded_at, c.fingerprint
             from guest_check_ins c
             join memberships m on m.id = c.membership_id
             join users u on u.id = m.user_id
             left join devices d on d.id = c.device_id {condition}"
    ))
}

async fn guest_on(db: &mut Reader, organisation: OrganisationId, id: GuestId) -> Result<Option<ListedGuest>, LedgerError> {
    db.optional(guests("where g.organisation_id = $1 and g.id = $2"), &[Arg::id(organisation), Arg::id(id)]).await
}

async fn check_in_look_on(db: &mut Reader, look: CheckInLook) -> Result<CheckInSeen, LedgerError> {
    let mut seen = CheckInSeen { authority: authority_on(db, look.session).await?, ..CheckInSeen::default() };
    let Some(membership) = seen.authority.as_ref().map(|authority| &authority.membership) else { return Ok(seen) };
    let organisation = membership.organisation_id;
    if let Some(only) = membership.only_event() {
        seen.pinned = event_named_on(db, only).await?;
    }
    let key = [Arg::id(organisation), Arg::id(look.check_in)];
    seen.check_in = db.optional(check_ins("where c.organisation_id = $1 and c.id = $2"), &key).await?;
    seen.undo = db.optional(check_ins("where c.organisation_id = $1 and c.undoes = $2"), &key).await?;
    if let Some(guest) = look.guest.or(seen.check_in.as_ref().map(|check_in| check_in.guest_id)) {
        seen.guest = guest_on(db, organisation, guest).await?;
    }
    if let Some(found) = &seen.guest {
        seen.event = row_on(db, found.guest.event_id).await?;
    }
    Ok(seen)
}

impl Ledger {
    /// The guest lists of an event, oldest first.
    pub async fn guest_lists(&self, event: EventId, page: Page) -> Result<Vec<ListedGuestList>, LedgerError> {
        let statement = lists("event_id = $1", "where l.event_id = $1 and l.removed_at is null and l.id > $2 order by l.id limit $3");
        let mut db = self.reader(limits::LEDGER_BULK_TIMEOUT).await?;
        db.all(statement, &[Arg::id(event), Arg::id(page.after), page.limit.into()]).await
    }

    /// A guest list of this organisation that has not been struck off.
    pub async fn guest_list(&self, organisation: OrganisationId, id: GuestListId) -> Result<Option<ListedGuestList>, LedgerError> {
        let statement =
            lists("organisation_id = $1 and list_id = $2", "where l.organisation_id = $1 and l.id = $2 and l.removed_at is null");
        let mut db = self.reader(limits::LEDGER_CALL_TIMEOUT).await?;
        db.optional(statement, &[Arg::id(organisation), Arg::id(id)]).await
    }

    /// How many guest lists and how many guests an event has.
    pub async fn guest_census(&self, event: EventId) -> Result<(i64, i64), LedgerError> {
        self.reader(limits::LEDGER_CALL_TIMEOUT).await?.one(GUEST_CENSUS, &[Arg::id(event)]).await
    }

    /// The guests that are searched for, in the order of their names; the page begins after the guest with its id.
    pub async fn guests(
        &self,
        organisation: OrganisationId,
        event: EventId,
        search: &GuestSearch,
        page: Page,
    ) -> Result<Vec<ListedGuest>, LedgerError> {
        let statement = guests(
            "where g.event_id = $1 and g.removed_at is null
               and g.name_key like $2 escape '\\' and g.name_key like $3 escape '\\' and g.name_key like $4 escape '\\'
               and g.name_key like $5 escape '\\' and g.name_key like $6 escape '\\' and g.name_key like $7 escape '\\'
               and g.name_key like $8 escape '\\' and g.name_key like $9 escape '\\'
               and ($10 or g.list_id = $11)
               and ($12 = '' or $12 = case when g.arrived = 0 then 'none' when g.arrived < g.party_size then 'part' else 'all' end)
               and ($13 or (g.name_key, g.id) > (select k.name_key, k.id from guests k where k.organisation_id = $14 and k.id = $15))
             order by g.name_key, g.id limit $16",
        );
        let [a, b, c, d, e, f, g, h] = &search.patterns();
        let args = [
            Arg::id(event),
            a.into(),
            b.into(),
            c.into(),
            d.into(),
            e.into(),
            f.into(),
            g.into(),
            h.into(),
            search.list.is_none().into(),
            Arg::optional_id(search.list),
            search.arrival.map_or("", Arrival::as_str).into(),
            page.after.is_nil().into(),
            Arg::id(organisation),
            Arg::id(page.after),
            page.limit.into(),
        ];
        self.reader(limits::LEDGER_BULK_TIMEOUT).await?.all(statement, &args).await
    }

    /// A guest of this organisation, struck off or not.
    pub async fn guest(&self, organisation: OrganisationId, id: GuestId) -> Result<Option<ListedGuest>, LedgerError> {
        guest_on(&mut self.reader(limits::LEDGER_CALL_TIMEOUT).await?, organisation, id).await
    }

    /// Those of these guests that there are.
    pub async fn guests_by_id(&self, organisation: OrganisationId, ids: &[GuestId]) -> Result<Vec<ListedGuest>, LedgerError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let mut db = self.reader(limits::LEDGER_BULK_TIMEOUT).await?;
        let statement = guests(&format!("where g.organisation_id = $2 and g.id {}", db.kind().among_ids()));
        db.all(statement, &[Arg::Uuids(&ids), Arg::id(organisation)]).await
    }

    /// All check-ins of a guest's party, oldest first.
    pub async fn check_ins(&self, organisation: OrganisationId, guest: GuestId) -> Result<Vec<RecordedCheckIn>, LedgerError> {
        let statement = check_ins("where c.organisation_id = $1 and c.guest_id = $2 order by c.seq");
        let mut db = self.reader(limits::LEDGER_BULK_TIMEOUT).await?;
        db.all(statement, &[Arg::id(organisation), Arg::id(guest)]).await
    }

    /// Takes a fresh look for a check-in: all of one moment.
    pub async fn check_in_look(&self, look: CheckInLook) -> Result<CheckInSeen, LedgerError> {
        let mut db = self.reader(limits::LEDGER_CALL_TIMEOUT).await?;
        db.begin_snapshot().await?;
        let seen = check_in_look_on(&mut db, look).await?;
        db.commit().await?;
        Ok(seen)
    }
}
