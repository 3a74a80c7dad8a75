-- How a change is written: one function call, so that no client can go quiet while it holds an organisation's lock.
--
-- What becomes true here:
--   * A change is a set of row images, each one version above what its author read, and a guard: the versions of all else that
--     it rests on. It is stored whole, or not at all (SQLSTATE SD001, "moved") when any of them is no longer what it was.
--   * It takes the organisation's lock first: alone if it alters anything, shared if it only adds.
--   * What it altered is in the log of changes when it commits, and listeners are woken.

create function organisation_lock(organisation uuid) returns bigint language sql immutable parallel safe as $$
    select hashtextextended(organisation::text, 7431)
$$;

-- What a decision rests on, each as {kind, id, version}: versions, and how many sessions of a member or on a device are open.
-- True if all of it still stands.
create function versions_stand(guard jsonb) returns boolean language sql stable as $$
    select not exists (
        select 1
        from jsonb_to_recordset(guard) as g (kind text, id uuid, version bigint)
        where g.version is distinct from case g.kind
            when 'organisation' then (select version from organisations where id = g.id)
            when 'membership'   then (select version from memberships where id = g.id)
            when 'device'       then (select version from devices where id = g.id)
            when 'session'      then (select version from sessions where id = g.id)
            when 'event'        then (select version from events where id = g.id)
            when 'open_of_member' then (select count(*) from sessions where membership_id = g.id and ended_at is null)
            when 'open_of_device' then (select count(*) from sessions where device_id = g.id and ended_at is null)
        end
    )
$$;

create function raise_moved() returns void language plpgsql as $$
begin
    raise exception 'what this rests on has moved' using errcode = 'SD001';
end $$;

-- Writes down which things have changed, as the last step of a change. Answers the change's number, or 0 when nothing was altered.
create function log_change(organisation uuid, at timestamptz, ids jsonb) returns bigint language plpgsql as $$
declare
    number bigint := 0;
begin
    if jsonb_array_length(ids) > 0 then
        update book set change_seq = change_seq + 1 returning change_seq into number;
        insert into changes (seq, organisation_id, at, ids) values (number, organisation, at, ids);
        perform pg_notify('stagedoor_changes', number::text);
    end if;
    return number;
end $$;

create function store_change(
    organisation uuid, alone boolean, guard jsonb, images jsonb, altered jsonb, at timestamptz
) returns bigint language plpgsql as $$
declare
    stored integer;
