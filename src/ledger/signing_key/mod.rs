//! Signing keys.

use sqlx::FromRow;

use super::{Ledger, LedgerError};
use crate::{clock::Moment, limits};

#[derive(Clone, FromRow)]
pub struct SigningKey {
    /// Its name in a token's header.
    pub kid: String,
    /// The 32 bytes of an Ed25519 seed, base64url.
    pub seed: String,
    /// When it was made.
    pub created_at: Moment,
    /// When it stopped signing; it verifies until it is pruned.
    pub retired_at: Option<Moment>,
}

impl Ledger {
    /// Every signing key, retired ones included.
    pub async fn signing_keys(&self) -> Result<Vec<SigningKey>, LedgerError> {
        let mut db = self.reader(limits::LEDGER_CALL_TIMEOUT).await?;
        db.all("select kid, seed, created_at, retired_at from signing_keys", &[]).await
    }
}
