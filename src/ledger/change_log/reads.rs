//! What is read of the log of changes.

use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    ids::OrganisationId,
    ledger::{Ledger, LedgerError, db::Reader},
    limits,
};

/// A row of `changes`: which things one change has altered.
#[derive(Clone, Debug, FromRow)]
pub struct Altered {
    /// Its number; without gaps, over all organisations.
    pub seq: i64,
    /// The organisation that the things belong to.
    pub organisation_id: OrganisationId,
    /// The things.
    #[sqlx(json)]
    pub ids: Vec<Uuid>,
}

/// The position of the log of changes.
pub(in crate::ledger) async fn position_on(db: &mut Reader) -> Result<i64, LedgerError> {
    db.value("select change_seq from book", &[]).await
}

/// Changes after this position, oldest first, of every organisation; [`limits::CHANGES_AT_ONCE_MAX`] at the most.
pub(in crate::ledger) async fn changes_after_on(db: &mut Reader, position: i64) -> Result<Vec<Altered>, LedgerError> {
    db.all(
        "select seq, organisation_id, ids from changes where seq > $1 order by seq limit $2",
        &[position.into(), limits::CHANGES_AT_ONCE_MAX.into()],
    )
    .await
}

impl Ledger {
    /// The number of the last change.
    pub async fn position(&self) -> Result<i64, LedgerError> {
        position_on(&mut self.reader(limits::LEDGER_CALL_TIMEOUT).await?).await
    }

    /// Changes after this position, oldest first, of every organisation; [`limits::CHANGES_AT_ONCE_MAX`] at the most.
    pub async fn changes_after(&self, position: i64) -> Result<Vec<Altered>, LedgerError> {
        changes_after_on(&mut self.reader(limits::LEDGER_CALL_TIMEOUT).await?, position).await
    }

    /// The oldest change that the log still holds.
    pub async fn oldest_change(&self) -> Result<Option<i64>, LedgerError> {
        self.reader(limits::LEDGER_CALL_TIMEOUT).await?.value("select min(seq) from changes", &[]).await
    }
}
