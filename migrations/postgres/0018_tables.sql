-- All tables of the ledger in Postgres. The functions that write them are in `src/ledger/*/postgres.sql`.
--
-- What the tables themselves promise:
--   * Every row that a decision is made on (session, membership, device, event) has a `version` that grows by one with each change. An event
--     has one version for itself, its ticket types, its prices and its tickets.
--   * One open session per device, and one open session per member on anything but a scanner, are partial unique indexes.
--   * A ticket's movements are numbered by the primary key of `admissions`: two admissions cannot share a number.
--   * The ids of scans, sales, holds, voids and check-ins are unique per organisation for ever.
--   * A hold is used by one sale at most, a sale is voided at most once, and a movement or a check-in is taken back at most once.
--   * `admissions`, `sales`, `sale_lines`, `sale_voids` and `guest_check_ins` can be added to and never altered.
--
-- This file replaces migrations 1 to 17. A ledger that they made has these tables already: `src/ledger/postgres/migrate.rs` takes it over.

-- One row: the ledger itself. `change_seq` numbers the log of changes. A change locks this row last, so its number appears in the order of the
-- commits: a reader that has read up to n has missed nothing before n.
create table book (
    one         boolean primary key default true,
    id          uuid   not null default gen_random_uuid(),
    change_seq  bigint not null default 0,
    constraint book_is_one check (one)
);
insert into book default values;

-- The keys that sign tokens. Every gateway on this ledger accepts tokens that another one issued.
create table signing_keys (
    kid         text primary key,
    seed        text not null,
    created_at  timestamptz not null,
    retired_at  timestamptz
);
create unique index signing_keys_one_active on signing_keys ((true)) where retired_at is null;

create table organisations (
    id          uuid primary key,
    slug        text not null constraint organisations_slug unique,
    name        text not null,
    version     bigint not null default 1,
    created_at  timestamptz not null
);

-- Receipt numbers have no gaps: the counter moves in the transaction that writes the sale.
create table receipt_counters (
    organisation_id  uuid primary key references organisations,
    last             bigint not null default 0
);

create table users (
    id             uuid primary key,
    name           text not null,
    email          text not null,
    password_hash  text not null,
    version        bigint not null default 1,
    created_at     timestamptz not null
);

-- A person in an organisation. `username_key` is the user name in lower case, as it is compared.
create table memberships (
    id               uuid primary key,
    organisation_id  uuid not null references organisations,
    user_id          uuid not null references users,
    username         text not null,
    username_key     text not null,
    role             text not null,
    grants           jsonb not null default '[]',
    revokes          jsonb not null default '[]',
    events           jsonb not null default '[]',
    status           text not null constraint memberships_status check (status in ('active', 'suspended', 'removed')),
    version          bigint not null default 1,
    created_at       timestamptz not null,
    constraint memberships_one_per_person unique (organisation_id, user_id)
);
create unique index memberships_username on memberships (organisation_id, username_key) where status <> 'removed';

create table devices (
    id                    uuid primary key,
    organisation_id       uuid not null references organisations,
    name                  text not null,
    kind                  text not null constraint devices_kind check (kind in ('scanner', 'pos')),
    gate                  text,
    enrolment_hash        text,
    enrolment_expires_at  timestamptz,
    enrolment_id          uuid,
    enrolled_at           timestamptz,
    revoked_at            timestamptz,
    hardware              jsonb,
    version               bigint not null default 1,
    created_at            timestamptz not null,
    seen_at               timestamptz
);
create unique index devices_enrolment on devices (enrolment_hash) where enrolment_hash is not null;
create index devices_of_organisation on devices (organisation_id, id);

create table sessions (
    id               uuid primary key,
    organisation_id  uuid not null references organisations,
    membership_id    uuid not null references memberships,
    device_id        uuid references devices,
    kind             text not null constraint sessions_kind check (kind in ('scanner', 'pos', 'backstage')),
    started_at       timestamptz not null,
    expires_at       timestamptz not null,
    idle_seconds     bigint not null,
    ended_at         timestamptz,
    end_reason       text,
    displaced_by     text,
    version          bigint not null default 1,
    seen_at          timestamptz not null
);
create unique index sessions_one_at_a_desk on sessions (membership_id) where ended_at is null and kind <> 'scanner';
create unique index sessions_one_per_device on sessions (device_id) where ended_at is null and device_id is not null;
create index sessions_of_member on sessions (membership_id, id);
create index sessions_of_organisation on sessions (organisation_id, id);
create index sessions_open on sessions (organisation_id) where ended_at is null;
create index sessions_of_device on sessions (device_id, id) where device_id is not null;

