//! What the ledger answers when it cannot do what it was asked.

/// Why the ledger did not do it. Small, because it is cloned for every request that waits for the same batch.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LedgerError {
    /// It did not answer in time, or the way to it is broken. Whether something was written is unknown: look it up by its id.
    #[error("the ledger cannot be reached")]
    Unavailable,
    /// Too much is waiting for it; nothing was written.
    #[error("too much is waiting for the ledger")]
    Busy,
    /// What the change rests on has a newer version; nothing was written.
    #[error("what the change rests on has moved")]
    Moved,
    /// A name is in use; nothing was written.
    #[error("the name is taken ({0})")]
    Taken(Name),
    /// The ledger refused a statement that it should have accepted: an error in this program.
    #[error("the ledger refused a statement")]
    Broken,
}

/// A name that must be unique, by its constraint in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// `organisations_slug`.
    Slug,
    /// `memberships_username`.
    Username,
    /// `ticket_types_name`.
    TicketType,
    /// `guest_lists_name`.
    GuestList,
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Slug => "slug",
            Self::Username => "username",
            Self::TicketType => "ticket type",
            Self::GuestList => "guest list",
        })
    }
}

/// The SQLSTATE with which a function of the ledger says that something has moved.
const MOVED: &str = "SD001";

impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        let sqlx::Error::Database(refusal) = &error else {
            return match error {
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed => {
                    tracing::warn!(error = %error, "the way to the ledger is broken");
                    Self::Unavailable
                }
                _ => {
                    tracing::error!(error = %error, "the ledger was misread");
                    Self::Broken
                }
            };
        };
        let code = refusal.code().unwrap_or_default();
        if code == MOVED {
            return Self::Moved;
        }
        if refusal.is_unique_violation() {
            return unique(refusal.constraint().unwrap_or_default(), refusal.message());
        }
        if is_passing(&code) {
            tracing::warn!(error = %error, "the ledger did not get to it");
            return Self::Unavailable;
        }
        tracing::error!(error = %error, "the ledger refused a statement");
        Self::Broken
    }
}

/// A named constraint becomes a named error. SQLite reports the columns where Postgres reports the name.
fn unique(constraint: &str, message: &str) -> LedgerError {
    let is = |name: &str, columns: &str| constraint == name || message.contains(columns);
    if is("memberships_username", "memberships.username_key") {
        LedgerError::Taken(Name::Username)
    } else if is("organisations_slug", "organisations.slug") {
        LedgerError::Taken(Name::Slug)
    } else if is("ticket_types_name", "ticket_types.name") {
        LedgerError::Taken(Name::TicketType)
    } else if is("guest_lists_name", "guest_lists.name") {
        LedgerError::Taken(Name::GuestList)
    } else {
        // Two changes wrote the same thing at once (a live session above all): a fresh read sees the other's.
        LedgerError::Moved
    }
}

/// States that pass by themselves: lock and statement timeouts, deadlocks, lost races, a database that is starting or stopping,
/// too many connections, no disk left; SQLite's busy (5), locked (6), full (13) and I/O (10) codes.
fn is_passing(code: &str) -> bool {
    match code.parse::<u32>() {
        // SQLite: up to four digits, the lowest byte is the primary code.
        Ok(number) if code.len() <= 4 => matches!(number & 0xff, 5 | 6 | 10 | 13),
        _ => {
            matches!(code, "55P03" | "57014" | "40P01" | "40001" | "25P03" | "25P04")
                || ["08", "53", "57P", "58"].iter().any(|class| code.starts_with(class))
        }
    }
}
