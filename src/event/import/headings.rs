//! Which column has which meaning.
//!
//! Three of pretix' exports list tickets with their codes, and each names and arranges its columns differently: first the language is
//! recognised, then the kind, then only that kind's columns are looked for. pretix writes its own columns in a fixed order, with the
//! organiser's questions between them: so a question that happens to be called "Status", "Paid" or "Secret" is not a column of
//! pretix itself, and changes nothing of what a list means.

use super::{ImportError, languages::Language, text::Guard};

/// Where a record keeps what we read of it.
#[derive(Debug)]
pub(super) struct Layout {
    /// In which language the file is written.
    pub language: &'static Language,
    /// Whether its values are protected against being taken for formulas.
    pub guard: Guard,
    /// How many cells each record has.
    pub width: usize,
    pub code: usize,
    pub product: usize,
    /// Apart from the product; a check-in list has both in one column.
    pub variation: Option<usize>,
    pub holder: Option<usize>,
    pub price: Option<usize>,
    pub standing: Standing,
    pub blocked: Option<usize>,
    pub valid_from: Option<usize>,
    pub valid_until: Option<usize>,
    pub windows: Windows,
    pub visits: Visits,
}

/// How an export states which tickets are paid.
#[derive(Clone, Copy, Debug)]
pub(super) enum Standing {
    /// A column with the order's or position's status in words.
    Status(usize),
    /// A column with yes or no.
    Paid(usize),
    /// A check-in list of paid orders only has no column for it.
    AllPaid,
}

/// In which time windows of validity are written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Windows {
    /// An order list: as the clocks show it where the event is.
    Local,
    /// Check-in lists and code lists, although nothing in them says so.
    Utc,
}

/// How an export states which tickets have been admitted already.
#[derive(Clone, Copy, Debug)]
pub(super) enum Visits {
    /// A check-in list: when the last entry and the last exit were.
    Times { entered: usize, left: Option<usize> },
    /// An order list: the names of the lists with an entry.
    Lists(usize),
    /// A code list does not.
    Untold,
}

impl Layout {
    /// Reads the heading line.
    pub(super) fn of(headings: &[&str], guard: Guard) -> Result<Self, ImportError> {
        let language = Language::of(headings).ok_or(ImportError::NoCodes)?;
        let columns = Columns { headings, language, guard };
        if columns.has(&language.scan_type) && columns.has(&language.scan_result) {
            return Err(ImportError::ScanLog);
        }
        let checked_in = columns.first(&language.checked_in);
        match (checked_in, columns.first(&language.ticket_code)) {
            (Some(entered), None) => columns.check_in_list(entered),
            (Some(entered), Some(_)) if columns.at(entered + 1) == Some(&language.checked_out) => columns.check_in_list(entered),
            (_, Some(code)) => columns.order_list(code),
            (None, None) => columns.code_list(),
        }
    }
}

/// The headings of a file, and what each kind of export makes of them.
struct Columns<'a> {
    headings: &'a [&'a str],
    language: &'static Language,
    guard: Guard,
}

