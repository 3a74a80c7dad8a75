-- Sales: a batch of one organisation in one call, under the shared lock. Stock is counted with what live holds keep.
--
-- A sale is {ground, id, event_id, session_id, device_id, currency, total_minor, method, tendered_minor, change_minor, reference, hold_id,
-- fingerprint, gate, lines: [{ticket_type_id, name, quantity, unit_minor, amount_minor}], tickets: [{id, ticket_type_id, code,
-- entries_allowed, admission}]}; `admission` is the id of the movement that admits the ticket at once, or null.

-- How many of a type live holds keep, without counting one hold.
create function held_of_type(ticket_type uuid, at timestamptz, but_for uuid) returns integer language plpgsql stable as $$
begin
    return (
        select coalesce(sum(l.quantity), 0)::integer from hold_lines l
        where l.ticket_type_id = ticket_type and l.kept and l.expires_at > at and l.hold_id is distinct from but_for);
end $$;

-- The first of these lines whose type has too few left, and how many are left; no row where the quotas cover all lines.
create function first_lacking(lines jsonb, at timestamptz, but_for uuid)
returns table (lacking uuid, remaining integer) language sql stable as $$
    select t.id, greatest(t.quota - t.taken - k.held, 0)
    from jsonb_array_elements(lines) with ordinality as l (line, place)
    join ticket_types t on t.id = (l.line ->> 'ticket_type_id')::uuid
    cross join lateral (select held_of_type(t.id, at, but_for) as held) k
    where t.quota is not null and t.taken + k.held + (l.line ->> 'quantity')::integer > t.quota
    order by l.place limit 1
$$;

-- Locks the ticket types of these entries in the order of their ids, so that two batches cannot wait for each other.
create function lock_stock(entries jsonb) returns void language plpgsql as $$
begin
    perform 1 from ticket_types t
        where t.id in (select (l ->> 'ticket_type_id')::uuid from jsonb_array_elements(entries) e, jsonb_array_elements(e -> 'lines') l)
        order by t.id for no key update;
end $$;

-- Whether the stock covers all lines of these sales together, with what live holds keep.
create function stock_suffices(sales_wanted jsonb, at timestamptz) returns boolean language plpgsql stable as $$
begin
    return not exists (
        select 1
        from (select (l ->> 'ticket_type_id')::uuid as id, sum((l ->> 'quantity')::bigint) as quantity
              from jsonb_array_elements(sales_wanted) s, jsonb_array_elements(s -> 'lines') l group by 1) w
        join ticket_types t on t.id = w.id
        where t.quota is not null and t.taken + held_of_type(t.id, at, null) + w.quantity > t.quota
    );
end $$;

-- Writes sales that are known to be possible, numbered in the order given. Returns their receipt numbers in that order.
create function write_sales(organisation uuid, at timestamptz, sales_right jsonb) returns setof bigint language plpgsql as $$
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

-- Returns a row per sale: 'recorded' with its receipt number, 'sold_out' with the first type that lacks and what is left of it, 'moved' when
-- its ground or its hold has changed, 'known' when its id is in the ledger already. A sale uses the stock of its own hold, expired or not.
--
-- A batch whose grounds are all valid, whose sales are all new and use no hold, and whose sum the stock covers, is written in five statements:
-- every one of its sales would have been recorded, in any order. Every other batch is written sale by sale.
create function commit_sales(organisation uuid, at timestamptz, guards jsonb, sales_wanted jsonb)
returns table (outcome text, receipt bigint, lacking uuid, remaining integer) language plpgsql as $$
declare
    valid integer[];
    sale jsonb;
    hold uuid;
begin
    perform pg_advisory_xact_lock_shared(organisation_lock(organisation));
    valid := array(select g.place from valid_grounds(guards) g);
    perform lock_stock(sales_wanted);

    if cardinality(valid) = jsonb_array_length(guards)
        and not exists (select 1 from jsonb_array_elements(sales_wanted) w where w ->> 'hold_id' is not null)
        and not exists (
            select 1
            from jsonb_array_elements(sales_wanted) w
            cross join lateral (select 1 from sales s where s.organisation_id = organisation and s.id = (w ->> 'id')::uuid limit 1) known)
        and stock_suffices(sales_wanted, at)
    then
        return query select 'recorded', w, null::uuid, null::integer from write_sales(organisation, at, sales_wanted) w;
        return;
    end if;

    for sale in select s from jsonb_array_elements(sales_wanted) s loop
        receipt := null;
        lacking := null;
        remaining := null;
        hold := (sale ->> 'hold_id')::uuid;
        if not (sale ->> 'ground')::integer = any (valid) then
            outcome := 'moved';
            return next;
            continue;
        end if;
        if exists (select 1 from sales s where s.organisation_id = organisation and s.id = (sale ->> 'id')::uuid) then
            outcome := 'known';
            return next;
            continue;
        end if;
        select s.lacking, s.remaining into lacking, remaining from first_lacking(sale -> 'lines', at, hold) s;
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
