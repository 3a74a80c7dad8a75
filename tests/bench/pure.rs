//! How long the parts of an attempt without input and output take: the token check, authorise and decide.
//!
//! `cargo bench --bench pure` measures them; [the load tester's README](../../loadtest/README.md) has the figures beside those of the
//! whole attempt. `cargo test` leaves them out, and `cargo test --benches` only checks that each runs.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion makes what is public here, and a bench may stop")]

use std::{hint::black_box, sync::Arc};

use chrono::TimeDelta;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use enumset::EnumSet;
use stagedoor::{
    authenticate::{Caller, judge},
    authorise::{Act, may},
    clock::{self, Clock, Moment},
    config::Config,
    door::scan::decide::{self as door, Question, Reason, Verdict},
    faults::Whole,
    gateway,
    ids::{DeviceId, EnrolmentId, SessionId},
    ledger::{
        kinds::{DeviceKind, Direction, EventStatus, MemberStatus, PaymentMethod, Role, SessionKind, TicketStatus},
        rows::{Authority, Device, Event, EventFacts, Membership, Movement, OrganisationNames, Session, Ticket, TicketType},
    },
    pos::sale::{
        decide::{self as pos, Here},
        request::{LineBody, PaymentBody, Request, SaleBody},
    },
};
use uuid::Uuid;

/// Tokens that take turns: as many sessions as the load tester's table has at a door.
const TOKENS: usize = 50;
/// Ticket types of the event, and lines of the larger sale.
const TYPES: u128 = 8;

/// A token that is shown for the first time, and one that was found good before.
fn token(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let settings = [("STAGEDOOR_DATA_DIR".to_owned(), folder.path().display().to_string())];
    let state = runtime.block_on(gateway::open(&Config::load(settings).unwrap())).unwrap();
    let until = Clock::of_this_machine().now() + TimeDelta::hours(12);
    let signer = runtime.block_on(state.tokens.signer()).unwrap();
    let sessions: Vec<String> = (0..TOKENS).map(|_| signer.for_session(clock::new_id::<SessionId>(), until).unwrap()).collect();
    // A device's token is shown once in an evening and not remembered: it is verified each time.
    let device = signer.for_device(clock::new_id::<DeviceId>(), clock::new_id::<EnrolmentId>(), until).unwrap();

    let mut group = c.benchmark_group("token");
    group.throughput(Throughput::Elements(1));
    let mut turns = sessions.iter().cycle();
    group.bench_function("remembered", |b| {
        b.to_async(&runtime).iter(|| state.tokens.session(turns.next().unwrap()));
    });
    group.bench_function("verified", |b| b.to_async(&runtime).iter(|| state.tokens.device(&device)));
    group.finish();
}

/// From a session in memory to the permit to scan or to sell.
fn authorise(c: &mut Criterion) {
    let facts = event();
    let mut group = c.benchmark_group("authorise");
    group.throughput(Throughput::Elements(1));
    let acts = [
        ("scan", SessionKind::Scanner, Role::Scanner, Act::Scan),
        ("sell", SessionKind::Pos, Role::DoorOperator, Act::Sell { cash: true, admit: true }),
        ("refuse", SessionKind::Scanner, Role::FinanceManager, Act::Scan),
    ];
    for (name, kind, role, act) in acts {
        let authority = Arc::new(authority(kind, role));
        let walk = || {
            let caller: Caller = judge(Some(Arc::clone(black_box(&authority))), Some(now()), now()).unwrap();
            may(&caller, black_box(act), Some(&facts), None)
        };
        assert_eq!(walk().is_ok(), name != "refuse", "{name}");
        group.bench_function(name, |b| b.iter(walk));
    }
    group.finish();
}

/// A ticket that is let in, and one that was let in before.
fn scan(c: &mut Criterion) {
    let facts = event();
    let ticket_type = facts.types.first().unwrap();
    let (ticket, last) = (ticket(ticket_type), movement());
    let question = |last| Question {
        ticket: Some(&ticket),
        ticket_type: Some(ticket_type),
        last,
        elsewhere: None,
        direction: Direction::In,
        gate: Some("North"),
        now: now(),
    };
    let mut group = c.benchmark_group("decide a scan");
    group.throughput(Throughput::Elements(1));
    let answers = [("admit", None, Verdict::Admit { uses: 1 }), ("refuse", Some(&last), Verdict::Refuse(Reason::AlreadyAdmitted))];
    for (name, last, wanted) in answers {
        let question = question(last);
        assert_eq!(door::decide(&question), wanted, "{name}");
        group.bench_function(name, |b| b.iter(|| door::decide(black_box(&question))));
    }
    group.finish();
}

