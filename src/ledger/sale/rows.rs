//! Sales as they are read back, and their lists and sums.

use serde::Serialize;
use sqlx::FromRow;

use crate::{
    clock::Moment,
    ids::{DeviceId, EventId, Named, SaleId, SessionId, TicketId, TicketTypeId, UserId},
    ledger::kinds::PaymentMethod,
};

/// A sale that the ledger has under this id.
#[derive(Clone, Debug)]
pub struct RecordedSale {
    pub sale: Sale,
    /// Its lines, in the order of the request.
    pub lines: Vec<SaleLine>,
    pub tickets: Vec<SoldTicket>,
    pub event: Named,
    /// When it was voided.
    pub voided_at: Option<Moment>,
}

/// A row of `sales`.
#[derive(Clone, Debug, FromRow)]
pub struct Sale {
    pub id: SaleId,
    pub event_id: EventId,
    /// Its number, without gaps in the organisation.
    pub receipt_number: i64,
    /// On which device.
    pub device_id: DeviceId,
    /// ISO 4217.
    pub currency: String,
    pub total_minor: i64,
    /// How it was paid.
    pub method: PaymentMethod,
    /// Cash handed over.
    pub tendered_minor: Option<i64>,
    /// Cash given back.
    pub change_minor: Option<i64>,
    /// The card payment's reference.
    pub reference: Option<String>,
    /// When it was recorded.
    pub recorded_at: Moment,
    /// What the request meant.
    pub fingerprint: String,
}

/// A row of `sale_lines`.
#[derive(Clone, Debug, FromRow, Serialize)]
pub struct SaleLine {
    /// The type sold.
    pub ticket_type_id: TicketTypeId,
    /// Its name at the time.
    pub name: String,
    /// How many.
    pub quantity: i32,
    /// The price of one.
    pub unit_minor: i64,
    /// The price of all.
    pub amount_minor: i64,
}

/// A ticket of a sale.
#[derive(Clone, Debug, FromRow)]
pub struct SoldTicket {
    pub id: TicketId,
    /// What its bar code holds.
    pub code: String,
    pub ticket_type_id: TicketTypeId,
    pub ticket_type_name: String,
}

/// Which sales to list or to sum. A field that is none filters nothing.
#[derive(Clone, Debug, Default)]
pub struct SaleFilter {
    pub event: Option<EventId>,
    /// On this device.
    pub device: Option<DeviceId>,
    /// In this session.
    pub session: Option<SessionId>,
    /// By this person.
    pub user: Option<UserId>,
    /// Paid so.
    pub method: Option<PaymentMethod>,
    /// Whether they are void.
    pub voided: Option<bool>,
    /// Recorded at this moment or later.
    pub from: Option<Moment>,
    /// Recorded before this moment.
    pub to: Option<Moment>,
    /// With this number.
    pub receipt_number: Option<i64>,
}

/// A sale with the names that belong to it.
#[derive(Clone, Debug, FromRow)]
pub struct ListedSale {
    pub id: SaleId,
    pub receipt_number: i64,
    pub event_id: EventId,
    pub event_name: String,
    /// On which device.
    pub device_id: DeviceId,
    /// That device's name.
    pub device_name: String,
    /// In which session.
    pub session_id: SessionId,
    /// Who sold.
    pub user_id: UserId,
    /// That person's name.
    pub user_name: String,
    /// How many tickets.
    pub tickets: i64,
    /// ISO 4217.
    pub currency: String,
    pub total_minor: i64,
    /// How it was paid.
    pub method: PaymentMethod,
    /// Cash handed over.
    pub tendered_minor: Option<i64>,
    /// Cash given back.
    pub change_minor: Option<i64>,
    /// The card payment's reference.
    pub reference: Option<String>,
    /// When it was recorded.
    pub recorded_at: Moment,
    /// When it was voided.
    pub voided_at: Option<Moment>,
    /// Why.
    pub void_reason: Option<String>,
}

/// What was sold in one currency for one kind of payment.
#[derive(Clone, Debug, FromRow)]
pub struct SaleSum {
    /// ISO 4217.
    pub currency: String,
    /// How it was paid.
    pub method: PaymentMethod,
    /// How many sales.
    pub count: i64,
    /// The sum of their totals.
    pub gross_minor: i64,
    /// How many of them are void.
    pub voided_count: i64,
    /// The sum of those.
    pub voided_minor: i64,
}

/// What was sold of one type; what is void counts for nothing.
#[derive(Clone, Debug, FromRow)]
pub struct TypeSum {
    pub ticket_type_id: TicketTypeId,
    /// How many tickets.
    pub tickets: i64,
    /// What they cost.
    pub gross_minor: i64,
}

/// What was sold in one quarter of an hour; what is void counts for nothing.
#[derive(Clone, Copy, Debug, FromRow)]
pub struct QuarterSum {
    /// Quarters of an hour since 1970 in UTC.
    pub quarter: i64,
    /// How many tickets.
    pub tickets: i64,
    /// What they cost.
    pub gross_minor: i64,
}
