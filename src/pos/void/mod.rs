//! A void: a sale taken back by an entry of its own. Its stock comes back and its tickets are void.
//!
//! It is rare and changes tickets that other gateways keep warm, so it looks at nothing but the ledger and has the organisation's lock
//! alone, as any change of an event.

pub mod request;

use self::request::VoidRequest;
use super::{
    PosError,
    answer::{self, Answer},
    seen,
};
use crate::{
    attempt::Sources,
    authenticate::Caller,
    authorise::{self, Act, Permit, Refused, StaffSession},
    ids::SaleId,
    ledger::{
        Ledger, LedgerError,
        entry::{VoidEntry, VoidOutcome},
        kinds::PaymentMethod,
        rows::{RecordedSale, Void},
    },
    limits,
};

/// Voids a sale, for whoever may sell it now.
pub async fn void(sources: &Sources, staff: StaffSession<'_>, request: &VoidRequest) -> Result<Answer, PosError> {
    let ledger = &sources.ledger;
    for _ in 0..limits::ATTEMPTS_MAX {
        let caller = staff.caller().await?;
        if let Some(recorded) = ledger.void(caller.organisation(), request.id).await? {
            return replay(ledger, &recorded, request, &caller).await;
        }
        let (sale, permit) = consider(ledger, &caller, request.sale).await?;
        request.faults.clone().none_or(()).map_err(PosError::Invalid)?;
        if let Some(at) = sale.voided_at {
            return Err(PosError::AlreadyVoided(at));
        }
        match commit(sources, permit, request).await {
            Ok(VoidOutcome::Recorded { recorded_at }) => {
                return Ok(answer::tell(&RecordedSale { voided_at: Some(recorded_at), ..sale }, false)?);
            }
            Ok(VoidOutcome::Inside(ticket)) => return Err(PosError::AlreadyAdmitted(ticket)),
            // Known, voided or moved meanwhile: the next look tells.
            Ok(VoidOutcome::NotWritten) | Err(LedgerError::Moved) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(LedgerError::Busy.into())
}

/// The sale, and the right to take it back: who may sell it may void it.
async fn consider(ledger: &Ledger, caller: &Caller, id: SaleId) -> Result<(RecordedSale, Permit), PosError> {
    let found = ledger.sale(caller.organisation(), id).await?;
    let (event, pinned) = match &found {
        Some(recorded) => seen(ledger, caller, recorded.sale.event_id).await?,
        None => (None, None),
    };
    let cash = found.as_ref().is_some_and(|recorded| recorded.sale.method == PaymentMethod::Cash);
    let permit = authorise::permit(caller, Act::Sell { cash, admit: false }, event.as_ref(), pinned.as_ref())?;
    Ok((found.ok_or(Refused::NotFound)?, permit))
}

/// The first answer again, as it was then.
async fn replay(ledger: &Ledger, recorded: &Void, request: &VoidRequest, caller: &Caller) -> Result<Answer, PosError> {
    let same_device = caller.authority().session.device_id == Some(recorded.device_id);
    if !same_device || recorded.fingerprint != request.fingerprint() {
        return Err(PosError::IdReused);
    }
    let sale = ledger.sale(caller.organisation(), recorded.sale_id).await?.ok_or(LedgerError::Broken)?;
    Ok(Answer { replayed: true, ..answer::tell(&sale, false)? })
}

async fn commit(sources: &Sources, permit: Permit, request: &VoidRequest) -> Result<VoidOutcome, LedgerError> {
    let entry = VoidEntry {
        decided_on: permit.decided_on(),
        id: request.id,
        sale: request.sale,
        reason: request.reason.clone(),
        fingerprint: request.fingerprint(),
    };
    sources.ledger.commit_void(permit.organisation(), sources.authenticator.clock.now(), &entry).await
}
