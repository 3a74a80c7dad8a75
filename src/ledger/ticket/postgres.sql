-- Uploads of tickets, and the movements of another system that an import carries over.

-- The tickets of an upload. `keeps_holder`: the ticket keeps the holder it has; `sets_window`: the upload states the window of validity.
create function upload_rows(incoming jsonb) returns table (
    id uuid, code text, ticket_type_id uuid, holder text, keeps_holder boolean, status text, entries_allowed integer,
    sets_window boolean, valid_from timestamptz, valid_until timestamptz
) language sql immutable as $$
    select r.* from jsonb_to_recordset(incoming) as r (
        id uuid, code text, ticket_type_id uuid, holder text, keeps_holder boolean, status text, entries_allowed integer,
        sets_window boolean, valid_from timestamptz, valid_until timestamptz)
$$;

-- Adds the tickets of a chunk that the event does not have, under the shared lock: scans of the event go on meanwhile. Returns how many were
-- new, and the codes of tickets that the event has with other values. No row that a decision was made on changes; a scan that does not find
-- a ticket reads the ledger again.
create function add_tickets(organisation uuid, event uuid, guard jsonb, incoming jsonb, at timestamptz)
returns table (created bigint, differing text[]) language plpgsql as $$
declare
    taking jsonb;
begin
    perform pg_advisory_xact_lock_shared(organisation_lock(organisation));
    if not versions_match(guard) then
        perform raise_moved();
    end if;

    -- In the order of the codes, so that two uploads of the same tickets cannot deadlock.
    with fresh as (
        insert into tickets as t (id, organisation_id, event_id, ticket_type_id, code, holder, status, entries_allowed, valid_from, valid_until, created_at)
        select w.id, organisation, event, w.ticket_type_id, w.code, w.holder, w.status, w.entries_allowed, w.valid_from, w.valid_until, at
        from upload_rows(incoming) w order by w.code collate "C"
        on conflict (event_id, code) do nothing
        returning t.ticket_type_id, t.status
    ),
    by_type as (
        select f.ticket_type_id, count(*) as n, count(*) filter (where f.status <> 'void') as taken from fresh f group by f.ticket_type_id
    )
    select coalesce(sum(b.n), 0), coalesce(jsonb_object_agg(b.ticket_type_id, b.taken) filter (where b.taken > 0), '{}')
    into created, taking from by_type b;

    -- Stock is locked in the order that sales lock it in.
    perform 1 from ticket_types y where taking ? y.id::text order by y.id for no key update;
    update ticket_types y set taken = y.taken + (taking ->> y.id::text)::integer where taking ? y.id::text;

    differing := '{}';
    if created < jsonb_array_length(incoming) then
        select coalesce(array_agg(w.code), '{}') into differing
        from upload_rows(incoming) w
        join tickets t on t.event_id = event and t.code = w.code collate "C"
        where (t.ticket_type_id, t.holder, t.status, t.entries_allowed, t.valid_from, t.valid_until) is distinct from
              (w.ticket_type_id, case when w.keeps_holder then t.holder else w.holder end, w.status, w.entries_allowed,
               case when w.sets_window then w.valid_from else t.valid_from end, case when w.sets_window then w.valid_until else t.valid_until end);
    end if;
    return next;
end $$;

-- Creates tickets or brings them to the state of the upload, by their code, under the lock held alone. Returns how many were created and
-- how many updated; the rest were the same already. The event's version changes only if a ticket changed.
create function store_tickets(organisation uuid, event uuid, guard jsonb, incoming jsonb, at timestamptz)
returns table (created bigint, updated bigint, seq bigint) language plpgsql as $$
declare
    next_version bigint;
