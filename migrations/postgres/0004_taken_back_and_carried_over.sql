-- Movements that are taken back, movements that another system made, and scans that were refused.
--
-- What becomes true here:
--   * A movement may take another one back: `undoes` is its id. It reverses exactly what that one did to the ticket's entries and to
--     the people inside, and no movement is taken back twice.
--   * A movement that was carried over from another system has neither a session nor a device; every other one has both.
--   * Refused scans have a log of their own, beside the book: it may lack some, and old ones are forgotten.

alter table admissions
    alter column session_id drop not null,
    alter column device_id drop not null,
    add column undoes uuid,
    add constraint admissions_made_here check ((session_id is null) = (device_id is null));
create unique index admissions_taken_back_once on admissions (organisation_id, undoes) where undoes is not null;
-- Movements of an event lie side by side, so ranges of pages are enough to find them; such an index costs a scan next to nothing.
create index admissions_of_event on admissions using brin (event_id) with (pages_per_range = 16, autosummarize = on);

-- As before, with `undoes`: the movement that a row takes back. Such a row is the only one of its ticket in its batch.
drop function commit_scans(
    uuid, timestamptz, jsonb, integer[], uuid[], uuid[], uuid[], text[], integer[], integer[], integer[], uuid[], uuid[], text[], timestamptz[], text[]);
create function commit_scans(
    organisation uuid, at timestamptz, guards jsonb,
    ground integer[], id uuid[], event_id uuid[], ticket_id uuid[], direction text[], use integer[], move integer[], allowed integer[],
    session_id uuid[], device_id uuid[], gate text[], scanned_at timestamptz[], fingerprint text[], undoes uuid[]
) returns table (written uuid, seq integer, used integer, inside integer) language plpgsql as $$
#variable_conflict use_column
begin
    perform pg_advisory_xact_lock_shared(organisation_lock(organisation));

    return query
    with wanted as (
        select w.*
        from unnest(ground, id, event_id, ticket_id, direction, use, move, allowed, session_id, device_id, gate, scanned_at, fingerprint, undoes)
            with ordinality as w (ground, id, event_id, ticket_id, direction, use, move, allowed, session_id, device_id, gate,
                                  scanned_at, fingerprint, undoes, place)
        join grounds_that_stand(guards) g on g.place = w.ground
        where not exists (select 1 from admissions a where a.organisation_id = organisation and a.id = w.id)
    ),
    numbered as (
        select w.*,
               coalesce(l.seq, 0) + n.nth as seq,
               coalesce(l.used, 0) + w.use * n.nth as used,
               coalesce(l.inside, 0) + w.move * n.nth as inside
        from (select w.*, row_number() over (partition by w.ticket_id order by w.place) as nth from wanted w) w
        cross join lateral (select w.nth::integer) n (nth)
        left join lateral (
            select a.seq, a.used, a.inside from admissions a where a.ticket_id = w.ticket_id order by a.seq desc limit 1
        ) l on true
    )
    insert into admissions as a (organisation_id, id, event_id, ticket_id, seq, direction, used, inside, session_id, device_id, gate,
                                 scanned_at, recorded_at, fingerprint, undoes)
    select organisation, n.id, n.event_id, n.ticket_id, n.seq, n.direction, n.used, n.inside, n.session_id, n.device_id, n.gate,
           n.scanned_at, at, n.fingerprint, n.undoes
    from numbered n
    where (n.use <= 0 or n.used <= n.allowed) and n.used >= 0 and n.inside >= 0
    order by n.ticket_id, n.seq
    on conflict do nothing
    returning a.id, a.seq, a.used, a.inside;
end $$;

-- As before; and what takes a movement back reverses it. That is looked at only where there is such a row.
create or replace function admissions_without_gaps() returns trigger language plpgsql as $$
begin
    if exists (
        select 1
        from fresh f
        left join admissions b on b.ticket_id = f.ticket_id and b.seq = f.seq - 1
        where f.seq > 1
          and (b.seq is null
               or f.inside <> b.inside + case f.direction when 'in' then 1 else -1 end
               or f.undoes is null and f.direction = 'in' and f.used <> b.used + 1)
    ) then
        raise exception 'a movement would not follow from the one before it' using errcode = 'serialization_failure';
    end if;
    if exists (select 1 from fresh f where f.undoes is not null) and exists (
        select 1
        from fresh f
        left join admissions b on b.ticket_id = f.ticket_id and b.seq = f.seq - 1
        left join admissions o on o.organisation_id = f.organisation_id and o.id = f.undoes and o.ticket_id = f.ticket_id and o.undoes is null
        left join admissions p on p.ticket_id = o.ticket_id and p.seq = o.seq - 1
        where f.undoes is not null
          and (o.id is null
               or f.used - b.used is distinct from coalesce(p.used, 0) - o.used
               or f.inside - b.inside is distinct from coalesce(p.inside, 0) - o.inside)
    ) then
        raise exception 'what takes a movement back has to reverse it' using errcode = 'integrity_constraint_violation';
    end if;
    return null;
end $$;

-- A row per refused scan, as far as there was time to write it down. `id` grows with time; `scan_id` is the phone's.
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
