//! Who came to an event and who is inside, counted in one statement and so of one moment.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::FromRow;
use uuid::Uuid;

use crate::ids::{Named, TicketTypeId};

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
    /// Times that somebody came in through this gate, with whichever ticket.
    pub entries: i64,
    /// Times that somebody went out through it.
    pub exits: i64,
}

/// One row of the count: tickets of one type whose first entry was at one gate, or the traffic of one gate.
#[derive(FromRow)]
pub(in crate::ledger) struct AttendanceCell {
    ticket_type_id: Option<TicketTypeId>,
    name: Option<String>,
    /// Whether somebody came or went through this gate; having no name, it may be one too.
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
    pub(in crate::ledger) fn of(cells: Vec<AttendanceCell>) -> Self {
        let mut all = Self::default();
        // Ids grow with time, so the types stand in their order; gates stand in the order of their names, none of them last.
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
