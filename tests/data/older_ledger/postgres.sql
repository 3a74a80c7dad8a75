SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
CREATE FUNCTION public.add_tickets(organisation uuid, event uuid, guard jsonb, incoming jsonb, at timestamp with time zone) RETURNS TABLE(created bigint, differing text[])
    LANGUAGE plpgsql
    AS $$
declare
    taking jsonb;
begin
    perform pg_advisory_xact_lock_shared(organisation_lock(organisation));
    if not versions_stand(guard) then
        perform raise_moved();
    end if;
    -- In the order of the codes: two uploads of the same tickets wait for each other and never in a circle.
    with fresh as (
        insert into tickets as t (id, organisation_id, event_id, ticket_type_id, code, holder, status, entries_allowed, valid_from, valid_until, created_at)
        select w.id, organisation, event, w.ticket_type_id, w.code, w.holder, w.status, w.entries_allowed, w.valid_from, w.valid_until, at
        from upload_rows(incoming) w order by w.code collate "C"
        on conflict (event_id, code) do nothing
        returning t.ticket_type_id, t.status
    ),
    by_type as (
        select f.ticket_type_id, count(*) as n, count(*) filter (where f.status <> 'void') as taken from fresh f group by f.ticket_type_id
    )
    select coalesce(sum(b.n), 0), coalesce(jsonb_object_agg(b.ticket_type_id, b.taken) filter (where b.taken > 0), '{}')
    into created, taking from by_type b;
    -- Stock is locked in the same order as by sales.
    perform 1 from ticket_types y where taking ? y.id::text order by y.id for no key update;
    update ticket_types y set taken = y.taken + (taking ->> y.id::text)::integer where taking ? y.id::text;
    differing := '{}';
    if created < jsonb_array_length(incoming) then
        select coalesce(array_agg(w.code), '{}') into differing
        from upload_rows(incoming) w
        join tickets t on t.event_id = event and t.code = w.code collate "C"
        where (t.ticket_type_id, t.holder, t.status, t.entries_allowed, t.valid_from, t.valid_until) is distinct from
              (w.ticket_type_id, case when w.keeps_holder then t.holder else w.holder end, w.status, w.entries_allowed,
               case when w.window_told then w.valid_from else t.valid_from end, case when w.window_told then w.valid_until else t.valid_until end);
    end if;
    return next;
end $$;
CREATE FUNCTION public.admissions_without_gaps() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare
    prior admissions;
    undone admissions;
    before_it admissions;
begin
    select * into prior from admissions a where a.ticket_id = new.ticket_id and a.seq = new.seq - 1;
    if new.seq > 1 and (
        prior.seq is null
        or new.inside <> prior.inside + case new.direction when 'in' then 1 else -1 end
        or new.undoes is null and new.direction = 'in' and new.used <> prior.used + 1
    ) then
        raise exception 'a movement would not follow from the one before it' using errcode = 'serialization_failure';
    end if;
    if new.undoes is not null then
        select * into undone from admissions a
        where a.organisation_id = new.organisation_id and a.id = new.undoes and a.ticket_id = new.ticket_id and a.undoes is null;
        select * into before_it from admissions a where a.ticket_id = undone.ticket_id and a.seq = undone.seq - 1;
        if undone.id is null
            or new.used - prior.used is distinct from coalesce(before_it.used, 0) - undone.used
            or new.inside - prior.inside is distinct from coalesce(before_it.inside, 0) - undone.inside
        then
            raise exception 'what takes a movement back has to reverse it' using errcode = 'integrity_constraint_violation';
        end if;
    end if;
    return null;
