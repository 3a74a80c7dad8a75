//! Guest lists: parties counted by the ledger itself, written once, and only while what they were decided on is unchanged.

use std::time::{Duration, Instant};

use futures::future::{Either, join_all, select};
use stagedoor::clock::{self, Clock};
use stagedoor::guestlist::{fold, words};
use stagedoor::ids::CheckInId;
use stagedoor::ledger::change::Guard;
use stagedoor::ledger::check_in::CheckedIn;
use stagedoor::ledger::entry::Outcome;
use stagedoor::ledger::guestlist::{Arrival, Guest, GuestChange, GuestList, GuestSearch};
use stagedoor::ledger::{Ledger, LedgerError, Page};
use stagedoor::limits;
use uuid::Uuid;

use super::entries::CheckInDraft;
use super::{Ledgers, Part, Stage, on_both_ledgers};
use crate::support::PATIENCE;

/// A list of this stage's event, and what is done with it.
struct Door {
    stage: Stage,
    list: GuestList,
}

impl Door {
    async fn open(ledgers: &Ledgers) -> Self {
        let stage = Stage::open(ledgers).await;
        let list = GuestList {
            organisation_id: stage.organisation.id,
            id: clock::new_id(),
            event_id: stage.event.id,
            name: "Friends".into(),
            note: None,
            removed_at: None,
            version: 1,
            created_at: Clock::of_this_machine().now(),
        };
        let door = Self { stage, list };
        ledgers.a.store_guests(&door.change(|change| change.lists.push(door.list.clone()))).await.unwrap();
        door
    }

    fn change(&self, fill: impl FnOnce(&mut GuestChange)) -> GuestChange {
        let mut change = GuestChange::new(self.stage.organisation.id, vec![]);
        fill(&mut change);
        change
    }

    fn new_guest(&self, name: &str, party_size: i32) -> Guest {
        Guest {
            organisation_id: self.stage.organisation.id,
            id: clock::new_id(),
            event_id: self.stage.event.id,
            list_id: self.list.id,
            name: name.into(),
            name_key: fold(name),
            company: None,
            note: None,
            party_size,
            arrived: 0,
            removed_at: None,
            version: 1,
            created_at: Clock::of_this_machine().now(),
        }
    }

    async fn guest(&self, ledgers: &Ledgers, name: &str, party_size: i32) -> Guest {
        let guest = self.new_guest(name, party_size);
        self.store(&ledgers.a, guest.clone()).await.unwrap();
        guest
    }

    async fn store(&self, ledger: &Ledger, guest: Guest) -> Result<(), LedgerError> {
        ledger.store_guests(&self.change(|change| change.guests.push(guest))).await
    }

    fn entry(&self, guest: &Guest, people: Option<i32>) -> CheckInDraft {
        CheckInDraft {
            decided_on: self.stage.decided_on(),
            id: clock::new_id(),
            guest: (guest.id, guest.version),
            people,
            undoes: None,
            gate: Some("North".into()),
            fingerprint: "a party".into(),
        }
    }

    fn undo(&self, guest: &Guest, people: i32, undoes: CheckInId) -> CheckInDraft {
        CheckInDraft { undoes: Some(undoes), ..self.entry(guest, Some(-people)) }
    }

    async fn commit(&self, ledger: &Ledger, entry: &CheckInDraft) -> Option<CheckedIn> {
        match ledger.commit_check_in(entry.entry(&self.stage), clock::deadline(PATIENCE)).await.unwrap() {
            Outcome::Recorded(written) => Some(written),
            Outcome::Moved => None,
            Outcome::Refused(never) => match never {},
        }
    }

    async fn numbers(&self, ledger: &Ledger, entry: &CheckInDraft) -> Option<(i32, i32, i32)> {
        self.commit(ledger, entry).await.map(|written| (written.seq, written.people, written.arrived))
    }
}

