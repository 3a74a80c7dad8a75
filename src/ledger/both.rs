//! Statements that both databases understand, written once.
//!
//! Each function stands for both: [`on_both`] puts the same body into the Postgres and the SQLite ledger. Only what the door path
//! writes in batches, and the looks that it takes, differ (see `postgres/` and `sqlite/`).

use std::{collections::HashMap, sync::Arc};

use sqlx::{query, query_as, query_scalar};
use uuid::Uuid;

use super::{
    error::LedgerError,
    kinds::{EventStatus, MemberStatus, Role, SessionKind},
    lease::within,
    postgres::Postgres,
    rows::{
        Altered, Attendance, AttendanceCell, Authority, Device, Event, EventFacts, ListedRefusal, Membership, Organisation,
        OrganisationNames, RecordedSale, RefusalFilter, Sale, SaleLine, Session, SigningKey, SoldTicket, Ticket, TicketType, User,
    },
    sqlite::Sqlite,
};
use crate::{
    clock::Moment,
    ids::{DeviceId, EnrolmentId, EventId, MembershipId, Named, OrganisationId, SaleId, ScanId, SessionId, UserId},
    limits,
};

/// One page of a list: so many rows after this id.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Rows at the most.
    pub limit: u32,
    /// The id after which the page begins.
    pub after: Uuid,
}

/// Which sessions of an organisation are asked for.
#[derive(Clone, Copy, Debug)]
pub struct SessionFilter {
    /// Of this user only.
    pub user: Option<UserId>,
    /// On this device only.
    pub device: Option<DeviceId>,
    /// Of this kind only.
    pub kind: Option<SessionKind>,
    /// Those that are live at `at`, or those that are over.
    pub live: bool,
    /// The moment by which that is judged.
    pub at: Moment,
}

/// A member with the person's name.
#[derive(sqlx::FromRow)]
struct NamedMember {
    #[sqlx(flatten)]
    membership: Membership,
    user_name: String,
}

/// What the databases say differently: whether a session `s` was used within its idle time before `$9`.
impl Postgres {
    const IN_USE: &str = "s.seen_at + s.idle_seconds * interval '1 second' > $9";
}

impl Sqlite {
    const IN_USE: &str = "unixepoch(s.seen_at, 'subsec') + s.idle_seconds > unixepoch($9, 'subsec')";
}

