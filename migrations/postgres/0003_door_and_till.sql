-- How scans and sales are written: a batch of one organisation in one function call.
--
-- What becomes true here:
--   * The organisation's lock is taken shared, and only the next statement looks at the versions and writes: a change that was
--     answered before is seen, and none can slip between the look and the commit.
--   * The authority is checked once per distinct session and event in the batch, not once per row.
--   * A movement is numbered and its entries are counted here, from the ticket's last movement and the row's place in the batch.

-- `guards` are the distinct grounds of the batch: {place, session_id, session, membership_id, membership, device_id, device, event_id, event},
-- where each word without _id is the version that the decision rested on. Answers the places that still stand.
create function grounds_that_stand(guards jsonb) returns table (place integer) language sql stable as $$
    select g.place
    from jsonb_to_recordset(guards) as g (
        place integer, session_id uuid, session bigint, membership_id uuid, membership bigint,
        device_id uuid, device bigint, event_id uuid, event bigint)
    join sessions s on s.id = g.session_id and s.version = g.session
    join memberships m on m.id = g.membership_id and m.version = g.membership
    join devices d on d.id = g.device_id and d.version = g.device
    join events e on e.id = g.event_id and e.version = g.event
$$;

-- Scans of one organisation. The rows of a ticket are either all entries, or one exit; ids and tickets come sorted.
-- Answers a row per movement that was written; what is missing was not: its ground has moved, its entries are used up, or its id is known.
create function commit_scans(
    organisation uuid, at timestamptz, guards jsonb,
    ground integer[], id uuid[], event_id uuid[], ticket_id uuid[], direction text[], use integer[], move integer[], allowed integer[],
    session_id uuid[], device_id uuid[], gate text[], scanned_at timestamptz[], fingerprint text[]
) returns table (written uuid, seq integer, used integer, inside integer) language plpgsql as $$
#variable_conflict use_column
begin
    perform pg_advisory_xact_lock_shared(organisation_lock(organisation));

    return query
    with wanted as (
        select w.*
        from unnest(ground, id, event_id, ticket_id, direction, use, move, allowed, session_id, device_id, gate, scanned_at, fingerprint)
            with ordinality as w (ground, id, event_id, ticket_id, direction, use, move, allowed, session_id, device_id, gate,
                                  scanned_at, fingerprint, place)
        join grounds_that_stand(guards) g on g.place = w.ground
        where not exists (select 1 from admissions a where a.organisation_id = organisation and a.id = w.id)
    ),
    numbered as (
        select w.*,
               coalesce(l.seq, 0) + n.nth as seq,
               coalesce(l.used, 0) + w.use * n.nth as used,
               coalesce(l.inside, 0) + w.move * n.nth as inside
        from (select w.*, row_number() over (partition by w.ticket_id order by w.place) as nth from wanted w) w
        cross join lateral (select w.nth::integer) n (nth)
        left join lateral (
            select a.seq, a.used, a.inside from admissions a where a.ticket_id = w.ticket_id order by a.seq desc limit 1
        ) l on true
    )
    insert into admissions as a (organisation_id, id, event_id, ticket_id, seq, direction, used, inside, session_id, device_id, gate,
                                 scanned_at, recorded_at, fingerprint)
    select organisation, n.id, n.event_id, n.ticket_id, n.seq, n.direction, n.used, n.inside, n.session_id, n.device_id, n.gate,
           n.scanned_at, at, n.fingerprint
    from numbered n
    where (n.use <= 0 or n.used <= n.allowed) and n.used >= 0 and n.inside >= 0
    order by n.ticket_id, n.seq
    on conflict do nothing
    returning a.id, a.seq, a.used, a.inside;
end $$;

-- A movement stands on the one before it. A race between two gateways, lost for one number of a ticket while a later number of the same
-- batch was written, would leave a gap, or entries counted from a movement that is not the one before; the batch is then written anew.
create function admissions_without_gaps() returns trigger language plpgsql as $$
begin
    if exists (
        select 1
        from fresh f
        left join admissions b on b.ticket_id = f.ticket_id and b.seq = f.seq - 1
        where f.seq > 1
          and (b.seq is null
               or f.inside <> b.inside + case f.direction when 'in' then 1 else -1 end
               or f.direction = 'in' and f.used <> b.used + 1)
    ) then
        raise exception 'a movement would not follow from the one before it' using errcode = 'serialization_failure';
    end if;
    return null;
