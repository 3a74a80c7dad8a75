-- The book of the embedded default: the same promises as in migrations/postgres, where each is told at length.
--
-- What differs: one process owns the file and one connection writes to it, so a transaction (BEGIN IMMEDIATE) is the lock, and what
-- Postgres does in functions the gateway does here statement by statement. Ids are 16 bytes, times are RFC 3339, lists are JSON.

create table book (
    one         integer primary key default 1 check (one = 1),
    id          blob    not null,
    change_seq  integer not null default 0
) strict;
insert into book (id) values (randomblob(16));

create table signing_keys (
    kid         text primary key,
    seed        text not null,
    created_at  text not null,
    retired_at  text
) strict;
create unique index signing_keys_one_active on signing_keys ((1)) where retired_at is null;

create table organisations (
    id          blob primary key,
    slug        text not null constraint organisations_slug unique,
    name        text not null,
    version     integer not null default 1,
    created_at  text not null
) strict;

create table receipt_counters (
    organisation_id  blob primary key references organisations,
    last             integer not null default 0
) strict;

create table users (
    id             blob primary key,
    name           text not null,
    email          text not null,
    password_hash  text not null,
    version        integer not null default 1,
    created_at     text not null
) strict;

create table memberships (
    id               blob primary key,
    organisation_id  blob not null references organisations,
    user_id          blob not null references users,
    username         text not null,
    username_key     text not null,
    role             text not null,
    grants           text not null default '[]',
    revokes          text not null default '[]',
    events           text not null default '[]',
    status           text not null check (status in ('active', 'suspended', 'removed')),
    version          integer not null default 1,
    created_at       text not null,
    constraint memberships_one_per_person unique (organisation_id, user_id)
) strict;
create unique index memberships_username on memberships (organisation_id, username_key) where status <> 'removed';

create table devices (
    id                    blob primary key,
    organisation_id       blob not null references organisations,
    name                  text not null,
    kind                  text not null check (kind in ('scanner', 'pos')),
    gate                  text,
    enrolment_hash        text,
    enrolment_expires_at  text,
    enrolment_id          blob,
    enrolled_at           text,
    revoked_at            text,
    hardware              text,
    version               integer not null default 1,
    created_at            text not null,
    seen_at               text
) strict;
create unique index devices_enrolment on devices (enrolment_hash) where enrolment_hash is not null;
create index devices_of_organisation on devices (organisation_id, id);

create table sessions (
    id               blob primary key,
    organisation_id  blob not null references organisations,
    membership_id    blob not null references memberships,
    device_id        blob references devices,
    kind             text not null check (kind in ('scanner', 'pos', 'backstage')),
    started_at       text not null,
    expires_at       text not null,
    idle_seconds     integer not null,
    ended_at         text,
    end_reason       text,
    displaced_by     text,
    version          integer not null default 1,
    seen_at          text not null
) strict;
create unique index sessions_one_at_a_desk on sessions (membership_id) where ended_at is null and kind <> 'scanner';
create unique index sessions_one_per_device on sessions (device_id) where ended_at is null and device_id is not null;
create index sessions_of_member on sessions (membership_id, id);

create table events (
    id               blob primary key,
    organisation_id  blob not null references organisations,
    name             text not null,
    venue            text,
    starts_at        text not null,
    ends_at          text not null,
    timezone         text not null,
    currency         text not null,
    status           text not null check (status in ('draft', 'live', 'ended', 'cancelled')),
    version          integer not null default 1,
    created_at       text not null
) strict;
create index events_of_organisation on events (organisation_id, id);

create table ticket_types (
    id               blob primary key,
    organisation_id  blob not null references organisations,
    event_id         blob not null references events,
    name             text not null,
    price_minor      integer not null check (price_minor >= 0),
    quota            integer,
    entries_allowed  integer not null,
    reentry          integer not null,
    gates            text not null default '[]',
    valid_from       text,
    valid_until      text,
    taken            integer not null default 0,
    created_at       text not null,
    constraint ticket_types_name unique (event_id, name)
) strict;

