-- Holds and voids: stock that is kept while a card is charged, and sales that are taken back.
--
-- What becomes true here:
--   * A hold keeps stock and prices until it expires, is used by a sale, or is released. What is left of a type is its quota less what is
--     taken less what is held; holds and sales count it under the same locks, so that both together never pass the quota.
--   * An expired hold frees its stock by the time alone: nothing has to run for it.
--   * A hold is used by one sale at the most, by constraint.
--   * A sale is voided once at the most, by constraint, by an entry of its own; the sale itself is not touched. Its tickets become void
--     at a new version of the event, so that every gateway learns of them before it shows that version.
--   * The ids of holds and voids are unique per organisation for ever.
--
-- Room for later: sales and voids carry the session and the device that wrote them, so a shift or a drawer gathers both by session or
-- device and time, and cash that a void pays back is counted where it was paid. A refund will be an entry of its own that names its sale,
-- as a void is.

-- A hold is a promise of two minutes and no entry of the book: how it ended is written into it.
create table holds (
    organisation_id  uuid not null,
    id               uuid not null,
    event_id         uuid not null,
    session_id       uuid not null,
    device_id        uuid not null,
    currency         text not null,
    total_minor      bigint not null,
    recorded_at      timestamptz not null,
    expires_at       timestamptz not null,
    fingerprint      text not null,
    used_by          uuid,
    released_at      timestamptz,
    constraint holds_once primary key (organisation_id, id),
    constraint holds_end_once check (used_by is null or released_at is null)
);
create index holds_of_device on holds (device_id, expires_at) where used_by is null and released_at is null;

-- `kept` is true until the hold is used or released; with `expires_at` beside it, what is held of a type is one look into one index.
create table hold_lines (
    organisation_id  uuid not null,
    hold_id          uuid not null,
    place            integer not null,
    ticket_type_id   uuid not null,
    name             text not null,
    quantity         integer not null,
    unit_minor       bigint not null,
    amount_minor     bigint not null,
    expires_at       timestamptz not null,
    kept             boolean not null default true,
    primary key (organisation_id, hold_id, place),
    constraint hold_lines_amount check (unit_minor * quantity = amount_minor)
);
create index hold_lines_kept on hold_lines (ticket_type_id, expires_at) where kept;

alter table sales add column hold_id uuid;
create unique index sales_hold on sales (organisation_id, hold_id) where hold_id is not null;
create index sales_of_session on sales (session_id, receipt_number);
create index sales_of_device on sales (device_id, receipt_number);

-- A row per voided sale.
create table sale_voids (
    organisation_id  uuid not null,
    id               uuid not null,
    sale_id          uuid not null,
    event_id         uuid not null,
    session_id       uuid not null,
    device_id        uuid not null,
    reason           text not null,
    recorded_at      timestamptz not null,
    fingerprint      text not null,
    constraint sale_voids_once primary key (organisation_id, id),
    constraint sale_voids_one_per_sale unique (organisation_id, sale_id)
);
create trigger sale_voids_append_only before update or delete or truncate on sale_voids
    for each statement execute function book_is_append_only();

-- How many of a type live holds keep, but for one hold.
create function held_of_type(ticket_type uuid, at timestamptz, but_for uuid) returns integer language sql stable as $$
    select coalesce(sum(l.quantity), 0)::integer from hold_lines l
    where l.ticket_type_id = ticket_type and l.kept and l.expires_at > at and l.hold_id is distinct from but_for
$$;

-- The first of these lines whose type lacks, and what is left of it; nothing where the quotas hold them all.
create function first_short(lines jsonb, at timestamptz, but_for uuid)
returns table (lacking uuid, remaining integer) language sql stable as $$
    select t.id, greatest(t.quota - t.taken - k.held, 0)
    from jsonb_array_elements(lines) with ordinality as l (line, place)
    join ticket_types t on t.id = (l.line ->> 'ticket_type_id')::uuid
    cross join lateral (select held_of_type(t.id, at, but_for) as held) k
    where t.quota is not null and t.taken + k.held + (l.line ->> 'quantity')::integer > t.quota
    order by l.place limit 1
$$;

-- Locks the stock that these entries ask for in one order, whatever the order of the lines: two batches cannot wait for each other.
create function lock_stock(entries jsonb) returns void language plpgsql as $$
begin
    perform 1 from ticket_types t
        where t.id in (select (l ->> 'ticket_type_id')::uuid from jsonb_array_elements(entries) e, jsonb_array_elements(e -> 'lines') l)
        order by t.id for no key update;
end $$;

-- Holds of one organisation, one after the other in the order given. Each is {ground, id, event_id, session_id, device_id, currency,
-- total_minor, expires_at, fingerprint, lines: [{ticket_type_id, name, quantity, unit_minor, amount_minor}]}; a device has at most `most`
-- live ones. Answers a row per hold: 'recorded', 'sold_out' with the first type that lacks and what is left of it, 'too_many', 'moved'
-- when its ground no longer stands, 'known' when its id was used already.
create function commit_holds(organisation uuid, at timestamptz, guards jsonb, most integer, holds_wanted jsonb)
returns table (outcome text, lacking uuid, remaining integer) language plpgsql as $$
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

-- Ends a hold that is neither used nor released: by this sale, or without one. Answers whether it was there to be ended.
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

-- Gives a hold's stock back before its time.
create function release_hold(organisation uuid, at timestamptz, guard jsonb, hold uuid) returns boolean language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared(organisation_lock(organisation));
    if not versions_stand(guard) then
        perform raise_moved();
    end if;
    return end_hold(organisation, hold, null, at);
end $$;

-- As before (0003_door_and_till.sql), and: stock that live holds keep is not left, and a sale with a `hold_id` uses its hold. The stock of
-- that hold is its own, expired or not; if it was used or released meanwhile, the sale is answered 'moved'.
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

        update ticket_types t set taken = t.taken + (l ->> 'quantity')::integer
            from jsonb_array_elements(sale -> 'lines') l where t.id = (l ->> 'ticket_type_id')::uuid;
        update receipt_counters c set last = c.last + 1 where c.organisation_id = organisation returning c.last into strict receipt;
        insert into sales (organisation_id, id, event_id, receipt_number, session_id, device_id, currency, total_minor, method,
                           tendered_minor, change_minor, reference, hold_id, recorded_at, fingerprint)
        select organisation, s.id, s.event_id, receipt, s.session_id, s.device_id, s.currency, s.total_minor, s.method,
               s.tendered_minor, s.change_minor, s.reference, s.hold_id, at, s.fingerprint
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

-- Voids a sale: {id, sale_id, event_id, session_id, device_id, reason, fingerprint}. It has the organisation's lock alone, so a scan of
-- one of its tickets is either in the book before, and the sale is 'inside', or finds the event moved and decides on a void ticket.
-- Answers 'recorded' with the number of the change, 'inside' with the first ticket that is, 'known' when the id was used already,
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
