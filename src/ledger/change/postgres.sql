-- How a change is stored: one function call, so that no client can go quiet while it holds an organisation's lock.
--
-- A change is a set of row images, each one version above what its author read, and a guard: the versions of everything else that it was
-- decided on. It is stored whole, or not at all (SQLSTATE SD001). It takes the organisation's lock first: alone if it alters a row, shared if
-- it only adds rows. What it altered is in the log of changes when it commits, and the listeners are notified.

-- Writes to the log which things have changed, as the last step of a change. Returns the change's number, or 0 when nothing was altered.
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
    if not versions_match(guard) then
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

    -- A ticket type has no version of its own: its event's image is in the same change.
    if images ? 'ticket_types' then
        insert into ticket_types (id, organisation_id, event_id, name, price_minor, quota, entries_allowed, reentry, gates, valid_from, valid_until, created_at)
        select id, organisation_id, event_id, name, price_minor, quota, entries_allowed, reentry, gates, valid_from, valid_until, created_at
        from jsonb_populate_recordset(null::ticket_types, images -> 'ticket_types')
        on conflict (id) do update set (name, price_minor, quota, entries_allowed, reentry, gates, valid_from, valid_until)
            = (excluded.name, excluded.price_minor, excluded.quota, excluded.entries_allowed, excluded.reentry, excluded.gates,
               excluded.valid_from, excluded.valid_until);
    end if;

    -- The sessions that end come before the one that begins: a unique index is checked as each row is written.
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
