-- INSERT OR REPLACE deletes whatever row stands in the way of a key, past the delete triggers of a connection without recursive_triggers.
-- The keys that people see are guarded where the tables are made; two more are guarded here.
--
-- What becomes true here:
--   * A row of the book cannot be replaced by its rowid. (Where an insert names none, new.rowid is -1 in a trigger before it.)
--   * A sale cannot be replaced by another sale of the same hold.

create trigger admissions_no_row_replaced before insert on admissions when exists (select 1 from admissions where rowid = new.rowid)
    begin select raise(abort, 'the book is append-only'); end;
create trigger sales_no_row_replaced before insert on sales
    when exists (select 1 from sales where rowid = new.rowid)
      or new.hold_id is not null and exists (select 1 from sales where organisation_id = new.organisation_id and hold_id = new.hold_id)
    begin select raise(abort, 'the book is append-only'); end;
create trigger sale_lines_no_row_replaced before insert on sale_lines when exists (select 1 from sale_lines where rowid = new.rowid)
    begin select raise(abort, 'the book is append-only'); end;
create trigger sale_voids_no_row_replaced before insert on sale_voids when exists (select 1 from sale_voids where rowid = new.rowid)
    begin select raise(abort, 'the book is append-only'); end;
create trigger guest_check_ins_no_row_replaced before insert on guest_check_ins
    when exists (select 1 from guest_check_ins where rowid = new.rowid)
    begin select raise(abort, 'the book is append-only'); end;
