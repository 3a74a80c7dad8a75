//! What is read of holds.

use crate::{
    ids::{HoldId, OrganisationId},
    ledger::{
        Ledger, LedgerError,
        db::{Arg, Reader},
        rows::{Hold, RecordedHold, SaleLine},
    },
    limits,
};

/// A hold of this organisation.
pub(in crate::ledger) async fn hold_on(
    db: &mut Reader,
    organisation: OrganisationId,
    id: HoldId,
) -> Result<Option<RecordedHold>, LedgerError> {
    let key = [Arg::id(organisation), Arg::id(id)];
    let Some(hold) = db.optional::<Hold>("select * from holds where organisation_id = $1 and id = $2", &key).await? else {
        return Ok(None);
    };
    let lines: Vec<SaleLine> = db.all("select * from hold_lines where organisation_id = $1 and hold_id = $2 order by place", &key).await?;
    Ok(Some(RecordedHold { hold, lines }))
}

impl Ledger {
    /// A hold of this organisation.
    pub async fn hold(&self, organisation: OrganisationId, id: HoldId) -> Result<Option<RecordedHold>, LedgerError> {
        hold_on(&mut self.reader(limits::LEDGER_CALL_TIMEOUT).await?, organisation, id).await
    }
}
