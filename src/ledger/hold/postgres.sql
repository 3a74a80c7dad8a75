-- Holds keep stock and prices until they expire, are used by a sale, or are released.

-- Holds of one organisation, one after the other in the order given. Each is {ground, id, event_id, session_id, device_id, currency,
-- total_minor, expires_at, fingerprint, lines: [{ticket_type_id, name, quantity, unit_minor, amount_minor}]}; a device has at most `most`
-- live ones. Returns a row per hold: 'recorded', 'sold_out' with the first type that lacks and what is left of it, 'too_many', 'moved' when
-- its ground has changed, 'known' when its id was used already.
create function commit_holds(organisation uuid, at timestamptz, guards jsonb, most integer, holds_wanted jsonb)
returns table (outcome text, lacking uuid, remaining integer) language plpgsql as $$
declare
    valid integer[];
    hold jsonb;
begin
    perform pg_advisory_xact_lock_shared(organisation_lock(organisation));
    valid := array(select g.place from valid_grounds(guards) g);
    -- The holds of a device are counted one batch after the other.
    perform pg_advisory_xact_lock(hashtextextended(d.id, 7432))
        from (select distinct h ->> 'device_id' as id from jsonb_array_elements(holds_wanted) h order by 1) d;
    perform lock_stock(holds_wanted);

    for hold in select h from jsonb_array_elements(holds_wanted) h loop
        lacking := null;
        remaining := null;
        if not (hold ->> 'ground')::integer = any (valid) then
            outcome := 'moved';
            return next;
            continue;
        end if;
        if exists (select 1 from holds h where h.organisation_id = organisation and h.id = (hold ->> 'id')::uuid) then
            outcome := 'known';
            return next;
            continue;
        end if;
        if (select count(*) from holds h
            where h.device_id = (hold ->> 'device_id')::uuid and h.expires_at > at and h.used_by is null and h.released_at is null) >= most
        then
            outcome := 'too_many';
            return next;
            continue;
        end if;
        select s.lacking, s.remaining into lacking, remaining from first_lacking(hold -> 'lines', at, null) s;
        if found then
            outcome := 'sold_out';
            return next;
            continue;
        end if;

        insert into holds (organisation_id, id, event_id, session_id, device_id, currency, total_minor, recorded_at, expires_at, fingerprint)
        select organisation, h.id, h.event_id, h.session_id, h.device_id, h.currency, h.total_minor, at, h.expires_at, h.fingerprint
        from jsonb_populate_record(null::holds, hold) h;
        insert into hold_lines (organisation_id, hold_id, place, ticket_type_id, name, quantity, unit_minor, amount_minor, expires_at)
        select organisation, (hold ->> 'id')::uuid, l.place, r.ticket_type_id, r.name, r.quantity, r.unit_minor, r.amount_minor,
               (hold ->> 'expires_at')::timestamptz
        from jsonb_array_elements(hold -> 'lines') with ordinality as l (line, place),
             jsonb_populate_record(null::hold_lines, l.line) r;

        outcome := 'recorded';
        return next;
    end loop;
end $$;

-- Ends a hold that is neither used nor released: by this sale, or without one. Returns whether it was open.
create function end_hold(organisation uuid, hold uuid, sale uuid, at timestamptz) returns boolean language plpgsql as $$
begin
    update holds h set used_by = sale, released_at = case when sale is null then at end
        where h.organisation_id = organisation and h.id = hold and h.used_by is null and h.released_at is null;
    if not found then
        return false;
    end if;
    update hold_lines l set kept = false where l.organisation_id = organisation and l.hold_id = hold;
    return true;
end $$;

-- Releases a hold before it expires. Returns whether it was open.
create function release_hold(organisation uuid, at timestamptz, guard jsonb, hold uuid) returns boolean language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared(organisation_lock(organisation));
    if not versions_match(guard) then
        perform raise_moved();
    end if;
    return end_hold(organisation, hold, null, at);
end $$;
