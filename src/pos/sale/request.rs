//! A sale as it was sent, and what it means.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    attempt::fingerprint,
    faults::{Faults, Whole},
    ids::{EventId, HoldId, SaleId, TicketTypeId},
    ledger::kinds::PaymentMethod,
    limits,
    openapi_schemas::{Amount, Reference},
};

/// A sale as it was sent.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = sale_request)]
pub struct SaleBody {
    /// Made by the terminal and kept before it sends: the same id again finds the first answer.
    pub id: Uuid,
    /// The event.
    pub event: Uuid,
    /// What is sold; lines of one type are summed.
    #[schema(min_items = 1, max_items = 50)]
    pub lines: Vec<LineBody>,
    /// What the terminal showed; refused with `price_changed` if it is not the total.
    #[schema(value_type = Option<Amount>, example = "25.00")]
    pub expected_total: Option<String>,
    /// How it is paid.
    pub payment: PaymentBody,
    /// Sells and lets in at once.
    #[serde(default)]
    pub admit: bool,
    /// The hold that this sale uses: of this till, for the same event and the same lines.
    pub hold: Option<Uuid>,
}

/// A line as it was sent.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = sale_request_line)]
pub struct LineBody {
    /// The type.
    pub ticket_type: Uuid,
    /// How many.
    #[schema(value_type = u32, minimum = 1, maximum = 100)]
    pub quantity: Whole,
}

/// A payment as it was sent.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = payment_request)]
pub struct PaymentBody {
    /// Cash or card.
    pub method: PaymentMethod,
    /// Cash handed over; the exact total if absent.
    #[schema(value_type = Option<Amount>, example = "50.00")]
    pub tendered: Option<String>,
    /// The card payment's reference.
    #[schema(value_type = Option<Reference>)]
    pub reference: Option<String>,
}

/// How a sale is paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Payment {
    /// In cash; so much is handed over, or the exact total.
    Cash {
        /// As it was written: its currency is the event's.
        tendered: Option<String>,
    },
    /// By card.
    Card {
        /// What the card terminal printed.
        reference: String,
    },
}

/// A line: so many of one type, and where the request named the type first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    pub ticket_type: TicketTypeId,
    /// How many.
    pub quantity: u32,
    /// Its place in the request.
    #[serde(skip)]
    pub place: usize,
}

/// What a sale means.
#[derive(Clone, Debug)]
pub struct Request {
    pub id: SaleId,
    pub event: EventId,
    /// One line per type.
    pub lines: Vec<Line>,
    /// What the terminal showed.
    pub expected_total: Option<String>,
    /// How it is paid.
    pub payment: Payment,
    /// Lets in at once.
    pub admit: bool,
    /// The hold that it uses.
    pub hold: Option<HoldId>,
    /// What is wrong with the body; reported after all errors that concern the caller.
    pub faults: Faults,
}

impl Request {
    /// What this body means.
    pub fn parse(body: SaleBody) -> Self {
        let mut faults = Faults::default();
        let lines = sum(&body.lines, &mut faults);
        let payment = payment(body.payment, &mut faults);
        Self {
            id: SaleId(body.id),
            event: EventId(body.event),
            lines,
            expected_total: body.expected_total,
            payment,
            admit: body.admit,
            hold: body.hold.map(HoldId),
            faults,
        }
    }

    /// Whether it is paid in cash.
    pub fn is_cash(&self) -> bool {
        matches!(self.payment, Payment::Cash { .. })
    }

    /// What is the same when the same sale is sent again.
    pub fn fingerprint(&self) -> String {
        #[derive(Serialize)]
        struct Meaning<'r> {
            event: EventId,
            lines: Vec<&'r Line>,
            expected_total: Option<&'r str>,
            payment: &'r Payment,
            admit: bool,
            // A body that breaks a rule means nothing, and is no repetition of one that did.
            broken: bool,
            // Absent as it was before there were holds: what was sold then is still known again.
            #[serde(skip_serializing_if = "Option::is_none")]
            hold: Option<HoldId>,
        }
        let Self { event, expected_total, payment, admit, hold, .. } = self;
        fingerprint(&Meaning {
            event: *event,
            lines: in_order(&self.lines),
            expected_total: expected_total.as_deref(),
            payment,
            admit: *admit,
            broken: !self.faults.is_empty(),
            hold: *hold,
        })
    }
}

/// The lines by their types: their order in a request means nothing.
pub fn in_order(lines: &[Line]) -> Vec<&Line> {
    let mut lines: Vec<&Line> = lines.iter().collect();
    lines.sort_by_key(|line| line.ticket_type);
    lines
}

/// One line per type.
pub fn sum(sent: &[LineBody], faults: &mut Faults) -> Vec<Line> {
    if sent.is_empty() || sent.len() > limits::SALE_LINES_MAX {
        faults.add("/lines", format!("must have 1 to {} lines", limits::SALE_LINES_MAX));
    }
    let mut lines: Vec<Line> = Vec::new();
    for (place, line) in sent.iter().enumerate().take(limits::SALE_LINES_MAX) {
        faults.count(&format!("/lines/{place}/quantity"), line.quantity, 1, limits::LINE_QUANTITY_MAX);
        let Whole(quantity) = line.quantity;
        let ticket_type = TicketTypeId(line.ticket_type);
        match lines.iter_mut().find(|l| l.ticket_type == ticket_type) {
            Some(known) => known.quantity = known.quantity.saturating_add(quantity),
            None => lines.push(Line { ticket_type, quantity, place }),
        }
    }
    lines
}

fn payment(sent: PaymentBody, faults: &mut Faults) -> Payment {
    match sent.method {
        PaymentMethod::Cash => {
            if sent.reference.is_some() {
                faults.add("/payment/reference", "belongs to a card payment");
            }
            Payment::Cash { tendered: sent.tendered }
        }
        PaymentMethod::Card => {
            if sent.tendered.is_some() {
                faults.add("/payment/tendered", "belongs to a cash payment");
            }
            let reference = faults.text("/payment/reference", sent.reference.as_deref().unwrap_or_default(), 1, limits::REFERENCE_CHARS);
            Payment::Card { reference }
        }
    }
}
