//! A hold as it was sent, and what it means.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    attempt::fingerprint,
    faults::Faults,
    ids::{EventId, HoldId},
    pos::sale::request::{Line, LineBody, in_order, sum},
};

/// A hold as it was sent.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = hold_request)]
pub struct HoldBody {
    /// Made by the terminal and kept before it sends: the same id again finds the first answer.
    pub id: Uuid,
    /// The event.
    pub event: Uuid,
    /// What is held; lines of one type are summed.
    #[schema(min_items = 1, max_items = 50)]
    pub lines: Vec<LineBody>,
}

/// What a hold means.
#[derive(Clone, Debug)]
pub struct HoldRequest {
    pub id: HoldId,
    pub event: EventId,
    /// One line per type.
    pub lines: Vec<Line>,
    /// How long the hold keeps its stock.
    pub keeps: Duration,
    /// What is wrong with the body; reported after all that concerns the caller.
    pub faults: Faults,
}

impl HoldRequest {
    /// What this body means, for a hold that keeps its stock for so long.
    pub fn parse(body: &HoldBody, keeps: Duration) -> Self {
        let mut faults = Faults::default();
        let lines = sum(&body.lines, &mut faults);
        Self { id: HoldId(body.id), event: EventId(body.event), lines, keeps, faults }
    }

    /// What is the same when the same hold is sent again.
    pub fn fingerprint(&self) -> String {
        #[derive(Serialize)]
        struct Meaning<'r> {
            event: EventId,
            lines: Vec<&'r Line>,
            // A body that breaks a rule means nothing, and is no repetition of one that did.
            broken: bool,
        }
        fingerprint(&Meaning { event: self.event, lines: in_order(&self.lines), broken: !self.faults.is_empty() })
    }
}
