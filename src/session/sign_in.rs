//! Sign-in: a password becomes a session, and the session that was there before ends in the same step (features D2, S2, S3).

use std::sync::Arc;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{
    hot::Hot,
    password::{Passwords, PoolFull},
    throttle::{Attempt, Throttle},
    view::SessionView,
};
use crate::{
    authenticate::{
        self, EnrolledDevice, NotAuthenticated,
        last_use::LastUses,
        token::{Tokens, Unsigned},
    },
    clock::{self, Clock, Moment, Stamp},
    config::SessionLifetimes,
    faults::Faults,
    ids::{Named, SessionId},
    ledger::{
        Ledger, LedgerError,
        change::{Change, Guard},
        kinds::{DeviceKind, EndReason, MemberStatus, SessionKind},
        rows::{Authority, Device, Membership, Organisation, OrganisationNames, Session, User},
    },
    limits,
    openapi_schemas::{GivenPassword, Name, Username},
};

/// Who wants to sign in.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = sign_in)]
pub struct SignInRequest {
    /// The organisation's slug.
    #[schema(value_type = Name, example = "demo")]
    pub organisation: String,
    /// The user name in that organisation.
    #[schema(value_type = Username, example = "scanner")]
    pub username: String,
    /// The password.
    #[schema(value_type = GivenPassword)]
    pub password: String,
}

/// A session that a sign-in has ended.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = displaced_session)]
pub struct Displaced {
    /// Its id.
    pub session_id: SessionId,
    /// Where it was.
    pub device: Option<Named>,
    /// When it had begun.
    pub started_at: Stamp,
}

/// A session that has begun.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = signed_in)]
pub struct SignedIn {
    /// The token for the calls of this session.
    pub session_token: String,
    /// The session.
    pub session: SessionView,
    /// The live session that this sign-in has ended.
    pub displaced: Option<Displaced>,
}

