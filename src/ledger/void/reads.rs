//! What is read of voids.

use crate::{
    ids::{OrganisationId, VoidId},
    ledger::{Ledger, LedgerError, db::Arg, rows::Void},
    limits,
};

impl Ledger {
    /// A void of this organisation.
    pub async fn void(&self, organisation: OrganisationId, id: VoidId) -> Result<Option<Void>, LedgerError> {
        let mut db = self.reader(limits::LEDGER_CALL_TIMEOUT).await?;
        db.optional(
            "select id, sale_id, device_id, recorded_at, fingerprint from sale_voids where organisation_id = $1 and id = $2",
            &[Arg::id(organisation), Arg::id(id)],
        )
        .await
    }
}
