//! The state that all handlers share; the gateway opens it once.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;

use super::{accept::Shutdown, extract::Bearer, metrics::Metrics, problem::Problem, shed::Shed, uploads::Uploads};
use crate::{
    attempt::Sources,
    authenticate::{AuthError, Authenticator, token::Tokens},
    authorise::StaffSession,
    clock::Clock,
    event::catalogue::manageable,
    ids::EventId,
    ledger::{Ledger, kinds::Permission},
    session::{hot::Hot, sign_in::SignInService},
    stream::Streams,
    team::change::TeamService,
};

#[derive(Clone)]
pub struct AppState(pub Arc<Services>);

/// The opened services of a gateway.
pub struct Services {
    pub ledger: Ledger,
    pub authenticator: Authenticator,
    pub tokens: Arc<Tokens>,
    pub hot: Arc<Hot>,
    /// The facts that scans and sales decide on.
    pub sources: Sources,
    pub sign_in: SignInService,
    pub team: TeamService,
    pub streams: Streams,
    pub metrics: Arc<Metrics>,
    pub shed: Arc<Shed>,
    pub uploads: Uploads,
    pub shutdown: Shutdown,
    /// The serialised OpenAPI document; set when the router is built.
    pub document: OnceLock<Bytes>,
    /// How long a hold keeps stock.
    pub hold: Duration,
    pub clock: Clock,
}

impl std::ops::Deref for AppState {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.0
    }
}

impl AppState {
    /// The person behind a session token, for the back team.
    pub async fn staff(&self, bearer: &Bearer) -> Result<StaffSession<'_>, AuthError> {
        Ok(StaffSession::new(&self.authenticator, self.authenticator.claims(bearer.0.as_deref()).await?))
    }

    /// The same for a call with a body: an ill-formed body is told only to a caller who is who they say.
    pub async fn staff_with<T>(&self, bearer: &Bearer, sent: Result<T, Problem>) -> Result<(StaffSession<'_>, T), Problem> {
        let staff = self.staff(bearer).await?;
        if sent.is_err() {
            let _caller = staff.caller().await?;
        }
        Ok((staff, sent?))
    }

    /// The same for a call that needs a permission: it is asked for before the body.
    pub async fn manager_with<T>(
        &self,
        bearer: &Bearer,
        needs: Permission,
        sent: Result<T, Problem>,
    ) -> Result<(StaffSession<'_>, T), Problem> {
        let staff = self.staff(bearer).await?;
        if sent.is_err() {
            let _mandate = staff.mandate(needs).await?;
        }
        Ok((staff, sent?))
    }

    /// The same for a call on an event: that it is there is asked first.
    pub async fn organiser_with<T>(
        &self,
        bearer: &Bearer,
        event: EventId,
        sent: Result<T, Problem>,
    ) -> Result<(StaffSession<'_>, T), Problem> {
        let staff = self.staff(bearer).await?;
        if sent.is_err() {
            let _event = manageable(&self.ledger, staff, event).await?;
        }
        Ok((staff, sent?))
    }
}
