//! The ledger's rows as they are read and written: plain values without behaviour beyond what their columns say.
//!
//! The same structs are the images of a change (as JSON in Postgres) and the copies in Redis. Each is defined in the folder of its subject.

pub use super::{
    attendance::{Attendance, GateAttendance, TypeAttendance},
    change_log::Altered,
    device::rows::Device,
    event::rows::{Event, EventFacts, TicketType},
    hold::rows::{Hold, RecordedHold},
    member::rows::{Membership, Organisation, OrganisationNames, User},
    refused_scan::rows::{ListedRefusal, RefusalFilter, RefusedScan},
    sale::rows::{ListedSale, QuarterSum, RecordedSale, Sale, SaleFilter, SaleLine, SaleSum, SoldTicket, TypeSum},
    scan::rows::{Movement, RecordedScan, Reversal},
    session::rows::{Authority, Session},
    signing_key::SigningKey,
    ticket::rows::Ticket,
    void::rows::Void,
};

/// A version: grows by one with each change of the row.
pub type Version = i64;