/// A small write that no decision rests on: it has no version, takes no lock, and is no change.
#[derive(Clone, Copy)]
pub enum Note<'n> {
    /// A signing key, unless there is one that is active.
    SigningKey(&'n SigningKey),
    /// Forget signing keys that were retired before this moment.
    PruneKeys(Moment),
    /// Forget changes that no copy can be older than.
    PruneChanges,
    /// Forget some of the scans that were refused before this moment.
    PruneRefused(Moment),
    /// What the app says of this device, as it was enrolled then.
    Hardware(DeviceId, Option<EnrolmentId>, &'n serde_json::Value),
    /// These sessions and devices were in use at this moment. Who is being changed just now keeps an older one.
    Used(&'n [SessionId], &'n [DeviceId], Moment),
}

/// The columns of an [`Authority`], as one row tells them.
#[derive(sqlx::FromRow)]
struct AuthorityNames {
    user_name: String,
    slug: String,
    name: String,
}

/// A ticket, and whether it was ever scanned.
#[derive(sqlx::FromRow)]
struct TicketUse {
    #[sqlx(flatten)]
    ticket: Ticket,
    scanned: bool,
}

macro_rules! on_both {
    ($($body:tt)*) => {
        impl Postgres { $($body)* }
        impl Sqlite { $($body)* }
    };
}

/// Lends a connection, waits for the statement, gives the connection back.
macro_rules! ask {
    ($ledger:expr, $limit:expr, $connection:ident => $work:expr) => {{
        let mut lease = $ledger.lease().await?;
        let left = lease.left($limit);
        let $connection = &mut *lease;
        let done = within(left, $work).await?;
        lease.finish();
        Ok(done)
    }};
}

pub(super) use {ask, on_both};

on_both! {
    /// The ledger's own id: names its keys in Redis.
    pub async fn id(&self) -> Result<Uuid, LedgerError> {
        ask!(self, limits::LEDGER_CALL_TIMEOUT, db => query_scalar("select id from book").fetch_one(db))
    }

    /// The position of the log of changes.
    pub async fn position(&self) -> Result<i64, LedgerError> {
        ask!(self, limits::LEDGER_CALL_TIMEOUT, db => query_scalar("select change_seq from book").fetch_one(db))
    }

    /// Changes after this position, oldest first, of every organisation.
    pub async fn changes_after(&self, position: i64) -> Result<Vec<Altered>, LedgerError> {
        ask!(self, limits::LEDGER_CALL_TIMEOUT, db => query_as("select seq, organisation_id, ids from changes where seq > $1 order by seq limit $2")
            .bind(position).bind(limits::CHANGES_AT_ONCE_MAX).fetch_all(db))
    }

    /// The oldest change that the log still holds.
    pub async fn oldest_change(&self) -> Result<Option<i64>, LedgerError> {
        ask!(self, limits::LEDGER_CALL_TIMEOUT, db => query_scalar("select min(seq) from changes").fetch_one(db))
    }

    /// Every signing key, retired ones included.
    pub async fn signing_keys(&self) -> Result<Vec<SigningKey>, LedgerError> {
        ask!(self, limits::LEDGER_CALL_TIMEOUT, db => query_as("select kid, seed, created_at, retired_at from signing_keys").fetch_all(db))
    }

    /// The organisation with this slug.
    pub async fn organisation_by_slug(&self, slug: &str) -> Result<Option<Organisation>, LedgerError> {
        ask!(self, limits::LEDGER_CALL_TIMEOUT, db => query_as("select * from organisations where slug = $1").bind(slug).fetch_optional(db))
    }

    /// The organisation with this id.
    pub async fn organisation(&self, id: OrganisationId) -> Result<Option<Organisation>, LedgerError> {
        ask!(self, limits::LEDGER_CALL_TIMEOUT, db => query_as("select * from organisations where id = $1").bind(id).fetch_optional(db))
    }

    /// A session with its member and device.
    pub async fn authority(&self, session: SessionId) -> Result<Option<Authority>, LedgerError> {
        ask!(self, limits::LEDGER_CALL_TIMEOUT, db => Self::authority_on(db, session))
    }

    pub(super) async fn authority_on(db: &mut <Self as super::Connected>::Connection, session: SessionId) -> Result<Option<Authority>, sqlx::Error> {
        let Some(session) = query_as::<_, Session>("select * from sessions where id = $1").bind(session).fetch_optional(&mut *db).await? else {
            return Ok(None);
        };
        let membership: Membership = query_as("select * from memberships where id = $1").bind(session.membership_id).fetch_one(&mut *db).await?;
        let names: AuthorityNames = query_as(
            "select u.name as user_name, o.slug, o.name from users u, organisations o where u.id = $1 and o.id = $2",
        ).bind(membership.user_id).bind(membership.organisation_id).fetch_one(&mut *db).await?;
        let device = match session.device_id {
            Some(device) => query_as("select * from devices where id = $1").bind(device).fetch_optional(&mut *db).await?,
            None => None,
        };
        let AuthorityNames { user_name, slug, name } = names;
        Ok(Some(Authority { session, membership, device, user_name, organisation: Arc::new(OrganisationNames { slug, name }) }))
    }

    /// The member that signs in by this name, and the person behind it.
    pub async fn member_by_username(&self, organisation: OrganisationId, username_key: &str) -> Result<Option<(Membership, User)>, LedgerError> {
        let found: Result<Option<Membership>, LedgerError> = ask!(self, limits::LEDGER_CALL_TIMEOUT, db =>
            query_as("select * from memberships where organisation_id = $1 and username_key = $2 and status <> 'removed'")
                .bind(organisation).bind(username_key).fetch_optional(db));
        match found? {
            Some(membership) => Ok(self.user(membership.user_id).await?.map(|user| (membership, user))),
            None => Ok(None),
        }
    }

    /// A person.
    pub async fn user(&self, id: UserId) -> Result<Option<User>, LedgerError> {
        ask!(self, limits::LEDGER_CALL_TIMEOUT, db => query_as("select * from users where id = $1").bind(id).fetch_optional(db))
    }

    /// A member of this organisation, whatever its status but removed.
    pub async fn member(&self, organisation: OrganisationId, user: UserId) -> Result<Option<(Membership, User)>, LedgerError> {
        let found: Result<Option<Membership>, LedgerError> = ask!(self, limits::LEDGER_CALL_TIMEOUT, db =>
            query_as("select * from memberships where organisation_id = $1 and user_id = $2 and status <> 'removed'")
                .bind(organisation).bind(user).fetch_optional(db));
        match found? {
            Some(membership) => Ok(self.user(membership.user_id).await?.map(|user| (membership, user))),
            None => Ok(None),
        }
    }

    /// The members of an organisation, by membership id. `needle` is looked for in name, user name and address; lower case.
    pub async fn members(&self, organisation: OrganisationId, role: Option<Role>, needle: &str, page: Page) -> Result<Vec<(Membership, User)>, LedgerError> {
        let like = format!("%{}%", needle.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
        let memberships: Result<Vec<Membership>, LedgerError> = ask!(self, limits::LEDGER_BULK_TIMEOUT, db => query_as(
            "select m.* from memberships m join users u on u.id = m.user_id
             where m.organisation_id = $1 and m.status <> 'removed' and m.id > $2 and ($3 = '' or m.role = $3)
               and (lower(u.name) like $4 escape '\\' or m.username_key like $4 escape '\\' or lower(u.email) like $4 escape '\\')
             order by m.id limit $5",
        ).bind(organisation).bind(page.after).bind(role.map_or("", Role::as_str)).bind(&like).bind(i64::from(page.limit)).fetch_all(db));
        let memberships = memberships?;
        let users: Result<Vec<User>, LedgerError> = ask!(self, limits::LEDGER_BULK_TIMEOUT, db => query_as(
            "select u.* from users u join memberships m on m.user_id = u.id where m.organisation_id = $1 and m.id > $2 and m.id <= $3",
        ).bind(organisation).bind(page.after).bind(memberships.last().map_or(page.after, |m| m.id.0)).fetch_all(db));
        let mut users: HashMap<UserId, User> = users?.into_iter().map(|u| (u.id, u)).collect();
        Ok(memberships.into_iter().filter_map(|m| users.remove(&m.user_id).map(|u| (m, u))).collect())
    }

    /// How many active Organisation Admins there are.
    pub async fn active_administrators(&self, organisation: OrganisationId) -> Result<i64, LedgerError> {
        ask!(self, limits::LEDGER_CALL_TIMEOUT, db => query_scalar("select count(*) from memberships where organisation_id = $1 and role = $2 and status = $3")
            .bind(organisation).bind(Role::OrganisationAdmin).bind(MemberStatus::Active).fetch_one(db))
    }

    /// The sessions of this member or on this device that have not ended, with the names that they tell.
    pub async fn open_sessions(&self, member: Option<MembershipId>, device: Option<DeviceId>) -> Result<Vec<Authority>, LedgerError> {
        let open: Result<Vec<SessionId>, LedgerError> = ask!(self, limits::LEDGER_CALL_TIMEOUT, db =>
            query_scalar("select id from sessions where ended_at is null and (membership_id = $1 or device_id = $2) order by id")
                .bind(member).bind(device).fetch_all(db));
        self.authorities(open?).await
    }

    /// The sessions of an organisation that pass the filter, oldest first; each with its member and device, read page by page and not
    /// one by one.
    pub async fn sessions(&self, organisation: OrganisationId, filter: SessionFilter, page: Page) -> Result<Vec<Authority>, LedgerError> {
        let statement = format!(
            "select s.* from sessions s join memberships m on m.id = s.membership_id
             where s.organisation_id = $1 and s.id > $2 and ($3 or m.user_id = $4) and ($5 or s.device_id = $6) and ($7 = '' or s.kind = $7)
               and (s.ended_at is null and s.expires_at > $9 and {}) = $8 order by s.id limit $10",
            Self::IN_USE,
        );
        ask!(self, limits::LEDGER_BULK_TIMEOUT, db => async {
            let sessions: Vec<Session> = query_as(sqlx::AssertSqlSafe(statement))
                .bind(organisation).bind(page.after).bind(filter.user.is_none()).bind(filter.user).bind(filter.device.is_none()).bind(filter.device)
                .bind(filter.kind.map_or("", SessionKind::as_str)).bind(filter.live).bind(filter.at).bind(i64::from(page.limit))
                .fetch_all(&mut *db).await?;
            Self::with_members_on(db, organisation, page.after, sessions).await
        })
    }

    /// These sessions, all of one organisation and all after this id, with their members and devices.
    async fn with_members_on(
        db: &mut <Self as super::Connected>::Connection, organisation: OrganisationId, after: Uuid, sessions: Vec<Session>,
    ) -> Result<Vec<Authority>, sqlx::Error> {
        let Some(last) = sessions.last().map(|session| session.id) else { return Ok(Vec::new()) };
        let Organisation { slug, name, .. } = query_as("select * from organisations where id = $1").bind(organisation).fetch_one(&mut *db).await?;
        let names = Arc::new(OrganisationNames { slug, name });
        let members: Vec<NamedMember> = query_as(
            "select m.*, u.name as user_name from memberships m join users u on u.id = m.user_id
             where m.id in (select membership_id from sessions where organisation_id = $1 and id > $2 and id <= $3)",
        ).bind(organisation).bind(after).bind(last).fetch_all(&mut *db).await?;
        let devices: Vec<Device> = query_as(
            "select * from devices where id in (select device_id from sessions where organisation_id = $1 and id > $2 and id <= $3)",
        ).bind(organisation).bind(after).bind(last).fetch_all(&mut *db).await?;
        let members: HashMap<MembershipId, NamedMember> = members.into_iter().map(|member| (member.membership.id, member)).collect();
        let devices: HashMap<DeviceId, Device> = devices.into_iter().map(|device| (device.id, device)).collect();
        Ok(sessions.into_iter().filter_map(|session| {
            let NamedMember { membership, user_name } = members.get(&session.membership_id)?;
            Some(Authority {
                membership: membership.clone(),
                device: session.device_id.and_then(|id| devices.get(&id).cloned()),
                user_name: user_name.clone(),
                organisation: Arc::clone(&names),
                session,
            })
        }).collect())
    }

    async fn authorities(&self, sessions: Vec<SessionId>) -> Result<Vec<Authority>, LedgerError> {
        ask!(self, limits::LEDGER_BULK_TIMEOUT, db => async {
            let mut all = Vec::with_capacity(sessions.len());
            for session in sessions {
                all.extend(Self::authority_on(&mut *db, session).await?);
            }
            Ok(all)
        })
    }

    /// A device, of whichever organisation.
    pub async fn device(&self, id: DeviceId) -> Result<Option<Device>, LedgerError> {
        ask!(self, limits::LEDGER_CALL_TIMEOUT, db => query_as("select * from devices where id = $1").bind(id).fetch_optional(db))
    }

    /// The device whose enrolment code hashes to this.
    pub async fn device_by_enrolment(&self, hash: &str) -> Result<Option<Device>, LedgerError> {
        ask!(self, limits::LEDGER_CALL_TIMEOUT, db => query_as("select * from devices where enrolment_hash = $1").bind(hash).fetch_optional(db))
    }

    /// The names of an organisation's devices that begin with this one.
    pub async fn device_names(&self, organisation: OrganisationId, begin: &str) -> Result<Vec<String>, LedgerError> {
        let length = i32::try_from(begin.chars().count()).unwrap_or(i32::MAX);
        ask!(self, limits::LEDGER_BULK_TIMEOUT, db => query_scalar("select name from devices where organisation_id = $1 and substr(name, 1, $2) = $3")
            .bind(organisation).bind(length).bind(begin).fetch_all(db))
    }

    /// The devices of an organisation.
    pub async fn devices(&self, organisation: OrganisationId, page: Page) -> Result<Vec<Device>, LedgerError> {
        ask!(self, limits::LEDGER_BULK_TIMEOUT, db => query_as("select * from devices where organisation_id = $1 and id > $2 order by id limit $3")
            .bind(organisation).bind(page.after).bind(i64::from(page.limit)).fetch_all(db))
    }

    /// An event with its ticket types, of whichever organisation.
    pub async fn event(&self, id: EventId, at: Moment) -> Result<Option<EventFacts>, LedgerError> {
        ask!(self, limits::LEDGER_CALL_TIMEOUT, db => Self::event_on(db, id, Some(at)))
    }

    /// With what live holds keep at this moment, if there is one.
    pub(super) async fn event_on(
        db: &mut <Self as super::Connected>::Connection, id: EventId, at: Option<Moment>,
    ) -> Result<Option<EventFacts>, sqlx::Error> {
        // Read twice with the version compared: both statements then belong to one state of the event.
        loop {
            let Some(event) = query_as::<_, Event>("select * from events where id = $1").bind(id).fetch_optional(&mut *db).await? else {
                return Ok(None);
            };
            let types = query_as::<_, TicketType>(
                "select t.*, (select cast(coalesce(sum(l.quantity), 0) as integer) from hold_lines l
                              where l.ticket_type_id = t.id and l.kept and l.expires_at > $2) as held
                 from ticket_types t where t.event_id = $1 order by t.id",
            ).bind(id).bind(at).fetch_all(&mut *db).await?;
            let version: i64 = query_scalar("select version from events where id = $1").bind(id).fetch_one(&mut *db).await?;
            if version == event.version {
                return Ok(Some(EventFacts { event, types }));
            }
        }
    }

    /// The events of an organisation with their ticket types.
    pub async fn events(&self, organisation: OrganisationId, page: Page, at: Moment) -> Result<Vec<EventFacts>, LedgerError> {
        let ids: Result<Vec<EventId>, LedgerError> = ask!(self, limits::LEDGER_BULK_TIMEOUT, db =>
            query_scalar("select id from events where organisation_id = $1 and id > $2 order by id limit $3")
                .bind(organisation).bind(page.after).bind(i64::from(page.limit)).fetch_all(db));
        self.events_by_id(ids?, at).await
    }

    /// The live events of an organisation, newest first.
    pub async fn live_events(&self, organisation: OrganisationId, most: u32) -> Result<Vec<EventId>, LedgerError> {
        ask!(self, limits::LEDGER_BULK_TIMEOUT, db => query_scalar("select id from events where organisation_id = $1 and status = $2 order by id desc limit $3")
            .bind(organisation).bind(EventStatus::Live).bind(i64::from(most)).fetch_all(db))
    }

    /// Those of these ids that are an event's, with their ticket types.
    pub async fn events_among(&self, ids: &[Uuid], at: Moment) -> Result<Vec<EventFacts>, LedgerError> {
        let mut events = Vec::new();
        for ids in ids.chunks(limits::IDS_AT_ONCE_MAX) {
            let places: Vec<_> = (1..=ids.len()).map(|n| format!("${n}")).collect();
            let statement = format!("select id from events where id in ({})", places.join(", "));
            let asked = ids.iter().fold(query_scalar(sqlx::AssertSqlSafe(statement)), |asked, id| asked.bind(id));
            let found: Result<Vec<EventId>, LedgerError> = ask!(self, limits::LEDGER_BULK_TIMEOUT, db => asked.fetch_all(db));
            events.extend(found?);
        }
        self.events_by_id(events, at).await
    }

    /// These events with their ticket types.
    pub async fn events_by_id(&self, ids: Vec<EventId>, at: Moment) -> Result<Vec<EventFacts>, LedgerError> {
        ask!(self, limits::LEDGER_BULK_TIMEOUT, db => async {
            let mut all = Vec::with_capacity(ids.len());
            for id in ids {
                all.extend(Self::event_on(&mut *db, id, Some(at)).await?);
            }
            Ok(all)
        })
    }

    /// The id and name of an event, of whichever organisation.
    pub(super) async fn event_named_on(db: &mut <Self as super::Connected>::Connection, id: EventId) -> Result<Option<Named>, sqlx::Error> {
        let name: Option<String> = query_scalar("select name from events where id = $1").bind(id).fetch_optional(&mut *db).await?;
        Ok(name.map(|name| Named::new(id, name)))
    }

    /// The id and name of an event, of whichever organisation.
    pub async fn event_named(&self, id: EventId) -> Result<Option<Named>, LedgerError> {
        ask!(self, limits::LEDGER_CALL_TIMEOUT, db => Self::event_named_on(db, id))
    }

    /// Tickets of an event for the warm copy: a page in the order of their codes.
    pub async fn tickets(&self, event: EventId, after: &str) -> Result<Vec<Ticket>, LedgerError> {
        ask!(self, limits::LEDGER_BULK_TIMEOUT, db => query_as(
            "select id, ticket_type_id, code, holder, status, entries_allowed, valid_from, valid_until, version from tickets where event_id = $1 and code > $2 order by code limit $3",
        ).bind(event).bind(after).bind(limits::WARM_PAGE_ROWS).fetch_all(db))
    }

    /// Every ticket of an event, and whether it was ever scanned; for a demo's list of what can be tried.
    pub async fn tickets_with_use(&self, event: EventId) -> Result<Vec<(Ticket, bool)>, LedgerError> {
        let found: Result<Vec<TicketUse>, LedgerError> = ask!(self, limits::LEDGER_BULK_TIMEOUT, db => query_as(
            "select t.id, t.ticket_type_id, t.code, t.holder, t.status, t.entries_allowed, t.valid_from, t.valid_until, t.version,
                    exists (select 1 from admissions a where a.ticket_id = t.id) as scanned
             from tickets t where t.event_id = $1 order by t.code",
        ).bind(event).fetch_all(db));
        Ok(found?.into_iter().map(|found| (found.ticket, found.scanned)).collect())
    }

    /// An event's tickets that have changed since an older version of it.
    pub async fn tickets_changed(&self, event: EventId, since: i64) -> Result<Vec<Ticket>, LedgerError> {
        ask!(self, limits::LEDGER_BULK_TIMEOUT, db => query_as(
            "select id, ticket_type_id, code, holder, status, entries_allowed, valid_from, valid_until, version from tickets where event_id = $1 and version > $2 and version > 0",
        ).bind(event).bind(since).fetch_all(db))
    }

    /// Where a scan of the session's organisation was made: the event, and the ticket's code. A movement that takes another back is no scan.
    pub async fn scanned(&self, session: SessionId, scan: ScanId) -> Result<Option<(EventId, String)>, LedgerError> {
        ask!(self, limits::LEDGER_CALL_TIMEOUT, db => query_as(
            "select a.event_id, t.code from sessions s
             join admissions a on a.organisation_id = s.organisation_id and a.id = $2 and a.undoes is null
             join tickets t on t.id = a.ticket_id
             where s.id = $1",
        ).bind(session).bind(scan).fetch_optional(db))
    }

    /// Refused scans of an event of this organisation, newest first: those before the id after which the page begins.
    pub async fn refused_scans(
        &self, organisation: OrganisationId, event: EventId, filter: &RefusalFilter, page: Page,
    ) -> Result<Vec<ListedRefusal>, LedgerError> {
        let before = if page.after.is_nil() { Uuid::max() } else { page.after };
        ask!(self, limits::LEDGER_BULK_TIMEOUT, db => query_as(
            "select r.id, r.scan_id, r.code, r.ticket_id, t.ticket_type_id, y.name as ticket_type_name, r.direction, r.reason, r.gate,
                    r.device_id, d.name as device_name, m.user_id, u.name as user_name, r.scanned_at, r.refused_at
             from refused_scans r
             join devices d on d.id = r.device_id
             join sessions s on s.id = r.session_id
             join memberships m on m.id = s.membership_id
             join users u on u.id = m.user_id
             left join tickets t on t.id = r.ticket_id
             left join ticket_types y on y.id = t.ticket_type_id
             where r.event_id = $1 and r.organisation_id = $2 and r.id < $3
               and ($4 is null or r.reason = $4) and ($5 is null or r.device_id = $5) and ($6 is null or r.gate = $6)
               and ($7 is null or r.refused_at >= $7) and ($8 is null or r.refused_at < $8)
             order by r.id desc limit $9",
        ).bind(event).bind(organisation).bind(before).bind(filter.reason).bind(filter.device).bind(filter.gate.as_deref())
            .bind(filter.from).bind(filter.until).bind(i64::from(page.limit)).fetch_all(db))
    }

    /// Who came to an event of this organisation, and who is inside: one statement, and so one moment.
    pub(super) async fn attendance(&self, organisation: OrganisationId, event: EventId) -> Result<Attendance, LedgerError> {
        let cells: Result<Vec<AttendanceCell>, LedgerError> = ask!(self, limits::LEDGER_BULK_TIMEOUT, db => query_as(
            "with standing as (
                 select ticket_id, seq, direction, gate
                 from admissions
                 where event_id = $2 and organisation_id = $1 and undoes is null
                   and id not in (select undoes from admissions where organisation_id = $1 and undoes is not null)
             ),
             came as (
                 select ticket_id, min(case when direction = 'in' then seq end) as entered,
                        sum(case direction when 'in' then 1 else -1 end) as inside
                 from standing group by ticket_id
             ),
             counted as (
                 select t.ticket_type_id, f.gate, c.entered is not null as came,
                        count(case when t.status = 'valid' then 1 end) as tickets, count(c.entered) as admitted, sum(c.inside) as inside
                 from tickets t
                 left join came c on c.ticket_id = t.id
                 left join standing f on f.ticket_id = c.ticket_id and f.seq = c.entered
                 where t.event_id = $2 and t.organisation_id = $1
                 group by t.ticket_type_id, f.gate, c.entered is not null
             )
             select y.id as ticket_type_id, y.name, c.gate, coalesce(c.came, 1 = 0) as came,
                    coalesce(c.tickets, 0) as tickets, coalesce(c.admitted, 0) as admitted, cast(coalesce(c.inside, 0) as bigint) as inside,
                    cast(0 as bigint) as entries, cast(0 as bigint) as exits
             from ticket_types y left join counted c on c.ticket_type_id = y.id
             where y.event_id = $2 and y.organisation_id = $1
             union all
             select null, null, gate, 1 = 1, 0, 0, 0,
                    count(case direction when 'in' then 1 end), count(case direction when 'out' then 1 end)
             from standing group by gate",
        ).bind(organisation).bind(event).fetch_all(db));
        Ok(Attendance::of(cells?))
    }

    /// A sale of this organisation.
    pub async fn sale(&self, organisation: OrganisationId, id: SaleId) -> Result<Option<RecordedSale>, LedgerError> {
        ask!(self, limits::LEDGER_CALL_TIMEOUT, db => Self::sale_on(db, organisation, id))
    }

    pub(super) async fn sale_on(
        db: &mut <Self as super::Connected>::Connection, organisation: OrganisationId, id: SaleId,
    ) -> Result<Option<RecordedSale>, sqlx::Error> {
        let found = query_as::<_, Sale>("select * from sales where organisation_id = $1 and id = $2")
            .bind(organisation).bind(id).fetch_optional(&mut *db).await?;
        let Some(sale) = found else { return Ok(None) };
        let lines = query_as::<_, SaleLine>("select * from sale_lines where organisation_id = $1 and sale_id = $2 order by place")
            .bind(organisation).bind(id).fetch_all(&mut *db).await?;
        let tickets = query_as::<_, SoldTicket>(
            "select t.id, t.code, t.ticket_type_id, l.name as ticket_type_name
             from tickets t join sale_lines l on l.organisation_id = t.organisation_id and l.sale_id = t.sale_id and l.ticket_type_id = t.ticket_type_id
             where t.organisation_id = $1 and t.sale_id = $2 order by t.id",
        ).bind(organisation).bind(id).fetch_all(&mut *db).await?;
        let event = Self::event_named_on(db, sale.event_id).await?.unwrap_or_else(|| Named::new(sale.event_id, ""));
        let voided_at = query_scalar("select recorded_at from sale_voids where organisation_id = $1 and sale_id = $2")
            .bind(organisation).bind(id).fetch_optional(&mut *db).await?;
        Ok(Some(RecordedSale { sale, lines, tickets, event, voided_at }))
    }

    pub(super) async fn note_on(db: &mut <Self as super::Connected>::Connection, note: Note<'_>) -> Result<(), sqlx::Error> {
        match note {
            Note::SigningKey(key) => {
                query("insert into signing_keys (kid, seed, created_at) values ($1, $2, $3) on conflict do nothing")
                    .bind(&key.kid).bind(&key.seed).bind(key.created_at).execute(&mut *db).await?;
            }
            Note::PruneKeys(before) => {
                query("delete from signing_keys where retired_at < $1").bind(before).execute(&mut *db).await?;
            }
            Note::PruneChanges => {
                query("delete from changes where seq <= (select change_seq from book) - $1").bind(limits::CHANGES_KEPT_MAX).execute(&mut *db).await?;
            }
            Note::PruneRefused(before) => {
                query("delete from refused_scans where id in (select id from refused_scans where refused_at < $1 order by refused_at limit $2)")
                    .bind(before).bind(limits::REFUSED_PRUNED_ROWS).execute(&mut *db).await?;
            }
            Note::Hardware(device, enrolment, hardware) => {
                query("update devices set hardware = $3 where id = $1 and enrolment_id = $2 and revoked_at is null")
                    .bind(device).bind(enrolment).bind(hardware).execute(&mut *db).await?;
            }
            Note::Used(sessions, devices, at) => Self::used_on(&mut *db, sessions, devices, at).await?,
        }
        Ok(())
    }
}
