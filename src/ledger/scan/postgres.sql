-- Scans: a batch of one organisation in one call.
--
--   * The organisation's lock is taken shared, and only the next statement reads the versions and writes: a change that was answered before
--     the lock was granted is seen, and none can be committed between the read and the commit.
--   * A movement is numbered and its entries are counted here, from the ticket's last movement and the row's place in the batch.
--   * Plans are made while the tables are empty, and kept. A lookup per row must stay a lookup by key: `limit` and `lateral` keep the planner
--     from turning it into a join that reads a whole table.

-- Most batches are plain: no ticket occurs twice, nothing is taken back, no id is known and no version has changed. This function writes
-- such a batch with less work and by the same rules; every other batch goes to `commit_scans`.
--
--   * Each session, membership, device and event of the batch is read once. If a version has changed, nothing is written, and the caller
--     turns to `commit_scans`, which finds out which rows are concerned.
--   * A known id violates the unique index: the whole batch fails, and the caller turns to `commit_scans` as well.
create function commit_plain_scans(
    organisation uuid, at timestamptz,
    -- Each once, ordered by id, with its version.
    guarded_session uuid[], session_version bigint[], guarded_membership uuid[], membership_version bigint[],
    guarded_device uuid[], device_version bigint[], guarded_event uuid[], event_version bigint[],
    -- One row per scan, ordered by ticket; no ticket twice.
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

-- Any batch. The rows of a ticket are either all entries, or one exit; a row that takes a movement back is the only one of its ticket. Returns
-- a row per movement that was written. A row that is missing was not written: its ground has changed, its entries are used up, its id is
-- known, or what it takes back has been taken back already. A movement that another gateway has written meanwhile fails the whole batch,
-- and the caller tries it again.
create function commit_scans(
    organisation uuid, at timestamptz,
    guarded_session uuid[], session_version bigint[], guarded_membership uuid[], membership_version bigint[],
    guarded_device uuid[], device_version bigint[], guarded_event uuid[], event_version bigint[],
    ground integer[], id uuid[], event_id uuid[], ticket_id uuid[], direction text[], use integer[], move integer[], allowed integer[],
    session_id uuid[], device_id uuid[], gate text[], scanned_at timestamptz[], fingerprint text[], undoes uuid[]
) returns table (written uuid, seq integer, used integer, inside integer) language plpgsql as $$
#variable_conflict use_column
declare
    valid boolean[];
    reversed uuid[] := '{}';
begin
    perform pg_advisory_xact_lock_shared(organisation_lock(organisation));
    valid := array(
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
          and valid[w.ground]
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
