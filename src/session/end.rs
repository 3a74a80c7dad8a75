//! Sessions in the back office: listing them, and ending them one by one or all at once.

use serde::Serialize;

use crate::{
    authenticate::Caller,
    authorise::{self, Denied, Refused, StaffSession},
    clock::{Clock, Moment},
    faults::Faults,
    ids::{DeviceId, MembershipId, OrganisationId, SessionId, UserId},
    ledger::{
        Ledger, LedgerError, Page, SessionFilter,
        change::{Change, Ending, Guard},
        kinds::{EndReason, Permission},
        rows::{Authority, Session},
    },
    limits,
};

/// Signs the caller out.
pub async fn sign_out(ledger: &Ledger, clock: Clock, staff: StaffSession<'_>) -> Result<(), Denied> {
    let caller = staff.caller().await?;
    end(ledger, clock, staff, caller.organisation(), caller.authority().session.id).await
}

/// Ends a session: the caller's own, or any with `team:manage`.
pub async fn end_one(ledger: &Ledger, clock: Clock, staff: StaffSession<'_>, session: SessionId) -> Result<(), Denied> {
    let caller = staff.caller().await?;
    end(ledger, clock, staff, caller.organisation(), session).await
}

async fn end(
    ledger: &Ledger,
    clock: Clock,
    staff: StaffSession<'_>,
    organisation: OrganisationId,
    session: SessionId,
) -> Result<(), Denied> {
    ledger
        .change(organisation, || async {
            let now = clock.now();
            let caller = staff.caller().await?;
            let other = of_this_organisation(ledger, &caller, session).await?;
            may_touch(&caller, EndScope::User(other.membership.user_id))?;
            let own = session == caller.authority().session.id;
            let mut change = Change::new(organisation, now, caller.guards());
            if other.session.ended_at.is_none() {
                let reason = if own { EndReason::SignedOut } else { EndReason::Ended };
                change.images.sessions.push(ended(other.session, reason, now));
            }
            Ok((change, ()))
        })
        .await
}

/// Which sessions are to be listed or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndScope {
    User(UserId),
    /// Those on a device.
    Device(DeviceId),
    /// Of all members.
    Everybody,
}

impl EndScope {
    /// What a request names: exactly one of the three.
    pub fn of(user: Option<UserId>, device: Option<DeviceId>, all: bool) -> Result<Self, Faults> {
        match (user, device, all) {
            (Some(user), None, false) => Ok(Self::User(user)),
            (None, Some(device), false) => Ok(Self::Device(device)),
            (None, None, true) => Ok(Self::Everybody),
            _ => Err(Faults::one("", "must name one of user, device and all=true, and only one")),
        }
    }
}

/// How many sessions were ended.
#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ended_sessions)]
pub struct Ended {
    /// Sessions that had not ended before.
    #[schema(example = 12)]
    pub ended: usize,
}

/// Ends every open session of a user, on a device or of the organisation, all in one step; the caller's own too, unless it is kept.
/// A sign-in beside it is either among them, or begins after it.
pub async fn end_many(
    ledger: &Ledger,
    clock: Clock,
    staff: StaffSession<'_>,
    whose: EndScope,
    keep_current: bool,
) -> Result<Ended, Denied> {
    for _ in 0..limits::CHANGE_TRIES_MAX {
        let caller = staff.caller().await?;
        may_touch(&caller, whose)?;
        let (member, device) = find(ledger, &caller, whose).await?;
        let ending = Ending {
            organisation: caller.organisation(),
            at: clock.now(),
            guards: caller.guards(),
            member,
            device,
            keep: keep_current.then_some(caller.authority().session.id),
        };
        match ledger.end_sessions(&ending).await {
            Err(LedgerError::Moved) => {}
            done => return Ok(Ended { ended: done? }),
        }
    }
    Err(LedgerError::Busy.into())
}

async fn find(ledger: &Ledger, caller: &Caller, whose: EndScope) -> Result<(Option<MembershipId>, Option<DeviceId>), Denied> {
    let organisation = caller.organisation();
    match whose {
        EndScope::User(user) => {
            let (membership, _) = ledger.member(organisation, user).await?.ok_or(Refused::NotFound)?;
            Ok((Some(membership.id), None))
        }
        EndScope::Device(device) => {
            let found = ledger.device(device).await?.filter(|found| found.organisation_id == organisation);
            Ok((None, Some(found.ok_or(Refused::NotFound)?.id)))
        }
        EndScope::Everybody => Ok((None, None)),
    }
}

/// The sessions of the organisation, of one user or on one device. Who has none may be gone, but not another organisation's.
pub async fn list(ledger: &Ledger, staff: StaffSession<'_>, filter: SessionFilter, page: Page) -> Result<Vec<Authority>, Denied> {
    let caller = may_list(staff, filter).await?;
    let sessions = ledger.sessions(caller.organisation(), filter, page).await?;
    if sessions.is_empty() {
        for whose in named(filter) {
            find(ledger, &caller, whose).await?;
        }
    }
    Ok(sessions)
}

/// The caller, if the caller may see these sessions. Everyone may see their own.
pub async fn may_list(staff: StaffSession<'_>, filter: SessionFilter) -> Result<Caller, Denied> {
    let caller = staff.caller().await?;
    may_touch(&caller, named(filter).next().unwrap_or(EndScope::Everybody))?;
    Ok(caller)
}

fn named(filter: SessionFilter) -> impl Iterator<Item = EndScope> {
    [filter.user.map(EndScope::User), filter.device.map(EndScope::Device)].into_iter().flatten()
}

/// Whether the caller may end sessions at all; checked before what is wrong with the named member or device.
pub async fn may_end(staff: StaffSession<'_>) -> Result<(), Denied> {
    Ok(may_touch(&staff.caller().await?, EndScope::Everybody)?)
}

/// `team:manage` sees and ends all sessions, `devices:manage` those on a device, and every member their own.
fn may_touch(caller: &Caller, whose: EndScope) -> Result<(), Refused> {
    let may = |permission| authorise::mandate(caller.clone(), permission).map(drop);
    match whose {
        EndScope::User(user) if user == caller.authority().membership.user_id => Ok(()),
        EndScope::Device(_) if may(Permission::DevicesManage).is_ok() => Ok(()),
        EndScope::User(_) | EndScope::Device(_) | EndScope::Everybody => may(Permission::TeamManage),
    }
}

async fn of_this_organisation(ledger: &Ledger, caller: &Caller, session: SessionId) -> Result<Authority, Denied> {
    let found = ledger.authority(session).await?.filter(|other| other.membership.organisation_id == caller.organisation());
    Ok(found.ok_or(Refused::NotFound)?)
}

/// Ends these sessions of a member or on a device, guarded by what was read; none that begins meanwhile is missed.
pub fn end_with(change: &mut Change, open: Vec<Authority>, all_of: impl FnOnce(i64) -> Guard) {
    change.guards.push(all_of(i64::try_from(open.len()).unwrap_or(i64::MAX)));
    let at = change.at;
    change.images.sessions.extend(open.into_iter().map(|open| ended(open.session, EndReason::Ended, at)));
}

/// The image of a session that ends now.
fn ended(mut session: Session, reason: EndReason, now: Moment) -> Session {
    session.version += 1;
    session.ended_at = Some(now);
    session.end_reason = Some(reason);
    session
}
