-- The same rules as before, with less to do for each batch and each change.
--
-- What becomes true here:
--   * What looks at versions and at stock keeps its plans. A function in SQL that is not part of its caller's plan is read and planned anew
--     for each call, which took longer than to carry it out.
--   * A movement is looked at where there is one before it, or where it takes one back; most are a ticket's first. For a trigger of the whole
--     statement all its rows were kept once more, and a query begun, also where there was nothing to look at.

create or replace function versions_stand(guard jsonb) returns boolean language plpgsql stable as $$
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

create or replace function held_of_type(ticket_type uuid, at timestamptz, but_for uuid) returns integer language plpgsql stable as $$
begin
    return (
        select coalesce(sum(l.quantity), 0)::integer from hold_lines l
        where l.ticket_type_id = ticket_type and l.kept and l.expires_at > at and l.hold_id is distinct from but_for);
end $$;

create or replace function stock_holds(sales_wanted jsonb, at timestamptz) returns boolean language plpgsql stable as $$
begin
    return not exists (
        select 1
        from (select (l ->> 'ticket_type_id')::uuid as id, sum((l ->> 'quantity')::bigint) as quantity
              from jsonb_array_elements(sales_wanted) s, jsonb_array_elements(s -> 'lines') l group by 1) w
        join ticket_types t on t.id = w.id
        where t.quota is not null and t.taken + held_of_type(t.id, at, null) + w.quantity > t.quota
    );
end $$;

drop trigger admissions_without_gaps on admissions;
create or replace function admissions_without_gaps() returns trigger language plpgsql as $$
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
create trigger admissions_without_gaps after insert on admissions
    for each row when (new.seq > 1 or new.undoes is not null) execute function admissions_without_gaps();
