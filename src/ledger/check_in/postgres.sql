-- Check-ins of parties.

-- A check-in, or a row that takes one back: {id, event_id, guest_id, guest_version, people, undoes, session_id, membership_id, device_id, gate,
-- fingerprint}; `people` null means all that remain. Returns its row, or none when nothing was written: a version has changed, the party has
-- no room, or its id is known.
create function commit_check_in(organisation uuid, at timestamptz, guard jsonb, wanted jsonb)
returns table (seq integer, people integer, arrived integer) language plpgsql as $$
#variable_conflict use_column
declare
    w guest_check_ins;
    party guests;
    counted integer;
begin
    w := jsonb_populate_record(null::guest_check_ins, wanted);
    perform pg_advisory_xact_lock_shared(organisation_lock(organisation));
    if not versions_match(guard) then
        return;
    end if;
    -- The lock on this row orders the check-ins of the party: the next one counts from what this one has written.
    select * into party from guests g where g.organisation_id = organisation and g.id = w.guest_id for no key update;
    if party.version is distinct from (wanted ->> 'guest_version')::bigint
        or exists (select 1 from guest_check_ins c where c.organisation_id = organisation and (c.id = w.id or c.undoes = w.undoes)) then
        return;
    end if;
    counted := coalesce(w.people, party.party_size - party.arrived);
    if counted = 0 or party.arrived + counted not between 0 and party.party_size then
        return;
    end if;
    return query
    insert into guest_check_ins as c (organisation_id, id, event_id, guest_id, seq, people, arrived, party_size, undoes, session_id,
                                      membership_id, device_id, gate, recorded_at, fingerprint)
    select organisation, w.id, w.event_id, w.guest_id,
           coalesce((select max(l.seq) from guest_check_ins l where l.organisation_id = organisation and l.guest_id = w.guest_id), 0) + 1,
           counted, party.arrived + counted, party.party_size, w.undoes, w.session_id, w.membership_id, w.device_id, w.gate, at, w.fingerprint
    returning c.seq, c.people, c.arrived;
    update guests set arrived = party.arrived + counted where organisation_id = organisation and id = w.guest_id;
end $$;