create table events (
    id               uuid primary key,
    organisation_id  uuid not null references organisations,
    name             text not null,
    venue            text,
    starts_at        timestamptz not null,
    ends_at          timestamptz not null,
    timezone         text not null,
    currency         text not null,
    status           text not null constraint events_status check (status in ('draft', 'live', 'ended', 'cancelled')),
    version          bigint not null default 1,
    created_at       timestamptz not null
);
create index events_of_organisation on events (organisation_id, id);

-- `taken` counts the tickets of this type that are not void, imported or sold; it only moves with them.
-- Money is in whole minor units of the event's currency.
create table ticket_types (
    id               uuid primary key,
    organisation_id  uuid not null references organisations,
    event_id         uuid not null references events,
    name             text not null,
    price_minor      bigint not null constraint ticket_types_price check (price_minor >= 0),
    quota            integer,
    entries_allowed  integer not null,
    reentry          boolean not null,
    gates            jsonb not null default '[]',
    valid_from       timestamptz,
    valid_until      timestamptz,
    taken            integer not null default 0,
    created_at       timestamptz not null,
    constraint ticket_types_name unique (event_id, name)
);

-- `version` is 0 as created; a ticket that was changed later carries the event's version of that change, so that a gateway can ask for what
-- has changed since the version that it knows. A window of validity of its own is used instead of its type's.
create table tickets (
    id               uuid primary key,
    organisation_id  uuid not null,
    event_id         uuid not null,
    ticket_type_id   uuid not null,
    code             text collate "C" not null,
    holder           text,
    status           text not null constraint tickets_status check (status in ('valid', 'unpaid', 'void', 'refunded', 'blocked')),
    entries_allowed  integer not null,
    sale_id          uuid,
    version          bigint not null default 0,
    created_at       timestamptz not null,
    valid_from       timestamptz,
    valid_until      timestamptz,
    constraint tickets_code unique (event_id, code)
);
create index tickets_changed on tickets (event_id, version) where version > 0;
create index tickets_of_sale on tickets (organisation_id, sale_id) where sale_id is not null;

-- One row per movement of a ticket. `used` and `inside` are the counts after it, so that the last row alone gives the state of the ticket.
-- `undoes` is the movement that this one takes back. A movement that was carried over from another system has neither a session nor a device.
-- No foreign key on the ticket: it costs a quarter of the throughput, and tickets are never deleted.
create table admissions (
    organisation_id  uuid not null,
    id               uuid not null,
    event_id         uuid not null,
    ticket_id        uuid not null,
    seq              integer not null,
    direction        text not null,
    used             integer not null constraint admissions_used check (used >= 0),
    inside           integer not null constraint admissions_inside check (inside >= 0),
    session_id       uuid,
    device_id        uuid,
    gate             text,
    scanned_at       timestamptz,
    recorded_at      timestamptz not null,
    fingerprint      text not null,
    undoes           uuid,
    constraint admissions_number primary key (ticket_id, seq),
    constraint admissions_once unique (organisation_id, id),
    constraint admissions_made_here check ((session_id is null) = (device_id is null))
);
create unique index admissions_taken_back_once on admissions (organisation_id, undoes) where undoes is not null;
-- The movements of an event are near each other on disk, so ranges of pages are enough to find them; such an index costs a scan almost nothing.
create index admissions_of_event on admissions using brin (event_id) with (pages_per_range = 16, autosummarize = on);

-- One row per sale. Sales and voids carry the session and the device that wrote them, so that a shift can add up both.
create table sales (
    organisation_id  uuid not null,
    id               uuid not null,
    event_id         uuid not null,
    receipt_number   bigint not null,
    session_id       uuid not null,
    device_id        uuid not null,
    currency         text not null,
    total_minor      bigint not null,
    method           text not null constraint sales_method check (method in ('cash', 'card')),
    tendered_minor   bigint,
    change_minor     bigint,
    reference        text,
    recorded_at      timestamptz not null,
    fingerprint      text not null,
    hold_id          uuid,
    constraint sales_once primary key (organisation_id, id),
    constraint sales_change check (method <> 'cash' or tendered_minor - change_minor = total_minor),
    constraint sales_numbered check (receipt_number > 0)
);
create index sales_of_event on sales (event_id, receipt_number);
create unique index sales_hold on sales (organisation_id, hold_id) where hold_id is not null;
create index sales_of_session on sales (session_id, receipt_number);
create index sales_of_device on sales (device_id, receipt_number);
-- While the table is empty, an index that only begins with the organisation costs the planner as much as the primary key, and plans are kept.
-- The condition excludes this index from plans that look for a sale by its id.
create unique index sales_receipt on sales (organisation_id, receipt_number) where receipt_number > 0;

