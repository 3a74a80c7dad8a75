//! The verdict on a party: a pure function of the guest as seen and the people who come.

use super::request::Request;
use crate::{
    authenticate::Caller,
    authorise::guestlist::is_same,
    ledger::guestlist::{Guest, RecordedCheckIn},
    string_enum::string_enum,
};

string_enum! {
    /// Why people of a party are refused.
    pub enum Reason {
        /// The guest was struck off the list.
        StruckOff = "struck_off",
        /// Everybody of the party is in.
        PartyComplete = "party_complete",
        /// More come than remain.
        TooMany = "too_many",
    }
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They may come in, once they are in the ledger.
    Admit,
    /// They may not.
    Refuse(Reason),
}

/// Whether this is the request that the ledger has under its id already: of the same device or member, with the same meaning.
pub fn is_repeated(request: &Request, recorded: &RecordedCheckIn, caller: &Caller) -> bool {
    is_same(caller, recorded.device_id, recorded.membership_id)
        && recorded.fingerprint == request.fingerprint(caller.authority().device.as_ref())
}

/// Decides. `people` is how many come; none is all that remain.
pub fn decide(guest: &Guest, people: Option<i32>) -> Verdict {
    if guest.removed_at.is_some() {
        return Verdict::Refuse(Reason::StruckOff);
    }
    match guest.remaining() {
        0 => Verdict::Refuse(Reason::PartyComplete),
        remaining if people.is_some_and(|people| people > remaining) => Verdict::Refuse(Reason::TooMany),
        _ => Verdict::Admit,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{clock::Clock, ids::GuestId};

    fn guest(party_size: i32, arrived: i32) -> Guest {
        Guest {
            organisation_id: Uuid::nil().into(),
            id: GuestId(Uuid::nil()),
            event_id: Uuid::nil().into(),
            list_id: Uuid::nil().into(),
            name: "Zoë".into(),
            name_key: "zoe".into(),
            company: None,
            note: None,
            party_size,
            arrived,
            removed_at: None,
            version: 1,
            created_at: Clock::of_this_machine().now(),
        }
    }

    #[test]
    fn every_case() {
        use Reason::{PartyComplete, StruckOff, TooMany};
        let (admit, refuse) = (Verdict::Admit, Verdict::Refuse);
        for (party, arrived, people, removed, expected) in [
            (1, 0, None, false, admit),
            (1, 0, Some(1), false, admit),
            (1, 0, Some(2), false, refuse(TooMany)),
            (1, 1, None, false, refuse(PartyComplete)),
            (1, 1, Some(1), false, refuse(PartyComplete)),
            (4, 0, None, false, admit),
            (4, 1, Some(3), false, admit),
            (4, 1, Some(4), false, refuse(TooMany)),
            (4, 3, Some(2), false, refuse(TooMany)),
            (4, 3, None, false, admit),
            (4, 4, Some(5), false, refuse(PartyComplete)),
            (4, 0, None, true, refuse(StruckOff)),
            (4, 4, Some(9), true, refuse(StruckOff)),
        ] {
            let removed_at = removed.then(|| Clock::of_this_machine().now());
            let verdict = decide(&Guest { removed_at, ..guest(party, arrived) }, people);
            assert_eq!(verdict, expected, "{arrived} of {party} in, {people:?} come, struck off: {removed}");
        }
    }

    #[test]
    fn a_name_is_in_no_log() {
        assert!(!format!("{:?}", guest(2, 1)).to_lowercase().contains("zo"));
    }
}
