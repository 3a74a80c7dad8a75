//! What the handlers share: the rooms, opened once by the gateway.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;

use super::{accept::Leave, metrics::Metrics, parts::Bearer, problem::Problem, shed::Shed, uploads::Uploads};
use crate::{
    authenticate::{Gate, GateError, token::Tokens},
    authorise::Clerk,
    clock::Clock,
    event::catalogue::manageable,
    ids::EventId,
    ledger::{Book, words::Permission},
    push::Push,
    session::{hot::Hot, sign_in::Entrance},
    team::change::Office,
    walk::Sources,
};

/// The rooms of one gateway.
#[derive(Clone)]
pub struct House(pub Arc<Rooms>);

/// What a gateway has opened.
pub struct Rooms {
    /// The book.
    pub book: Book,
    /// Where tokens become callers.
    pub gate: Gate,
    /// Issues and verifies tokens.
    pub tokens: Arc<Tokens>,
    /// Hot copies of sessions.
    pub hot: Arc<Hot>,
    /// Where scans and sales find what they decide on.
    pub sources: Sources,
    /// Where people sign in.
    pub entrance: Entrance,
    /// Where the team is managed.
    pub office: Office,
    /// Where streams are opened.
    pub push: Push,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Who is turned away when there is too much to do.
    pub shed: Arc<Shed>,
    /// Places for uploads.
    pub uploads: Uploads,
    /// Whether the gateway is about to stop.
    pub leave: Leave,
    /// The OpenAPI document as it is sent, once the calls are known.
    pub document: OnceLock<Bytes>,
    /// How long a hold keeps stock.
    pub hold: Duration,
    /// The time.
    pub clock: Clock,
}

impl std::ops::Deref for House {
    type Target = Rooms;

    fn deref(&self) -> &Rooms {
        &self.0
    }
}

impl House {
    /// The person behind a session token, for the back office.
    pub async fn clerk(&self, bearer: &Bearer) -> Result<Clerk<'_>, GateError> {
        Ok(Clerk::new(&self.gate, self.gate.claims(bearer.0.as_deref()).await?))
    }

    /// The same for a call with a body: an ill-formed body is told only to a caller who is who they say.
    pub async fn clerk_with<T>(&self, bearer: &Bearer, sent: Result<T, Problem>) -> Result<(Clerk<'_>, T), Problem> {
        let clerk = self.clerk(bearer).await?;
        if sent.is_err() {
            let _caller = clerk.caller().await?;
        }
        Ok((clerk, sent?))
    }

    /// The same for a call that needs a permission: it is asked for before the body.
    pub async fn manager_with<T>(&self, bearer: &Bearer, needs: Permission, sent: Result<T, Problem>) -> Result<(Clerk<'_>, T), Problem> {
        let clerk = self.clerk(bearer).await?;
        if sent.is_err() {
            let _mandate = clerk.mandate(needs).await?;
        }
        Ok((clerk, sent?))
    }

    /// The same for a call on an event: that it is there is asked first.
    pub async fn organiser_with<T>(&self, bearer: &Bearer, event: EventId, sent: Result<T, Problem>) -> Result<(Clerk<'_>, T), Problem> {
        let clerk = self.clerk(bearer).await?;
        if sent.is_err() {
            let _event = manageable(&self.book, clerk, event).await?;
        }
        Ok((clerk, sent?))
    }
}