create table sale_lines (
    organisation_id  uuid not null,
    sale_id          uuid not null,
    place            integer not null,
    ticket_type_id   uuid not null,
    name             text not null,
    quantity         integer not null,
    unit_minor       bigint not null,
    amount_minor     bigint not null,
    primary key (organisation_id, sale_id, place),
    constraint sale_lines_amount check (unit_minor * quantity = amount_minor)
);

-- The log of changes: which things have a new version. The newest hundred thousand rows are kept.
create table changes (
    seq              bigint primary key,
    organisation_id  uuid not null,
    at               timestamptz not null,
    ids              jsonb not null
);

-- One row per refused scan, as far as there was time to write it. `id` grows with time; `scan_id` is the client's.
create table refused_scans (
    id               uuid primary key,
    organisation_id  uuid not null,
    event_id         uuid not null,
    scan_id          uuid not null,
    code             text not null,
    ticket_id        uuid,
    direction        text not null,
    reason           text not null,
    gate             text,
    session_id       uuid not null,
    device_id        uuid not null,
    scanned_at       timestamptz,
    refused_at       timestamptz not null
);
create index refused_scans_of_event on refused_scans (event_id, id);
create index refused_scans_by_age on refused_scans (refused_at);

-- A hold keeps stock and prices for two minutes. It is no entry that stays: how it ended is written into it. An expired hold frees its stock
-- without any job that runs for it.
create table holds (
    organisation_id  uuid not null,
    id               uuid not null,
    event_id         uuid not null,
    session_id       uuid not null,
    device_id        uuid not null,
    currency         text not null,
    total_minor      bigint not null,
    recorded_at      timestamptz not null,
    expires_at       timestamptz not null,
    fingerprint      text not null,
    used_by          uuid,
    released_at      timestamptz,
    constraint holds_once primary key (organisation_id, id),
    constraint holds_end_once check (used_by is null or released_at is null)
);
create index holds_of_device on holds (device_id, expires_at) where used_by is null and released_at is null;

-- `kept` is true until the hold is used or released. With `expires_at` beside it, what is held of a type is one lookup in one index.
create table hold_lines (
    organisation_id  uuid not null,
    hold_id          uuid not null,
    place            integer not null,
    ticket_type_id   uuid not null,
    name             text not null,
    quantity         integer not null,
    unit_minor       bigint not null,
    amount_minor     bigint not null,
    expires_at       timestamptz not null,
    kept             boolean not null default true,
    primary key (organisation_id, hold_id, place),
    constraint hold_lines_amount check (unit_minor * quantity = amount_minor)
);
create index hold_lines_kept on hold_lines (ticket_type_id, expires_at) where kept;

-- One row per voided sale; the sale itself is not touched. Its tickets become void at a new version of the event.
create table sale_voids (
    organisation_id  uuid not null,
    id               uuid not null,
    sale_id          uuid not null,
    event_id         uuid not null,
    session_id       uuid not null,
    device_id        uuid not null,
    reason           text not null,
    recorded_at      timestamptz not null,
    fingerprint      text not null,
    constraint sale_voids_once primary key (organisation_id, id),
    constraint sale_voids_one_per_sale unique (organisation_id, sale_id)
);

-- Ids of guest lists and guests are unique per organisation only: a client may make the ids of guests.
create table guest_lists (
    organisation_id  uuid not null references organisations,
    id               uuid not null,
    event_id         uuid not null references events,
    name             text not null,
    note             text,
    removed_at       timestamptz,
    version          bigint not null default 1,
    created_at       timestamptz not null,
    primary key (organisation_id, id)
);
create unique index guest_lists_name on guest_lists (event_id, name) where removed_at is null;
create index guest_lists_of_event on guest_lists (event_id, id);

