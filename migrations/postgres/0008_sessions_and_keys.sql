-- Ending many sessions at once, and changing the signing keys while gateways run.
--
-- What becomes true here:
--   * The open sessions of an organisation, of a member or on a device end in one call, under the organisation's lock: whichever session
--     had begun before the lock was granted has ended when the call returns, however many there are.
--   * A new signing key takes the place of the active one in one step, and gateways hear of it from the log of changes like of
--     everything else that they hold copies of. The keys are no organisation's: both ids in the log are the nil UUID.

create index sessions_of_organisation on sessions (organisation_id, id);
create index sessions_open on sessions (organisation_id) where ended_at is null;
create index sessions_of_device on sessions (device_id, id) where device_id is not null;

-- Answers which sessions have ended, and the change's number.
create function end_sessions(organisation uuid, guard jsonb, member uuid, device uuid, keep uuid, at timestamptz)
returns table (ended jsonb, number bigint) language plpgsql as $$
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

-- Answers the change's number. Rotations are made one after the other: each takes the book's row first, as every change does last.
create function rotate_keys(new_kid text, new_seed text, forget jsonb, forget_old boolean, at timestamptz)
returns bigint language plpgsql as $$
begin
    perform 1 from book for update;
    update signing_keys set retired_at = at where retired_at is null;
    delete from signing_keys where forget_old or forget ? kid;
    insert into signing_keys (kid, seed, created_at) values (new_kid, new_seed, at);
    return log_change('00000000-0000-0000-0000-000000000000', at, '["00000000-0000-0000-0000-000000000000"]');
end $$;
