-- Sales of a batch are written together wherever that is the same as one after the other, which at a till is nearly always.
--
-- What becomes true here:
--   * A batch whose sales all rest on standing ground, are all new, use no hold, and whose sum the stock holds, is written in five
--     statements, however many sales it has: every single one of them would have been recorded, in whatever order.
--   * Any other batch is written sale by sale, as before, by the same statements.

-- Writes sales that are known to be right, numbered in the order given; answers their receipt numbers in that order.
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

-- Whether the stock holds all lines of these sales together, with what live holds keep.
create function stock_holds(sales_wanted jsonb, at timestamptz) returns boolean language sql stable as $$
    select not exists (
        select 1
        from (select (l ->> 'ticket_type_id')::uuid as id, sum((l ->> 'quantity')::bigint) as quantity
              from jsonb_array_elements(sales_wanted) s, jsonb_array_elements(s -> 'lines') l group by 1) w
        join ticket_types t on t.id = w.id
        where t.quota is not null and t.taken + held_of_type(t.id, at, null) + w.quantity > t.quota
    )
$$;

create or replace function commit_sales(organisation uuid, at timestamptz, guards jsonb, sales_wanted jsonb)
returns table (outcome text, receipt bigint, lacking uuid, remaining integer) language plpgsql as $$
declare
    standing integer[];
    sale jsonb;
    hold uuid;
begin
    perform pg_advisory_xact_lock_shared(organisation_lock(organisation));
    standing := array(select g.place from grounds_that_stand(guards) g);
    perform lock_stock(sales_wanted);

    if cardinality(standing) = jsonb_array_length(guards)
        and not exists (
            select 1 from jsonb_array_elements(sales_wanted) w
            where w ->> 'hold_id' is not null
               or exists (select 1 from sales s where s.organisation_id = organisation and s.id = (w ->> 'id')::uuid))
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
