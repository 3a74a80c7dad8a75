//! Money: an exact decimal in a currency. Never a float, never rounded in silence.
#![warn(missing_docs)]

use std::fmt;

use iso_currency::Currency as IsoCurrency;
use rust_decimal::Decimal;

use crate::limits;

/// A currency of ISO 4217 and how many digits it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Currency {
    iso: IsoCurrency,
    digits: u32,
}

/// Why a text is not money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotMoney {
    /// Not three letters of ISO 4217, or a code without a minor unit (a metal, a test code).
    #[error("is not a currency of ISO 4217")]
    Currency,
    /// Not a decimal with exactly the currency's digits.
    #[error("must be a decimal string with exactly the currency’s digits, such as \"12.50\"")]
    Amount,
    /// Too large or below zero.
    #[error("must be between zero and a trillion")]
    Range,
}

impl Currency {
    /// The currency of this ISO 4217 code.
    pub fn parse(code: &str) -> Result<Self, NotMoney> {
        let iso = IsoCurrency::from_code(code).ok_or(NotMoney::Currency)?;
        let digits = iso.exponent().ok_or(NotMoney::Currency)?;
        Ok(Self { iso, digits: u32::from(digits) })
    }

    /// The amount that a client wrote, such as `"12.50"`.
    pub fn amount(self, text: &str) -> Result<Money, NotMoney> {
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if !plain || text.len() > 40 {
            return Err(NotMoney::Amount);
        }
        let amount = Decimal::from_str_exact(text).map_err(|_| NotMoney::Amount)?;
        let whole = text.split('.').next().unwrap_or_default();
        let padded = whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) || text.ends_with('.');
        if amount.scale() != self.digits || padded {
            return Err(NotMoney::Amount);
        }
        self.bounded(amount)
    }

    /// An amount of another system's file: any number of digits that loses nothing, such as `12.5`.
    pub fn lenient(self, amount: Decimal) -> Result<Money, NotMoney> {
        let mut scaled = amount.normalize();
        if scaled.scale() > self.digits {
            return Err(NotMoney::Amount);
        }
        scaled.rescale(self.digits);
        self.bounded(scaled)
    }

    fn bounded(self, amount: Decimal) -> Result<Money, NotMoney> {
        let limit = Decimal::from(10_i64.pow(limits::MONEY_DIGITS));
        if amount.is_sign_negative() && !amount.is_zero() || amount >= limit {
            return Err(NotMoney::Range);
        }
        Ok(Money { amount, currency: self })
    }

    /// What the ledger holds: whole minor units.
    pub fn from_minor(self, minor: i64) -> Money {
        Money { amount: Decimal::new(minor, self.digits), currency: self }
    }

    /// Nothing.
    pub fn zero(self) -> Money {
        self.from_minor(0)
    }

    /// Its ISO 4217 code.
    pub fn code(self) -> &'static str {
        self.iso.code()
    }
}

/// An exact amount in a currency, with exactly the currency's digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    amount: Decimal,
    currency: Currency,
}

impl Money {
    /// The whole minor units that the ledger holds.
    pub fn minor(self) -> i64 {
        // The amount is below 10^12 and a currency has at most four digits: the mantissa fits.
        i64::try_from(self.amount.mantissa()).unwrap_or(i64::MAX)
    }

    /// The sum, or none past the limit.
    pub fn plus(self, other: Self) -> Option<Self> {
        let sum = self.amount.checked_add(other.amount)?;
        self.currency.bounded(sum).ok()
    }

    /// So many times this amount, or none past the limit.
    pub fn times(self, quantity: u32) -> Option<Self> {
        let product = self.amount.checked_mul(Decimal::from(quantity))?;
        self.currency.bounded(product).ok()
    }

    /// What is left of this after `other`, or none if that is more.
    pub fn minus(self, other: Self) -> Option<Self> {
        let rest = self.amount.checked_sub(other.amount)?;
        self.currency.bounded(rest).ok()
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.amount.fmt(f)
    }
}

impl serde::Serialize for Money {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.amount)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_amount_has_exactly_the_currencys_digits() {
        let eur = Currency::parse("EUR").unwrap();
        let jpy = Currency::parse("JPY").unwrap();
        assert_eq!(eur.amount("12.50").unwrap().to_string(), "12.50");
        assert_eq!(jpy.amount("1250").unwrap().to_string(), "1250");
        for wrong in ["12.5", "12", "12.500", "-1.00", "+1.00", "1e2", "", ".50", "1,50", " 1.00", "NaN", "01.00", "00.50"] {
            assert_eq!(eur.amount(wrong), Err(NotMoney::Amount), "{wrong}");
        }
        assert_eq!(jpy.amount("12.50"), Err(NotMoney::Amount));
        assert_eq!(jpy.amount("1250."), Err(NotMoney::Amount));
        assert_eq!(eur.amount("1000000000000.00"), Err(NotMoney::Range));
        assert!(Currency::parse("XYZ").is_err());
    }

    proptest! {
        #[test]
        fn minor_units_lose_nothing(minor in 0_i64..100_000_000_000_000) {
            let eur = Currency::parse("EUR").unwrap();
            let money = eur.from_minor(minor);
            prop_assert_eq!(money.minor(), minor);
            prop_assert_eq!(eur.amount(&money.to_string()).unwrap(), money);
        }

        #[test]
        fn a_total_is_the_sum_of_its_lines(price in 0_i64..10_000_000, quantities in prop::collection::vec(1_u32..=100, 1..50)) {
            let eur = Currency::parse("EUR").unwrap();
            let total = quantities.iter().fold(eur.zero(), |sum, n| sum.plus(eur.from_minor(price).times(*n).unwrap()).unwrap());
            let pieces: i64 = quantities.iter().map(|n| i64::from(*n)).sum();
            prop_assert_eq!(total.minor(), price * pieces);
        }
    }
}
