-- Guest lists: who is expected, with how many people, and who of them has come.
--
-- What becomes true here:
--   * A guest stands for a party. `arrived` counts who of it is in, moves only with a row of `guest_check_ins`, and is never more than
--     the party: a constraint says so, whatever races, and however the party is made smaller.
--   * A check-in is numbered and counted under the guest's row lock. Its id is unique per organisation for ever, and each is taken back
--     at most once, by a new row.
--   * `guest_check_ins` can be added to and never altered; a guest or a list is struck off, not deleted.
--   * Lists and guests are stored like every change: whole, on the versions that their author read, or not at all.
--
-- Ids of lists and guests are each organisation's own: guests' ids may be made by a client.

create table guest_lists (
    organisation_id  uuid not null references organisations,
    id               uuid not null,
    event_id         uuid not null references events,
    name             text not null,
    note             text,
    removed_at       timestamptz,
    version          bigint not null default 1,
    created_at       timestamptz not null,
    primary key (organisation_id, id)
);
create unique index guest_lists_name on guest_lists (event_id, name) where removed_at is null;
create index guest_lists_of_event on guest_lists (event_id, id);

-- `name_key` is the name as it is searched: without accents and case. `version` moves with what its manager changes, and not with
-- check-ins: sixteen phones may check one party in at the same instant, and only what they rest on holds them back.
create table guests (
    organisation_id  uuid not null,
    id               uuid not null,
    event_id         uuid not null,
    list_id          uuid not null,
    name             text not null,
    name_key         text collate "C" not null,
    company          text,
    note             text,
    party_size       integer not null constraint guests_party_size check (party_size > 0),
    arrived          integer not null default 0,
    removed_at       timestamptz,
    version          bigint not null default 1,
    created_at       timestamptz not null,
    primary key (organisation_id, id),
    constraint guests_list foreign key (organisation_id, list_id) references guest_lists,
    constraint guests_party check (arrived between 0 and party_size)
);
create index guests_by_name on guests (event_id, name_key, id) where removed_at is null;
create index guests_of_list on guests (organisation_id, list_id);

-- A row per movement of a party: so many people in, or, with `undoes`, a check-in taken back. `arrived` stands as it is after it.
create table guest_check_ins (
    organisation_id  uuid not null,
    id               uuid not null,
    event_id         uuid not null,
    guest_id         uuid not null,
    seq              integer not null,
    people           integer not null,
    arrived          integer not null,
    party_size       integer not null,
    undoes           uuid,
    session_id       uuid not null,
    membership_id    uuid not null,
    device_id        uuid,
    gate             text,
    recorded_at      timestamptz not null,
    fingerprint      text not null,
    constraint guest_check_ins_number primary key (organisation_id, guest_id, seq),
    constraint guest_check_ins_once unique (organisation_id, id),
    constraint guest_check_ins_undone_once unique (organisation_id, undoes),
    constraint guest_check_ins_guest foreign key (organisation_id, guest_id) references guests,
    constraint guest_check_ins_undoes foreign key (organisation_id, undoes) references guest_check_ins (organisation_id, id),
    constraint guest_check_ins_party check (arrived between 0 and party_size),
    constraint guest_check_ins_people check (people <> 0 and (people < 0) = (undoes is not null))
);
create trigger guest_check_ins_append_only before update or delete or truncate on guest_check_ins
    for each statement execute function book_is_append_only();

-- A check-in, or one taken back: {id, event_id, guest_id, guest_version, people, undoes, session_id, membership_id, device_id, gate,
-- fingerprint}; `people` null is all that remain. Answers its row, or none when nothing was written: what it rests on has moved, the
-- party has no room for it, or its id is known.
create function commit_check_in(organisation uuid, at timestamptz, guard jsonb, wanted jsonb)
returns table (seq integer, people integer, arrived integer) language plpgsql as $$
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

-- Lists and guests as their manager changes them. `lists` and `parties` are images of rows, each one version above what was read;
-- `on_list` is the list that new guests come on, as it was read. The organisation's lock is shared: no decision of the door rests on
-- a list, and what rests on a guest looks at the guest's own version under the guest's own lock.
--
-- What an event has of lists and guests is counted where it is written, so that two gateways that add at the same instant do not
-- both take the last place. Who adds holds the event's row, which decisions of the door read and never lock, and counts before and after
-- writing: a change that adds nothing is stored however many there are. Guests who are struck off with their list are locked in the order
-- of their ids, like those who are checked in by the batch.
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