begin
    perform pg_advisory_xact_lock(organisation_lock(organisation));
    if not versions_match(guard) then
        perform raise_moved();
    end if;
    select version + 1 into strict next_version from events where id = event;

    with before as (
        select t.id, t.code, t.ticket_type_id, t.status, t.holder, t.valid_from, t.valid_until
        from tickets t join upload_rows(incoming) w on t.event_id = event and t.code = w.code collate "C"
    ),
    wanted as (
        select w.id, w.code, w.ticket_type_id, w.status, w.entries_allowed,
               case when w.keeps_holder then b.holder else w.holder end as holder,
               case when w.sets_window then w.valid_from else b.valid_from end as valid_from,
               case when w.sets_window then w.valid_until else b.valid_until end as valid_until
        from upload_rows(incoming) w left join before b on b.code = w.code collate "C"
    ),
    stored as (
        insert into tickets as t (id, organisation_id, event_id, ticket_type_id, code, holder, status, entries_allowed, valid_from, valid_until, created_at)
        select w.id, organisation, event, w.ticket_type_id, w.code, w.holder, w.status, w.entries_allowed, w.valid_from, w.valid_until, at
        from wanted w
        on conflict (event_id, code) do update
            set (ticket_type_id, holder, status, entries_allowed, valid_from, valid_until, version)
                = (excluded.ticket_type_id, excluded.holder, excluded.status, excluded.entries_allowed, excluded.valid_from,
                   excluded.valid_until, next_version)
            where (t.ticket_type_id, t.holder, t.status, t.entries_allowed, t.valid_from, t.valid_until) is distinct from
                  (excluded.ticket_type_id, excluded.holder, excluded.status, excluded.entries_allowed, excluded.valid_from,
                   excluded.valid_until)
        returning t.id, t.ticket_type_id, t.status
    ),
    moved as (
        select s.ticket_type_id, 1 as n from stored s where s.status <> 'void'
        union all
        select b.ticket_type_id, -1 from before b join stored s using (id) where b.status <> 'void'
    ),
    counted as (
        update ticket_types tt set taken = tt.taken + d.n
        from (select ticket_type_id, sum(n)::integer as n from moved group by ticket_type_id) d
        where tt.id = d.ticket_type_id and d.n <> 0
    )
    select count(*) filter (where b.id is null), count(*) filter (where b.id is not null)
    into created, updated
    from stored s left join before b using (id);

    seq := 0;
    if updated > 0 then
        update events set version = next_version where id = event;
        seq := log_change(organisation, at, jsonb_build_array(event));
    end if;
    return next;
end $$;

-- Movements of another system, for tickets of one event by their codes: {code, entry_id, exit_id, is_over, gate, entered_at, left_at}.
-- The ids are those of the movements; `is_over` says that the ticket went out last. An entry is written for a ticket that has not moved, an
-- exit after an entry that was carried over and is the last movement. Movements that were scanned here stay as they are.
-- Returns how many movements were written.
create function carry_over(organisation uuid, event uuid, guard jsonb, incoming jsonb, at timestamptz)
returns bigint language plpgsql as $$
declare
    entries bigint;
    exits bigint;
begin
    perform pg_advisory_xact_lock_shared(organisation_lock(organisation));
    if not versions_match(guard) then
        perform raise_moved();
    end if;

    insert into admissions (organisation_id, id, event_id, ticket_id, seq, direction, used, inside, gate, scanned_at, recorded_at, fingerprint)
    select organisation, v.entry_id, event, t.id, 1, 'in', 1, 1, v.gate, v.entered_at, at, 'carried over'
    from jsonb_to_recordset(incoming) as v (code text, entry_id uuid, gate text, entered_at timestamptz)
    join tickets t on t.event_id = event and t.code = v.code collate "C"
    where not exists (select 1 from admissions a where a.ticket_id = t.id)
    order by t.id
    on conflict do nothing;
    get diagnostics entries = row_count;

    insert into admissions (organisation_id, id, event_id, ticket_id, seq, direction, used, inside, gate, scanned_at, recorded_at, fingerprint)
    select organisation, v.exit_id, event, t.id, 2, 'out', case when y.reentry then 0 else 1 end, 0, v.gate, v.left_at, at, 'carried over'
    from jsonb_to_recordset(incoming) as v (code text, entry_id uuid, exit_id uuid, is_over boolean, gate text, left_at timestamptz)
    join tickets t on t.event_id = event and t.code = v.code collate "C"
    join ticket_types y on y.id = t.ticket_type_id
    join admissions a on a.ticket_id = t.id and a.seq = 1 and a.id = v.entry_id
    where v.is_over and not exists (select 1 from admissions l where l.ticket_id = t.id and l.seq > 1)
    order by t.id
    on conflict do nothing;
    get diagnostics exits = row_count;
    return entries + exits;
end $$;
