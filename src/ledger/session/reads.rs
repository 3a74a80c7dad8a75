//! What is read of sessions, with their members and devices.

use std::{collections::HashMap, sync::Arc};

use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use crate::{
    clock::Moment,
    ids::{DeviceId, MembershipId, OrganisationId, SessionId, UserId},
    ledger::{
        Ledger, LedgerError, Page,
        db::{Arg, Kind, Reader},
        kinds::SessionKind,
        rows::{Authority, Device, Membership, Organisation, OrganisationNames, Session},
    },
    limits,
};

/// Which sessions of an organisation to list.
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

/// The names of an [`Authority`], read in one row.
#[derive(FromRow)]
struct AuthorityNames {
    user_name: String,
    slug: String,
    name: String,
}

/// A member with the user's name.
#[derive(FromRow)]
struct NamedMember {
    #[sqlx(flatten)]
    membership: Membership,
    user_name: String,
}

/// Whether a session `s` was used within its idle time before `$9`.
fn in_use(kind: Kind) -> &'static str {
    match kind {
        Kind::Postgres => "s.seen_at + s.idle_seconds * interval '1 second' > $9",
        Kind::Sqlite => "unixepoch(s.seen_at, 'subsec') + s.idle_seconds > unixepoch($9, 'subsec')",
    }
}

/// A session with its member and device.
pub(in crate::ledger) async fn authority_on(db: &mut Reader, session: SessionId) -> Result<Option<Authority>, LedgerError> {
    let Some(session) = db.optional::<Session>("select * from sessions where id = $1", &[Arg::id(session)]).await? else {
        return Ok(None);
    };
    let membership: Membership = db.one("select * from memberships where id = $1", &[Arg::id(session.membership_id)]).await?;
    let AuthorityNames { user_name, slug, name } = db
        .one(
            "select u.name as user_name, o.slug, o.name from users u, organisations o where u.id = $1 and o.id = $2",
            &[Arg::id(membership.user_id), Arg::id(membership.organisation_id)],
        )
        .await?;
    let device = match session.device_id {
        Some(device) => db.optional("select * from devices where id = $1", &[Arg::id(device)]).await?,
        None => None,
    };
    Ok(Some(Authority { session, membership, device, user_name, organisation: Arc::new(OrganisationNames { slug, name }) }))
}

/// These sessions, all of one organisation and all after this id, with their members and devices.
async fn with_members_on(
    db: &mut Reader,
    organisation: OrganisationId,
    after: Uuid,
    sessions: Vec<Session>,
) -> Result<Vec<Authority>, LedgerError> {
    let Some(last) = sessions.last().map(|session| session.id) else { return Ok(Vec::new()) };
    let Organisation { slug, name, .. } = db.one("select * from organisations where id = $1", &[Arg::id(organisation)]).await?;
    let names = Arc::new(OrganisationNames { slug, name });
    let members: Vec<NamedMember> = db
        .all(
            "select m.*, u.name as user_name from memberships m join users u on u.id = m.user_id
             where m.id in (select membership_id from sessions where organisation_id = $1 and id > $2 and id <= $3)",
            &[Arg::id(organisation), Arg::id(after), Arg::id(last)],
        )
        .await?;
    let devices: Vec<Device> = db
        .all(
            "select * from devices where id in (select device_id from sessions where organisation_id = $1 and id > $2 and id <= $3)",
            &[Arg::id(organisation), Arg::id(after), Arg::id(last)],
        )
        .await?;
    let members: HashMap<MembershipId, NamedMember> = members.into_iter().map(|member| (member.membership.id, member)).collect();
    let devices: HashMap<DeviceId, Device> = devices.into_iter().map(|device| (device.id, device)).collect();
    let authority = |session: Session| {
        let NamedMember { membership, user_name } = members.get(&session.membership_id)?;
        Some(Authority {
            membership: membership.clone(),
            device: session.device_id.and_then(|id| devices.get(&id).cloned()),
            user_name: user_name.clone(),
            organisation: Arc::clone(&names),
            session,
        })
    };
    Ok(sessions.into_iter().filter_map(authority).collect())
}

impl Ledger {
    /// A session with its member and device.
    pub async fn authority(&self, session: SessionId) -> Result<Option<Authority>, LedgerError> {
        authority_on(&mut self.reader(limits::LEDGER_CALL_TIMEOUT).await?, session).await
    }

    /// The sessions of this member or on this device that have not ended.
    pub async fn open_sessions(&self, member: Option<MembershipId>, device: Option<DeviceId>) -> Result<Vec<Authority>, LedgerError> {
        let mut db = self.reader(limits::LEDGER_BULK_TIMEOUT).await?;
        let open: Vec<SessionId> = db
            .values(
                "select id from sessions where ended_at is null and (membership_id = $1 or device_id = $2) order by id",
                &[Arg::optional_id(member), Arg::optional_id(device)],
            )
            .await?;
        let mut all = Vec::with_capacity(open.len());
        for session in open {
            all.extend(authority_on(&mut db, session).await?);
        }
        Ok(all)
    }

    /// The sessions of an organisation that pass the filter, oldest first; each with its member and device, read page by page and not
    /// one by one.
    pub async fn sessions(&self, organisation: OrganisationId, filter: SessionFilter, page: Page) -> Result<Vec<Authority>, LedgerError> {
        let mut db = self.reader(limits::LEDGER_BULK_TIMEOUT).await?;
        let statement = format!(
            "select s.* from sessions s join memberships m on m.id = s.membership_id
             where s.organisation_id = $1 and s.id > $2 and ($3 or m.user_id = $4) and ($5 or s.device_id = $6) and ($7 = '' or s.kind = $7)
               and (s.ended_at is null and s.expires_at > $9 and {}) = $8 order by s.id limit $10",
            in_use(db.kind()),
        );
        let args = [
            Arg::id(organisation),
            Arg::id(page.after),
            filter.user.is_none().into(),
            Arg::optional_id(filter.user),
            filter.device.is_none().into(),
            Arg::optional_id(filter.device),
            filter.kind.map_or("", SessionKind::as_str).into(),
            filter.live.into(),
            filter.at.into(),
            page.limit.into(),
        ];
        let sessions = db.all(AssertSqlSafe(statement), &args).await?;
        with_members_on(&mut db, organisation, page.after, sessions).await
    }
}