end $$;
CREATE FUNCTION public.book_is_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'the book is append-only: % on % is refused', tg_op, tg_table_name using errcode = 'restrict_violation';
end $$;
CREATE FUNCTION public.carry_over(organisation uuid, event uuid, guard jsonb, incoming jsonb, at timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
declare
    entries bigint;
    exits bigint;
begin
    perform pg_advisory_xact_lock_shared(organisation_lock(organisation));
    if not versions_stand(guard) then
        perform raise_moved();
    end if;
    insert into admissions (organisation_id, id, event_id, ticket_id, seq, direction, used, inside, gate, scanned_at, recorded_at, fingerprint)
    select organisation, v.entry_id, event, t.id, 1, 'in', 1, 1, v.gate, v.entered_at, at, 'carried over'
    from jsonb_to_recordset(incoming) as v (code text, entry_id uuid, gate text, entered_at timestamptz)
    join tickets t on t.event_id = event and t.code = v.code collate "C"
    where not exists (select 1 from admissions a where a.ticket_id = t.id)
    order by t.id
    on conflict do nothing;
    get diagnostics entries = row_count;
    insert into admissions (organisation_id, id, event_id, ticket_id, seq, direction, used, inside, gate, scanned_at, recorded_at, fingerprint)
    select organisation, v.exit_id, event, t.id, 2, 'out', case when y.reentry then 0 else 1 end, 0, v.gate, v.left_at, at, 'carried over'
    from jsonb_to_recordset(incoming) as v (code text, entry_id uuid, exit_id uuid, is_over boolean, gate text, left_at timestamptz)
    join tickets t on t.event_id = event and t.code = v.code collate "C"
    join ticket_types y on y.id = t.ticket_type_id
    join admissions a on a.ticket_id = t.id and a.seq = 1 and a.id = v.entry_id
    where v.is_over and not exists (select 1 from admissions l where l.ticket_id = t.id and l.seq > 1)
    order by t.id
    on conflict do nothing;
    get diagnostics exits = row_count;
    return entries + exits;
end $$;
CREATE FUNCTION public.commit_check_in(organisation uuid, at timestamp with time zone, guard jsonb, wanted jsonb) RETURNS TABLE(seq integer, people integer, arrived integer)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
declare
    w guest_check_ins;
    party guests;
    counted integer;
begin
    w := jsonb_populate_record(null::guest_check_ins, wanted);
    perform pg_advisory_xact_lock_shared(organisation_lock(organisation));
    if not versions_stand(guard) then
        return;
    end if;
    -- Who has this row decides for the party: the next one counts from what this one has written.
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
CREATE FUNCTION public.commit_holds(organisation uuid, at timestamp with time zone, guards jsonb, most integer, holds_wanted jsonb) RETURNS TABLE(outcome text, lacking uuid, remaining integer)
    LANGUAGE plpgsql
    AS $$
declare
    standing integer[];
    hold jsonb;
begin
    perform pg_advisory_xact_lock_shared(organisation_lock(organisation));
    standing := array(select g.place from grounds_that_stand(guards) g);
    -- The holds of a device are counted one batch after the other.
    perform pg_advisory_xact_lock(hashtextextended(d.id, 7432))
        from (select distinct h ->> 'device_id' as id from jsonb_array_elements(holds_wanted) h order by 1) d;
    perform lock_stock(holds_wanted);
    for hold in select h from jsonb_array_elements(holds_wanted) h loop
        lacking := null;
        remaining := null;
        if not (hold ->> 'ground')::integer = any (standing) then
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
        select s.lacking, s.remaining into lacking, remaining from first_short(hold -> 'lines', at, null) s;
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
CREATE FUNCTION public.commit_plain_scans(organisation uuid, at timestamp with time zone, guarded_session uuid[], session_version bigint[], guarded_membership uuid[], membership_version bigint[], guarded_device uuid[], device_version bigint[], guarded_event uuid[], event_version bigint[], id uuid[], event_id uuid[], ticket_id uuid[], direction text[], use integer[], move integer[], allowed integer[], session_id uuid[], device_id uuid[], gate text[], scanned_at timestamp with time zone[], fingerprint text[]) RETURNS TABLE(written uuid, seq integer, used integer, inside integer)
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION public.commit_sales(organisation uuid, at timestamp with time zone, guards jsonb, sales_wanted jsonb) RETURNS TABLE(outcome text, receipt bigint, lacking uuid, remaining integer)
    LANGUAGE plpgsql
    AS $$
declare
    standing integer[];
    sale jsonb;
    hold uuid;
begin
    perform pg_advisory_xact_lock_shared(organisation_lock(organisation));
    standing := array(select g.place from grounds_that_stand(guards) g);
    perform lock_stock(sales_wanted);
    if cardinality(standing) = jsonb_array_length(guards)
        and not exists (select 1 from jsonb_array_elements(sales_wanted) w where w ->> 'hold_id' is not null)
        and not exists (
            select 1
            from jsonb_array_elements(sales_wanted) w
            cross join lateral (select 1 from sales s where s.organisation_id = organisation and s.id = (w ->> 'id')::uuid limit 1) known)
        and stock_holds(sales_wanted, at)
    then
        return query select 'recorded', w, null::uuid, null::integer from write_sales(organisation, at, sales_wanted) w;
        return;
    end if;
    for sale in select s from jsonb_array_elements(sales_wanted) s loop
        receipt := null;
        lacking := null;
        remaining := null;
        hold := (sale ->> 'hold_id')::uuid;
        if not (sale ->> 'ground')::integer = any (standing) then
            outcome := 'moved';
            return next;
            continue;
        end if;
        if exists (select 1 from sales s where s.organisation_id = organisation and s.id = (sale ->> 'id')::uuid) then
            outcome := 'known';
            return next;
            continue;
        end if;
        select s.lacking, s.remaining into lacking, remaining from first_short(sale -> 'lines', at, hold) s;
        if found then
            outcome := 'sold_out';
            return next;
            continue;
        end if;
        if hold is not null and not end_hold(organisation, hold, (sale ->> 'id')::uuid, at) then
            outcome := 'moved';
            return next;
            continue;
        end if;
        receipt := write_sales(organisation, at, jsonb_build_array(sale));
        outcome := 'recorded';
        return next;
    end loop;
end $$;
CREATE FUNCTION public.commit_scans(organisation uuid, at timestamp with time zone, guarded_session uuid[], session_version bigint[], guarded_membership uuid[], membership_version bigint[], guarded_device uuid[], device_version bigint[], guarded_event uuid[], event_version bigint[], ground integer[], id uuid[], event_id uuid[], ticket_id uuid[], direction text[], use integer[], move integer[], allowed integer[], session_id uuid[], device_id uuid[], gate text[], scanned_at timestamp with time zone[], fingerprint text[], undoes uuid[]) RETURNS TABLE(written uuid, seq integer, used integer, inside integer)
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION public.commit_void(organisation uuid, at timestamp with time zone, guard jsonb, void jsonb) RETURNS TABLE(outcome text, ticket uuid, seq bigint)
    LANGUAGE plpgsql
    AS $$
declare
    sale uuid := (void ->> 'sale_id')::uuid;
    event uuid := (void ->> 'event_id')::uuid;
    next_version bigint;
begin
    seq := 0;
    perform pg_advisory_xact_lock(organisation_lock(organisation));
    if not versions_stand(guard) then
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
CREATE FUNCTION public.end_hold(organisation uuid, hold uuid, sale uuid, at timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
begin
    update holds h set used_by = sale, released_at = case when sale is null then at end
        where h.organisation_id = organisation and h.id = hold and h.used_by is null and h.released_at is null;
    if not found then
        return false;
    end if;
    update hold_lines l set kept = false where l.organisation_id = organisation and l.hold_id = hold;
    return true;
end $$;
CREATE FUNCTION public.end_sessions(organisation uuid, guard jsonb, member uuid, device uuid, keep uuid, at timestamp with time zone) RETURNS TABLE(ended jsonb, number bigint)
    LANGUAGE plpgsql
    AS $$
begin
    perform pg_advisory_xact_lock(organisation_lock(organisation));
    if not versions_stand(guard) then
        perform raise_moved();
    end if;
    with gone as (
        update sessions s set ended_at = at, end_reason = 'ended', version = s.version + 1
        where s.organisation_id = organisation and s.ended_at is null
          and (member is null or s.membership_id = member)
          and (device is null or s.device_id = device)
          and s.id is distinct from keep
        returning s.id
    )
    select coalesce(jsonb_agg(gone.id), '[]') into ended from gone;
    number := log_change(organisation, at, ended);
    return next;
end $$;
CREATE FUNCTION public.first_short(lines jsonb, at timestamp with time zone, but_for uuid) RETURNS TABLE(lacking uuid, remaining integer)
    LANGUAGE sql STABLE
    AS $$
    select t.id, greatest(t.quota - t.taken - k.held, 0)
    from jsonb_array_elements(lines) with ordinality as l (line, place)
    join ticket_types t on t.id = (l.line ->> 'ticket_type_id')::uuid
    cross join lateral (select held_of_type(t.id, at, but_for) as held) k
    where t.quota is not null and t.taken + k.held + (l.line ->> 'quantity')::integer > t.quota
    order by l.place limit 1
$$;
CREATE FUNCTION public.grounds_that_stand(guards jsonb) RETURNS TABLE(place integer)
    LANGUAGE sql STABLE
    AS $$
    select g.place
    from jsonb_to_recordset(guards) as g (
        place integer, session_id uuid, session bigint, membership_id uuid, membership bigint,
        device_id uuid, device bigint, event_id uuid, event bigint)
    join sessions s on s.id = g.session_id and s.version = g.session
    join memberships m on m.id = g.membership_id and m.version = g.membership
    join devices d on d.id = g.device_id and d.version = g.device
    join events e on e.id = g.event_id and e.version = g.event
$$;
CREATE FUNCTION public.held_of_type(ticket_type uuid, at timestamp with time zone, but_for uuid) RETURNS integer
    LANGUAGE plpgsql STABLE
    AS $$
begin
    return (
        select coalesce(sum(l.quantity), 0)::integer from hold_lines l
        where l.ticket_type_id = ticket_type and l.kept and l.expires_at > at and l.hold_id is distinct from but_for);
end $$;
CREATE FUNCTION public.lock_stock(entries jsonb) RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    perform 1 from ticket_types t
        where t.id in (select (l ->> 'ticket_type_id')::uuid from jsonb_array_elements(entries) e, jsonb_array_elements(e -> 'lines') l)
        order by t.id for no key update;
end $$;
CREATE FUNCTION public.log_change(organisation uuid, at timestamp with time zone, ids jsonb) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION public.organisation_lock(organisation uuid) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select hashtextextended(organisation::text, 7431)
$$;
CREATE FUNCTION public.raise_moved() RETURNS void
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'what this rests on has moved' using errcode = 'SD001';
end $$;
CREATE FUNCTION public.release_hold(organisation uuid, at timestamp with time zone, guard jsonb, hold uuid) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
begin
    perform pg_advisory_xact_lock_shared(organisation_lock(organisation));
    if not versions_stand(guard) then
        perform raise_moved();
    end if;
    return end_hold(organisation, hold, null, at);
end $$;
CREATE FUNCTION public.rotate_keys(new_kid text, new_seed text, forget jsonb, forget_old boolean, at timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
begin
    perform 1 from book for update;
    update signing_keys set retired_at = at where retired_at is null;
    delete from signing_keys where forget_old or forget ? kid;
    insert into signing_keys (kid, seed, created_at) values (new_kid, new_seed, at);
    return log_change('00000000-0000-0000-0000-000000000000', at, '["00000000-0000-0000-0000-000000000000"]');
end $$;
CREATE FUNCTION public.stock_holds(sales_wanted jsonb, at timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
begin
    return not exists (
        select 1
        from (select (l ->> 'ticket_type_id')::uuid as id, sum((l ->> 'quantity')::bigint) as quantity
              from jsonb_array_elements(sales_wanted) s, jsonb_array_elements(s -> 'lines') l group by 1) w
        join ticket_types t on t.id = w.id
        where t.quota is not null and t.taken + held_of_type(t.id, at, null) + w.quantity > t.quota
    );
end $$;
CREATE FUNCTION public.store_change(organisation uuid, alone boolean, guard jsonb, images jsonb, altered jsonb, at timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION public.store_guest_lists(organisation uuid, guard jsonb, on_list jsonb, lists jsonb, parties jsonb, event uuid, most_lists bigint, most_guests bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
declare
    stored integer;
    lists_before bigint;
    guests_before bigint;
    lists_after bigint;
    guests_after bigint;
begin
    perform pg_advisory_xact_lock_shared(organisation_lock(organisation));
    if not versions_stand(guard) then
        perform raise_moved();
    end if;
    perform 1 from events e where e.id = event for no key update;
    select count(*) into lists_before from guest_lists l where l.event_id = event and l.removed_at is null;
    select count(*) into guests_before from guests g where g.event_id = event and g.removed_at is null;
    perform 1 from guest_lists l join jsonb_to_recordset(on_list) as o (id uuid, version bigint) on o.id = l.id and o.version = l.version
        where l.organisation_id = organisation for share of l;
    get diagnostics stored = row_count;
    if stored <> jsonb_array_length(on_list) then perform raise_moved(); end if;
    insert into guest_lists (organisation_id, id, event_id, name, note, removed_at, version, created_at)
    select organisation, id, event_id, name, note, removed_at, version, created_at
    from jsonb_populate_recordset(null::guest_lists, lists)
    on conflict (organisation_id, id) do update set (name, note, removed_at, version)
        = (excluded.name, excluded.note, excluded.removed_at, excluded.version)
        where guest_lists.version = excluded.version - 1;
    get diagnostics stored = row_count;
    if stored <> jsonb_array_length(lists) then perform raise_moved(); end if;
    -- Who is on a list is struck off with it.
    perform 1 from guests g join jsonb_populate_recordset(null::guest_lists, lists) l on g.list_id = l.id
        where g.organisation_id = organisation and l.removed_at is not null and g.removed_at is null
        order by g.id for no key update of g;
    update guests g set removed_at = l.removed_at, version = g.version + 1
        from jsonb_populate_recordset(null::guest_lists, lists) l
        where g.organisation_id = organisation and g.list_id = l.id and l.removed_at is not null and g.removed_at is null;
    insert into guests (organisation_id, id, event_id, list_id, name, name_key, company, note, party_size, removed_at, version, created_at)
    select organisation, id, event_id, list_id, name, name_key, company, note, party_size, removed_at, version, created_at
    from jsonb_populate_recordset(null::guests, parties)
    order by id
    on conflict (organisation_id, id) do update set (name, name_key, company, note, party_size, removed_at, version)
        = (excluded.name, excluded.name_key, excluded.company, excluded.note, excluded.party_size, excluded.removed_at, excluded.version)
        where guests.version = excluded.version - 1 and guests.arrived <= excluded.party_size;
    get diagnostics stored = row_count;
    if stored <> jsonb_array_length(parties) then perform raise_moved(); end if;
    select count(*) into lists_after from guest_lists l where l.event_id = event and l.removed_at is null;
    select count(*) into guests_after from guests g where g.event_id = event and g.removed_at is null;
    if lists_after > greatest(lists_before, most_lists) or guests_after > greatest(guests_before, most_guests) then
        perform raise_moved();
    end if;
end $$;
CREATE FUNCTION public.store_tickets(organisation uuid, event uuid, guard jsonb, incoming jsonb, at timestamp with time zone) RETURNS TABLE(created bigint, updated bigint, seq bigint)
    LANGUAGE plpgsql
    AS $$
declare
    next_version bigint;
begin
    perform pg_advisory_xact_lock(organisation_lock(organisation));
    if not versions_stand(guard) then
        perform raise_moved();
    end if;
    select version + 1 into strict next_version from events where id = event;
    with before as (
        select t.id, t.code, t.ticket_type_id, t.status, t.holder, t.valid_from, t.valid_until
        from tickets t join upload_rows(incoming) w on t.event_id = event and t.code = w.code collate "C"
    ),
    wanted as (
        select w.id, w.code, w.ticket_type_id, w.status, w.entries_allowed,
               case when w.keeps_holder then b.holder else w.holder end as holder,
               case when w.window_told then w.valid_from else b.valid_from end as valid_from,
               case when w.window_told then w.valid_until else b.valid_until end as valid_until
        from upload_rows(incoming) w left join before b on b.code = w.code collate "C"
    ),
    stored as (
        insert into tickets as t (id, organisation_id, event_id, ticket_type_id, code, holder, status, entries_allowed, valid_from, valid_until, created_at)
        select w.id, organisation, event, w.ticket_type_id, w.code, w.holder, w.status, w.entries_allowed, w.valid_from, w.valid_until, at
        from wanted w
        on conflict (event_id, code) do update
            set (ticket_type_id, holder, status, entries_allowed, valid_from, valid_until, version)
                = (excluded.ticket_type_id, excluded.holder, excluded.status, excluded.entries_allowed, excluded.valid_from,
                   excluded.valid_until, next_version)
            where (t.ticket_type_id, t.holder, t.status, t.entries_allowed, t.valid_from, t.valid_until) is distinct from
                  (excluded.ticket_type_id, excluded.holder, excluded.status, excluded.entries_allowed, excluded.valid_from,
                   excluded.valid_until)
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
CREATE FUNCTION public.upload_rows(incoming jsonb) RETURNS TABLE(id uuid, code text, ticket_type_id uuid, holder text, keeps_holder boolean, status text, entries_allowed integer, window_told boolean, valid_from timestamp with time zone, valid_until timestamp with time zone)
    LANGUAGE sql IMMUTABLE
    AS $$
    select r.* from jsonb_to_recordset(incoming) as r (
        id uuid, code text, ticket_type_id uuid, holder text, keeps_holder boolean, status text, entries_allowed integer,
        window_told boolean, valid_from timestamptz, valid_until timestamptz)
$$;
CREATE FUNCTION public.versions_stand(guard jsonb) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
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
CREATE FUNCTION public.write_sales(organisation uuid, at timestamp with time zone, sales_right jsonb) RETURNS SETOF bigint
    LANGUAGE plpgsql
    AS $$
declare
    many bigint := jsonb_array_length(sales_right);
    before bigint;
begin
    update ticket_types t set taken = t.taken + l.quantity
        from (select (l ->> 'ticket_type_id')::uuid as id, sum((l ->> 'quantity')::integer)::integer as quantity
              from jsonb_array_elements(sales_right) s, jsonb_array_elements(s -> 'lines') l group by 1) l
        where t.id = l.id;
    update receipt_counters c set last = c.last + many where c.organisation_id = organisation returning c.last - many into strict before;
    insert into sales (organisation_id, id, event_id, receipt_number, session_id, device_id, currency, total_minor, method,
                       tendered_minor, change_minor, reference, hold_id, recorded_at, fingerprint)
    select organisation, r.id, r.event_id, before + s.place, r.session_id, r.device_id, r.currency, r.total_minor, r.method,
           r.tendered_minor, r.change_minor, r.reference, r.hold_id, at, r.fingerprint
    from jsonb_array_elements(sales_right) with ordinality as s (sale, place), jsonb_populate_record(null::sales, s.sale) r;
    insert into sale_lines (organisation_id, sale_id, place, ticket_type_id, name, quantity, unit_minor, amount_minor)
    select organisation, (s ->> 'id')::uuid, l.place, r.ticket_type_id, r.name, r.quantity, r.unit_minor, r.amount_minor
    from jsonb_array_elements(sales_right) s, jsonb_array_elements(s -> 'lines') with ordinality as l (line, place),
         jsonb_populate_record(null::sale_lines, l.line) r;
    insert into tickets (id, organisation_id, event_id, ticket_type_id, code, status, entries_allowed, sale_id, created_at)
    select t.id, organisation, (s ->> 'event_id')::uuid, t.ticket_type_id, t.code, 'valid', t.entries_allowed, (s ->> 'id')::uuid, at
    from jsonb_array_elements(sales_right) s, jsonb_to_recordset(s -> 'tickets')
        as t (id uuid, ticket_type_id uuid, code text, entries_allowed integer);
    insert into admissions (organisation_id, id, event_id, ticket_id, seq, direction, used, inside, session_id, device_id, gate, recorded_at, fingerprint)
    select organisation, (t ->> 'admission')::uuid, (s ->> 'event_id')::uuid, (t ->> 'id')::uuid, 1, 'in', 1, 1,
           (s ->> 'session_id')::uuid, (s ->> 'device_id')::uuid, s ->> 'gate', at, 'sale ' || (s ->> 'id')
    from jsonb_array_elements(sales_right) s, jsonb_array_elements(s -> 'tickets') t where t ->> 'admission' is not null;
    return query select before + n from generate_series(1, many) n;
end $$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public._sqlx_migrations (
    version bigint NOT NULL,
    description text NOT NULL,
    installed_on timestamp with time zone DEFAULT now() NOT NULL,
    success boolean NOT NULL,
    checksum bytea NOT NULL,
    execution_time bigint NOT NULL
);
CREATE TABLE public.admissions (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    event_id uuid NOT NULL,
    ticket_id uuid NOT NULL,
    seq integer NOT NULL,
    direction text NOT NULL,
    used integer NOT NULL,
    inside integer NOT NULL,
    session_id uuid,
    device_id uuid,
    gate text,
    scanned_at timestamp with time zone,
    recorded_at timestamp with time zone NOT NULL,
    fingerprint text NOT NULL,
    undoes uuid,
    CONSTRAINT admissions_inside CHECK ((inside >= 0)),
    CONSTRAINT admissions_made_here CHECK (((session_id IS NULL) = (device_id IS NULL))),
    CONSTRAINT admissions_used CHECK ((used >= 0))
);
CREATE TABLE public.book (
    one boolean DEFAULT true NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    change_seq bigint DEFAULT 0 NOT NULL,
    CONSTRAINT book_is_one CHECK (one)
);
CREATE TABLE public.changes (
    seq bigint NOT NULL,
    organisation_id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    ids jsonb NOT NULL
);
CREATE TABLE public.devices (
    id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    gate text,
    enrolment_hash text,
    enrolment_expires_at timestamp with time zone,
    enrolment_id uuid,
    enrolled_at timestamp with time zone,
    revoked_at timestamp with time zone,
    hardware jsonb,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone,
    CONSTRAINT devices_kind CHECK ((kind = ANY (ARRAY['scanner'::text, 'pos'::text])))
);
CREATE TABLE public.events (
    id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    name text NOT NULL,
    venue text,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    timezone text NOT NULL,
    currency text NOT NULL,
    status text NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT events_status CHECK ((status = ANY (ARRAY['draft'::text, 'live'::text, 'ended'::text, 'cancelled'::text])))
);
CREATE TABLE public.guest_check_ins (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    event_id uuid NOT NULL,
    guest_id uuid NOT NULL,
    seq integer NOT NULL,
    people integer NOT NULL,
    arrived integer NOT NULL,
    party_size integer NOT NULL,
    undoes uuid,
    session_id uuid NOT NULL,
    membership_id uuid NOT NULL,
    device_id uuid,
    gate text,
    recorded_at timestamp with time zone NOT NULL,
    fingerprint text NOT NULL,
    CONSTRAINT guest_check_ins_party CHECK (((arrived >= 0) AND (arrived <= party_size))),
    CONSTRAINT guest_check_ins_people CHECK (((people <> 0) AND ((people < 0) = (undoes IS NOT NULL))))
);
CREATE TABLE public.guest_lists (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    event_id uuid NOT NULL,
    name text NOT NULL,
    note text,
    removed_at timestamp with time zone,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL
);
CREATE TABLE public.guests (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    event_id uuid NOT NULL,
    list_id uuid NOT NULL,
    name text NOT NULL,
    name_key text NOT NULL COLLATE pg_catalog."C",
    company text,
    note text,
    party_size integer NOT NULL,
    arrived integer DEFAULT 0 NOT NULL,
    removed_at timestamp with time zone,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT guests_party CHECK (((arrived >= 0) AND (arrived <= party_size))),
    CONSTRAINT guests_party_size CHECK ((party_size > 0))
);
CREATE TABLE public.hold_lines (
    organisation_id uuid NOT NULL,
    hold_id uuid NOT NULL,
    place integer NOT NULL,
    ticket_type_id uuid NOT NULL,
    name text NOT NULL,
    quantity integer NOT NULL,
    unit_minor bigint NOT NULL,
    amount_minor bigint NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    kept boolean DEFAULT true NOT NULL,
    CONSTRAINT hold_lines_amount CHECK (((unit_minor * quantity) = amount_minor))
);
CREATE TABLE public.holds (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    event_id uuid NOT NULL,
    session_id uuid NOT NULL,
    device_id uuid NOT NULL,
    currency text NOT NULL,
    total_minor bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    fingerprint text NOT NULL,
    used_by uuid,
    released_at timestamp with time zone,
    CONSTRAINT holds_end_once CHECK (((used_by IS NULL) OR (released_at IS NULL)))
);
CREATE TABLE public.memberships (
    id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    user_id uuid NOT NULL,
    username text NOT NULL,
    username_key text NOT NULL,
    role text NOT NULL,
    grants jsonb DEFAULT '[]'::jsonb NOT NULL,
    revokes jsonb DEFAULT '[]'::jsonb NOT NULL,
    events jsonb DEFAULT '[]'::jsonb NOT NULL,
    status text NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT memberships_status CHECK ((status = ANY (ARRAY['active'::text, 'suspended'::text, 'removed'::text])))
);
CREATE TABLE public.organisations (
    id uuid NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL
);
CREATE TABLE public.receipt_counters (
    organisation_id uuid NOT NULL,
    last bigint DEFAULT 0 NOT NULL
);
CREATE TABLE public.refused_scans (
    id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    event_id uuid NOT NULL,
    scan_id uuid NOT NULL,
    code text NOT NULL,
    ticket_id uuid,
    direction text NOT NULL,
    reason text NOT NULL,
    gate text,
    session_id uuid NOT NULL,
    device_id uuid NOT NULL,
    scanned_at timestamp with time zone,
    refused_at timestamp with time zone NOT NULL
);
CREATE TABLE public.sale_lines (
    organisation_id uuid NOT NULL,
    sale_id uuid NOT NULL,
    place integer NOT NULL,
    ticket_type_id uuid NOT NULL,
    name text NOT NULL,
    quantity integer NOT NULL,
    unit_minor bigint NOT NULL,
    amount_minor bigint NOT NULL,
    CONSTRAINT sale_lines_amount CHECK (((unit_minor * quantity) = amount_minor))
);
CREATE TABLE public.sale_voids (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    sale_id uuid NOT NULL,
    event_id uuid NOT NULL,
    session_id uuid NOT NULL,
    device_id uuid NOT NULL,
    reason text NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    fingerprint text NOT NULL
);
CREATE TABLE public.sales (
    organisation_id uuid NOT NULL,
    id uuid NOT NULL,
    event_id uuid NOT NULL,
    receipt_number bigint NOT NULL,
    session_id uuid NOT NULL,
    device_id uuid NOT NULL,
    currency text NOT NULL,
    total_minor bigint NOT NULL,
    method text NOT NULL,
    tendered_minor bigint,
    change_minor bigint,
    reference text,
    recorded_at timestamp with time zone NOT NULL,
    fingerprint text NOT NULL,
    hold_id uuid,
    CONSTRAINT sales_change CHECK (((method <> 'cash'::text) OR ((tendered_minor - change_minor) = total_minor))),
    CONSTRAINT sales_method CHECK ((method = ANY (ARRAY['cash'::text, 'card'::text]))),
    CONSTRAINT sales_numbered CHECK ((receipt_number > 0))
);
CREATE TABLE public.sessions (
    id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    membership_id uuid NOT NULL,
    device_id uuid,
    kind text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    idle_seconds bigint NOT NULL,
    ended_at timestamp with time zone,
    end_reason text,
    displaced_by text,
    version bigint DEFAULT 1 NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    CONSTRAINT sessions_kind CHECK ((kind = ANY (ARRAY['scanner'::text, 'pos'::text, 'backstage'::text])))
);
CREATE TABLE public.signing_keys (
    kid text NOT NULL,
    seed text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    retired_at timestamp with time zone
);
CREATE TABLE public.ticket_types (
    id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    event_id uuid NOT NULL,
    name text NOT NULL,
    price_minor bigint NOT NULL,
    quota integer,
    entries_allowed integer NOT NULL,
    reentry boolean NOT NULL,
    gates jsonb DEFAULT '[]'::jsonb NOT NULL,
    valid_from timestamp with time zone,
    valid_until timestamp with time zone,
    taken integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT ticket_types_price CHECK ((price_minor >= 0))
);
CREATE TABLE public.tickets (
    id uuid NOT NULL,
    organisation_id uuid NOT NULL,
    event_id uuid NOT NULL,
    ticket_type_id uuid NOT NULL,
    code text NOT NULL COLLATE pg_catalog."C",
    holder text,
    status text NOT NULL,
    entries_allowed integer NOT NULL,
    sale_id uuid,
    version bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    valid_from timestamp with time zone,
    valid_until timestamp with time zone,
    CONSTRAINT tickets_status CHECK ((status = ANY (ARRAY['valid'::text, 'unpaid'::text, 'void'::text, 'refunded'::text, 'blocked'::text])))
);
CREATE TABLE public.users (
    id uuid NOT NULL,
    name text NOT NULL,
    email text NOT NULL,
    password_hash text NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone NOT NULL
);
INSERT INTO public._sqlx_migrations VALUES
	(1, 'book', '2026-12-01 13:44:53.945719+00', true, '\x43144250c6a87926259e967784a7ffe77b9a364980c43c115e2656dfd79205861d86b9dba5440cd9386d35f93498c1f9', 66470376),
	(2, 'changes', '2026-12-01 13:44:54.013004+00', true, '\xbeb8ea0871d3f421aecffc9c6664639390cb94e678dd7e1e64592c02b3f3e60538e2e0ad30e1b16f193cde075a4994ea', 3418917),
	(3, 'door and till', '2026-12-01 13:44:54.016781+00', true, '\x368316819ea46aadd612b4432105ffca2ce4627425c09a03736c6993ac3ad737fc0394da88ce972b0f337efc12168067', 2322523),
	(4, 'taken back and carried over', '2026-12-01 13:44:54.019719+00', true, '\x154771020e4d7f26a8d49a871834636935aa953a109537fb60f40c1795a6ac7a337496d8302a54a6c7acedf3d41c4d3e', 11189391),
	(5, 'ticket windows', '2026-12-01 13:44:54.031353+00', true, '\xea2386ad6c81f24e4006b75ca88bd0be3a40a65d5c62af60d8e4e59e1f8bef225cdfa1a4bc508f5489237eb833dfd557', 2143598),
	(6, 'holds and voids', '2026-12-01 13:44:54.033909+00', true, '\x8a964cf4e5ea33ebb2cb0d5da50ba9f66658f6117427d5e1bc6642bb8c2e2d6d60ebf39776b9196fe9db4f8b15fa3615', 69234129),
	(7, 'guest lists', '2026-12-01 13:44:54.111202+00', true, '\xc9ee76a1d7ee8bdb1ccd05ba0c7be9b59312a630e900a12a48c1fff90e55d4f7a255ae0df25a4ecf31eeefb7213097ae', 71667102),
	(8, 'sessions and keys', '2026-12-01 13:44:54.187023+00', true, '\x72aec1196198edba6a3571812fe9fb2b66729c8967d17e39d0d3dec14f481031b03a12870f26c9c9974d00ac3940994e', 11119751),
	(12, 'sales together', '2026-12-01 13:44:54.199677+00', true, '\x6d5a00956a3f39d313e327ec734b78ed0841f447b573c585e538e9fbc539ce76944badcd9f977117ef3a624dcc8e4a05', 14420377),
	(13, 'scans with less work', '2026-12-01 13:44:54.219483+00', true, '\xb2b14b96ca6ba1ff242726ad9a817d16c0299b375dd13e463c3593f94ac8d1d3c1175939c25a79a9cd1a461f29c51cc4', 2634464),
	(14, 'scans of whole batches', '2026-12-01 13:44:54.223194+00', true, '\x1ea8a256cc4d02f4e67c67bf767936259275cead319e8e54001fe8b93419d7e0ec5b6671e9d00b865d6af94c9f0d9161', 7373423),
	(15, 'sales known by key', '2026-12-01 13:44:54.234101+00', true, '\x0fa0f6887d8e56b0a556ec10aaa33ebc54e3dfbad3f07b85cdad6441574236c32f45d33339fd40bfc1d88dd77ee35a47', 16077618),
	(16, 'plans that are kept', '2026-12-01 13:44:54.254108+00', true, '\x68887c4d82c9a498d07173d5b91f455c25454932e4f6900c2116b9b88331c26f683ca469251a3f2073040ae5f28e3858', 4114043),
	(17, 'scans of plain batches', '2026-12-01 13:44:54.263313+00', true, '\x42856bdbe92d7aa63120d2a57c9172e92ffa1b5195db5298565571df93aadb57f5ac1e46701333bd26df39afb217ec65', 1646692);
INSERT INTO public.admissions VALUES
	('01a231d9-e94b-76c1-b3dd-faa40e789350', '00000000-0000-4000-8000-000000000001', '01a231d9-ea14-74bf-8145-465944634610', '01a231d9-ea4d-7489-a3ad-f8fc4cdba87c', 1, 'in', 1, 1, '01a231d9-eb4c-7290-88c0-3f2934a7e9d4', '01a231d9-eab4-7650-8ebe-844bcafc8ced', 'North', NULL, '2026-12-01 13:44:55.006+00', '7bf5752ee231ff74f8b569a55f431dee', NULL),
	('01a231d9-e94b-76c1-b3dd-faa40e789350', '00000000-0000-4000-8000-000000000002', '01a231d9-ea14-74bf-8145-465944634610', '01a231d9-ea4d-7489-a3ad-f8fd24534c2f', 1, 'in', 1, 1, '01a231d9-eb4c-7290-88c0-3f2934a7e9d4', '01a231d9-eab4-7650-8ebe-844bcafc8ced', 'North', NULL, '2026-12-01 13:44:55.042+00', 'fd1716582fe006bea0d9b9aa50080b21', NULL),
	('01a231d9-e94b-76c1-b3dd-faa40e789350', '00000000-0000-4000-8000-000000000003', '01a231d9-ea14-74bf-8145-465944634610', '01a231d9-ea4d-7489-a3ad-f8fed53f1ded', 1, 'in', 1, 1, '01a231d9-eb4c-7290-88c0-3f2934a7e9d4', '01a231d9-eab4-7650-8ebe-844bcafc8ced', 'North', NULL, '2026-12-01 13:44:55.048+00', 'efd610355315deb62e284d464f330d61', NULL),
	('01a231d9-e94b-76c1-b3dd-faa40e789350', '00000000-0000-4000-8000-000000000006', '01a231d9-ea14-74bf-8145-465944634610', '01a231d9-ea4d-7489-a3ad-f8fd24534c2f', 2, 'out', 0, 0, '01a231d9-eb4c-7290-88c0-3f2934a7e9d4', '01a231d9-eab4-7650-8ebe-844bcafc8ced', 'North', NULL, '2026-12-01 13:44:55.068+00', '6f3842b2556e22ed0aa2cb0ffd716016', NULL),
	('01a231d9-e94b-76c1-b3dd-faa40e789350', '01a231d9-ec38-771c-8633-57eca390266d', '01a231d9-ea14-74bf-8145-465944634610', '01a231d9-ea4d-7489-a3ad-f8fed53f1ded', 2, 'out', 0, 0, '01a231d9-eb4c-7290-88c0-3f2934a7e9d4', '01a231d9-eab4-7650-8ebe-844bcafc8ced', 'North', NULL, '2026-12-01 13:44:55.096+00', 'takes back 00000000-0000-4000-8000-000000000003', '00000000-0000-4000-8000-000000000003'),
	('01a231d9-e94b-76c1-b3dd-faa40e789350', '01a231d9-ec50-73c0-b1cb-033bd7b17e04', '01a231d9-ea14-74bf-8145-465944634610', '01a231d9-ec50-73c0-b1cb-033a57cfabb1', 1, 'in', 1, 1, '01a231d9-eba8-7557-86df-9740c2cf69f1', '01a231d9-eac0-7137-b36d-c53fd0ce6c4a', 'North', NULL, '2026-12-01 13:44:55.12+00', 'sale 00000000-0000-4000-8000-000000000007', NULL),
	('01a231d9-e94b-76c1-b3dd-faa40e789350', '01a231d9-ec50-73c0-b1cb-033d22160c24', '01a231d9-ea14-74bf-8145-465944634610', '01a231d9-ec50-73c0-b1cb-033c36c628ce', 1, 'in', 1, 1, '01a231d9-eba8-7557-86df-9740c2cf69f1', '01a231d9-eac0-7137-b36d-c53fd0ce6c4a', 'North', NULL, '2026-12-01 13:44:55.12+00', 'sale 00000000-0000-4000-8000-000000000007', NULL);
INSERT INTO public.book VALUES
	(true, '9e174640-90b0-4aaf-8921-76945f9e5339', 5);
INSERT INTO public.changes VALUES
	(1, '01a231d9-e94b-76c1-b3dd-faa40e789350', '2026-12-01 13:44:54.55+00', '["01a231d9-ea14-74bf-8145-465944634610"]'),
	(2, '01a231d9-e94b-76c1-b3dd-faa40e789350', '2026-12-01 13:44:54.579+00', '["01a231d9-ea14-74bf-8145-465944634610"]'),
	(3, '01a231d9-e94b-76c1-b3dd-faa40e789350', '2026-12-01 13:44:54.714+00', '["01a231d9-eab4-7650-8ebe-844bcafc8ced"]'),
	(4, '01a231d9-e94b-76c1-b3dd-faa40e789350', '2026-12-01 13:44:54.742+00', '["01a231d9-eac0-7137-b36d-c53fd0ce6c4a"]'),
	(5, '01a231d9-e94b-76c1-b3dd-faa40e789350', '2026-12-01 13:44:55.241+00', '["01a231d9-ea14-74bf-8145-465944634610"]');
INSERT INTO public.devices VALUES
	('01a231d9-eab4-7650-8ebe-844bcafc8ced', '01a231d9-e94b-76c1-b3dd-faa40e789350', 'Phone 1', 'scanner', 'North', NULL, NULL, '01a231d9-eabb-7569-b36d-cd1f4691f8d3', '2026-12-01 13:44:54.714+00', NULL, NULL, 2, '2026-12-01 13:44:54.708+00', '2026-12-01 13:44:55.048+00'),
	('01a231d9-eac0-7137-b36d-c53fd0ce6c4a', '01a231d9-e94b-76c1-b3dd-faa40e789350', 'Till 1', 'pos', 'North', NULL, NULL, '01a231d9-ead6-70c9-9544-d5ea7081a24a', '2026-12-01 13:44:54.742+00', NULL, NULL, 2, '2026-12-01 13:44:54.72+00', '2026-12-01 13:44:55.048+00');
INSERT INTO public.events VALUES
	('01a231d9-ea14-74bf-8145-465944634610', '01a231d9-e94b-76c1-b3dd-faa40e789350', 'Winter Concert', NULL, '2026-06-01 19:00:00+00', '2046-06-01 23:00:00+00', 'Europe/Berlin', 'EUR', 'live', 3, '2026-12-01 13:44:54.548+00');
INSERT INTO public.guest_check_ins VALUES
	('01a231d9-e94b-76c1-b3dd-faa40e789350', '00000000-0000-4000-8000-000000000013', '01a231d9-ea14-74bf-8145-465944634610', '65216991-cf9b-830c-bb0f-801f6e411c6c', 1, 2, 2, 3, NULL, '01a231d9-eb4c-7290-88c0-3f2934a7e9d4', '01a231d9-ea79-7343-aac3-9e1baf9bd197', '01a231d9-eab4-7650-8ebe-844bcafc8ced', 'North', '2026-12-01 13:44:55.405+00', 'e3d30b2f5ca499d3e9e07c8f12a26514');
INSERT INTO public.guest_lists VALUES
	('01a231d9-e94b-76c1-b3dd-faa40e789350', '01a231d9-ed16-7549-a9b7-bca39d686629', '01a231d9-ea14-74bf-8145-465944634610', 'Friends', NULL, NULL, 1, '2026-12-01 13:44:55.318+00');
INSERT INTO public.guests VALUES
	('01a231d9-e94b-76c1-b3dd-faa40e789350', 'aa1ade48-0b2e-8873-b059-5bbbb94620b5', '01a231d9-ea14-74bf-8145-465944634610', '01a231d9-ed16-7549-a9b7-bca39d686629', 'Tom', 'tom', NULL, NULL, 1, 0, NULL, 1, '2026-12-01 13:44:55.37+00'),
	('01a231d9-e94b-76c1-b3dd-faa40e789350', '65216991-cf9b-830c-bb0f-801f6e411c6c', '01a231d9-ea14-74bf-8145-465944634610', '01a231d9-ed16-7549-a9b7-bca39d686629', 'Åse Krüger', 'ase kruger', NULL, NULL, 3, 2, NULL, 1, '2026-12-01 13:44:55.37+00');
INSERT INTO public.hold_lines VALUES
	('01a231d9-e94b-76c1-b3dd-faa40e789350', '00000000-0000-4000-8000-000000000009', 1, '01a231d9-ea23-7761-a587-cd083b81cd90', 'Standing', 3, 2500, 7500, '2026-12-01 13:46:55.166+00', false),
	('01a231d9-e94b-76c1-b3dd-faa40e789350', '00000000-0000-4000-8000-000000000011', 1, '01a231d9-ea23-7761-a587-cd083b81cd90', 'Standing', 1, 2500, 2500, '2026-12-01 13:46:55.21+00', true);
INSERT INTO public.holds VALUES
	('01a231d9-e94b-76c1-b3dd-faa40e789350', '00000000-0000-4000-8000-000000000009', '01a231d9-ea14-74bf-8145-465944634610', '01a231d9-eba8-7557-86df-9740c2cf69f1', '01a231d9-eac0-7137-b36d-c53fd0ce6c4a', 'EUR', 7500, '2026-12-01 13:44:55.166+00', '2026-12-01 13:46:55.166+00', '014e534d9822a1adc7c005c55d9935d2', '00000000-0000-4000-8000-000000000010', NULL),
	('01a231d9-e94b-76c1-b3dd-faa40e789350', '00000000-0000-4000-8000-000000000011', '01a231d9-ea14-74bf-8145-465944634610', '01a231d9-eba8-7557-86df-9740c2cf69f1', '01a231d9-eac0-7137-b36d-c53fd0ce6c4a', 'EUR', 2500, '2026-12-01 13:44:55.21+00', '2026-12-01 13:46:55.21+00', '7009eb1623a54df27a043b731a181581', NULL, NULL);
INSERT INTO public.memberships VALUES
	('01a231d9-e94b-76c1-b3dd-faa62abef78a', '01a231d9-e94b-76c1-b3dd-faa40e789350', '01a231d9-e94b-76c1-b3dd-faa551fac0ab', 'owner', 'owner', 'organisation_admin', '[]', '[]', '[]', 'active', 1, '2026-12-01 13:44:54.347+00'),
	('01a231d9-ea79-7343-aac3-9e1baf9bd197', '01a231d9-e94b-76c1-b3dd-faa40e789350', '01a231d9-ea79-7343-aac3-9e1aee40bf38', 'scanner', 'scanner', 'scanner', '[]', '[]', '["01a231d9-ea14-74bf-8145-465944634610"]', 'active', 1, '2026-12-01 13:44:54.649+00'),
	('01a231d9-eaab-7168-bdf2-336a3501fc15', '01a231d9-e94b-76c1-b3dd-faa40e789350', '01a231d9-eaab-7168-bdf2-33698f0df58b', 'seller', 'seller', 'box_office', '[]', '[]', '["01a231d9-ea14-74bf-8145-465944634610"]', 'active', 1, '2026-12-01 13:44:54.699+00');
INSERT INTO public.organisations VALUES
	('01a231d9-e94b-76c1-b3dd-faa40e789350', 'old-hall', 'The Old Hall', 3, '2026-12-01 13:44:54.347+00');
INSERT INTO public.receipt_counters VALUES
	('01a231d9-e94b-76c1-b3dd-faa40e789350', 3);
INSERT INTO public.refused_scans VALUES
	('01a231d9-ec13-7406-9d8f-55410847ca6c', '01a231d9-e94b-76c1-b3dd-faa40e789350', '01a231d9-ea14-74bf-8145-465944634610', '00000000-0000-4000-8000-000000000004', 'OLD-1', '01a231d9-ea4d-7489-a3ad-f8fc4cdba87c', 'in', 'already_admitted', 'North', '01a231d9-eb4c-7290-88c0-3f2934a7e9d4', '01a231d9-eab4-7650-8ebe-844bcafc8ced', NULL, '2026-12-01 13:44:55.059+00'),
	('01a231d9-ec1a-73fd-88a2-d80e2ec3c62f', '01a231d9-e94b-76c1-b3dd-faa40e789350', '01a231d9-ea14-74bf-8145-465944634610', '00000000-0000-4000-8000-000000000005', 'NONE', NULL, 'in', 'unknown_ticket', 'North', '01a231d9-eb4c-7290-88c0-3f2934a7e9d4', '01a231d9-eab4-7650-8ebe-844bcafc8ced', NULL, '2026-12-01 13:44:55.066+00');
INSERT INTO public.sale_lines VALUES
	('01a231d9-e94b-76c1-b3dd-faa40e789350', '00000000-0000-4000-8000-000000000007', 1, '01a231d9-ea23-7761-a587-cd083b81cd90', 'Standing', 2, 2500, 5000),
	('01a231d9-e94b-76c1-b3dd-faa40e789350', '00000000-0000-4000-8000-000000000008', 1, '01a231d9-ea23-7761-a587-cd083b81cd90', 'Standing', 1, 2500, 2500),
	('01a231d9-e94b-76c1-b3dd-faa40e789350', '00000000-0000-4000-8000-000000000010', 1, '01a231d9-ea23-7761-a587-cd083b81cd90', 'Standing', 3, 2500, 7500);
INSERT INTO public.sale_voids VALUES
	('01a231d9-e94b-76c1-b3dd-faa40e789350', '00000000-0000-4000-8000-000000000012', '00000000-0000-4000-8000-000000000008', '01a231d9-ea14-74bf-8145-465944634610', '01a231d9-eba8-7557-86df-9740c2cf69f1', '01a231d9-eac0-7137-b36d-c53fd0ce6c4a', 'Wrong category', '2026-12-01 13:44:55.241+00', 'd5a4791837c7817eba2866f6f58f80de');
INSERT INTO public.sales VALUES
	('01a231d9-e94b-76c1-b3dd-faa40e789350', '00000000-0000-4000-8000-000000000007', '01a231d9-ea14-74bf-8145-465944634610', 1, '01a231d9-eba8-7557-86df-9740c2cf69f1', '01a231d9-eac0-7137-b36d-c53fd0ce6c4a', 'EUR', 5000, 'cash', 10000, 5000, NULL, '2026-12-01 13:44:55.12+00', '029b202126c09940ad2a762e31341331', NULL),
	('01a231d9-e94b-76c1-b3dd-faa40e789350', '00000000-0000-4000-8000-000000000008', '01a231d9-ea14-74bf-8145-465944634610', 2, '01a231d9-eba8-7557-86df-9740c2cf69f1', '01a231d9-eac0-7137-b36d-c53fd0ce6c4a', 'EUR', 2500, 'card', NULL, NULL, 'R1', '2026-12-01 13:44:55.154+00', '066ef921e420e24a27ff2b8d205618ed', NULL),
	('01a231d9-e94b-76c1-b3dd-faa40e789350', '00000000-0000-4000-8000-000000000010', '01a231d9-ea14-74bf-8145-465944634610', 3, '01a231d9-eba8-7557-86df-9740c2cf69f1', '01a231d9-eac0-7137-b36d-c53fd0ce6c4a', 'EUR', 7500, 'card', NULL, NULL, 'R1', '2026-12-01 13:44:55.193+00', 'e887ad779a37f07463e76d9967fef3b6', '00000000-0000-4000-8000-000000000009');
INSERT INTO public.sessions VALUES
	('01a231d9-ea05-720e-86ce-d369f8e4484a', '01a231d9-e94b-76c1-b3dd-faa40e789350', '01a231d9-e94b-76c1-b3dd-faa62abef78a', NULL, 'backstage', '2026-12-01 13:44:54.531+00', '2026-12-02 01:44:54.531+00', 3600, NULL, NULL, NULL, 1, '2026-12-01 13:44:54.543+00'),
	('01a231d9-eb4c-7290-88c0-3f2934a7e9d4', '01a231d9-e94b-76c1-b3dd-faa40e789350', '01a231d9-ea79-7343-aac3-9e1baf9bd197', '01a231d9-eab4-7650-8ebe-844bcafc8ced', 'scanner', '2026-12-01 13:44:54.857+00', '2026-12-02 13:44:54.857+00', 43200, NULL, NULL, NULL, 1, '2026-12-01 13:44:55.048+00'),
	('01a231d9-eba8-7557-86df-9740c2cf69f1', '01a231d9-e94b-76c1-b3dd-faa40e789350', '01a231d9-eaab-7168-bdf2-336a3501fc15', '01a231d9-eac0-7137-b36d-c53fd0ce6c4a', 'pos', '2026-12-01 13:44:54.95+00', '2026-12-02 13:44:54.95+00', 43200, NULL, NULL, NULL, 1, '2026-12-01 13:44:55.048+00');
INSERT INTO public.signing_keys VALUES
	('01a231d9-e90a-7429-9ddb-0e17b2fa6d79', 'uUVlFcYegFC_II3U7HAjopokqCgBL3Ipxu5yCLg-pUY', '2026-12-01 13:44:54.282+00', NULL);
INSERT INTO public.ticket_types VALUES
	('01a231d9-ea23-7761-a587-cd083b81cd90', '01a231d9-e94b-76c1-b3dd-faa40e789350', '01a231d9-ea14-74bf-8145-465944634610', 'Standing', 2500, 100, 1, true, '[]', NULL, NULL, 11, '2026-12-01 13:44:54.579+00');
INSERT INTO public.tickets VALUES
	('01a231d9-ea4d-7489-a3ad-f8fc4cdba87c', '01a231d9-e94b-76c1-b3dd-faa40e789350', '01a231d9-ea14-74bf-8145-465944634610', '01a231d9-ea23-7761-a587-cd083b81cd90', 'OLD-1', NULL, 'valid', 1, NULL, 0, '2026-12-01 13:44:54.605+00', NULL, NULL),
	('01a231d9-ea4d-7489-a3ad-f8fd24534c2f', '01a231d9-e94b-76c1-b3dd-faa40e789350', '01a231d9-ea14-74bf-8145-465944634610', '01a231d9-ea23-7761-a587-cd083b81cd90', 'OLD-2', NULL, 'valid', 1, NULL, 0, '2026-12-01 13:44:54.605+00', NULL, NULL),
	('01a231d9-ea4d-7489-a3ad-f8fed53f1ded', '01a231d9-e94b-76c1-b3dd-faa40e789350', '01a231d9-ea14-74bf-8145-465944634610', '01a231d9-ea23-7761-a587-cd083b81cd90', 'OLD-3', NULL, 'valid', 1, NULL, 0, '2026-12-01 13:44:54.605+00', NULL, NULL),
	('01a231d9-ea4d-7489-a3ad-f8ff07b2e05c', '01a231d9-e94b-76c1-b3dd-faa40e789350', '01a231d9-ea14-74bf-8145-465944634610', '01a231d9-ea23-7761-a587-cd083b81cd90', 'OLD-4', NULL, 'valid', 1, NULL, 0, '2026-12-01 13:44:54.605+00', NULL, NULL),
	('01a231d9-ea4d-7489-a3ad-f900fa7068b3', '01a231d9-e94b-76c1-b3dd-faa40e789350', '01a231d9-ea14-74bf-8145-465944634610', '01a231d9-ea23-7761-a587-cd083b81cd90', 'OLD-5', NULL, 'valid', 1, NULL, 0, '2026-12-01 13:44:54.605+00', NULL, NULL),
	('01a231d9-ea4d-7489-a3ad-f90155011b6b', '01a231d9-e94b-76c1-b3dd-faa40e789350', '01a231d9-ea14-74bf-8145-465944634610', '01a231d9-ea23-7761-a587-cd083b81cd90', 'OLD-6', NULL, 'valid', 1, NULL, 0, '2026-12-01 13:44:54.605+00', NULL, NULL),
	('01a231d9-ec50-73c0-b1cb-033a57cfabb1', '01a231d9-e94b-76c1-b3dd-faa40e789350', '01a231d9-ea14-74bf-8145-465944634610', '01a231d9-ea23-7761-a587-cd083b81cd90', 'bak4gngcu7zxfgmevd66ae5ohbjdjblv', NULL, 'valid', 1, '00000000-0000-4000-8000-000000000007', 0, '2026-12-01 13:44:55.12+00', NULL, NULL),
	('01a231d9-ec50-73c0-b1cb-033c36c628ce', '01a231d9-e94b-76c1-b3dd-faa40e789350', '01a231d9-ea14-74bf-8145-465944634610', '01a231d9-ea23-7761-a587-cd083b81cd90', 'j3d5fzh2sfas53rgox5pznw7qblrcq3d', NULL, 'valid', 1, '00000000-0000-4000-8000-000000000007', 0, '2026-12-01 13:44:55.12+00', NULL, NULL),
	('01a231d9-ec98-77bd-92c3-107d7939c00a', '01a231d9-e94b-76c1-b3dd-faa40e789350', '01a231d9-ea14-74bf-8145-465944634610', '01a231d9-ea23-7761-a587-cd083b81cd90', 'aiy6aoa2q6xkwwv6f764nuab4sh4fxmw', NULL, 'valid', 1, '00000000-0000-4000-8000-000000000010', 0, '2026-12-01 13:44:55.193+00', NULL, NULL),
	('01a231d9-ec98-77bd-92c3-107e3e364e34', '01a231d9-e94b-76c1-b3dd-faa40e789350', '01a231d9-ea14-74bf-8145-465944634610', '01a231d9-ea23-7761-a587-cd083b81cd90', 'vruscphxersqupjxzmciepcznutgna3u', NULL, 'valid', 1, '00000000-0000-4000-8000-000000000010', 0, '2026-12-01 13:44:55.193+00', NULL, NULL),
	('01a231d9-ec98-77bd-92c3-107f5c8c9361', '01a231d9-e94b-76c1-b3dd-faa40e789350', '01a231d9-ea14-74bf-8145-465944634610', '01a231d9-ea23-7761-a587-cd083b81cd90', 'yj4lensptgtszge5ecvbqg2fcpnjmvvn', NULL, 'valid', 1, '00000000-0000-4000-8000-000000000010', 0, '2026-12-01 13:44:55.193+00', NULL, NULL),
	('01a231d9-ec72-7180-87c7-e411885c2911', '01a231d9-e94b-76c1-b3dd-faa40e789350', '01a231d9-ea14-74bf-8145-465944634610', '01a231d9-ea23-7761-a587-cd083b81cd90', 'nfntytq5vnjlwy5yud75olpqmksrua3l', NULL, 'void', 1, '00000000-0000-4000-8000-000000000008', 3, '2026-12-01 13:44:55.154+00', NULL, NULL);
INSERT INTO public.users VALUES
	('01a231d9-e94b-76c1-b3dd-faa551fac0ab', 'owner', 'owner@example.org', '$argon2id$v=19$m=7168,t=5,p=1$YwRnJaVuVqMZflsCSzbOyw$2ufTHSjQHJ6/5RFCp6U58we39BlH+ccUVYVgqQRuy2o', 1, '2026-12-01 13:44:54.347+00'),
	('01a231d9-ea79-7343-aac3-9e1aee40bf38', 'scanner', 'scanner@example.org', '$argon2id$v=19$m=7168,t=5,p=1$KakO6xdmtuEkKIcwHjlvrA$U42QFopuhq6DJHPW208lFkGeHQE9ewguQT+b7QVF7F8', 1, '2026-12-01 13:44:54.649+00'),
	('01a231d9-eaab-7168-bdf2-33698f0df58b', 'seller', 'seller@example.org', '$argon2id$v=19$m=7168,t=5,p=1$Lb0mamyELueH0t/zzCtZOQ$hencdYcYsZINqPHqxMxDyxwen5yBz2Yz3Nli6FdHNG8', 1, '2026-12-01 13:44:54.699+00');
ALTER TABLE ONLY public._sqlx_migrations
    ADD CONSTRAINT _sqlx_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.admissions
    ADD CONSTRAINT admissions_number PRIMARY KEY (ticket_id, seq);
ALTER TABLE ONLY public.admissions
    ADD CONSTRAINT admissions_once UNIQUE (organisation_id, id);
ALTER TABLE ONLY public.book
    ADD CONSTRAINT book_pkey PRIMARY KEY (one);
ALTER TABLE ONLY public.changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY (seq);
ALTER TABLE ONLY public.devices
    ADD CONSTRAINT devices_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.guest_check_ins
    ADD CONSTRAINT guest_check_ins_number PRIMARY KEY (organisation_id, guest_id, seq);
ALTER TABLE ONLY public.guest_check_ins
    ADD CONSTRAINT guest_check_ins_once UNIQUE (organisation_id, id);
ALTER TABLE ONLY public.guest_check_ins
    ADD CONSTRAINT guest_check_ins_undone_once UNIQUE (organisation_id, undoes);
ALTER TABLE ONLY public.guest_lists
    ADD CONSTRAINT guest_lists_pkey PRIMARY KEY (organisation_id, id);
ALTER TABLE ONLY public.guests
    ADD CONSTRAINT guests_pkey PRIMARY KEY (organisation_id, id);
ALTER TABLE ONLY public.hold_lines
    ADD CONSTRAINT hold_lines_pkey PRIMARY KEY (organisation_id, hold_id, place);
ALTER TABLE ONLY public.holds
    ADD CONSTRAINT holds_once PRIMARY KEY (organisation_id, id);
ALTER TABLE ONLY public.memberships
    ADD CONSTRAINT memberships_one_per_person UNIQUE (organisation_id, user_id);
ALTER TABLE ONLY public.memberships
    ADD CONSTRAINT memberships_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.organisations
    ADD CONSTRAINT organisations_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.organisations
    ADD CONSTRAINT organisations_slug UNIQUE (slug);
ALTER TABLE ONLY public.receipt_counters
    ADD CONSTRAINT receipt_counters_pkey PRIMARY KEY (organisation_id);
ALTER TABLE ONLY public.refused_scans
    ADD CONSTRAINT refused_scans_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.sale_lines
    ADD CONSTRAINT sale_lines_pkey PRIMARY KEY (organisation_id, sale_id, place);
ALTER TABLE ONLY public.sale_voids
    ADD CONSTRAINT sale_voids_once PRIMARY KEY (organisation_id, id);
ALTER TABLE ONLY public.sale_voids
    ADD CONSTRAINT sale_voids_one_per_sale UNIQUE (organisation_id, sale_id);
ALTER TABLE ONLY public.sales
    ADD CONSTRAINT sales_once PRIMARY KEY (organisation_id, id);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.signing_keys
    ADD CONSTRAINT signing_keys_pkey PRIMARY KEY (kid);
ALTER TABLE ONLY public.ticket_types
    ADD CONSTRAINT ticket_types_name UNIQUE (event_id, name);
ALTER TABLE ONLY public.ticket_types
    ADD CONSTRAINT ticket_types_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.tickets
    ADD CONSTRAINT tickets_code UNIQUE (event_id, code);
ALTER TABLE ONLY public.tickets
    ADD CONSTRAINT tickets_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);
CREATE INDEX admissions_of_event ON public.admissions USING brin (event_id) WITH (pages_per_range='16', autosummarize='on');
CREATE UNIQUE INDEX admissions_taken_back_once ON public.admissions USING btree (organisation_id, undoes) WHERE (undoes IS NOT NULL);
CREATE UNIQUE INDEX devices_enrolment ON public.devices USING btree (enrolment_hash) WHERE (enrolment_hash IS NOT NULL);
CREATE INDEX devices_of_organisation ON public.devices USING btree (organisation_id, id);
CREATE INDEX events_of_organisation ON public.events USING btree (organisation_id, id);
CREATE UNIQUE INDEX guest_lists_name ON public.guest_lists USING btree (event_id, name) WHERE (removed_at IS NULL);
CREATE INDEX guest_lists_of_event ON public.guest_lists USING btree (event_id, id);
CREATE INDEX guests_by_name ON public.guests USING btree (event_id, name_key, id) WHERE (removed_at IS NULL);
CREATE INDEX guests_of_list ON public.guests USING btree (organisation_id, list_id);
CREATE INDEX hold_lines_kept ON public.hold_lines USING btree (ticket_type_id, expires_at) WHERE kept;
CREATE INDEX holds_of_device ON public.holds USING btree (device_id, expires_at) WHERE ((used_by IS NULL) AND (released_at IS NULL));
CREATE UNIQUE INDEX memberships_username ON public.memberships USING btree (organisation_id, username_key) WHERE (status <> 'removed'::text);
CREATE INDEX refused_scans_by_age ON public.refused_scans USING btree (refused_at);
CREATE INDEX refused_scans_of_event ON public.refused_scans USING btree (event_id, id);
CREATE UNIQUE INDEX sales_hold ON public.sales USING btree (organisation_id, hold_id) WHERE (hold_id IS NOT NULL);
CREATE INDEX sales_of_device ON public.sales USING btree (device_id, receipt_number);
CREATE INDEX sales_of_event ON public.sales USING btree (event_id, receipt_number);
CREATE INDEX sales_of_session ON public.sales USING btree (session_id, receipt_number);
CREATE UNIQUE INDEX sales_receipt ON public.sales USING btree (organisation_id, receipt_number) WHERE (receipt_number > 0);
CREATE INDEX sessions_of_device ON public.sessions USING btree (device_id, id) WHERE (device_id IS NOT NULL);
CREATE INDEX sessions_of_member ON public.sessions USING btree (membership_id, id);
CREATE INDEX sessions_of_organisation ON public.sessions USING btree (organisation_id, id);
CREATE UNIQUE INDEX sessions_one_at_a_desk ON public.sessions USING btree (membership_id) WHERE ((ended_at IS NULL) AND (kind <> 'scanner'::text));
CREATE UNIQUE INDEX sessions_one_per_device ON public.sessions USING btree (device_id) WHERE ((ended_at IS NULL) AND (device_id IS NOT NULL));
CREATE INDEX sessions_open ON public.sessions USING btree (organisation_id) WHERE (ended_at IS NULL);
CREATE UNIQUE INDEX signing_keys_one_active ON public.signing_keys USING btree ((true)) WHERE (retired_at IS NULL);
CREATE INDEX tickets_changed ON public.tickets USING btree (event_id, version) WHERE (version > 0);
CREATE INDEX tickets_of_sale ON public.tickets USING btree (organisation_id, sale_id) WHERE (sale_id IS NOT NULL);
CREATE TRIGGER admissions_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.admissions FOR EACH STATEMENT EXECUTE FUNCTION public.book_is_append_only();
CREATE TRIGGER admissions_without_gaps AFTER INSERT ON public.admissions FOR EACH ROW WHEN (((new.seq > 1) OR (new.undoes IS NOT NULL))) EXECUTE FUNCTION public.admissions_without_gaps();
CREATE TRIGGER guest_check_ins_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.guest_check_ins FOR EACH STATEMENT EXECUTE FUNCTION public.book_is_append_only();
CREATE TRIGGER sale_lines_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.sale_lines FOR EACH STATEMENT EXECUTE FUNCTION public.book_is_append_only();
CREATE TRIGGER sale_voids_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.sale_voids FOR EACH STATEMENT EXECUTE FUNCTION public.book_is_append_only();
CREATE TRIGGER sales_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.sales FOR EACH STATEMENT EXECUTE FUNCTION public.book_is_append_only();
ALTER TABLE ONLY public.devices
    ADD CONSTRAINT devices_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisations(id);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisations(id);
ALTER TABLE ONLY public.guest_check_ins
    ADD CONSTRAINT guest_check_ins_guest FOREIGN KEY (organisation_id, guest_id) REFERENCES public.guests(organisation_id, id);
ALTER TABLE ONLY public.guest_check_ins
    ADD CONSTRAINT guest_check_ins_undoes FOREIGN KEY (organisation_id, undoes) REFERENCES public.guest_check_ins(organisation_id, id);
ALTER TABLE ONLY public.guest_lists
    ADD CONSTRAINT guest_lists_event_id_fkey FOREIGN KEY (event_id) REFERENCES public.events(id);
ALTER TABLE ONLY public.guest_lists
    ADD CONSTRAINT guest_lists_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisations(id);
ALTER TABLE ONLY public.guests
    ADD CONSTRAINT guests_list FOREIGN KEY (organisation_id, list_id) REFERENCES public.guest_lists(organisation_id, id);
ALTER TABLE ONLY public.memberships
    ADD CONSTRAINT memberships_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisations(id);
ALTER TABLE ONLY public.memberships
    ADD CONSTRAINT memberships_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);
ALTER TABLE ONLY public.receipt_counters
    ADD CONSTRAINT receipt_counters_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisations(id);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_device_id_fkey FOREIGN KEY (device_id) REFERENCES public.devices(id);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_membership_id_fkey FOREIGN KEY (membership_id) REFERENCES public.memberships(id);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisations(id);
ALTER TABLE ONLY public.ticket_types
    ADD CONSTRAINT ticket_types_event_id_fkey FOREIGN KEY (event_id) REFERENCES public.events(id);
ALTER TABLE ONLY public.ticket_types
    ADD CONSTRAINT ticket_types_organisation_id_fkey FOREIGN KEY (organisation_id) REFERENCES public.organisations(id);
