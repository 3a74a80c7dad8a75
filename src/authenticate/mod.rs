//! Token → [`Caller`]: who the caller is, and whether the session, the member and the device are still valid.
//!
//! The order is the contract's: token, device, person, session. Nothing here knows of events or permissions.

pub mod keys;
pub mod last_use;
pub mod token;

use std::sync::Arc;

use chrono::TimeDelta;

use self::{
    last_use::LastUses,
    token::{SessionClaims, Tokens},
};
use crate::{
    clock::{Clock, Moment},
    ids::{DeviceId, OrganisationId},
    ledger::{
        Ledger, LedgerError,
        change::Guard,
        kinds::{EndReason, MemberStatus, SessionKind},
        rows::{Authority, Device},
    },
};

/// Why a caller is not let any further.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAuthenticated {
    /// No token came with the request.
    #[error("Please sign in.")]
    TokenMissing,
    /// Not ours, altered, or of the wrong kind.
    #[error("This sign-in is not valid. Please sign in again.")]
    TokenInvalid,
    /// Too old, or idle for too long.
    #[error("Your sign-in has expired. Please sign in again.")]
    TokenExpired,
    /// The device was revoked.
    #[error("This device has been revoked.")]
    DeviceRevoked,
    /// The member is suspended.
    #[error("Your account is not active in this organisation.")]
    UserDeactivated,
    /// A newer sign-in took its place.
    #[error("You were signed out because you signed in on {by}.")]
    Displaced {
        /// When.
        at: Moment,
        /// The device's name, or `backstage`.
        by: String,
    },
    /// Signed out, or ended by an administrator.
    #[error("This session has ended. Please sign in again.")]
    SessionEnded {
        /// When.
        at: Moment,
    },
}

/// An authenticated caller: the device is not revoked, the member is active, the session is live.
#[derive(Clone, Debug)]
#[must_use]
pub struct Caller {
    authority: Arc<Authority>,
}

impl Caller {
    /// The session, the member and the device behind it.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The organisation in which the caller is signed in.
    pub fn organisation(&self) -> OrganisationId {
        self.authority.membership.organisation_id
    }

    /// The versions that a change made by this caller rests on.
    pub fn guards(&self) -> Vec<Guard> {
        let authority = &self.authority;
        let session = Guard::Session { id: authority.session.id, version: authority.session.version };
        let membership = Guard::Membership { id: authority.membership.id, version: authority.membership.version };
        let device = authority.device.as_ref().map(|d| Guard::Device { id: d.id, version: d.version });
        [session, membership].into_iter().chain(device).collect()
    }
}

/// Judges a session as the ledger (or a copy of it) has it. `used` is when this gateway last saw it in use.
pub fn judge(authority: Option<Arc<Authority>>, used: Option<Moment>, now: Moment) -> Result<Caller, NotAuthenticated> {
    let authority = authority.ok_or(NotAuthenticated::TokenInvalid)?;
    judge_device(authority.device.as_ref())?;
    judge_person(&authority)?;
    judge_session(&authority, used, now)?;
    // Removing a member ends every session; should one be open all the same, it is good for nothing.
    if authority.membership.status == MemberStatus::Removed {
        return Err(NotAuthenticated::UserDeactivated);
    }
    Ok(Caller { authority })
}

fn judge_device(device: Option<&Device>) -> Result<(), NotAuthenticated> {
    match device {
        Some(device) if device.revoked_at.is_some() => Err(NotAuthenticated::DeviceRevoked),
        _ => Ok(()),
    }
}

fn judge_person(authority: &Authority) -> Result<(), NotAuthenticated> {
    match authority.membership.status {
        // A removed member's sessions have ended, and say so themselves.
        MemberStatus::Active | MemberStatus::Removed => Ok(()),
        MemberStatus::Suspended => Err(NotAuthenticated::UserDeactivated),
    }
}

fn judge_session(authority: &Authority, used: Option<Moment>, now: Moment) -> Result<(), NotAuthenticated> {
    let session = &authority.session;
    if let Some(at) = session.ended_at {
        return Err(match session.end_reason {
            Some(EndReason::Displaced) => NotAuthenticated::Displaced { at, by: session.displaced_by.clone().unwrap_or_default() },
            Some(EndReason::Expired) => NotAuthenticated::TokenExpired,
            Some(EndReason::SignedOut | EndReason::Ended) | None => NotAuthenticated::SessionEnded { at },
        });
    }
    if is_over(authority, used, now) {
        return Err(NotAuthenticated::TokenExpired);
    }
    Ok(())
}

/// Whether a session's time is over, though it was not ended.
pub fn is_over(authority: &Authority, used: Option<Moment>, now: Moment) -> bool {
    now >= over_at(authority, used)
}

/// When a session's time is over, if it is not used until then.
pub fn over_at(authority: &Authority, used: Option<Moment>) -> Moment {
    let session = &authority.session;
    let last_use = used.map_or(session.seen_at, |used| used.max(session.seen_at));
    session.expires_at.min(last_use + TimeDelta::seconds(session.idle_seconds))
}

/// The name by which a session is known to the person whose other session it displaces.
pub fn session_place(kind: SessionKind, device: Option<&Device>) -> String {
    match device {
        Some(device) => device.name.clone(),
        None => kind.to_string(),
    }
}

/// A device that may sign people in.
#[derive(Clone, Debug)]
#[must_use]
pub struct EnrolledDevice {
    device: Device,
}

impl EnrolledDevice {
    pub fn device(&self) -> &Device {
        &self.device
    }

    pub fn id(&self) -> DeviceId {
        self.device.id
    }
}

/// Why a token gives no caller: it is not valid, or the ledger does not answer.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// They may not.
    #[error(transparent)]
    NotAuthenticated(#[from] NotAuthenticated),
    /// The ledger does not say.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Where tokens become callers.
#[derive(Clone)]
pub struct Authenticator {
    pub ledger: Ledger,
    /// Verifies tokens.
    pub tokens: Arc<Tokens>,
    /// Notes uses.
    pub used: Arc<LastUses>,
    /// The time.
    pub clock: Clock,
}

impl Authenticator {
    /// The claims of the session token of a request.
    pub async fn claims(&self, bearer: Option<&str>) -> Result<SessionClaims, AuthError> {
        self.tokens.session(bearer.ok_or(NotAuthenticated::TokenMissing)?).await
    }

    /// Judges a session and notes that it is in use.
    pub fn admit(&self, authority: Option<Arc<Authority>>, claims: SessionClaims) -> Result<Caller, NotAuthenticated> {
        let now = self.clock.now();
        let caller = judge(authority, self.used.last(claims.session), now)?;
        self.used.note(caller.authority(), now);
        Ok(caller)
    }

    /// The device behind a device token.
    pub async fn device(&self, token: &str) -> Result<EnrolledDevice, AuthError> {
        let claims = self.tokens.device(token).await?;
        let device = self.ledger.device(claims.device).await?.ok_or(NotAuthenticated::TokenInvalid)?;
        judge_device(Some(&device))?;
        // A newer enrolment of the same device has made this token worthless.
        if device.enrolment_id != Some(claims.enrolment) {
            return Err(NotAuthenticated::TokenInvalid.into());
        }
        Ok(EnrolledDevice { device })
    }
}

#[cfg(test)]
pub(crate) mod tests;
