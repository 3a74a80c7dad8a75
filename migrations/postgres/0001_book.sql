-- The book: what is true of organisations, people, devices, sessions, events, tickets, admissions and sales.
--
-- What becomes true here:
--   * Whatever a decision rests on (session, membership, device, event) carries a `version` that grows by one with each change.
--     An event has one version for itself, its ticket types, its prices and its tickets.
--   * One live session per device, and one live session per member on anything but a scanner, are partial unique indexes.
--   * A ticket's movements are numbered by the primary key of `admissions`: two green lights cannot share a number.
--   * The ids of scans and sales are unique per organisation for ever.
--   * `admissions`, `sales` and `sale_lines` can be added to and never altered.

-- One row: the book itself. `change_seq` numbers the log of changes. Taking its row lock last in a change makes
-- the numbers appear in the order of the commits, so that who has read up to n has missed nothing before n.
create table book (
    one         boolean primary key default true,
    id          uuid   not null default gen_random_uuid(),
    change_seq  bigint not null default 0,
    constraint book_is_one check (one)
);
insert into book default values;

-- The keys that sign tokens. Every gateway on this book accepts what another one issued.
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

-- A person in an organisation. `username_key` is the user name as it is compared: lower case.
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

-- `version` is 0 as created; a ticket that was changed later carries the event's version of that change,
-- so that a gateway can ask for what has changed since the version that it knows.
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
    constraint tickets_code unique (event_id, code)
);
create index tickets_changed on tickets (event_id, version) where version > 0;
create index tickets_of_sale on tickets (organisation_id, sale_id) where sale_id is not null;

-- A row per movement of a ticket. `used` and `inside` stand as they are after it, so that the last row tells all.
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
    session_id       uuid not null,
    device_id        uuid not null,
    gate             text,
    scanned_at       timestamptz,
    recorded_at      timestamptz not null,
    fingerprint      text not null,
    constraint admissions_number primary key (ticket_id, seq),
    constraint admissions_once unique (organisation_id, id)
);

-- A row per sale.
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
    constraint sales_once primary key (organisation_id, id),
    constraint sales_receipt unique (organisation_id, receipt_number),
    constraint sales_change check (method <> 'cash' or tendered_minor - change_minor = total_minor)
);
create index sales_of_event on sales (event_id, receipt_number);

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

-- What the gateways tell each other: which things have a new version. The newest hundred thousand are kept.
create table changes (
    seq              bigint primary key,
    organisation_id  uuid not null,
    at               timestamptz not null,
    ids              jsonb not null
);

create function book_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the book is append-only: % on % is refused', tg_op, tg_table_name using errcode = 'restrict_violation';
end $$;

create trigger admissions_append_only before update or delete or truncate on admissions
    for each statement execute function book_is_append_only();
create trigger sales_append_only before update or delete or truncate on sales
    for each statement execute function book_is_append_only();
create trigger sale_lines_append_only before update or delete or truncate on sale_lines
    for each statement execute function book_is_append_only();
