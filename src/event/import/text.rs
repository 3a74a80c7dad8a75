//! From one cell to what it means.

use std::borrow::Cow;

use rust_decimal::Decimal;

use super::languages::Language;
use crate::{
    event::TicketStatus,
    limits::{CODE_BYTES, IMPORT_FIELD_BYTES, NAME_CHARS},
};

/// What is wrong with a record, in the words the organiser reads.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("the record has {found} fields where the heading has {expected}")]
    Width { found: usize, expected: usize },
    #[error("a field is longer than {IMPORT_FIELD_BYTES} bytes, probably because a quotation mark is not closed")]
    LongField,
    #[error("the record is not text in UTF-8")]
    NotUtf8,
    #[error("a field contains a NUL character")]
    Nul,
    #[error("the ticket has no code")]
    NoCode,
    #[error("the code is longer than {CODE_BYTES} bytes")]
    LongCode,
    #[error("the code is kept as a number that a spreadsheet does not keep exactly; keep codes as text")]
    InexactCode,
    #[error("the ticket has no product")]
    NoProduct,
    #[error("a name is longer than {NAME_CHARS} characters")]
    LongName,
    #[error("the status {0:?} is not known")]
    UnknownStatus(String),
    #[error("{0:?} is neither yes nor no, so the record does not tell whether the ticket is paid")]
    UnknownPaid(String),
    #[error("{0:?} is neither yes nor empty, so the record does not tell whether the ticket is blocked")]
    UnknownBlocked(String),
    #[error("the price {0:?} is not an amount such as 1249.00 or 1249,00")]
    UnknownPrice(String),
    #[error("the validity {0:?} is not a date with a time")]
    UnknownTime(String),
    #[error("the product is not among those of the file")]
    UnknownProduct,
    #[error("the order is not of the form that pretix writes: {0}")]
    UnknownOrder(String),
}

/// Signs at which a spreadsheet would begin to calculate. pretix puts an apostrophe before a value that begins with
/// one, which hits its own signed codes (`==…`), names and telephone numbers.
const GUARDED: [char; 6] = ['=', '+', '-', '@', '|', '%'];

/// So much of an unknown word is repeated to the organiser.
const QUOTED_CHARS_MAX: usize = 40;

/// Without white space and control characters at its ends.
pub(super) fn trimmed(cell: &str) -> &str {
    cell.trim_matches(|c: char| c.is_whitespace() || c.is_control())
}

/// Whether the format protects its values against being taken for formulas. pretix does so in CSV only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    Csv,
    None,
}

impl Guard {
    /// Takes the protection off again. Before any other sign the apostrophe is real (`'s-Heer`).
    fn off(self, cell: &str) -> Cow<'_, str> {
        match cell.strip_prefix('\'') {
            Some(value) if self == Self::Csv && value.starts_with(GUARDED) => Cow::Owned(value.replace("\\|", "|")),
            Some(_) | None => Cow::Borrowed(cell),
        }
    }
}

/// A ticket code; what it looks like is the other system's affair.
pub(super) fn code(cell: &str, guard: Guard) -> Result<String, Fault> {
    match clean(&guard.off(cell))? {
        code if code.is_empty() => Err(Fault::NoCode),
        code if code.len() > CODE_BYTES => Err(Fault::LongCode),
        code => Ok(code),
    }
}

/// A person's, product's or variation's name. `Null`, `N/A` and `0012` are names too.
pub(super) fn name(cell: &str, guard: Guard) -> Result<Option<String>, Fault> {
    match clean(&guard.off(cell))? {
        name if name.is_empty() => Ok(None),
        name => fit(name).map(Some),
    }
}

/// A name as long as names may be; a longer one is not cut, because two that differ at the end would become one.
pub(super) fn fit(name: String) -> Result<String, Fault> {
    if name.chars().count() > NAME_CHARS {
        return Err(Fault::LongName);
    }
    Ok(name)
}

/// The names of the check-in lists with an entry, unchanged.
pub(super) fn list_names(cell: &str, guard: Guard) -> Option<String> {
    let names = crate::event::printable(&guard.off(cell));
    (!names.is_empty()).then_some(names)
}

/// NUL is refused here because no text column of Postgres takes it: one such cell would fail a whole chunk.
fn clean(cell: &str) -> Result<String, Fault> {
    match trimmed(cell) {
        value if value.contains('\0') => Err(Fault::Nul),
        value => Ok(value.to_owned()),
    }
}

/// The order list's word for a ticket's state. "Expired" means never paid and the term is over; pretix refuses such
/// tickets as cancelled. "Pending (confirmed)" is not paid either, but the organiser counts it as paid: pretix
/// admits it, and so does this gateway. A check-in list does not distinguish these tickets from pending ones, so they stay unpaid there.
pub(super) fn status(cell: &str, words: &Language) -> Result<TicketStatus, Fault> {
    let word = trimmed(cell);
    let is_one_of = |states: &[&String]| states.iter().any(|state| *state == word);
    if is_one_of(&[&words.is_paid, &words.is_confirmed]) {
        Ok(TicketStatus::Valid)
    } else if is_one_of(&[&words.is_pending, &words.is_approval_pending]) {
        Ok(TicketStatus::Unpaid)
    } else if is_one_of(&[&words.is_canceled, &words.is_canceled_fee, &words.is_expired]) {
        Ok(TicketStatus::Void)
    } else {
        Err(Fault::UnknownStatus(quoted(word)))
    }
}

/// The check-in list's yes or no.
pub(super) fn paid(cell: &str, words: &Language) -> Result<TicketStatus, Fault> {
    match trimmed(cell) {
        word if word == words.yes => Ok(TicketStatus::Valid),
        word if word == words.no => Ok(TicketStatus::Unpaid),
        word => Err(Fault::UnknownPaid(quoted(word))),
    }
}

/// pretix writes yes or nothing. A plain no is understood all the same; any other word could mean either.
pub(super) fn blocked(cell: &str, words: &Language) -> Result<Option<TicketStatus>, Fault> {
    match trimmed(cell) {
        word if word == words.yes => Ok(Some(TicketStatus::Blocked)),
        word if word.is_empty() || word == words.no => Ok(None),
        word => Err(Fault::UnknownBlocked(quoted(word))),
    }
}

/// Digits, and at most two after a point or comma. pretix writes no thousands separator, so a third digit there
/// (`1.249`) means that the file is not what it seems, and a price is not guessed.
pub(super) fn price(cell: &str) -> Result<Option<Decimal>, Fault> {
    let amount = trimmed(cell);
    if amount.is_empty() {
        return Ok(None);
    }
    let unknown = || Fault::UnknownPrice(quoted(amount));
    let (whole, cents) = amount.split_once(['.', ',']).unwrap_or((amount, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(cents) || cents.len() > 2 {
        return Err(unknown());
    }
    Decimal::from_str_exact(&amount.replace(',', ".")).map(Some).map_err(|_| unknown())
}

pub(super) fn quoted(word: &str) -> String {
    word.chars().take(QUOTED_CHARS_MAX).collect()
}
