-- Replacing the active signing key while gateways run. Gateways learn of it from the log of changes. The keys belong to no organisation, so
-- both ids in the log are the nil UUID.

-- Returns the change's number. Rotations run one after the other: each locks the row of `book` first.
create function rotate_keys(new_kid text, new_seed text, forget jsonb, forget_old boolean, at timestamptz)
returns bigint language plpgsql as $$
begin
    perform 1 from book for update;
    update signing_keys set retired_at = at where retired_at is null;
    delete from signing_keys where forget_old or forget ? kid;
    insert into signing_keys (kid, seed, created_at) values (new_kid, new_seed, at);
    return log_change('00000000-0000-0000-0000-000000000000', at, '["00000000-0000-0000-0000-000000000000"]');
end $$;
