//! The words of pretix' exports in every language that it offers: headings, yes and no, and the states of an order.
//!
//! A file is written in one language, so it is read in one: what `No` or `Variant` means in another never matters. Where pretix has no
//! translation it writes the English word, and so does the table (`languages.csv`, made from what pretix 2026.8.0 writes).

use std::sync::LazyLock;

use serde::Deserialize;

/// The words of one language.
#[derive(Debug, Deserialize)]
pub(super) struct Language {
    /// Its code, for the reader of the table.
    #[cfg_attr(not(test), expect(dead_code, reason = "names the row for people"))]
    pub language: String,
    /// In which order it writes the parts of a date.
    pub dates: DateOrder,
    /// The ticket's code in check-in lists, code lists and logs.
    pub code: String,
    /// The ticket's code in order lists.
    pub ticket_code: String,
    pub product: String,
    pub variation: String,
    pub attendee_name: String,
    pub price: String,
    pub status: String,
    pub paid: String,
    pub checked_in: String,
    pub checked_out: String,
    pub automatically: String,
    pub blocked: String,
    pub valid_from: String,
    pub valid_until: String,
    pub check_in_lists: String,
    pub order_code: String,
    pub position: String,
    pub email: String,
    pub phone: String,
    pub scan_type: String,
    pub scan_result: String,
    pub yes: String,
    pub no: String,
    pub is_paid: String,
    pub is_confirmed: String,
    pub is_pending: String,
    pub is_approval_pending: String,
    pub is_expired: String,
    pub is_canceled: String,
    pub is_canceled_fee: String,
}

/// Which part of a date comes first. A year of four digits in front decides by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DateOrder {
    Ymd,
    Dmy,
    Mdy,
}

/// All of them.
pub(super) static LANGUAGES: LazyLock<Vec<Language>> = LazyLock::new(|| {
    let table = csv::Reader::from_reader(include_str!("languages.csv").as_bytes());
    table.into_deserialize().flatten().collect()
});

impl Language {
    /// The headings by which a language is recognised, and that a column of pretix itself may have.
    pub fn headings(&self) -> [&str; 21] {
        [
            &self.code,
            &self.ticket_code,
            &self.product,
            &self.variation,
            &self.attendee_name,
            &self.price,
            &self.status,
            &self.paid,
            &self.checked_in,
            &self.checked_out,
            &self.automatically,
            &self.blocked,
            &self.valid_from,
            &self.valid_until,
            &self.check_in_lists,
            &self.order_code,
            &self.position,
            &self.email,
            &self.phone,
            &self.scan_type,
            &self.scan_result,
        ]
        .map(String::as_str)
    }

    /// The language in which most of these headings are written; of equals the first, English before all.
    pub fn of(headings: &[&str]) -> Option<&'static Self> {
        let known = |language: &Self| headings.iter().filter(|heading| language.headings().contains(heading)).count();
        LANGUAGES.iter().rev().max_by_key(|language| known(language))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_read() {
        let rows = include_str!("languages.csv").lines().count() - 1;
        assert_eq!(LANGUAGES.len(), rows);
        assert!(rows >= 30);
        assert_eq!(LANGUAGES.iter().map(|l| l.language.as_str()).take(2).collect::<Vec<_>>(), ["en", "de"]);
    }

    #[test]
    fn no_word_means_two_things_in_one_language() {
        for language in LANGUAGES.iter() {
            let states = [&language.is_paid, &language.is_confirmed, &language.is_pending, &language.is_approval_pending];
            let void = [&language.is_expired, &language.is_canceled, &language.is_canceled_fee];
            for state in states {
                assert!(!void.contains(&state), "{}: {state}", language.language);
            }
            assert!(language.is_pending != language.is_paid && language.is_approval_pending != language.is_paid, "{}", language.language);
            assert_ne!(language.yes, language.no, "{}", language.language);
            let headings = language.headings();
            for (place, heading) in headings.iter().enumerate() {
                assert!(!headings[..place].contains(heading), "{}: {heading}", language.language);
            }
        }
    }

    #[test]
    fn a_file_tells_its_language() {
        let of = |headings: &[&str]| Language::of(headings).unwrap().language.as_str();
        assert_eq!(of(&["Secret", "Product", "Variation", "Paid"]), "en");
        assert_eq!(of(&["Secret", "Produkt", "Variante", "bezahlt"]), "de");
        assert_eq!(of(&["Secret", "Produit", "Variante", "Payé"]), "fr");
        assert_eq!(of(&["Geheim", "Product", "Variant", "Betaald"]), "nl");
    }
}
