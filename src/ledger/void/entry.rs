//! A void, as it is written.

use crate::{
    clock::Moment,
    ids::{SaleId, TicketId, VoidId},
    ledger::entry::{DecidedOn, Entry, Outcome, Values},
};

/// A void that was authorised.
pub type VoidEntry = Entry<NewVoid>;

/// A void of a sale that was decided on.
#[derive(Clone, Debug)]
pub struct NewVoid {
    pub id: VoidId,
    pub sale: SaleId,
    pub reason: String,
    /// A digest of the request: the same request again has the same.
    pub fingerprint: String,
}

impl Values for NewVoid {
    type Basis = DecidedOn;
}

/// One of the sale's tickets is inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StillInside(pub TicketId);

/// What became of a void: when it was recorded, or the ticket that is still inside.
pub type VoidOutcome = Outcome<Moment, StillInside>;