begin
    if alone then
        perform pg_advisory_xact_lock(organisation_lock(organisation));
    else
        perform pg_advisory_xact_lock_shared(organisation_lock(organisation));
    end if;
    -- A statement of its own, after the lock: it sees every change that was committed before the lock was granted.
    if not versions_stand(guard) then
        perform raise_moved();
    end if;

    if images ? 'organisations' then
        insert into organisations (id, slug, name, version, created_at)
        select id, slug, name, version, created_at from jsonb_populate_recordset(null::organisations, images -> 'organisations')
        on conflict (id) do update set (name, version) = (excluded.name, excluded.version)
            where organisations.version = excluded.version - 1;
        get diagnostics stored = row_count;
        if stored <> jsonb_array_length(images -> 'organisations') then perform raise_moved(); end if;
        insert into receipt_counters (organisation_id) values (organisation) on conflict do nothing;
    end if;

    if images ? 'users' then
        insert into users (id, name, email, password_hash, version, created_at)
        select id, name, email, password_hash, version, created_at from jsonb_populate_recordset(null::users, images -> 'users')
        on conflict (id) do update set (name, email, password_hash, version)
            = (excluded.name, excluded.email, excluded.password_hash, excluded.version)
            where users.version = excluded.version - 1;
        get diagnostics stored = row_count;
        if stored <> jsonb_array_length(images -> 'users') then perform raise_moved(); end if;
    end if;

    if images ? 'memberships' then
        insert into memberships (id, organisation_id, user_id, username, username_key, role, grants, revokes, events, status, version, created_at)
        select id, organisation_id, user_id, username, username_key, role, grants, revokes, events, status, version, created_at
        from jsonb_populate_recordset(null::memberships, images -> 'memberships')
        on conflict (id) do update set (role, grants, revokes, events, status, version)
            = (excluded.role, excluded.grants, excluded.revokes, excluded.events, excluded.status, excluded.version)
            where memberships.version = excluded.version - 1;
        get diagnostics stored = row_count;
        if stored <> jsonb_array_length(images -> 'memberships') then perform raise_moved(); end if;
    end if;

    if images ? 'devices' then
        insert into devices (id, organisation_id, name, kind, gate, enrolment_hash, enrolment_expires_at, enrolment_id, enrolled_at,
                             revoked_at, hardware, version, created_at)
        select id, organisation_id, name, kind, gate, enrolment_hash, enrolment_expires_at, enrolment_id, enrolled_at,
               revoked_at, hardware, version, created_at
        from jsonb_populate_recordset(null::devices, images -> 'devices')
        on conflict (id) do update set (name, gate, enrolment_hash, enrolment_expires_at, enrolment_id, enrolled_at, revoked_at, hardware, version)
            = (excluded.name, excluded.gate, excluded.enrolment_hash, excluded.enrolment_expires_at, excluded.enrolment_id,
               excluded.enrolled_at, excluded.revoked_at, excluded.hardware, excluded.version)
            where devices.version = excluded.version - 1;
        get diagnostics stored = row_count;
        if stored <> jsonb_array_length(images -> 'devices') then perform raise_moved(); end if;
    end if;

    if images ? 'events' then
        insert into events (id, organisation_id, name, venue, starts_at, ends_at, timezone, currency, status, version, created_at)
        select id, organisation_id, name, venue, starts_at, ends_at, timezone, currency, status, version, created_at
        from jsonb_populate_recordset(null::events, images -> 'events')
        on conflict (id) do update set (name, venue, starts_at, ends_at, timezone, currency, status, version)
            = (excluded.name, excluded.venue, excluded.starts_at, excluded.ends_at, excluded.timezone, excluded.currency,
               excluded.status, excluded.version)
            where events.version = excluded.version - 1;
        get diagnostics stored = row_count;
        if stored <> jsonb_array_length(images -> 'events') then perform raise_moved(); end if;
    end if;

    -- A ticket type has no version of its own: its event's image stands beside it.
    if images ? 'ticket_types' then
        insert into ticket_types (id, organisation_id, event_id, name, price_minor, quota, entries_allowed, reentry, gates, valid_from, valid_until, created_at)
        select id, organisation_id, event_id, name, price_minor, quota, entries_allowed, reentry, gates, valid_from, valid_until, created_at
        from jsonb_populate_recordset(null::ticket_types, images -> 'ticket_types')
        on conflict (id) do update set (name, price_minor, quota, entries_allowed, reentry, gates, valid_from, valid_until)
            = (excluded.name, excluded.price_minor, excluded.quota, excluded.entries_allowed, excluded.reentry, excluded.gates,
               excluded.valid_from, excluded.valid_until);
    end if;

    -- The sessions that end stand before the one that begins: the unique indexes look at each row as it is written.
    if images ? 'sessions' then
        insert into sessions (id, organisation_id, membership_id, device_id, kind, started_at, expires_at, idle_seconds, ended_at,
                              end_reason, displaced_by, version, seen_at)
        select id, organisation_id, membership_id, device_id, kind, started_at, expires_at, idle_seconds, ended_at,
               end_reason, displaced_by, version, seen_at
        from jsonb_populate_recordset(null::sessions, images -> 'sessions')
        on conflict (id) do update set (ended_at, end_reason, displaced_by, version)
            = (excluded.ended_at, excluded.end_reason, excluded.displaced_by, excluded.version)
            where sessions.version = excluded.version - 1;
        get diagnostics stored = row_count;
        if stored <> jsonb_array_length(images -> 'sessions') then perform raise_moved(); end if;
    end if;

    return log_change(organisation, at, altered);
end $$;

-- A chunk of an upload: tickets are created or brought to the state that the upload tells, by their code.
-- Answers how many were created and how many updated; the rest stood so already. The event's version moves only if a ticket changed.
create function store_tickets(organisation uuid, event uuid, guard jsonb, incoming jsonb, at timestamptz)
returns table (created bigint, updated bigint, seq bigint) language plpgsql as $$
declare
    next_version bigint;
begin
    perform pg_advisory_xact_lock(organisation_lock(organisation));
    if not versions_stand(guard) then
        perform raise_moved();
    end if;
    select version + 1 into strict next_version from events where id = event;

    with wanted as (
        select r.* from jsonb_to_recordset(incoming)
            as r (id uuid, code text, ticket_type_id uuid, holder text, status text, entries_allowed integer)
    ),
    before as (
        select t.id, t.ticket_type_id, t.status from tickets t join wanted w on t.event_id = event and t.code = w.code collate "C"
    ),
    stored as (
        insert into tickets as t (id, organisation_id, event_id, ticket_type_id, code, holder, status, entries_allowed, created_at)
        select w.id, organisation, event, w.ticket_type_id, w.code, w.holder, w.status, w.entries_allowed, at from wanted w
        on conflict (event_id, code) do update
            set (ticket_type_id, holder, status, entries_allowed, version)
                = (excluded.ticket_type_id, excluded.holder, excluded.status, excluded.entries_allowed, next_version)
            where (t.ticket_type_id, t.holder, t.status, t.entries_allowed)
                is distinct from (excluded.ticket_type_id, excluded.holder, excluded.status, excluded.entries_allowed)
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
