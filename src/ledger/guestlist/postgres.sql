-- Guest lists as their manager changes them.

-- `lists` and `parties` are images of rows, each one version above what was read; `on_list` is the list that new guests are added to, as it was
-- read. The organisation's lock is shared: no decision at the door is made on a list, and a check-in compares the guest's own version under
-- the lock of the guest's row.
--
-- The lists and guests of an event are counted here, so that two gateways that add at the same time cannot both take the last place. The
-- event's row is locked, which decisions at the door read and never lock. Guests are removed with their list, locked in the order of their ids
-- like those of a batch of check-ins.
create function store_guest_lists(organisation uuid, guard jsonb, on_list jsonb, lists jsonb, parties jsonb, event uuid,
                                  most_lists bigint, most_guests bigint)
returns void language plpgsql as $$
declare
    stored integer;
    lists_before bigint;
    guests_before bigint;
    lists_after bigint;
    guests_after bigint;
begin
    perform pg_advisory_xact_lock_shared(organisation_lock(organisation));
    if not versions_match(guard) then
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
    -- The guests of a list are removed with it.
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