on_both_ledgers!(a_party_is_numbered_and_counted);
async fn a_party_is_numbered_and_counted(ledgers: Ledgers) {
    let door = Door::open(&ledgers).await;
    let guest = door.guest(&ledgers, "Zoë", 4).await;
    let one = door.entry(&guest, Some(1));
    assert_eq!(door.numbers(&ledgers.a, &one).await, Some((1, 1, 1)));
    assert_eq!(door.numbers(&ledgers.b, &one).await, None, "an id is written once");
    assert_eq!(door.numbers(&ledgers.b, &door.entry(&guest, Some(4))).await, None, "more than remain");
    let rest = door.entry(&guest, None);
    assert_eq!(door.numbers(&ledgers.b, &rest).await, Some((2, 3, 4)));
    assert_eq!(door.numbers(&ledgers.a, &door.entry(&guest, None)).await, None, "nobody remains");
    assert_eq!(door.numbers(&ledgers.a, &door.undo(&guest, 1, one.id)).await, Some((3, -1, 3)));
    assert_eq!(door.numbers(&ledgers.b, &door.undo(&guest, 1, one.id)).await, None, "taken back once");
    assert_eq!(door.numbers(&ledgers.b, &door.entry(&guest, None)).await, Some((4, 1, 4)));
    assert_eq!(ledgers.b.guest(guest.organisation_id, guest.id).await.unwrap().unwrap().guest.arrived, 4);
    let told = ledgers.b.check_ins(guest.organisation_id, guest.id).await.unwrap();
    assert_eq!(told.iter().map(|c| (c.seq, c.people, c.arrived)).collect::<Vec<_>>(), [(1, 1, 1), (2, 3, 4), (3, -1, 3), (4, 1, 4)]);
    assert_eq!(told[2].undoes, Some(one.id));
}

on_both_ledgers!(a_party_of_ten_before_sixteen_phones);
async fn a_party_of_ten_before_sixteen_phones(ledgers: Ledgers) {
    let door = Door::open(&ledgers).await;
    for people in [1, 3] {
        let guest = door.guest(&ledgers, "Ten", 10).await;
        let entries: Vec<CheckInDraft> = (0..16).map(|_| door.entry(&guest, Some(people))).collect();
        let door = &door;
        let commits = entries.iter().enumerate().map(|(n, entry)| door.commit(ledgers.turn(n), entry));
        let mut written: Vec<i32> = join_all(commits).await.into_iter().flatten().map(|written| written.seq).collect();
        written.sort_unstable();
        assert_eq!(written, (1..=10 / people).collect::<Vec<_>>());
    }
    assert_eq!(ledgers.total("select count(*) from guests where arrived > party_size").await, 0);
}

on_both_ledgers!(one_id_and_one_undo_win_once);
async fn one_id_and_one_undo_win_once(ledgers: Ledgers) {
    let door = Door::open(&ledgers).await;
    let (guest, other) = (door.guest(&ledgers, "Zoë", 9).await, door.guest(&ledgers, "Max", 9).await);
    let first = door.entry(&guest, Some(2));
    let same_id = CheckInDraft { id: first.id, ..door.entry(&other, Some(2)) };
    let attempts = (0..8).map(|n| (n, if n % 4 < 2 { &first } else { &same_id }));
    let outcomes = join_all(attempts.map(|(n, entry)| door.commit(ledgers.turn(n), entry))).await;
    assert_eq!(outcomes.into_iter().flatten().count(), 1);

    let entry = door.entry(&guest, Some(1));
    assert!(door.commit(&ledgers.a, &entry).await.is_some());
    let undoes: Vec<CheckInDraft> = (0..8).map(|_| door.undo(&guest, 1, entry.id)).collect();
    let written = join_all(undoes.iter().enumerate().map(|(n, undo)| door.commit(ledgers.turn(n), undo))).await;
    assert_eq!(written.into_iter().flatten().count(), 1);
    let rows = ledgers.number("select count(*) from guest_check_ins where guest_id = $1", guest.id).await;
    let last = ledgers.number("select cast(max(seq) as bigint) from guest_check_ins where guest_id = $1", guest.id).await;
    assert_eq!(rows, last, "the numbers have no gap");
}

