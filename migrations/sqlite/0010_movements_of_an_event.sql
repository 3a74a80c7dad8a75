-- The movements of an event are found without reading those of every other event of its organisation: attendance is counted from them.
-- They come in one after the other, so the index only grows at the end of its event. (Postgres has a BRIN index for this since 0004.)
create index admissions_of_event on admissions (event_id);
