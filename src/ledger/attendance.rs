//! How many people came to an event and how many are inside, counted in one statement and so at one instant.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::FromRow;
use uuid::Uuid;

use super::{LedgerError, Store, db::Arg};
use crate::{
    ids::{EventId, Named, OrganisationId, TicketTypeId},
    limits,
};

/// The attendance of an event. A movement that was taken back counts for nothing, and neither does the one that took it back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = attendance)]
pub struct Attendance {
    /// Tickets that are valid now. One that was admitted and is no longer valid is counted as admitted, and not here.
    #[schema(example = 2000)]
    pub tickets: i64,
    /// Distinct tickets that ever came in.
    #[schema(example = 1480)]
    pub admitted: i64,
    /// People inside: entries minus exits.
    #[schema(example = 1433)]
    pub inside: i64,
    /// By ticket type, oldest first; the sums are the numbers above.
    pub by_type: Vec<TypeAttendance>,
    /// By gate, in the order of their names, entries without a gate last; the sums are the numbers above.
    pub by_gate: Vec<GateAttendance>,
}

/// The attendance by tickets of one type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = type_attendance)]
pub struct TypeAttendance {
    /// The type.
    pub ticket_type: Named,
    /// Its tickets that are valid now.
    pub tickets: i64,
    /// Its distinct tickets that ever came in.
    pub admitted: i64,
    /// People inside with its tickets.
    pub inside: i64,
}

/// The attendance by tickets that first came in at one gate. A ticket is counted at that gate only, wherever it came and went later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = gate_attendance)]
pub struct GateAttendance {
    /// The gate; null for none.
    #[schema(example = "North")]
    pub gate: Option<String>,
    /// Distinct tickets that first came in here.
    pub admitted: i64,
    /// People inside with those tickets.
    pub inside: i64,
    /// Entries through this gate, with any ticket.
    pub entries: i64,
    /// Exits through it.
    pub exits: i64,
}

/// One row of the count: tickets of one type whose first entry was at one gate, or the traffic of one gate.
#[derive(FromRow)]
struct AttendanceCell {
    ticket_type_id: Option<TicketTypeId>,
    name: Option<String>,
    /// Whether the row is the traffic of a gate. The gate's name may be null.
    came: bool,
    gate: Option<String>,
    tickets: i64,
    admitted: i64,
    inside: i64,
    entries: i64,
    exits: i64,
}

impl Attendance {
    /// The sums of the cells.
    fn of(cells: Vec<AttendanceCell>) -> Self {
        let mut all = Self::default();
        // Ids grow with time, so the types are in the order they were made in. Gates are in the order of their names, the nameless one last.
        let mut types: BTreeMap<Uuid, TypeAttendance> = BTreeMap::new();
        let mut gates: BTreeMap<(bool, Option<String>), GateAttendance> = BTreeMap::new();
        for cell in cells {
            all.tickets += cell.tickets;
            all.admitted += cell.admitted;
            all.inside += cell.inside;
            if let (Some(id), Some(name)) = (cell.ticket_type_id, &cell.name) {
                let none = || TypeAttendance { ticket_type: Named::new(id, name), tickets: 0, admitted: 0, inside: 0 };
                let of_type = types.entry(id.0).or_insert_with(none);
                of_type.tickets += cell.tickets;
                of_type.admitted += cell.admitted;
                of_type.inside += cell.inside;
            }
            if cell.came {
                let none = || GateAttendance { gate: cell.gate.clone(), admitted: 0, inside: 0, entries: 0, exits: 0 };
                let at_gate = gates.entry((cell.gate.is_none(), cell.gate.clone())).or_insert_with(none);
                at_gate.admitted += cell.admitted;
                at_gate.inside += cell.inside;
                at_gate.entries += cell.entries;
                at_gate.exits += cell.exits;
            }
        }
        all.by_type = types.into_values().collect();
        all.by_gate = gates.into_values().collect();
        all
    }
}

impl Store {
    /// The attendance of an event of this organisation, counted in one statement and so of one moment.
    pub(super) async fn attendance(&self, organisation: OrganisationId, event: EventId) -> Result<Attendance, LedgerError> {
        let mut db = self.reader(limits::LEDGER_BULK_TIMEOUT).await?;
        let cells = db
            .all(
                "with standing as (
                 select ticket_id, seq, direction, gate
                 from admissions
                 where event_id = $2 and organisation_id = $1 and undoes is null
                   and id not in (select undoes from admissions where organisation_id = $1 and undoes is not null)
             ),
             came as (
                 select ticket_id, min(case when direction = 'in' then seq end) as entered,
                        sum(case direction when 'in' then 1 else -1 end) as inside
                 from standing group by ticket_id
             ),
             counted as (
                 select t.ticket_type_id, f.gate, c.entered is not null as came,
                        count(case when t.status = 'valid' then 1 end) as tickets, count(c.entered) as admitted, sum(c.inside) as inside
                 from tickets t
                 left join came c on c.ticket_id = t.id
                 left join standing f on f.ticket_id = c.ticket_id and f.seq = c.entered
                 where t.event_id = $2 and t.organisation_id = $1
                 group by t.ticket_type_id, f.gate, c.entered is not null
             )
             select y.id as ticket_type_id, y.name, c.gate, coalesce(c.came, 1 = 0) as came,
                    coalesce(c.tickets, 0) as tickets, coalesce(c.admitted, 0) as admitted, cast(coalesce(c.inside, 0) as bigint) as inside,
                    cast(0 as bigint) as entries, cast(0 as bigint) as exits
             from ticket_types y left join counted c on c.ticket_type_id = y.id
             where y.event_id = $2 and y.organisation_id = $1
             union all
             select null, null, gate, 1 = 1, 0, 0, 0,
                    count(case direction when 'in' then 1 end), count(case direction when 'out' then 1 end)
             from standing group by gate",
                &[Arg::id(organisation), Arg::id(event)],
            )
            .await?;
        Ok(Attendance::of(cells))
    }
}