on_both_ledgers!(many_parties_come_at_once_and_each_hears_its_own);
async fn many_parties_come_at_once_and_each_hears_its_own(ledgers: Ledgers) {
    let door = Door::open(&ledgers).await;
    let mut guests = Vec::new();
    for size in 1..=20 {
        guests.push(door.guest(&ledgers, "Party", size).await);
    }
    // At both gateways and in both orders; at one of them, those that wait are written together.
    let entries: Vec<CheckInDraft> = guests.iter().chain(guests.iter().rev()).map(|guest| door.entry(guest, None)).collect();
    let door = &door;
    let commits = entries.iter().enumerate().map(|(n, entry)| door.numbers(ledgers.turn(n / 20), entry));
    let written = join_all(commits).await;
    for (n, guest) in guests.iter().enumerate() {
        let (one, other) = (written[n], written[39 - n]);
        assert!(one.is_none() || other.is_none(), "{one:?} {other:?}");
        assert_eq!(one.or(other), Some((1, guest.party_size, guest.party_size)));
    }
}

/// Check-ins that wait for one organisation's lock delay no other organisation, however many they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_house_keeps_no_other_waiting() {
    let ledgers = Ledgers::on_postgres().await;
    let (locked, other) = (Door::open(&ledgers).await, Door::open(&ledgers).await);
    let (theirs, ours) = (locked.guest(&ledgers, "Zoë", 8).await, other.guest(&ledgers, "Max", 2).await);
    let held = ledgers.hold(&format!("select pg_advisory_xact_lock(hashtextextended('{}', 7431))", locked.stage.organisation.id)).await;
    let entries: Vec<CheckInDraft> = (0..2 * limits::COMMIT_CONNECTIONS_MAX).map(|_| locked.entry(&theirs, Some(1))).collect();
    let waiting = join_all(entries.iter().map(|entry| locked.numbers(&ledgers.a, entry)));
    let entry = other.entry(&ours, None);
    let passing = Box::pin(other.numbers(&ledgers.a, &entry));
    // The waiting ones come first: before the other organisation's has passed, none of them is answered.
    let waiting = match select(waiting, passing).await {
        Either::Right((passed, waiting)) => {
            assert_eq!(passed, Some((1, 2, 2)));
            waiting
        }
        Either::Left((told, _)) => panic!("{told:?}"),
    };
    drop(held);
    let mut arrived: Vec<i32> = waiting.await.into_iter().map(|numbers| numbers.unwrap().2).collect();
    arrived.sort_unstable();
    assert_eq!(arrived, (1..=8).collect::<Vec<_>>());
}

on_both_ledgers!(what_was_decided_before_a_change_is_not_written_after_it);
async fn what_was_decided_before_a_change_is_not_written_after_it(ledgers: Ledgers) {
    let mut door = Door::open(&ledgers).await;
    let mut guest = door.guest(&ledgers, "Zoë", 99).await;
    for part in Part::ALL {
        let decided = door.entry(&guest, Some(1));
        door.stage.move_on(&ledgers.b, part).await;
        assert_eq!(door.commit(&ledgers.a, &decided).await, None, "{part:?} has moved");
        assert!(door.commit(&ledgers.a, &door.entry(&guest, Some(1))).await.is_some(), "{part:?} stands");
    }
    let decided = door.entry(&guest, Some(1));
    guest.version += 1;
    guest.removed_at = Some(Clock::of_this_machine().now());
    door.store(&ledgers.b, guest.clone()).await.unwrap();
    assert_eq!(door.commit(&ledgers.a, &decided).await, None, "the guest was struck off");
    assert_eq!(ledgers.number("select count(*) from guest_check_ins where guest_id = $1", guest.id).await, 4);
}

on_both_ledgers!(a_party_is_not_made_smaller_than_who_is_in);
async fn a_party_is_not_made_smaller_than_who_is_in(ledgers: Ledgers) {
    let door = Door::open(&ledgers).await;
    let guest = door.guest(&ledgers, "Zoë", 4).await;
    door.commit(&ledgers.a, &door.entry(&guest, Some(3))).await.unwrap();
    let smaller = |party_size, version| Guest { party_size, version, ..guest.clone() };
    assert!(matches!(door.store(&ledgers.b, smaller(2, 2)).await, Err(LedgerError::Moved)));
    assert!(matches!(door.store(&ledgers.b, smaller(3, 3)).await, Err(LedgerError::Moved)), "on another version");
    door.store(&ledgers.b, smaller(3, 2)).await.unwrap();
    let stands = ledgers.a.guest(guest.organisation_id, guest.id).await.unwrap().unwrap().guest;
    assert_eq!((stands.party_size, stands.arrived, stands.version), (3, 3, 2));
}