-- A guest is a party. `arrived` counts how many of it are in, changes only together with a row of `guest_check_ins`, and is never more than the
-- party. `name_key` is the name as it is searched: without accents and case. `version` changes with what the list's manager changes, and not
-- with check-ins: many phones may check one party in at the same time.
create table guests (
    organisation_id  uuid not null,
    id               uuid not null,
    event_id         uuid not null,
    list_id          uuid not null,
    name             text not null,
    name_key         text collate "C" not null,
    company          text,
    note             text,
    party_size       integer not null constraint guests_party_size check (party_size > 0),
    arrived          integer not null default 0,
    removed_at       timestamptz,
    version          bigint not null default 1,
    created_at       timestamptz not null,
    primary key (organisation_id, id),
    constraint guests_list foreign key (organisation_id, list_id) references guest_lists,
    constraint guests_party check (arrived between 0 and party_size)
);
create index guests_by_name on guests (event_id, name_key, id) where removed_at is null;
create index guests_of_list on guests (organisation_id, list_id);

-- One row per movement of a party: so many people in, or, with `undoes`, a check-in taken back. `arrived` is the count after it.
create table guest_check_ins (
    organisation_id  uuid not null,
    id               uuid not null,
    event_id         uuid not null,
    guest_id         uuid not null,
    seq              integer not null,
    people           integer not null,
    arrived          integer not null,
    party_size       integer not null,
    undoes           uuid,
    session_id       uuid not null,
    membership_id    uuid not null,
    device_id        uuid,
    gate             text,
    recorded_at      timestamptz not null,
    fingerprint      text not null,
    constraint guest_check_ins_number primary key (organisation_id, guest_id, seq),
    constraint guest_check_ins_once unique (organisation_id, id),
    constraint guest_check_ins_undone_once unique (organisation_id, undoes),
    constraint guest_check_ins_guest foreign key (organisation_id, guest_id) references guests,
    constraint guest_check_ins_undoes foreign key (organisation_id, undoes) references guest_check_ins (organisation_id, id),
    constraint guest_check_ins_party check (arrived between 0 and party_size),
    constraint guest_check_ins_people check (people <> 0 and (people < 0) = (undoes is not null))
);

-- The sets of functions in this database: a set is a schema, and its name is made from the text of the functions. `started_at` is when a
-- gateway last started on it.
create table function_sets (
    schema_name  text primary key,
    started_at   timestamptz not null
);

-- The functions of triggers are part of the tables they guard, the same for gateways of every release, and so they are made here.
create function ledger_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the ledger is append-only: % on % is refused', tg_op, tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger admissions_append_only before update or delete or truncate on admissions
    for each statement execute function ledger_is_append_only();
create trigger sales_append_only before update or delete or truncate on sales
    for each statement execute function ledger_is_append_only();
create trigger sale_lines_append_only before update or delete or truncate on sale_lines
    for each statement execute function ledger_is_append_only();
create trigger sale_voids_append_only before update or delete or truncate on sale_voids
    for each statement execute function ledger_is_append_only();
create trigger guest_check_ins_append_only before update or delete or truncate on guest_check_ins
    for each statement execute function ledger_is_append_only();

-- A movement follows from the one before it, and one that takes another back reverses exactly what that one did. When two gateways write
-- movements of one ticket at the same time, one of them fails here and is tried again. The first movement of a ticket needs no check: the
-- trigger does not run for it.
create function admissions_without_gaps() returns trigger language plpgsql as $$
declare
    prior admissions;
    undone admissions;
    before_it admissions;
begin
    select * into prior from admissions a where a.ticket_id = new.ticket_id and a.seq = new.seq - 1;
    if new.seq > 1 and (
        prior.seq is null
        or new.inside <> prior.inside + case new.direction when 'in' then 1 else -1 end
        or new.undoes is null and new.direction = 'in' and new.used <> prior.used + 1
    ) then
        raise exception 'a movement would not follow from the one before it' using errcode = 'serialization_failure';
    end if;
    if new.undoes is not null then
        select * into undone from admissions a
        where a.organisation_id = new.organisation_id and a.id = new.undoes and a.ticket_id = new.ticket_id and a.undoes is null;
        select * into before_it from admissions a where a.ticket_id = undone.ticket_id and a.seq = undone.seq - 1;
        if undone.id is null
            or new.used - prior.used is distinct from coalesce(before_it.used, 0) - undone.used
            or new.inside - prior.inside is distinct from coalesce(before_it.inside, 0) - undone.inside
        then
            raise exception 'what takes a movement back has to reverse it' using errcode = 'integrity_constraint_violation';
        end if;
    end if;
    return null;
end $$;
create trigger admissions_without_gaps after insert on admissions
    for each row when (new.seq > 1 or new.undoes is not null) execute function admissions_without_gaps();
