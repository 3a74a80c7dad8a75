//! A session of the back office, whose rights are read from the ledger again for each attempt at a change.

use super::{Refused, need, permissions, role::Permission};
use crate::{
    authenticate::{AuthError, Authenticator, Caller, NotAuthenticated, token::SessionClaims},
    ids::OrganisationId,
    ledger::{LedgerError, change::Guard},
};

/// The right to act in the back office: a caller who holds a permission.
#[derive(Debug)]
#[must_use]
pub struct Mandate {
    pub(super) caller: Caller,
}

impl Mandate {
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The organisation that it holds in.
    pub fn organisation(&self) -> OrganisationId {
        self.caller.organisation()
    }

    /// The versions that it was given on.
    pub fn guards(&self) -> Vec<Guard> {
        self.caller.guards()
    }
}

/// May this caller do what this permission is for?
pub fn mandate(caller: Caller, permission: Permission) -> Result<Mandate, Refused> {
    need(permissions(&caller), permission)?;
    Ok(Mandate { caller })
}

/// Why a call of the back office is refused.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// The session, the member or the device is not valid.
    #[error(transparent)]
    NotAuthenticated(#[from] NotAuthenticated),
    /// The caller may not.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The ledger does not answer.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<AuthError> for Denied {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::NotAuthenticated(error) => Self::NotAuthenticated(error),
            AuthError::Ledger(error) => Self::Ledger(error),
        }
    }
}

/// A session token that was verified. What its user may do is read from the ledger at each use.
#[derive(Clone, Copy)]
pub struct StaffSession<'a> {
    authenticator: &'a Authenticator,
    claims: SessionClaims,
}

impl<'a> StaffSession<'a> {
    pub fn new(authenticator: &'a Authenticator, claims: SessionClaims) -> Self {
        Self { authenticator, claims }
    }

    pub fn claims(&self) -> SessionClaims {
        self.claims
    }

    /// The caller, as the ledger has it now.
    pub async fn caller(&self) -> Result<Caller, Denied> {
        let authority = self.authenticator.ledger.authority(self.claims.session).await?;
        Ok(self.authenticator.admit(authority.map(std::sync::Arc::new), self.claims)?)
    }

    /// The right to do what this permission is for, as the ledger has it now.
    pub async fn mandate(&self, permission: Permission) -> Result<Mandate, Denied> {
        Ok(mandate(self.caller().await?, permission)?)
    }
}