on_both_ledgers!(a_change_of_lists_is_whole_or_nothing);
async fn a_change_of_lists_is_whole_or_nothing(ledgers: Ledgers) {
    let door = Door::open(&ledgers).await;
    let (known, new) = (door.guest(&ledgers, "Zoë", 4).await, door.new_guest("Max", 1));
    let moved = async |change: GuestChange| assert!(matches!(ledgers.b.store_guests(&change).await, Err(LedgerError::Moved)));
    moved(door.change(|change| change.guests = vec![new.clone(), Guest { version: 3, ..known.clone() }])).await;
    moved(door.change(|change| {
        change.guests = vec![new.clone()];
        change.on_list = Some((door.list.id, 2));
    }))
    .await;
    let stale = Guard::Session { id: door.stage.session.id, version: 7 };
    moved(GuestChange { guards: vec![stale], ..door.change(|change| change.guests = vec![new.clone()]) }).await;
    let namesake = GuestList { id: clock::new_id(), ..door.list.clone() };
    let taken = ledgers.b.store_guests(&door.change(|change| change.lists = vec![namesake.clone()])).await;
    assert!(matches!(taken, Err(LedgerError::Taken(_))), "{taken:?}");
    assert_eq!(ledgers.rows("guests").await, 1);

    let struck = GuestList { removed_at: Some(Clock::of_this_machine().now()), version: 2, ..door.list.clone() };
    ledgers.b.store_guests(&door.change(|change| change.lists = vec![struck])).await.unwrap();
    let gone = ledgers.a.guest(known.organisation_id, known.id).await.unwrap().unwrap().guest;
    assert_eq!((gone.removed_at.is_some(), gone.version), (true, 2), "who is on a list is struck off with it");
    ledgers.a.store_guests(&door.change(|change| change.lists = vec![namesake])).await.unwrap();
}

on_both_ledgers!(an_event_has_no_more_lists_than_it_may_though_two_add_at_once);
async fn an_event_has_no_more_lists_than_it_may_though_two_add_at_once(ledgers: Ledgers) {
    let door = Door::open(&ledgers).await;
    let many = |gateway: &str| {
        let named = |n| GuestList { id: clock::new_id(), name: format!("{gateway} {n}"), ..door.list.clone() };
        door.change(|change| change.lists = (0..limits::GUEST_LISTS_MAX - 1).map(named).collect())
    };
    let (at_a, at_b) = (many("a"), many("b"));
    let (one, other) = tokio::join!(ledgers.a.store_guests(&at_a), ledgers.b.store_guests(&at_b));
    assert!(matches!((&one, &other), (Ok(()), Err(LedgerError::Moved)) | (Err(LedgerError::Moved), Ok(()))), "{one:?} {other:?}");
    assert_eq!(ledgers.a.guest_census(door.stage.event.id).await.unwrap(), (limits::GUEST_LISTS_MAX, 0));
    let renamed = GuestList { name: "Full".into(), version: 2, ..door.list.clone() };
    ledgers.a.store_guests(&door.change(|change| change.lists = vec![renamed])).await.unwrap();
}

on_both_ledgers!(an_event_has_no_more_guests_than_it_may_though_two_add_at_once);
async fn an_event_has_no_more_guests_than_it_may_though_two_add_at_once(ledgers: Ledgers) {
    let door = Door::open(&ledgers).await;
    let known = door.guest(&ledgers, "Known", 1).await;
    let id = if ledgers.is_postgres { "gen_random_uuid()" } else { "randomblob(16)" };
    let fill = format!(
        "with recursive n(i) as (select 2 union all select i + 1 from n where i < {})
         insert into guests (organisation_id, id, event_id, list_id, name, name_key, party_size, version, created_at)
         select organisation_id, {id}, event_id, list_id, name, name_key, 1, 1, created_at from guests, n",
        limits::GUESTS_MAX - 1
    );
    ledgers.execute(&fill).await.unwrap();
    assert_eq!(ledgers.a.guest_census(door.stage.event.id).await.unwrap(), (1, limits::GUESTS_MAX - 1));
    let (at_a, at_b) = (door.store(&ledgers.a, door.new_guest("Last", 1)), door.store(&ledgers.b, door.new_guest("Last", 1)));
    let (one, other) = tokio::join!(at_a, at_b);
    assert!(matches!((&one, &other), (Ok(()), Err(LedgerError::Moved)) | (Err(LedgerError::Moved), Ok(()))), "{one:?} {other:?}");
    door.store(&ledgers.a, Guest { party_size: 2, version: 2, ..known }).await.unwrap();
    assert_eq!(ledgers.a.guest_census(door.stage.event.id).await.unwrap(), (1, limits::GUESTS_MAX));
}

