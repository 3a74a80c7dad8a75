//! The state that all handlers share; the gateway opens it once.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;

use super::{accept::Shutdown, extract::Bearer, metrics::Metrics, shed::Shed, uploads::Uploads};
use crate::{
    attempt::Sources,
    authenticate::{AuthError, Authenticator, token::Tokens},
    authorise::StaffSession,
    clock::Clock,
    ledger::Ledger,
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
    /// The session of a token. Its signature and age are checked; the ledger is read at each use of the session.
    pub async fn staff(&self, bearer: &Bearer) -> Result<StaffSession<'_>, AuthError> {
        Ok(StaffSession::new(&self.authenticator, self.authenticator.claims(bearer.0.as_deref()).await?))
    }
}