/// Why a sign-in failed.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Unknown organisation, unknown user or wrong password: one answer.
    #[error("The organisation, the user name or the password is wrong.")]
    CredentialsInvalid,
    /// The device or the person may not.
    #[error(transparent)]
    NotAuthenticated(#[from] NotAuthenticated),
    /// A field is too long.
    #[error("the body is invalid")]
    Invalid(Faults),
    /// Too many failures before this one; in so many seconds there is room for another.
    #[error("There were too many failed sign-ins. Please try again in a moment.")]
    Throttled(i64),
    /// A token could not be signed.
    #[error(transparent)]
    Unsigned(#[from] Unsigned),
    /// Too many sign-ins wait.
    #[error(transparent)]
    PoolFull(#[from] PoolFull),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Where people sign in.
#[derive(Clone)]
pub struct SignInService {
    pub ledger: Ledger,
    /// Issues tokens.
    pub tokens: Arc<Tokens>,
    /// Checks passwords.
    pub passwords: Passwords,
    /// Slows down guesses.
    pub throttle: Arc<Throttle>,
    /// Keeps hot copies.
    pub hot: Arc<Hot>,
    /// Notes uses.
    pub used: Arc<LastUses>,
    /// How long sessions last.
    pub lifetimes: SessionLifetimes,
    /// The time.
    pub clock: Clock,
}

/// What a sign-in rests on once the password was right.
struct Proven {
    organisation: Organisation,
    membership: Membership,
    user: User,
}

/// A session that has begun.
struct Begun {
    /// The position of the log before anything was read: what the commit found unmoved is at least as new.
    as_of: i64,
    authority: Authority,
    displaced: Option<Displaced>,
}

/// Signs a member in, on this device or backstage. Without a device, failures are counted by the address.
pub async fn sign_in(
    service: &SignInService,
    device: Option<EnrolledDevice>,
    request: SignInRequest,
    address: &str,
) -> Result<SignedIn, SignInError> {
    let proven = prove(service, device.as_ref(), request, address).await?;
    let organisation = proven.organisation.id;
    let signer = service.tokens.signer().await?;
    let Begun { as_of, authority, displaced } = service.ledger.change(organisation, || begin(service, device.as_ref(), &proven)).await?;
    let authority = Arc::new(authority);
    service.hot.remember(as_of, &authority);
    service.used.begun(authority.session.id, authority.session.device_id);
    Ok(SignedIn {
        session_token: signer.for_session(authority.session.id, authority.session.expires_at)?,
        session: SessionView::of(&service.ledger, &authority).await?,
        displaced,
    })
}

async fn prove(
    service: &SignInService,
    device: Option<&EnrolledDevice>,
    request: SignInRequest,
    address: &str,
) -> Result<Proven, SignInError> {
    let mut faults = Faults::default();
    let slug = faults.text("/organisation", &request.organisation, 1, limits::NAME_CHARS);
    let username = faults.text("/username", &request.username, 1, limits::USERNAME_CHARS);
    if request.password.is_empty() || request.password.chars().count() > limits::PASSWORD_MAX_CHARS {
        faults.add("/password", format!("must have 1 to {} characters", limits::PASSWORD_MAX_CHARS));
    }
    faults.none_or(()).map_err(SignInError::Invalid)?;
    let source = device.map_or_else(|| address.to_owned(), |device| device.id().to_string());
    let attempt = Attempt { organisation: slug, username_key: username.to_lowercase(), source };
    service.throttle.allows(&attempt, clock::mark()).map_err(SignInError::Throttled)?;

    let found = find(&service.ledger, device, &attempt).await?;
    let hash = found.as_ref().map(|proven| proven.user.password_hash.clone());
    if let (true, Some(proven)) = (service.passwords.check(request.password, hash).await?, found) {
        service.throttle.succeeded(&attempt, clock::mark()).map_err(SignInError::Throttled)?;
        return Ok(proven);
    }
    service.throttle.failed(attempt, clock::mark()).map_err(SignInError::Throttled)?;
    Err(SignInError::CredentialsInvalid)
}

async fn find(ledger: &Ledger, device: Option<&EnrolledDevice>, attempt: &Attempt) -> Result<Option<Proven>, LedgerError> {
    let Some(organisation) = ledger.organisation_by_slug(&attempt.organisation).await? else { return Ok(None) };
    // A device knows of no organisation but its own.
    if device.is_some_and(|d| d.device().organisation_id != organisation.id) {
        return Ok(None);
    }
    let found = ledger.member_by_username(organisation.id, &attempt.username_key).await?;
    Ok(found.map(|(membership, user)| Proven { organisation, membership, user }))
}

/// Reads the current state and returns what is to be written: the sessions that end, and the one that begins.
async fn begin(service: &SignInService, device: Option<&EnrolledDevice>, proven: &Proven) -> Result<(Change, Begun), SignInError> {
    let as_of = service.ledger.log().position();
    let now = service.clock.now();
    let device = still_good(&service.ledger, device).await?;
    let membership = still_proven(&service.ledger, proven).await?;
    let kind = device.as_ref().map_or(SessionKind::Backstage, |d| match d.kind {
        DeviceKind::Scanner => SessionKind::Scanner,
        DeviceKind::Pos => SessionKind::Pos,
    });
    // A member may be on hundreds of scanners, and a sign-in on another one ends none of them: they are not read.
    let at_a_desk = (kind != SessionKind::Scanner).then_some(membership.id);
    let open = service.ledger.open_sessions(at_a_desk, device.as_ref().map(|d| d.id)).await?;
    let in_the_way = open.into_iter().filter(|other| is_in_the_way(other, kind, &membership, device.as_ref()));
    let place = authenticate::session_place(kind, device.as_ref());

    let mut guards = vec![Guard::Membership { id: membership.id, version: membership.version }];
    guards.extend(device.as_ref().map(|d| Guard::Device { id: d.id, version: d.version }));
    let mut change = Change::new(proven.organisation.id, now, guards);
    let mut displaced: Option<Displaced> = None;
    for other in in_the_way {
        let live = !authenticate::is_over(&other, service.used.last(other.session.id), now);
        // Of two sessions that end, the member's own is the one to report.
        if live && (displaced.is_none() || other.membership.id == membership.id) {
            displaced = Some(displaced_by_sign_in(&other));
        }
        change.images.sessions.push(ended(other.session, live, &place, now));
    }
    let session = fresh(service, &membership, device.as_ref(), kind, now);
    change.images.sessions.push(session.clone());
    let authority = Authority {
        session,
        membership,
        device,
        user_name: proven.user.name.clone(),
        organisation: Arc::new(OrganisationNames { slug: proven.organisation.slug.clone(), name: proven.organisation.name.clone() }),
    };
    Ok((change, Begun { as_of, authority, displaced }))
}

async fn still_good(ledger: &Ledger, device: Option<&EnrolledDevice>) -> Result<Option<Device>, SignInError> {
    let Some(enrolled) = device else { return Ok(None) };
    let now = ledger.device(enrolled.id()).await?.ok_or(NotAuthenticated::TokenInvalid)?;
    if now.revoked_at.is_some() {
        return Err(NotAuthenticated::DeviceRevoked.into());
    }
    if now.enrolment_id != enrolled.device().enrolment_id {
        return Err(NotAuthenticated::TokenInvalid.into());
    }
    Ok(Some(now))
}

async fn still_proven(ledger: &Ledger, proven: &Proven) -> Result<Membership, SignInError> {
    let found = ledger.member(proven.organisation.id, proven.membership.user_id).await?;
    let (membership, user) = found.ok_or(SignInError::CredentialsInvalid)?;
    if user.password_hash != proven.user.password_hash {
        return Err(SignInError::CredentialsInvalid);
    }
    match membership.status {
        MemberStatus::Active => Ok(membership),
        MemberStatus::Suspended | MemberStatus::Removed => Err(NotAuthenticated::UserDeactivated.into()),
    }
}

/// Whether an open session ends when this one begins: a device has one, a member has one that is not on a scanner, and any number on
/// scanners.
pub fn is_in_the_way(other: &Authority, kind: SessionKind, membership: &Membership, device: Option<&Device>) -> bool {
    let same_device = device.is_some() && other.session.device_id == device.map(|d| d.id);
    let both_at_desks = kind != SessionKind::Scanner && other.session.kind != SessionKind::Scanner;
    same_device || (both_at_desks && other.membership.id == membership.id)
}

/// The image of a session that ends for another one; one whose time was over was not displaced.
pub fn ended(mut session: Session, live: bool, place: &str, now: Moment) -> Session {
    session.version += 1;
    session.ended_at = Some(now);
    session.end_reason = Some(if live { EndReason::Displaced } else { EndReason::Expired });
    session.displaced_by = live.then(|| place.to_owned());
    session
}

fn displaced_by_sign_in(other: &Authority) -> Displaced {
    Displaced {
        session_id: other.session.id,
        device: other.device.as_ref().map(|d| Named::new(d.id, &d.name)),
        started_at: other.session.started_at.into(),
    }
}

fn fresh(service: &SignInService, membership: &Membership, device: Option<&Device>, kind: SessionKind, now: Moment) -> Session {
    let lifetimes = &service.lifetimes;
    let (lifetime, idle) = match kind {
        SessionKind::Scanner | SessionKind::Pos => (lifetimes.device, lifetimes.device_idle),
        SessionKind::Backstage => (lifetimes.backstage, lifetimes.backstage_idle),
    };
    Session {
        id: clock::new_id(),
        organisation_id: membership.organisation_id,
        membership_id: membership.id,
        device_id: device.map(|d| d.id),
        kind,
        started_at: now,
        expires_at: now + TimeDelta::from_std(lifetime).unwrap_or(TimeDelta::MAX),
        idle_seconds: i64::try_from(idle.as_secs()).unwrap_or(i64::MAX),
        ended_at: None,
        end_reason: None,
        displaced_by: None,
        version: 1,
        seen_at: now,
    }
}