on_both_ledgers!(search_finds_by_parts_pages_by_name_and_is_quick);
async fn search_finds_by_parts_pages_by_name_and_is_quick(ledgers: Ledgers) {
    const GUESTS: usize = 10_000;
    let door = Door::open(&ledgers).await;
    let given = ["José", "Zoë", "Łukasz", "Søren", "Фёдор", "محمّد", "太郎", "Νίκος", "İpek", "Anna_%"];
    let guests: Vec<Guest> = (0..GUESTS).map(|n| door.new_guest(&format!("{} Number{n:05}", given[n % given.len()]), 2)).collect();
    for chunk in guests.chunks(1_000) {
        ledgers.a.store_guests(&door.change(|change| change.guests = chunk.to_vec())).await.unwrap();
    }
    let organisation = door.stage.organisation.id;
    let event = door.stage.event.id;
    let first = Page { limit: 100, after: Uuid::nil() };
    let find = async |words: Vec<String>| {
        let search = GuestSearch { words, ..GuestSearch::default() };
        ledgers.b.guests(organisation, event, &search, first).await.unwrap()
    };
    for wild in ["_", "%", "\\"] {
        assert_eq!(find(vec![wild.to_owned()]).await.len(), 0, "{wild} is a letter like any other");
    }
    for (query, found) in [
        ("lukasz 00002", 1),
        ("09993 SOREN", 1),
        ("федор 04", 100),
        ("number01234", 1),
        ("01234 number фёдор", 1),
        ("nobody", 0),
        ("anna_%", 100),
        ("_%_", 100),
        ("", 100),
    ] {
        let mut quickest = Duration::MAX;
        for _ in 0..5 {
            let begun = Instant::now();
            let names: Vec<String> = find(words(query)).await.into_iter().map(|listed| listed.guest.name).collect();
            quickest = quickest.min(begun.elapsed());
            assert_eq!(names.len(), found, "{query}: {names:?}");
        }
        eprintln!("{query:?} among {GUESTS} guests took {quickest:?}");
        // Milliseconds, and what a busy machine adds.
        assert!(quickest < Duration::from_millis(100), "{query} took {quickest:?}");
    }

    let mut after = Uuid::nil();
    let mut names = Vec::new();
    loop {
        let page = ledgers.a.guests(organisation, event, &GuestSearch::default(), Page { limit: 999, after }).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.guest.id.0;
        names.extend(page.into_iter().map(|listed| listed.guest.name_key));
    }
    assert_eq!(names.len(), GUESTS);
    assert!(names.is_sorted());

    door.commit(&ledgers.a, &door.entry(&guests[0], Some(1))).await.unwrap();
    door.commit(&ledgers.a, &door.entry(&guests[1], None)).await.unwrap();
    for (arrival, found) in [(Arrival::Part, vec![guests[0].id]), (Arrival::All, vec![guests[1].id])] {
        let search = GuestSearch { arrival: Some(arrival), list: Some(door.list.id), ..GuestSearch::default() };
        let ids: Vec<_> = ledgers.b.guests(organisation, event, &search, first).await.unwrap().iter().map(|l| l.guest.id).collect();
        assert_eq!(ids, found);
    }
    let elsewhere = GuestSearch { list: Some(clock::new_id()), ..GuestSearch::default() };
    assert!(ledgers.b.guests(organisation, event, &elsewhere, first).await.unwrap().is_empty());
    assert_eq!(ledgers.a.guest_census(event).await.unwrap(), (1, 10_000));
}
