-- What every commit begins with: the organisation's lock, and the look at the versions that a decision was made on.

-- The number of an organisation's advisory lock. A commit that only adds rows holds it shared; a change of what decisions are made on holds
-- it alone.
create function organisation_lock(organisation uuid) returns bigint language sql immutable parallel safe as $$
    select hashtextextended(organisation::text, 7431)
$$;

-- Whether everything in a guard is still as it was read. Each entry is {kind, id, version}; for `open_of_member` and `open_of_device` the
-- version is the number of open sessions. In PL/pgSQL, because a function in SQL that is not inlined is planned anew for each call.
create function versions_match(guard jsonb) returns boolean language plpgsql stable as $$
begin
    return not exists (
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
    );
end $$;

-- `guards` are the distinct grounds of a batch: {place, session_id, session, membership_id, membership, device_id, device, event_id, event},
-- where each key without _id is the version that the decision was made on. Returns the places whose versions are still the same.
create function valid_grounds(guards jsonb) returns table (place integer) language sql stable as $$
    select g.place
    from jsonb_to_recordset(guards) as g (
        place integer, session_id uuid, session bigint, membership_id uuid, membership bigint,
        device_id uuid, device bigint, event_id uuid, event bigint)
    join sessions s on s.id = g.session_id and s.version = g.session
    join memberships m on m.id = g.membership_id and m.version = g.membership
    join devices d on d.id = g.device_id and d.version = g.device
    join events e on e.id = g.event_id and e.version = g.event
$$;

-- Ends a commit with SQLSTATE SD001: something that it was decided on has changed, so the gateway decides again.
create function raise_moved() returns void language plpgsql as $$
begin
    raise exception 'what this rests on has moved' using errcode = 'SD001';
end $$;
