-- Guest lists: who is expected, with how many people, and who of them has come. As in migrations/postgres, where each promise is told
-- at length; `like` of SQLite and of Postgres search the same key.

create table guest_lists (
    organisation_id  blob not null references organisations,
    id               blob not null,
    event_id         blob not null references events,
    name             text not null,
    note             text,
    removed_at       text,
    version          integer not null default 1,
    created_at       text not null,
    primary key (organisation_id, id)
) strict;
create unique index guest_lists_name on guest_lists (event_id, name) where removed_at is null;
create index guest_lists_of_event on guest_lists (event_id, id);

create table guests (
    organisation_id  blob not null,
    id               blob not null,
    event_id         blob not null,
    list_id          blob not null,
    name             text not null,
    name_key         text not null,
    company          text,
    note             text,
    party_size       integer not null check (party_size > 0),
    arrived          integer not null default 0,
    removed_at       text,
    version          integer not null default 1,
    created_at       text not null,
    primary key (organisation_id, id),
    constraint guests_list foreign key (organisation_id, list_id) references guest_lists,
    constraint guests_party check (arrived between 0 and party_size)
) strict;
create index guests_by_name on guests (event_id, name_key, id) where removed_at is null;
create index guests_of_list on guests (organisation_id, list_id);

create table guest_check_ins (
    organisation_id  blob not null,
    id               blob not null,
    event_id         blob not null,
    guest_id         blob not null,
    seq              integer not null,
    people           integer not null,
    arrived          integer not null,
    party_size       integer not null,
    undoes           blob,
    session_id       blob not null,
    membership_id    blob not null,
    device_id        blob,
    gate             text,
    recorded_at      text not null,
    fingerprint      text not null,
    constraint guest_check_ins_number primary key (organisation_id, guest_id, seq),
    constraint guest_check_ins_once unique (organisation_id, id),
    constraint guest_check_ins_undone_once unique (organisation_id, undoes),
    constraint guest_check_ins_guest foreign key (organisation_id, guest_id) references guests,
    constraint guest_check_ins_undoes foreign key (organisation_id, undoes) references guest_check_ins (organisation_id, id),
    constraint guest_check_ins_party check (arrived between 0 and party_size),
    constraint guest_check_ins_people check (people <> 0 and (people < 0) = (undoes is not null))
) strict;
create trigger guest_check_ins_no_update before update on guest_check_ins begin select raise(abort, 'the book is append-only'); end;
create trigger guest_check_ins_no_delete before delete on guest_check_ins begin select raise(abort, 'the book is append-only'); end;
create trigger guest_check_ins_no_replace before insert on guest_check_ins
    when exists (select 1 from guest_check_ins where organisation_id = new.organisation_id
                 and (id = new.id or undoes = new.undoes or (guest_id = new.guest_id and seq = new.seq)))
    begin select raise(abort, 'the book is append-only'); end;
