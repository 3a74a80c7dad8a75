//! What people see: progress, tables, files.

mod progress;
mod table;

pub use progress::Progress;
pub use table::table;
