//! Validation errors of a body: a JSON pointer (RFC 6901) and a sentence for each wrong field.
//!
//! A body is parsed in two steps: its shape (serde, unknown fields refused) and its values (here: bounds and formats).
#![allow(missing_docs, reason = "internal: names explain themselves")]

use chrono::Datelike;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{clock::Moment, limits, money::NotMoney};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Fault {
    /// Where, as a JSON pointer.
    pub pointer: String,
    /// What, in a sentence.
    pub detail: String,
}

/// All validation errors of a body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    pub fn add(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.0.push(Fault { pointer: pointer.into(), detail: detail.into() });
    }

    pub fn one(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let mut faults = Self::default();
        faults.add(pointer, detail);
        faults
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value, if there are no errors.
    pub fn none_or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }

    pub fn into_vec(self) -> Vec<Fault> {
        self.0
    }

    /// Trims a name, and checks that it is not empty, not too long and has no control characters.
    pub fn name(&mut self, pointer: &str, text: &str) -> String {
        self.text(pointer, text, 1, limits::NAME_CHARS)
    }

    pub fn name_if_any(&mut self, pointer: &str, text: Option<&str>) -> Option<String> {
        text.map(|text| self.name(pointer, text))
    }

    /// Trims a text, and checks that it has `least` to `most` characters and no control characters.
    pub fn text(&mut self, pointer: &str, text: &str, least: usize, most: usize) -> String {
        let trimmed = text.trim();
        let length = trimmed.chars().count();
        if length < least || length > most {
            self.add(pointer, format!("must have {least} to {most} characters"));
        } else if trimmed.chars().any(char::is_control) {
            self.add(pointer, "must not contain control characters");
        }
        trimmed.to_owned()
    }

    /// Checks that a number is in `least..=most`.
    pub fn count(&mut self, pointer: &str, Whole(number): Whole, least: u32, most: u32) -> i32 {
        if number < least || number > most {
            self.add(pointer, format!("must be {least} to {most}"));
        }
        i32::try_from(number).unwrap_or(i32::MAX)
    }

    /// Checks that the year is one that both databases can store and that a client can mean.
    pub fn moment(&mut self, pointer: &str, moment: Moment) -> Moment {
        if !(limits::YEAR_MIN..=limits::YEAR_MAX).contains(&moment.year()) {
            self.add(pointer, format!("must be in the years {} to {}", limits::YEAR_MIN, limits::YEAR_MAX));
        }
        moment
    }

    pub fn moment_if_any(&mut self, pointer: &str, moment: Option<Moment>) -> Option<Moment> {
        moment.map(|moment| self.moment(pointer, moment))
    }

    /// Adds an error for a value that did not parse.
    pub fn money<T>(&mut self, pointer: &str, parsed: Result<T, NotMoney>) -> Option<T> {
        parsed.inspect_err(|error| self.add(pointer, error.to_string())).ok()
    }
}

/// A whole number of a body, such as a quantity. For JSON, 2.0 is the same number as 2, and some libraries write it so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole(pub u32);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(from)?;
        let whole = number.as_u64().or_else(|| {
            let float = number.as_f64().filter(|float| float.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(float))?;
            format!("{float:.0}").parse().ok()
        });
        let fits = whole.and_then(|whole| u32::try_from(whole).ok());
        fits.map(Self).ok_or_else(|| serde::de::Error::invalid_value(serde::de::Unexpected::Other(&number.to_string()), &"a whole number"))
    }
}

impl utoipa::PartialSchema for Whole {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new().schema_type(utoipa::openapi::Type::Integer).minimum(Some(0)).maximum(Some(u32::MAX)).into()
    }
}

impl utoipa::ToSchema for Whole {
    fn name() -> std::borrow::Cow<'static, str> {
        std::borrow::Cow::Borrowed("whole_number")
    }
}

/// For an optional field of a change whose value cannot be removed: it may be absent, but not null.
pub fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// For an optional field of a change whose value can be removed: null removes it, absent keeps it.
pub fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(from).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_may_be_written_with_a_point() {
        for (text, number) in [("2", 2), ("2.0", 2), ("2e1", 20), ("0", 0), ("4294967295", u32::MAX)] {
            assert_eq!(serde_json::from_str::<Whole>(text).ok(), Some(Whole(number)), "{text}");
        }
        for text in ["2.5", "-1", "-1.0", "4294967296", "1e10", "\"2\"", "null", "true", "[]"] {
            assert!(serde_json::from_str::<Whole>(text).is_err(), "{text}");
        }
    }
}
