//! What the door path answers, as far as it is judged.

use rust_decimal::Decimal;
use serde::Deserialize;
use uuid::Uuid;

/// An amount. The contract writes it as a string, and a JSON number is none.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "&str")]
pub struct Money(pub Decimal);

impl TryFrom<&str> for Money {
    type Error = rust_decimal::Error;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

/// The answer to a scan.
#[derive(Debug, Deserialize)]
pub struct Scan {
    /// The scan.
    pub id: Uuid,
    /// Yes or no.
    pub verdict: Verdict,
    /// Why not.
    pub reason: Option<String>,
    /// What was written.
    pub admission: Option<Admission>,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Green.
    Admit,
    /// Red.
    Refuse,
}

/// A movement that was written.
#[derive(Debug, Deserialize)]
pub struct Admission {
    /// Its number among the ticket's.
    pub seq: u32,
    /// When.
    pub recorded_at: String,
}

/// The answer to a sale.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Sale {
    /// The sale.
    pub id: Uuid,
    /// Its number, without gaps.
    pub receipt_number: u64,
    /// What was bought.
    pub lines: Vec<SaleLine>,
    /// The sum.
    pub total: Money,
    /// How it was paid.
    pub payment: Payment,
    pub tickets: Vec<SoldTicket>,
    /// When.
    pub recorded_at: String,
}

/// A line of a sale.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct SaleLine {
    /// Of which type.
    pub ticket_type: Uuid,
    /// How many.
    pub quantity: u32,
    /// For how much each.
    pub unit_price: Money,
    /// And together.
    pub amount: Money,
}

/// How a sale was paid.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Payment {
    /// In cash or by card.
    pub method: String,
    /// What was handed over.
    pub tendered: Option<Money>,
    /// What was given back.
    pub change: Option<Money>,
    /// The card payment's reference.
    pub reference: Option<String>,
}

/// A ticket that was sold.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct SoldTicket {
    pub id: Uuid,
    pub code: String,
}

/// A problem, as far as it is judged.
#[derive(Debug, Deserialize)]
pub struct Problem {
    /// The stable code.
    pub code: String,
}
