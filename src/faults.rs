//! What is wrong with a body, field by field: a JSON pointer (RFC 6901) and a sentence for each.
//!
//! A body is parsed in two steps: what was sent (serde, unknown fields refused) and what it means (here, bounds and forms).

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

/// All that is wrong with a body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Notes that something is wrong.
    pub fn add(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.0.push(Fault { pointer: pointer.into(), detail: detail.into() });
    }

    /// One thing that is wrong.
    pub fn one(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let mut faults = Self::default();
        faults.add(pointer, detail);
        faults
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value, if nothing is wrong.
    pub fn none_or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }

    /// All of them.
    pub fn into_vec(self) -> Vec<Fault> {
        self.0
    }

    /// A name: trimmed, not empty, not too long, no control characters.
    pub fn name(&mut self, pointer: &str, text: &str) -> String {
        self.text(pointer, text, 1, limits::NAME_CHARS)
    }

    /// A name that may be absent.
    pub fn name_if_any(&mut self, pointer: &str, text: Option<&str>) -> Option<String> {
        text.map(|text| self.name(pointer, text))
    }

    /// A text of so many characters once trimmed, without control characters.
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

    /// A number within bounds.
    pub fn count(&mut self, pointer: &str, Whole(number): Whole, least: u32, most: u32) -> i32 {
        if number < least || number > most {
            self.add(pointer, format!("must be {least} to {most}"));
        }
        i32::try_from(number).unwrap_or(i32::MAX)
    }

    /// A moment of this age: both databases hold it, and no client means another.
    pub fn moment(&mut self, pointer: &str, moment: Moment) -> Moment {
        if !(limits::YEAR_MIN..=limits::YEAR_MAX).contains(&moment.year()) {
            self.add(pointer, format!("must be in the years {} to {}", limits::YEAR_MIN, limits::YEAR_MAX));
        }
        moment
    }

    /// A moment that may be absent.
    pub fn moment_if_any(&mut self, pointer: &str, moment: Option<Moment>) -> Option<Moment> {
        moment.map(|moment| self.moment(pointer, moment))
    }

    /// A value that did not parse is noted and replaced by nothing.
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

/// In a change, a field may be absent; what cannot be taken away cannot be null either.
pub fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// In a change, a field that is null differs from one that is absent: null takes the value away.
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
