-- Ending many sessions at once (see the file of this name in migrations/postgres). What Postgres does in functions, the gateway does
-- here statement by statement; what is left is to find the sessions.

create index sessions_of_organisation on sessions (organisation_id, id);
create index sessions_open on sessions (organisation_id) where ended_at is null;
create index sessions_of_device on sessions (device_id, id) where device_id is not null;