impl Columns<'_> {
    /// "Order data", sheet "Order positions": every ticket in any state. The columns of pretix itself come before the questions,
    /// except those of the check-in lists.
    fn order_list(&self, code: usize) -> Result<Layout, ImportError> {
        let words = self.language;
        let before = |heading| self.first(heading).filter(|column| *column < code);
        let after = |heading| self.all(heading).find(|column| *column > code);
        let lists = self.all(&words.check_in_lists).last().filter(|column| *column > code);
        Ok(Layout {
            language: words,
            guard: self.guard,
            width: self.headings.len(),
            code,
            product: before(&words.product).ok_or(ImportError::NoProducts)?,
            variation: before(&words.variation),
            holder: before(&words.attendee_name),
            price: before(&words.price),
            standing: before(&words.status).map(Standing::Status).ok_or(ImportError::NoStatus)?,
            blocked: after(&words.blocked),
            valid_from: after(&words.valid_from),
            valid_until: after(&words.valid_until),
            windows: Windows::Local,
            visits: lists.map_or(Visits::Untold, Visits::Lists),
        })
    }

    /// "Check-in list": product and variation share a column. The questions begin after the telephone number.
    fn check_in_list(&self, entered: usize) -> Result<Layout, ImportError> {
        let words = self.language;
        let code = self.early(&words.code)?.ok_or(ImportError::NoCodes)?;
        let standing = match self.early(&words.paid)? {
            Some(paid) => Standing::Paid(paid),
            None => self.all_paid(code)?,
        };
        Ok(Layout {
            language: words,
            guard: self.guard,
            width: self.headings.len(),
            code,
            product: self.early(&words.product)?.ok_or(ImportError::NoProducts)?,
            variation: None,
            holder: self.early(&words.attendee_name)?,
            price: self.early(&words.price)?,
            standing,
            blocked: self.late(&words.blocked)?,
            valid_from: self.late(&words.valid_from)?,
            valid_until: self.late(&words.valid_until)?,
            windows: Windows::Utc,
            visits: Visits::Times { entered, left: self.early(&words.checked_out)? },
        })
    }

    /// "Paid" is missing when the list has paid orders only. It would be directly before the codes, so its absence is accepted only if the
    /// column there is a known one: an unknown wording must never turn unpaid tickets into valid ones.
    fn all_paid(&self, code: usize) -> Result<Standing, ImportError> {
        let known = code.checked_sub(1).is_none_or(|before| self.at(before).is_some_and(|h| self.language.headings().contains(&h)));
        if known { Ok(Standing::AllPaid) } else { Err(ImportError::NoStatus) }
    }

    /// "Valid check-in codes": codes and products without personal data, always with "Paid".
    fn code_list(&self) -> Result<Layout, ImportError> {
        let words = self.language;
        let code = self.early(&words.code)?.ok_or(ImportError::NoCodes)?;
        Ok(Layout {
            language: words,
            guard: self.guard,
            width: self.headings.len(),
            code,
            product: self.early(&words.product)?.ok_or(ImportError::NoProducts)?,
            variation: self.early(&words.variation)?,
            holder: self.early(&words.attendee_name)?,
            price: self.early(&words.price)?,
            standing: self.early(&words.paid)?.map(Standing::Paid).ok_or(ImportError::NoStatus)?,
            blocked: self.late(&words.blocked)?,
            valid_from: self.late(&words.valid_from)?,
            valid_until: self.late(&words.valid_until)?,
            windows: Windows::Utc,
            visits: Visits::Untold,
        })
    }

    /// The one column with this heading before the questions.
    fn early(&self, heading: &str) -> Result<Option<usize>, ImportError> {
        let questions = self.questions();
        self.one(self.all(heading).filter(|column| *column < questions), heading)
    }

    /// The last column with this heading; an earlier one of the same name is a question.
    fn late(&self, heading: &str) -> Result<Option<usize>, ImportError> {
        if self.has(&self.language.phone) { Ok(self.all(heading).last()) } else { self.one(self.all(heading), heading) }
    }

    /// Two where one is meant are refused, because taking either would be a guess.
    fn one(&self, mut found: impl Iterator<Item = usize>, heading: &str) -> Result<Option<usize>, ImportError> {
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(ImportError::DoubledHeading(heading.to_owned())),
            (first, None) => Ok(first),
        }
    }

    /// Where the organiser's questions may begin.
    fn questions(&self) -> usize {
        self.first(&self.language.phone).unwrap_or(self.headings.len())
    }

    fn all<'h>(&'h self, heading: &'h str) -> impl Iterator<Item = usize> + 'h {
        self.headings.iter().enumerate().filter(move |(_, found)| **found == heading).map(|(column, _)| column)
    }

    fn first(&self, heading: &str) -> Option<usize> {
        self.all(heading).next()
    }

    fn has(&self, heading: &str) -> bool {
        self.first(heading).is_some()
    }

    fn at(&self, column: usize) -> Option<&str> {
        self.headings.get(column).copied()
    }
}
