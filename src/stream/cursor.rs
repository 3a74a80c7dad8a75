//! A terminal's position in the log, as the id of a message.
//!
//! An id is a position in the log of changes and a mark. The mark is made from the ledger, the session and the subscription:
//! a position is valid only for the stream that it was sent to. A client with another mark, or with something that is not an id, gets
//! the whole state; a browser sends back whatever it has, and could not correct an error.

use uuid::Uuid;

use super::Subscription;
use crate::{attempt::fingerprint, ids::SessionId};

/// Writes and reads the ids of one stream.
pub(super) struct Cursor(String);

impl Cursor {
    /// The marker of a stream.
    pub fn new(ledger: Uuid, session: SessionId, subscription: &Subscription) -> Self {
        Self(fingerprint(&(ledger, session, subscription)))
    }

    /// The id of a message at this position.
    pub fn write(&self, position: i64) -> String {
        format!("{position}-{}", self.0)
    }

    /// The position in an id of this stream.
    pub fn read(&self, id: &str) -> Option<i64> {
        let (position, mark) = id.split_once('-')?;
        position.parse().ok().filter(|position| *position >= 0 && mark == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::EventId;

    fn marker(session: u128, events: Option<Vec<EventId>>) -> Cursor {
        Cursor::new(Uuid::from_u128(1), SessionId(Uuid::from_u128(session)), &Subscription { events, ..Subscription::default() })
    }

    #[test]
    fn a_position_is_read_by_whom_it_was_told() {
        let own = marker(1, None);
        assert_eq!(own.read(&own.write(17)), Some(17));
        for other in [marker(2, None), marker(1, Some(vec![EventId(Uuid::from_u128(3))]))] {
            assert_eq!(other.read(&own.write(17)), None);
        }
    }

    #[test]
    fn what_is_no_id_is_none() {
        let own = marker(1, None);
        let mark = own.write(0);
        let mark = mark.trim_start_matches('0');
        for id in ["", "-", "17", "x", "17-", &format!("-1{mark}"), &format!("99999999999999999999{mark}"), &format!("1 {mark}"), mark] {
            assert_eq!(own.read(id), None, "{id}");
        }
    }
}
