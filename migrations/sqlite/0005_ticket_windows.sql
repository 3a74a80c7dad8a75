-- A ticket's own window of validity; told at length in migrations/postgres.

alter table tickets add column valid_from text;
alter table tickets add column valid_until text;
