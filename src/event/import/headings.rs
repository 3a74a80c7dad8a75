//! Which column means what.
//!
//! Three of pretix' exports list tickets with their codes, and each words and arranges its columns differently: the
//! kind is decided first, then only that kind's columns are looked for. So a question to the attendees that happens
//! to be called "Status" or "Variation" does not change what a check-in list means.

use super::ImportError;

/// The wordings of one heading, English and German. Compared exactly: a near miss is another column.
type Wordings = [&'static str; 2];

const ORDER_LIST_CODE: Wordings = ["Ticket secret", "Ticket-Code"];
const CHECK_IN_LIST_CODE: Wordings = ["Secret", "Secret"];
const PRODUCT: Wordings = ["Product", "Produkt"];
const VARIATION: Wordings = ["Variation", "Variante"];
const HOLDER: Wordings = ["Attendee name", "Name Teilnehmer*in"];
const PRICE: Wordings = ["Price", "Preis"];
const STATUS: Wordings = ["Status", "Status"];
const PAID: Wordings = ["Paid", "bezahlt"];
const BLOCKED: Wordings = ["Blocked", "Gesperrt"];
const CHECKED_IN: Wordings = ["Checked in", "Eingecheckt"];
/// A log's headings are known in English only; a German one fails for want of a column that tells who paid.
const SCAN_TYPE: &str = "Scan type";
const SCAN_RESULT: &str = "Result";

/// Where a record keeps what we read of it.
#[derive(Debug)]
pub(super) struct Layout {
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
}

/// How an export tells who has paid.
#[derive(Debug)]
pub(super) enum Standing {
    /// A column with the order's or position's status in words.
    Status(usize),
    /// A column with yes or no.
    Paid(usize),
    /// A check-in list of paid orders only has no column for it.
    AllPaid,
}

impl Layout {
    /// Reads the heading line.
    pub(super) fn of(headings: &[&str]) -> Result<Self, ImportError> {
        let columns = Columns(headings);
        if headings.contains(&SCAN_TYPE) && headings.contains(&SCAN_RESULT) {
            return Err(ImportError::ScanLog);
        }
        if let Some(code) = columns.find(ORDER_LIST_CODE)? {
            return columns.order_list(code);
        }
        let code = columns.find(CHECK_IN_LIST_CODE)?.ok_or(ImportError::NoCodes)?;
        match columns.find(CHECKED_IN)? {
            Some(_) => columns.check_in_list(code),
            None => columns.code_list(code),
        }
    }
}

/// The headings of a file, and what each kind of export makes of them.
struct Columns<'a>(&'a [&'a str]);

impl Columns<'_> {
    /// "Order data", sheet "Order positions": every ticket whatever its state.
    fn order_list(&self, code: usize) -> Result<Layout, ImportError> {
        let status = self.find(STATUS)?.ok_or(ImportError::NoStatus)?;
        self.layout(code, self.find(VARIATION)?, Standing::Status(status))
    }

    /// "Check-in list": product and variation share a column. Its "Paid" is missing when it has paid orders only;
    /// we believe that because "Checked in" shows that the headings are in a language we know.
    fn check_in_list(&self, code: usize) -> Result<Layout, ImportError> {
        let standing = self.find(PAID)?.map_or(Standing::AllPaid, Standing::Paid);
        self.layout(code, None, standing)
    }

    /// "Valid check-in codes": codes and products without personal data, always with "Paid".
    fn code_list(&self, code: usize) -> Result<Layout, ImportError> {
        let paid = self.find(PAID)?.ok_or(ImportError::NoStatus)?;
        self.layout(code, self.find(VARIATION)?, Standing::Paid(paid))
    }

    fn layout(&self, code: usize, variation: Option<usize>, standing: Standing) -> Result<Layout, ImportError> {
        Ok(Layout {
            width: self.0.len(),
            code,
            product: self.find(PRODUCT)?.ok_or(ImportError::NoProducts)?,
            variation,
            holder: self.find(HOLDER)?,
            price: self.find(PRICE)?,
            standing,
            blocked: self.find(BLOCKED)?,
        })
    }

    /// The one column with this heading. Two of them are refused, because taking either would be a guess.
    fn find(&self, wordings: Wordings) -> Result<Option<usize>, ImportError> {
        let mut found = self.0.iter().enumerate().filter(|(_, heading)| wordings.contains(heading));
        match (found.next(), found.next()) {
            (_, Some((_, heading))) => Err(ImportError::DoubledHeading((*heading).to_owned())),
            (first, None) => Ok(first.map(|(column, _)| column)),
        }
    }
}
