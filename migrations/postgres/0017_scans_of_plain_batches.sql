-- Most batches of scans are plain: no ticket stands twice in them, nothing is taken back, no id is known and nothing they rest on has moved.
-- Such a batch is written with less to do, by the same rules; any other still goes to `commit_scans` (0014).
--
-- What becomes true here:
--   * Every session, membership, device and event of a batch is looked at once, however many rest on it together, and its version compared
--     under the lock. If one of them has moved nothing is written at all, and the caller turns to `commit_scans`, which tells which.
--   * Whether an id is known is told by the unique index when the row is written, and not by a search before: then the whole batch fails,
--     and the caller turns to `commit_scans` as well.
--   * The rows come in the order in which they are to be written, and are picked out of the arrays by their place.
create function commit_plain_scans(
    organisation uuid, at timestamptz,
    -- Each once, ordered by id, beside its version.
    guarded_session uuid[], session_version bigint[], guarded_membership uuid[], membership_version bigint[],
    guarded_device uuid[], device_version bigint[], guarded_event uuid[], event_version bigint[],
    -- A row each, ordered by ticket; no ticket twice.
    id uuid[], event_id uuid[], ticket_id uuid[], direction text[], use integer[], move integer[], allowed integer[],
    session_id uuid[], device_id uuid[], gate text[], scanned_at timestamptz[], fingerprint text[]
) returns table (written uuid, seq integer, used integer, inside integer) language plpgsql as $$
#variable_conflict use_variable
begin
    perform pg_advisory_xact_lock_shared(organisation_lock(organisation));
    if array(select s.version from sessions s where s.id = any (guarded_session) order by s.id) <> session_version
        or array(select m.version from memberships m where m.id = any (guarded_membership) order by m.id) <> membership_version
        or array(select d.version from devices d where d.id = any (guarded_device) order by d.id) <> device_version
        or array(select e.version from events e where e.id = any (guarded_event) order by e.id) <> event_version
    then
        return;
    end if;
    -- The lateral lookup may not be turned into a join that reads the table once for all rows: plans are made while it is empty, and kept. The
    -- `limit` forbids it.
    return query
    insert into admissions as a (organisation_id, id, event_id, ticket_id, seq, direction, used, inside, session_id, device_id, gate,
                                 scanned_at, recorded_at, fingerprint)
    select organisation, id[n.place], event_id[n.place], ticket_id[n.place], n.seq, direction[n.place], n.used, n.inside,
           session_id[n.place], device_id[n.place], gate[n.place], scanned_at[n.place], at, fingerprint[n.place]
    from (
        select w.place, coalesce(l.seq, 0) + 1 as seq, coalesce(l.used, 0) + use[w.place] as used,
               coalesce(l.inside, 0) + move[w.place] as inside
        from generate_series(1, cardinality(id)) as w (place)
        left join lateral (
            select p.seq, p.used, p.inside from admissions p where p.ticket_id = ticket_id[w.place] order by p.seq desc limit 1
        ) l on true
    ) n
    where (use[n.place] <= 0 or n.used <= allowed[n.place]) and n.used >= 0 and n.inside >= 0
    returning a.id, a.seq, a.used, a.inside;
end $$;
