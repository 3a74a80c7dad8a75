-- Movements that are taken back, movements that another system made, and scans that were refused; told at length in
-- migrations/postgres.
--
-- A column cannot lose its NOT NULL here, so the movements move into a new table. A dropped table fires no triggers; they are made
-- anew for the new one.
create table admissions_anew (
    organisation_id  blob not null,
    id               blob not null,
    event_id         blob not null,
    ticket_id        blob not null,
    seq              integer not null,
    direction        text not null,
    used             integer not null check (used >= 0),
    inside           integer not null check (inside >= 0),
    session_id       blob,
    device_id        blob,
    gate             text,
    scanned_at       text,
    recorded_at      text not null,
    fingerprint      text not null,
    undoes           blob,
    constraint admissions_number primary key (ticket_id, seq),
    constraint admissions_once unique (organisation_id, id),
    constraint admissions_made_here check ((session_id is null) = (device_id is null))
) strict;
insert into admissions_anew (organisation_id, id, event_id, ticket_id, seq, direction, used, inside, session_id, device_id, gate,
                             scanned_at, recorded_at, fingerprint)
select organisation_id, id, event_id, ticket_id, seq, direction, used, inside, session_id, device_id, gate,
       scanned_at, recorded_at, fingerprint
from admissions order by rowid;
drop table admissions;
alter table admissions_anew rename to admissions;
create unique index admissions_taken_back_once on admissions (organisation_id, undoes) where undoes is not null;

create trigger admissions_no_update before update on admissions begin select raise(abort, 'the book is append-only'); end;
create trigger admissions_no_delete before delete on admissions begin select raise(abort, 'the book is append-only'); end;
create trigger admissions_no_replace before insert on admissions
    when exists (select 1 from admissions where ticket_id = new.ticket_id and seq = new.seq)
      or exists (select 1 from admissions where organisation_id = new.organisation_id and id = new.id)
      or new.undoes is not null and exists (select 1 from admissions where organisation_id = new.organisation_id and undoes = new.undoes)
    begin select raise(abort, 'the book is append-only'); end;
-- What takes a movement back is a movement of the same ticket, and reverses what that one did.
create trigger admissions_reversed before insert on admissions
    when new.undoes is not null and not exists (
        select 1
        from admissions o
        join admissions b on b.ticket_id = new.ticket_id and b.seq = new.seq - 1
        left join admissions p on p.ticket_id = o.ticket_id and p.seq = o.seq - 1
        where o.organisation_id = new.organisation_id and o.id = new.undoes and o.ticket_id = new.ticket_id and o.undoes is null
          and new.used - b.used = coalesce(p.used, 0) - o.used and new.inside - b.inside = coalesce(p.inside, 0) - o.inside)
    begin select raise(abort, 'what takes a movement back has to reverse it'); end;

create table refused_scans (
    id               blob primary key,
    organisation_id  blob not null,
    event_id         blob not null,
    scan_id          blob not null,
    code             text not null,
    ticket_id        blob,
    direction        text not null,
    reason           text not null,
    gate             text,
    session_id       blob not null,
    device_id        blob not null,
    scanned_at       text,
    refused_at       text not null
) strict;
create index refused_scans_of_event on refused_scans (event_id, id);
create index refused_scans_by_age on refused_scans (refused_at);
