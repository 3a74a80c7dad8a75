//! What the till reads back: holds and voids. Statements that both databases understand, as in [`super::both`].

use sqlx::query_as;

use super::{
    both::{ask, on_both},
    error::LedgerError,
    lease::within,
    postgres::Postgres,
    rows::{Hold, RecordedHold, SaleLine, Void},
    sqlite::Sqlite,
};
use crate::{
    ids::{HoldId, OrganisationId, VoidId},
    limits,
};

on_both! {
    /// A hold of this organisation.
    pub async fn hold(&self, organisation: OrganisationId, id: HoldId) -> Result<Option<RecordedHold>, LedgerError> {
        ask!(self, limits::LEDGER_CALL, db => Self::hold_on(db, organisation, id))
    }

    pub(super) async fn hold_on(
        db: &mut <Self as super::Connected>::Connection, organisation: OrganisationId, id: HoldId,
    ) -> Result<Option<RecordedHold>, sqlx::Error> {
        let found = query_as::<_, Hold>("select * from holds where organisation_id = $1 and id = $2")
            .bind(organisation).bind(id).fetch_optional(&mut *db).await?;
        let Some(hold) = found else { return Ok(None) };
        let lines = query_as::<_, SaleLine>("select * from hold_lines where organisation_id = $1 and hold_id = $2 order by place")
            .bind(organisation).bind(id).fetch_all(&mut *db).await?;
        Ok(Some(RecordedHold { hold, lines }))
    }

    /// A void of this organisation.
    pub async fn void(&self, organisation: OrganisationId, id: VoidId) -> Result<Option<Void>, LedgerError> {
        ask!(self, limits::LEDGER_CALL, db => query_as("select id, sale_id, device_id, recorded_at, fingerprint from sale_voids where organisation_id = $1 and id = $2")
            .bind(organisation).bind(id).fetch_optional(db))
    }
}
