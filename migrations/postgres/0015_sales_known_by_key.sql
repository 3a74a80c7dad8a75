-- Sales are written as before (0012). Whether a sale is in the book already is looked up by its key: the subquery before, beside an `or`, was
-- planned to read every sale of the organisation once for each batch, so that a sale became slower with each one before it.
--
-- While the table is empty, an index that only begins with the organisation counts as much as the key itself, and the plan is kept when the
-- table is not empty any more. So the index of receipt numbers, which alone was taken for it, serves only who says what it is for.
alter table sales drop constraint sales_receipt;
alter table sales add constraint sales_numbered check (receipt_number > 0);
create unique index sales_receipt on sales (organisation_id, receipt_number) where receipt_number > 0;

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
