//! The answer to a check-in: one shape for yes and for no.

use serde::Serialize;

use super::{commit::Receipt, decide::Reason, request::Request};
use crate::{
    authenticate::Caller,
    clock::Stamp,
    door::scan::decide::VerdictWord,
    guestlist::{GuestView, view_guest},
    ids::{CheckInId, Named},
    ledger::guestlist::{Guest, ListedGuest, RecordedCheckIn},
};

/// The answer to a check-in.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = check_in_answer)]
pub struct CheckInAnswer {
    /// The check-in's id.
    pub id: CheckInId,
    /// Yes or no.
    pub verdict: VerdictWord,
    /// Why not.
    pub reason: Option<Reason>,
    /// A sentence for the person at the door.
    #[schema(example = "Welcome, all 4 of you.")]
    pub message: String,
    /// The guest, as the party stands after it.
    pub guest: GuestView,
    /// What was recorded.
    pub check_in: Option<CheckInView>,
    /// Whether this is the first answer again; a header, not a part of the body.
    #[serde(skip)]
    pub replayed: bool,
}

/// A movement of a party.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = check_in_record)]
pub struct CheckInView {
    /// Its id.
    pub id: CheckInId,
    /// Its number among the movements of the party, from 1.
    pub seq: i32,
    /// People it let in; less than nothing where it took a check-in back.
    pub people: i32,
    /// The check-in that it took back.
    pub undoes: Option<CheckInId>,
    /// At which gate.
    pub gate: Option<String>,
    /// By whom.
    pub user: Named,
    /// On which device, if it was on one.
    pub device: Option<Named>,
    /// When it was recorded.
    pub recorded_at: Stamp,
}

impl CheckInView {
    /// A movement as the ledger has it.
    pub fn of(recorded: &RecordedCheckIn) -> Self {
        let RecordedCheckIn { id, seq, people, undoes, user_id, .. } = *recorded;
        Self {
            id,
            seq,
            people,
            undoes,
            gate: recorded.gate.clone(),
            user: Named::new(user_id, &recorded.user_name),
            device: recorded.device_id.map(|device| Named::new(device, recorded.device_name.as_deref().unwrap_or_default())),
            recorded_at: recorded.recorded_at.into(),
        }
    }

    /// A movement that was written just now.
    pub(in crate::guestlist) fn written(receipt: &Receipt, caller: &Caller, undoes: Option<CheckInId>) -> Self {
        let authority = caller.authority();
        Self {
            id: receipt.id,
            seq: receipt.written.seq,
            people: receipt.written.people,
            undoes,
            gate: receipt.gate.clone(),
            user: Named::new(authority.membership.user_id, &authority.user_name),
            device: receipt.device.clone(),
            recorded_at: receipt.written.recorded_at.into(),
        }
    }
}

/// The guest with so many of the party in.
pub(in crate::guestlist) fn with_arrived(listed: &ListedGuest, arrived: i32, party_size: i32) -> GuestView {
    view_guest(&ListedGuest { guest: Guest { arrived, party_size, ..listed.guest.clone() }, list_name: listed.list_name.clone() })
}

/// Green: they are in the ledger.
pub fn admitted(request: &Request, listed: &ListedGuest, receipt: &Receipt, caller: &Caller) -> CheckInAnswer {
    yes(
        request.id,
        with_arrived(listed, receipt.written.arrived, listed.guest.party_size),
        CheckInView::written(receipt, caller, None),
        false,
    )
}

/// The first answer again.
pub fn replayed(listed: &ListedGuest, recorded: &RecordedCheckIn) -> CheckInAnswer {
    yes(recorded.id, with_arrived(listed, recorded.arrived, recorded.party_size), CheckInView::of(recorded), true)
}

fn yes(id: CheckInId, guest: GuestView, check_in: CheckInView, replayed: bool) -> CheckInAnswer {
    let message = match (check_in.people, guest.party_size) {
        (1, 1) => "Welcome.".to_owned(),
        (people, party) if people == party => format!("Welcome, all {party} of you."),
        (people, party) => format!("Welcome, {people} of {party}. {} more may come.", guest.remaining),
    };
    CheckInAnswer { id, verdict: VerdictWord::Admit, reason: None, message, guest, check_in: Some(check_in), replayed }
}

/// Red.
pub fn refused(request: &Request, listed: &ListedGuest, reason: Reason) -> CheckInAnswer {
    let guest = view_guest(listed);
    let message = match reason {
        Reason::StruckOff => "This guest is no longer on the list.".to_owned(),
        Reason::PartyComplete => format!("Everybody of this party of {} is in already.", guest.party_size),
        Reason::TooMany => format!("Only {} more of this party may come in.", guest.remaining),
    };
    CheckInAnswer { id: request.id, verdict: VerdictWord::Refuse, reason: Some(reason), message, guest, check_in: None, replayed: false }
}
