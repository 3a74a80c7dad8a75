//! The answer to a sale: the receipt.

use serde::Serialize;

use crate::{
    clock::Stamp,
    ids::{Named, SaleId, TicketId},
    ledger::{
        LedgerError,
        kinds::PaymentMethod,
        rows::{RecordedSale, SoldTicket},
    },
    money::{Currency, Money},
};

/// A sale.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = sale)]
pub struct SaleAnswer {
    /// Its id.
    pub id: SaleId,
    /// Its number, without gaps in the organisation.
    pub receipt_number: i64,
    /// The event.
    pub event: Named,
    /// ISO 4217.
    #[schema(example = "EUR")]
    pub currency: &'static str,
    /// One line per type.
    pub lines: Vec<LineView>,
    /// The sum of the lines.
    #[schema(value_type = String, example = "25.00")]
    pub total: Money,
    /// How it was paid.
    pub payment: PaymentView,
    /// The tickets.
    pub tickets: Vec<TicketView>,
    /// When it was voided.
    pub voided_at: Option<Stamp>,
    /// When it was recorded.
    pub recorded_at: Stamp,
    /// Whether this is the first answer again; a header, not a part of the body.
    #[serde(skip)]
    pub replayed: bool,
}

/// A line.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = sale_line)]
pub struct LineView {
    /// The type's id.
    pub ticket_type: uuid::Uuid,
    /// The type's name at the time.
    pub name: String,
    /// How many.
    pub quantity: i32,
    /// The price of one.
    #[schema(value_type = String, example = "12.50")]
    pub unit_price: Money,
    /// The price of all.
    #[schema(value_type = String, example = "25.00")]
    pub amount: Money,
}

/// A payment.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = payment)]
pub struct PaymentView {
    /// Cash or card.
    pub method: PaymentMethod,
    /// Cash handed over.
    #[schema(value_type = Option<String>, example = "50.00")]
    pub tendered: Option<Money>,
    /// Cash given back.
    #[schema(value_type = Option<String>, example = "25.00")]
    pub change: Option<Money>,
    /// The card payment's reference.
    pub reference: Option<String>,
}

/// A ticket that was sold.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = sold_ticket)]
pub struct TicketView {
    /// Its id.
    pub id: TicketId,
    /// What its bar code holds.
    pub code: String,
    /// Its type.
    #[serde(rename = "type")]
    pub ticket_type: Named,
}

/// The answer of a recorded sale. A repeated answer is the one of then, when the sale had not been voided.
pub fn of(recorded: &RecordedSale, replayed: bool) -> Result<SaleAnswer, LedgerError> {
    let sale = &recorded.sale;
    let currency = Currency::parse(&sale.currency).map_err(|_| LedgerError::Broken)?;
    let lines = recorded.lines.iter().map(|line| LineView {
        ticket_type: line.ticket_type_id.0,
        name: line.name.clone(),
        quantity: line.quantity,
        unit_price: currency.from_minor(line.unit_minor),
        amount: currency.from_minor(line.amount_minor),
    });
    Ok(SaleAnswer {
        id: sale.id,
        receipt_number: sale.receipt_number,
        event: recorded.event.clone(),
        currency: currency.code(),
        lines: lines.collect(),
        total: currency.from_minor(sale.total_minor),
        payment: PaymentView {
            method: sale.method,
            tendered: sale.tendered_minor.map(|minor| currency.from_minor(minor)),
            change: sale.change_minor.map(|minor| currency.from_minor(minor)),
            reference: sale.reference.clone(),
        },
        tickets: recorded.tickets.iter().map(ticket).collect(),
        voided_at: recorded.voided_at.filter(|_| !replayed).map(Stamp),
        recorded_at: sale.recorded_at.into(),
        replayed,
    })
}

fn ticket(sold: &SoldTicket) -> TicketView {
    TicketView { id: sold.id, code: sold.code.clone(), ticket_type: Named::new(sold.ticket_type_id, &sold.ticket_type_name) }
}
