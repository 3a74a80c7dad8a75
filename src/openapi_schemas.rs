//! OpenAPI schemas of values that many bodies share. They are built from the same limits that [`crate::faults`] and [`crate::money`] check,
//! so a value that is valid by the document is accepted.
//!
//! A text is checked after the white space at its ends is cut; the patterns allow for that.

use std::borrow::Cow;

use chrono_tz::TZ_VARIANTS;
use iso_currency::{Currency as IsoCurrency, IntoEnumIterator};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, RefOr,
        schema::{Object, ObjectBuilder, Schema, SchemaFormat, Type},
    },
};

use crate::{limits, money::Currency};

macro_rules! schemas {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $shape:expr;)*) => {$(
        $(#[$doc])*
        pub enum $name {}

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed($word)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                RefOr::T(Schema::Object($shape))
            }
        }
    )*};
}

schemas! {
    /// The name of a person, a device, a gate, an event, a ticket type, a venue.
    Name = "name", text(limits::NAME_CHARS);
    /// What a manager writes to a guest list or to a guest; a blank one is none.
    Note = "note", string(&format!("^[^{CONTROL}]*$")).max_length(Some(limits::NOTE_CHARS)).into();
    /// The name that a user signs in with.
    Username = "username", text(limits::USERNAME_CHARS);
    /// What a card terminal printed.
    Reference = "payment_reference", text(limits::REFERENCE_CHARS);
    /// Why a sale was voided.
    Reason = "reason", text(limits::REASON_CHARS);
    /// What a bar code holds; its bytes are counted.
    TicketCode = "ticket_code", string(&format!("[^\\s{CONTROL}]")).min_length(Some(1)).max_length(Some(limits::CODE_BYTES)).into();
    /// An e-mail address.
    Email = "email", string(&format!("^[^\\s@{CONTROL}]{{1,{}}}@[^\\s@{CONTROL}]{{1,{}}}$", limits::EMAIL_LOCAL_CHARS, limits::EMAIL_DOMAIN_CHARS)).into();
    /// A password that is chosen.
    Password = "password", password(limits::PASSWORD_MIN_CHARS);
    /// A password that is tried.
    GivenPassword = "given_password", password(1);
    /// An amount of money: a decimal with exactly the currency's digits.
    Amount = "amount", string(&format!("^(0|[1-9][0-9]{{0,{}}})(\\.[0-9]{{1,4}})?$", limits::MONEY_DIGITS - 1)).into();
    /// Where a page of a list begins.
    Cursor = "cursor", string("^[A-Za-z0-9_-]{21}[AQgw]$").into();
    /// A currency of ISO 4217.
    CurrencyCode = "currency", one_of(IsoCurrency::iter().map(|currency| currency.code()).filter(|code| Currency::parse(code).is_ok()));
    /// A time zone of the IANA database.
    TimeZone = "timezone", one_of(TZ_VARIANTS.iter().map(|zone| zone.name()));
}

/// The control characters, inside a pattern's brackets.
const CONTROL: &str = r"\x00-\x1f\x7f-\x9f";

fn string(pattern: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern))
}

/// At least one visible character, and no control characters.
fn text(most: usize) -> Object {
    string(&format!("^[^{CONTROL}]*[^\\s{CONTROL}][^{CONTROL}]*$"))
        .min_length(Some(1))
        .max_length(Some(most))
        .description(Some(format!("1 to {most} characters; white space at the ends is cut.")))
        .into()
}

fn password(least: usize) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(least))
        .max_length(Some(limits::PASSWORD_MAX_CHARS))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
        .into()
}

fn one_of(words: impl Iterator<Item = &'static str>) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use regex::Regex;
    use serde_json::Value;

    use super::*;
    use crate::faults::Faults;

    /// Whether the text is valid by the document.
    fn is_valid<S: PartialSchema>(text: &str) -> bool {
        let shape: Value = serde_json::to_value(S::schema()).unwrap();
        let length = u64::try_from(text.chars().count()).unwrap();
        shape["pattern"].as_str().is_none_or(|pattern| Regex::new(pattern).unwrap().is_match(text))
            && shape["minLength"].as_u64().is_none_or(|least| length >= least)
            && shape["maxLength"].as_u64().is_none_or(|most| length <= most)
    }

    #[test]
    fn a_name_is_valid_by_the_document_if_a_body_with_it_is() {
        let long = "n".repeat(limits::NAME_CHARS);
        for text in ["", " ", "\u{a0}", "a", " a ", "a\tb", "\u{7f}", "Zoë \u{1f3ad}", &long, &format!("{long}n")] {
            let mut faults = Faults::default();
            faults.name("/name", text);
            assert_eq!(is_valid::<Name>(text), faults.is_empty(), "{text:?}");
        }
    }

    #[test]
    fn a_note_is_valid_by_the_document_if_a_body_with_it_is() {
        let long = "n".repeat(limits::NOTE_CHARS);
        for text in ["", " ", "vegan", "two\nlines", &long, &format!("{long}n")] {
            let mut faults = Faults::default();
            faults.text("/note", text, 0, limits::NOTE_CHARS);
            assert_eq!(is_valid::<Note>(text), faults.is_empty(), "{text:?}");
        }
    }

    #[test]
    fn an_amount_is_valid_by_the_document_if_a_body_with_it_is() {
        let currencies = ["JPY", "EUR", "KWD"].map(|code| Currency::parse(code).unwrap());
        for text in
            ["", "0", "00", "1", "1.", ".5", "1.50", "01.50", "1.5000", "1.50000", "-1.00", "999999999999.99", "1000000000000.00", "1e3"]
        {
            let accepted = currencies.iter().any(|currency| currency.amount(text).is_ok());
            assert!(!accepted || is_valid::<Amount>(text), "{text:?} is accepted and not valid by the document");
            assert!(accepted || text == "1.5000" || !is_valid::<Amount>(text), "{text:?} is valid by the document and not accepted");
        }
    }

    #[test]
    fn currencies_and_time_zones_are_enumerated() {
        let named = |schema| serde_json::to_value::<RefOr<Schema>>(schema).unwrap()["enum"].as_array().unwrap().clone();
        assert!(named(CurrencyCode::schema()).contains(&Value::from("EUR")));
        assert!(!named(CurrencyCode::schema()).contains(&Value::from("XAU")), "a metal has no minor unit");
        assert!(named(TimeZone::schema()).contains(&Value::from("Europe/Berlin")));
    }
}
