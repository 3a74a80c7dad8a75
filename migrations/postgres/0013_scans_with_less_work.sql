-- Scans are written as before (0004). The grounds of a batch are looked at once each, and not once per row; a row is numbered where it
-- is unpacked.
create or replace function commit_scans(
    organisation uuid, at timestamptz, guards jsonb,
    ground integer[], id uuid[], event_id uuid[], ticket_id uuid[], direction text[], use integer[], move integer[], allowed integer[],
    session_id uuid[], device_id uuid[], gate text[], scanned_at timestamptz[], fingerprint text[], undoes uuid[]
) returns table (written uuid, seq integer, used integer, inside integer) language plpgsql as $$
#variable_conflict use_column
declare
    standing integer[];
begin
    perform pg_advisory_xact_lock_shared(organisation_lock(organisation));
    standing := array(select g.place from grounds_that_stand(guards) g);

    return query
    with wanted as (
        select w.*, row_number() over (partition by w.ticket_id order by w.place)::integer as nth
        from unnest(ground, id, event_id, ticket_id, direction, use, move, allowed, session_id, device_id, gate, scanned_at, fingerprint, undoes)
            with ordinality as w (ground, id, event_id, ticket_id, direction, use, move, allowed, session_id, device_id, gate,
                                  scanned_at, fingerprint, undoes, place)
        where w.ground = any (standing)
          and not exists (select 1 from admissions a where a.organisation_id = organisation and a.id = w.id)
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
    on conflict do nothing
    returning a.id, a.seq, a.used, a.inside;
end $$;
