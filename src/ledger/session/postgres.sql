-- Ending many sessions in one call. It holds the organisation's lock alone: every session that began before the lock was granted has ended
-- when the call returns, however many there are.

-- Returns the sessions that have ended, and the change's number.
create function end_sessions(organisation uuid, guard jsonb, member uuid, device uuid, keep uuid, at timestamptz)
returns table (ended jsonb, number bigint) language plpgsql as $$
begin
    perform pg_advisory_xact_lock(organisation_lock(organisation));
    if not versions_match(guard) then
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
