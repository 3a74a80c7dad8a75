-- Voiding a sale.

-- The void is {id, sale_id, event_id, session_id, device_id, reason, fingerprint}. It holds the organisation's lock alone: a scan of one of
-- the sale's tickets is either committed before, and the sale is 'inside', or its event has a new version and it is decided on a void ticket.
-- Returns 'recorded' with the number of the change, 'inside' with the first ticket that is inside, 'known' when the id was used already,
-- 'voided' when the sale is void already.
create function commit_void(organisation uuid, at timestamptz, guard jsonb, void jsonb)
returns table (outcome text, ticket uuid, seq bigint) language plpgsql as $$
declare
    sale uuid := (void ->> 'sale_id')::uuid;
    event uuid := (void ->> 'event_id')::uuid;
    next_version bigint;
begin
    seq := 0;
    perform pg_advisory_xact_lock(organisation_lock(organisation));
    if not versions_match(guard) then
        perform raise_moved();
    end if;
    outcome := case
        when exists (select 1 from sale_voids v where v.organisation_id = organisation and v.id = (void ->> 'id')::uuid) then 'known'
        when exists (select 1 from sale_voids v where v.organisation_id = organisation and v.sale_id = sale) then 'voided'
    end;
    if outcome is not null then
        return next;
        return;
    end if;
    select t.id into ticket from tickets t
        cross join lateral (select a.inside from admissions a where a.ticket_id = t.id order by a.seq desc limit 1) l
        where t.organisation_id = organisation and t.sale_id = sale and l.inside > 0
        order by t.id limit 1;
    if found then
        outcome := 'inside';
        return next;
        return;
    end if;

    insert into sale_voids (organisation_id, id, sale_id, event_id, session_id, device_id, reason, recorded_at, fingerprint)
    select organisation, v.id, v.sale_id, v.event_id, v.session_id, v.device_id, v.reason, at, v.fingerprint
    from jsonb_populate_record(null::sale_voids, void) v;
    select e.version + 1 into strict next_version from events e where e.id = event;
    -- A ticket that was void already gave its stock back then.
    with gone as (
        update tickets t set status = 'void', version = next_version
        where t.organisation_id = organisation and t.sale_id = sale and t.status <> 'void'
        returning t.ticket_type_id
    )
    update ticket_types tt set taken = tt.taken - g.n
        from (select gone.ticket_type_id, count(*)::integer as n from gone group by gone.ticket_type_id) g
        where tt.id = g.ticket_type_id;
    update events e set version = next_version where e.id = event;

    outcome := 'recorded';
    seq := log_change(organisation, at, jsonb_build_array(event));
    return next;
end $$;
