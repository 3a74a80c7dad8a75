-- Scans are written as before (0013), with less work for each: what a batch rests on comes as arrays and is told by its place, and a
-- movement that another gateway has written meanwhile fails the whole batch, which is then tried again and finds it. Such races are rare,
-- and looking out for them cost every row more than its own writing of the keys.
drop function commit_scans(
    uuid, timestamptz, jsonb, integer[], uuid[], uuid[], uuid[], text[], integer[], integer[], integer[], uuid[], uuid[], text[], timestamptz[],
    text[], uuid[]);
create function commit_scans(
    organisation uuid, at timestamptz,
    guarded_session uuid[], session_version bigint[], guarded_membership uuid[], membership_version bigint[],
    guarded_device uuid[], device_version bigint[], guarded_event uuid[], event_version bigint[],
    ground integer[], id uuid[], event_id uuid[], ticket_id uuid[], direction text[], use integer[], move integer[], allowed integer[],
    session_id uuid[], device_id uuid[], gate text[], scanned_at timestamptz[], fingerprint text[], undoes uuid[]
) returns table (written uuid, seq integer, used integer, inside integer) language plpgsql as $$
#variable_conflict use_column
declare
    stands boolean[];
    reversed uuid[] := '{}';
begin
    perform pg_advisory_xact_lock_shared(organisation_lock(organisation));
    -- No subquery here and below may be turned into a join that reads a table once for all rows: plans are made while the table is empty, and
    -- kept. A `limit` forbids it.
    stands := array(
        select s.id is not null and m.id is not null and d.id is not null and e.id is not null
        from unnest(guarded_session, session_version, guarded_membership, membership_version, guarded_device, device_version,
                    guarded_event, event_version)
            with ordinality as g (session_id, session, membership_id, membership, device_id, device, event_id, event, place)
        left join sessions s on s.id = g.session_id and s.version = g.session
        left join memberships m on m.id = g.membership_id and m.version = g.membership
        left join devices d on d.id = g.device_id and d.version = g.device
        left join events e on e.id = g.event_id and e.version = g.event
        order by g.place);
    if array_remove(undoes, null) <> '{}' then
        reversed := array(
            select a.undoes from admissions a where a.organisation_id = organisation and a.undoes = any (commit_scans.undoes) and a.undoes is not null);
    end if;

    return query
    with wanted as (
        select w.*, row_number() over (partition by w.ticket_id order by w.place)::integer as nth
        from unnest(ground, id, event_id, ticket_id, direction, use, move, allowed, session_id, device_id, gate, scanned_at, fingerprint, undoes)
            with ordinality as w (ground, id, event_id, ticket_id, direction, use, move, allowed, session_id, device_id, gate,
                                  scanned_at, fingerprint, undoes, place)
        left join lateral (
            select true as known from admissions a where a.organisation_id = organisation and a.id = w.id limit 1
        ) k on true
        where k.known is null
          and stands[w.ground]
          and (w.undoes is null or w.undoes <> all (reversed))
    ),
    numbered as (
        select w.*,
               coalesce(l.seq, 0) + w.nth as seq,
               coalesce(l.used, 0) + w.use * w.nth as used,
               coalesce(l.inside, 0) + w.move * w.nth as inside
        from wanted w
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
    returning a.id, a.seq, a.used, a.inside;
end $$;
