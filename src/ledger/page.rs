//! Lists are read page by page.

use uuid::Uuid;

/// One page of a list: so many rows after this id.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Rows at the most.
    pub limit: u32,
    /// The id after which the page begins.
    pub after: Uuid,
}