create table tickets (
    id               blob primary key,
    organisation_id  blob not null,
    event_id         blob not null,
    ticket_type_id   blob not null,
    code             text not null,
    holder           text,
    status           text not null check (status in ('valid', 'unpaid', 'void', 'refunded', 'blocked')),
    entries_allowed  integer not null,
    sale_id          blob,
    version          integer not null default 0,
    created_at       text not null,
    constraint tickets_code unique (event_id, code)
) strict;
create index tickets_changed on tickets (event_id, version) where version > 0;
create index tickets_of_sale on tickets (organisation_id, sale_id) where sale_id is not null;

create table admissions (
    organisation_id  blob not null,
    id               blob not null,
    event_id         blob not null,
    ticket_id        blob not null,
    seq              integer not null,
    direction        text not null,
    used             integer not null check (used >= 0),
    inside           integer not null check (inside >= 0),
    session_id       blob not null,
    device_id        blob not null,
    gate             text,
    scanned_at       text,
    recorded_at      text not null,
    fingerprint      text not null,
    constraint admissions_number primary key (ticket_id, seq),
    constraint admissions_once unique (organisation_id, id)
) strict;

create table sales (
    organisation_id  blob not null,
    id               blob not null,
    event_id         blob not null,
    receipt_number   integer not null,
    session_id       blob not null,
    device_id        blob not null,
    currency         text not null,
    total_minor      integer not null,
    method           text not null check (method in ('cash', 'card')),
    tendered_minor   integer,
    change_minor     integer,
    reference        text,
    recorded_at      text not null,
    fingerprint      text not null,
    constraint sales_once primary key (organisation_id, id),
    constraint sales_receipt unique (organisation_id, receipt_number),
    constraint sales_change check (method <> 'cash' or tendered_minor - change_minor = total_minor)
) strict;
create index sales_of_event on sales (event_id, receipt_number);

create table sale_lines (
    organisation_id  blob not null,
    sale_id          blob not null,
    place            integer not null,
    ticket_type_id   blob not null,
    name             text not null,
    quantity         integer not null,
    unit_minor       integer not null,
    amount_minor     integer not null,
    primary key (organisation_id, sale_id, place),
    constraint sale_lines_amount check (unit_minor * quantity = amount_minor)
) strict;

create table changes (
    seq              integer primary key,
    organisation_id  blob not null,
    at               text not null,
    ids              text not null
) strict;

-- SQLite has no TRUNCATE; a DELETE without a condition fires the trigger like any other. INSERT OR REPLACE would slip past the
-- delete triggers on a connection that has not set recursive_triggers, so a row that is there already is refused before it is written.
create trigger admissions_no_update before update on admissions begin select raise(abort, 'the book is append-only'); end;
create trigger admissions_no_delete before delete on admissions begin select raise(abort, 'the book is append-only'); end;
create trigger admissions_no_replace before insert on admissions
    when exists (select 1 from admissions where ticket_id = new.ticket_id and seq = new.seq)
      or exists (select 1 from admissions where organisation_id = new.organisation_id and id = new.id)
    begin select raise(abort, 'the book is append-only'); end;
create trigger sales_no_update before update on sales begin select raise(abort, 'the book is append-only'); end;
create trigger sales_no_delete before delete on sales begin select raise(abort, 'the book is append-only'); end;
create trigger sales_no_replace before insert on sales
    when exists (select 1 from sales where organisation_id = new.organisation_id and (id = new.id or receipt_number = new.receipt_number))
    begin select raise(abort, 'the book is append-only'); end;
create trigger sale_lines_no_update before update on sale_lines begin select raise(abort, 'the book is append-only'); end;
create trigger sale_lines_no_delete before delete on sale_lines begin select raise(abort, 'the book is append-only'); end;
create trigger sale_lines_no_replace before insert on sale_lines
    when exists (select 1 from sale_lines where organisation_id = new.organisation_id and sale_id = new.sale_id and place = new.place)
    begin select raise(abort, 'the book is append-only'); end;