/// A sale of one line for cash, and one of every type by card.
fn sale(c: &mut Criterion) {
    let facts = event();
    let here = Here { device: Some(uuid(5).into()), now: now(), hold: None };
    let cash = PaymentBody { method: PaymentMethod::Cash, tendered: Some("50.00".to_owned()), reference: None };
    let card = PaymentBody { method: PaymentMethod::Card, tendered: None, reference: Some("T-4711".to_owned()) };
    let mut group = c.benchmark_group("decide a sale");
    group.throughput(Throughput::Elements(1));
    for (name, lines, payment) in [("one line", 1, cash), ("eight lines", TYPES, card)] {
        let request = Request::parse(basket(lines, payment));
        assert!(pos::decide(&request, &facts, here).is_ok(), "{name}");
        group.bench_function(name, |b| b.iter(|| pos::decide(black_box(&request), &facts, here)));
    }
    group.finish();
}

criterion_group!(pure, token, authorise, scan, sale);
criterion_main!(pure);

fn now() -> Moment {
    Moment::from_timestamp_millis(1_795_375_800_000).unwrap()
}

fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn type_id(number: u128) -> Uuid {
    uuid(1_000 + number)
}

/// Two tickets of each of so many types.
fn basket(lines: u128, payment: PaymentBody) -> SaleBody {
    SaleBody {
        id: uuid(3),
        event: uuid(6),
        lines: (0..lines).map(|number| LineBody { ticket_type: type_id(number), quantity: Whole(2) }).collect(),
        expected_total: None,
        payment,
        admit: false,
        hold: None,
    }
}

/// A member who is signed in on a device, pinned to the event.
fn authority(kind: SessionKind, role: Role) -> Authority {
    let session = Session {
        id: uuid(1).into(),
        organisation_id: uuid(2).into(),
        membership_id: uuid(3).into(),
        device_id: Some(uuid(5).into()),
        kind,
        started_at: now(),
        expires_at: now() + TimeDelta::hours(24),
        idle_seconds: 3_600,
        ended_at: None,
        end_reason: None,
        displaced_by: None,
        version: 1,
        seen_at: now(),
    };
    let membership = Membership {
        id: uuid(3).into(),
        organisation_id: uuid(2).into(),
        user_id: uuid(4).into(),
        username: "Ada".to_owned(),
        username_key: "ada".to_owned(),
        role,
        grants: EnumSet::empty(),
        revokes: EnumSet::empty(),
        events: vec![uuid(6).into()],
        status: MemberStatus::Active,
        version: 1,
        created_at: now(),
    };
    let device = Device {
        id: uuid(5).into(),
        organisation_id: uuid(2).into(),
        name: "Phone 5".to_owned(),
        kind: if kind == SessionKind::Pos { DeviceKind::Pos } else { DeviceKind::Scanner },
        gate: Some("North".to_owned()),
        enrolment_hash: None,
        enrolment_expires_at: None,
        enrolment_id: None,
        enrolled_at: Some(now()),
        revoked_at: None,
        hardware: None,
        version: 1,
        created_at: now(),
        seen_at: None,
    };
    Authority {
        session,
        membership,
        device: Some(device),
        user_name: "Ada".to_owned(),
        organisation: Arc::new(OrganisationNames { slug: "arena".to_owned(), name: "Arena".to_owned() }),
    }
}

fn event() -> EventFacts {
    let event = Event {
        id: uuid(6).into(),
        organisation_id: uuid(2).into(),
        name: "Autumn Festival".to_owned(),
        venue: None,
        starts_at: now(),
        ends_at: now() + TimeDelta::hours(8),
        timezone: "Europe/Berlin".to_owned(),
        currency: "EUR".to_owned(),
        status: EventStatus::Live,
        version: 1,
        created_at: now(),
    };
    EventFacts { event, types: (0..TYPES).map(ticket_type).collect() }
}

fn ticket_type(number: u128) -> TicketType {
    TicketType {
        id: type_id(number).into(),
        organisation_id: uuid(2).into(),
        event_id: uuid(6).into(),
        name: format!("Type {number}"),
        price_minor: 1_250,
        quota: Some(1_000_000),
        entries_allowed: 1,
        reentry: false,
        gates: vec!["South".to_owned(), "North".to_owned()],
        valid_from: Some(now() - TimeDelta::hours(1)),
        valid_until: Some(now() + TimeDelta::hours(8)),
        taken: 0,
        held: 0,
        created_at: now(),
    }
}

fn ticket(ticket_type: &TicketType) -> Ticket {
    Ticket {
        id: uuid(7).into(),
        ticket_type_id: ticket_type.id,
        code: "k7qj2kz5cmyyphx4jcrw3gcvbd".to_owned(),
        holder: None,
        status: TicketStatus::Valid,
        entries_allowed: 1,
        valid_from: None,
        valid_until: None,
        version: 0,
    }
}

/// The ticket's only entry.
fn movement() -> Movement {
    Movement {
        seq: 1,
        direction: Direction::In,
        used: 1,
        inside: 1,
        gate: Some("North".to_owned()),
        recorded_at: now(),
        device_id: Some(uuid(5).into()),
        device_name: Some("Phone 5".to_owned()),
    }
}
