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
    pub fn count(&mut self, pointer: &str, number: u32, least: u32, most: u32) -> i32 {
        if number < least || number > most {
            self.add(pointer, format!("must be {least} to {most}"));
        }
        i32::try_from(number).unwrap_or(i32::MAX)
    }

    /// A moment of this age: both databases hold it, and nobody means another.
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

/// In a change, a field may be absent; what cannot be taken away cannot be null either.
pub fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}
