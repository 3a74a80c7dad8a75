//! What has happened, as it is read back: movements, scans and sales.

use serde::Serialize;
use sqlx::FromRow;

use crate::{
    clock::Moment,
    ids::{DeviceId, EventId, HoldId, Named, SaleId, ScanId, SessionId, TicketId, TicketTypeId, UserId, VoidId},
    ledger::kinds::{Direction, PaymentMethod},
};

/// The last row of `admissions` of a ticket.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct Movement {
    /// Its number, from 1.
    pub seq: i32,
    /// Which way.
    pub direction: Direction,
    /// Entries used after it.
    pub used: i32,
    /// How many are inside after it.
    pub inside: i32,
    /// Where.
    pub gate: Option<String>,
    /// When it was recorded.
    pub recorded_at: Moment,
    /// On which device; none where another system made it.
    pub device_id: Option<DeviceId>,
    /// That device's name.
    pub device_name: Option<String>,
}

impl Movement {
    /// The device that it was made on, unless another system made it.
    pub fn device(&self) -> Option<Named> {
        Some(Named::new(self.device_id?, self.device_name.as_deref().unwrap_or_default()))
    }
}

/// A scan that the ledger has under this id, with all that its answer told.
#[derive(Clone, Debug, FromRow)]
pub struct RecordedScan {
    /// Its id.
    pub id: ScanId,
    /// On which device; none where another system made it.
    pub device_id: Option<DeviceId>,
    /// What the request meant.
    pub fingerprint: String,
    /// Its number.
    pub seq: i32,
    /// Which way.
    pub direction: Direction,
    /// Entries that it used: 1 in, 0 or -1 out.
    pub uses: i32,
    /// Entries used after it.
    pub used: i32,
    /// Where.
    pub gate: Option<String>,
    /// When it was recorded.
    pub recorded_at: Moment,
    /// The number of the movement that took it back.
    pub back_seq: Option<i32>,
    /// Entries used after that one.
    pub back_used: Option<i32>,
    /// When that one was recorded.
    pub back_recorded_at: Option<Moment>,
    /// The ticket.
    pub ticket_id: TicketId,
    /// Its holder.
    pub holder: Option<String>,
    /// Entries that it allows.
    pub entries_allowed: i32,
    /// Its type.
    pub ticket_type_id: TicketTypeId,
    /// Its type's name.
    pub ticket_type_name: String,
}

/// A movement that took another one back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reversal {
    /// Its number.
    pub seq: i32,
    /// Which way: the other one.
    pub direction: Direction,
    /// Entries used after it.
    pub used: i32,
    /// When it was recorded.
    pub recorded_at: Moment,
}

impl RecordedScan {
    /// The movement that took it back, if there is one.
    pub fn reversal(&self) -> Option<Reversal> {
        let (seq, used, recorded_at) = (self.back_seq?, self.back_used?, self.back_recorded_at?);
        Some(Reversal { seq, direction: self.direction.reversed(), used, recorded_at })
    }
}

/// A sale that the ledger has under this id.
#[derive(Clone, Debug)]
pub struct RecordedSale {
    /// The sale.
    pub sale: Sale,
    /// Its lines, in the order of the request.
    pub lines: Vec<SaleLine>,
    /// Its tickets.
    pub tickets: Vec<SoldTicket>,
    /// The event.
    pub event: Named,
    /// When it was voided.
    pub voided_at: Option<Moment>,
}

/// A row of `sales`.
#[derive(Clone, Debug, FromRow)]
pub struct Sale {
    /// Its id.
    pub id: SaleId,
    /// The event.
    pub event_id: EventId,
    /// Its number, without gaps in the organisation.
    pub receipt_number: i64,
    /// On which device.
    pub device_id: DeviceId,
    /// ISO 4217.
    pub currency: String,
    /// The total.
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
    /// Its id.
    pub id: TicketId,
    /// What its bar code holds.
    pub code: String,
    /// Its type.
    pub ticket_type_id: TicketTypeId,
    /// Its type's name.
    pub ticket_type_name: String,
}

/// A row of `holds`.
#[derive(Clone, Debug, FromRow)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// The event.
    pub event_id: EventId,
    /// On which device.
    pub device_id: DeviceId,
    /// ISO 4217.
    pub currency: String,
    /// The total of its lines.
    pub total_minor: i64,
    /// From when on it keeps nothing.
    pub expires_at: Moment,
    /// What the request meant.
    pub fingerprint: String,
    /// The sale that used it.
    pub used_by: Option<SaleId>,
    /// When it was released.
    pub released_at: Option<Moment>,
}

/// A hold that the ledger has under this id.
#[derive(Clone, Debug)]
pub struct RecordedHold {
    /// The hold.
    pub hold: Hold,
    /// Its lines, in the order of the request, with the prices that it keeps.
    pub lines: Vec<SaleLine>,
}

/// A row of `sale_voids`.
#[derive(Clone, Debug, FromRow)]
pub struct Void {
    /// Its id.
    pub id: VoidId,
    /// The sale that it takes back.
    pub sale_id: SaleId,
    /// On which device.
    pub device_id: DeviceId,
    /// When it was recorded.
    pub recorded_at: Moment,
    /// What the request meant.
    pub fingerprint: String,
}

/// Which sales to list or to sum; whatever is none does not matter.
#[derive(Clone, Debug, Default)]
pub struct SaleFilter {
    /// Of this event.
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
    /// Its id.
    pub id: SaleId,
    /// Its number.
    pub receipt_number: i64,
    /// The event.
    pub event_id: EventId,
    /// The event's name.
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
    /// The total.
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
    /// The type.
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
