-- Holds and voids: the same promises as in migrations/postgres, where each is told at length.

create table holds (
    organisation_id  blob not null,
    id               blob not null,
    event_id         blob not null,
    session_id       blob not null,
    device_id        blob not null,
    currency         text not null,
    total_minor      integer not null,
    recorded_at      text not null,
    expires_at       text not null,
    fingerprint      text not null,
    used_by          blob,
    released_at      text,
    constraint holds_once primary key (organisation_id, id),
    constraint holds_end_once check (used_by is null or released_at is null)
) strict;
create index holds_of_device on holds (device_id, expires_at) where used_by is null and released_at is null;

create table hold_lines (
    organisation_id  blob not null,
    hold_id          blob not null,
    place            integer not null,
    ticket_type_id   blob not null,
    name             text not null,
    quantity         integer not null,
    unit_minor       integer not null,
    amount_minor     integer not null,
    expires_at       text not null,
    kept             integer not null default 1,
    primary key (organisation_id, hold_id, place),
    constraint hold_lines_amount check (unit_minor * quantity = amount_minor)
) strict;
create index hold_lines_kept on hold_lines (ticket_type_id, expires_at) where kept;

alter table sales add column hold_id blob;
create unique index sales_hold on sales (organisation_id, hold_id) where hold_id is not null;
create index sales_of_session on sales (session_id, receipt_number);
create index sales_of_device on sales (device_id, receipt_number);

create table sale_voids (
    organisation_id  blob not null,
    id               blob not null,
    sale_id          blob not null,
    event_id         blob not null,
    session_id       blob not null,
    device_id        blob not null,
    reason           text not null,
    recorded_at      text not null,
    fingerprint      text not null,
    constraint sale_voids_once primary key (organisation_id, id),
    constraint sale_voids_one_per_sale unique (organisation_id, sale_id)
) strict;
create trigger sale_voids_no_update before update on sale_voids begin select raise(abort, 'the book is append-only'); end;
create trigger sale_voids_no_delete before delete on sale_voids begin select raise(abort, 'the book is append-only'); end;
create trigger sale_voids_no_replace before insert on sale_voids
    when exists (select 1 from sale_voids where organisation_id = new.organisation_id and (id = new.id or sale_id = new.sale_id))
    begin select raise(abort, 'the book is append-only'); end;