end $$;
create trigger admissions_without_gaps after insert on admissions
    referencing new table as fresh for each statement execute function admissions_without_gaps();

-- Sales of one organisation, one after the other in the order given. Each is {ground, id, event_id, session_id, device_id, currency,
-- total_minor, method, tendered_minor, change_minor, reference, fingerprint, lines: [{ticket_type_id, name, quantity, unit_minor, amount_minor}],
-- tickets: [{id, ticket_type_id, code, entries_allowed, admission}], gate}; `admission` is the id of the movement that lets the ticket in at once, or null.
-- Answers a row per sale: 'recorded' with its receipt number, 'sold_out' with the first type that lacks and what is left of it,
-- 'moved' when its ground no longer stands, 'known' when its id is in the book already.
create function commit_sales(organisation uuid, at timestamptz, guards jsonb, sales_wanted jsonb)
returns table (outcome text, receipt bigint, lacking uuid, remaining integer) language plpgsql as $$
declare
    standing integer[];
    sale jsonb;
    short record;
begin
    perform pg_advisory_xact_lock_shared(organisation_lock(organisation));
    standing := array(select g.place from grounds_that_stand(guards) g);
    -- Stock is locked in one order, whatever the order of the lines: two batches cannot wait for each other.
    perform 1 from ticket_types t
        where t.id in (select (l ->> 'ticket_type_id')::uuid from jsonb_array_elements(sales_wanted) s, jsonb_array_elements(s -> 'lines') l)
        order by t.id for no key update;

    for sale in select s from jsonb_array_elements(sales_wanted) s loop
        receipt := null;
        lacking := null;
        remaining := null;
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
        select t.id, greatest(t.quota - t.taken, 0) as rest into short
        from jsonb_array_elements(sale -> 'lines') with ordinality as l (line, place)
        join ticket_types t on t.id = (l.line ->> 'ticket_type_id')::uuid
        where t.quota is not null and t.taken + (l.line ->> 'quantity')::integer > t.quota
        order by l.place limit 1;
        if found then
            outcome := 'sold_out';
            lacking := short.id;
            remaining := short.rest;
            return next;
            continue;
        end if;

        update ticket_types t set taken = t.taken + (l ->> 'quantity')::integer
            from jsonb_array_elements(sale -> 'lines') l where t.id = (l ->> 'ticket_type_id')::uuid;
        update receipt_counters c set last = c.last + 1 where c.organisation_id = organisation returning c.last into strict receipt;
        insert into sales (organisation_id, id, event_id, receipt_number, session_id, device_id, currency, total_minor, method,
                           tendered_minor, change_minor, reference, recorded_at, fingerprint)
        select organisation, s.id, s.event_id, receipt, s.session_id, s.device_id, s.currency, s.total_minor, s.method,
               s.tendered_minor, s.change_minor, s.reference, at, s.fingerprint
        from jsonb_populate_record(null::sales, sale) s;
        insert into sale_lines (organisation_id, sale_id, place, ticket_type_id, name, quantity, unit_minor, amount_minor)
        select organisation, (sale ->> 'id')::uuid, l.place, r.ticket_type_id, r.name, r.quantity, r.unit_minor, r.amount_minor
        from jsonb_array_elements(sale -> 'lines') with ordinality as l (line, place),
             jsonb_populate_record(null::sale_lines, l.line) r;
        insert into tickets (id, organisation_id, event_id, ticket_type_id, code, status, entries_allowed, sale_id, created_at)
        select t.id, organisation, (sale ->> 'event_id')::uuid, t.ticket_type_id, t.code, 'valid', t.entries_allowed, (sale ->> 'id')::uuid, at
        from jsonb_populate_recordset(null::tickets, sale -> 'tickets') t;
        insert into admissions (organisation_id, id, event_id, ticket_id, seq, direction, used, inside, session_id, device_id, gate, recorded_at, fingerprint)
        select organisation, (t ->> 'admission')::uuid, (sale ->> 'event_id')::uuid, (t ->> 'id')::uuid, 1, 'in', 1, 1,
               (sale ->> 'session_id')::uuid, (sale ->> 'device_id')::uuid, sale ->> 'gate', at, 'sale ' || (sale ->> 'id')
        from jsonb_array_elements(sale -> 'tickets') t where t ->> 'admission' is not null;

        outcome := 'recorded';
        return next;
    end loop;
end $$;
