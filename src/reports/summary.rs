//! How an event sells: counts by type, a timeline, the gross. For viewers of the event; it has no order, payment or void.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveTime, TimeDelta, TimeZone, Timelike};
use chrono_tz::Tz;
use serde::Serialize;

use crate::{
    authenticate::Caller,
    authorise::{self, Refused},
    clock::{Moment, Stamp},
    ids::{EventId, Named, TicketTypeId},
    ledger::{
        Ledger, LedgerError,
        kinds::Permission,
        rows::{EventFacts, QuarterSum, TypeSum},
    },
    money::{Currency, Money},
    pos::PosError,
    string_enum::string_enum,
};

string_enum! {
    /// How long each step of a timeline is, in the event's time zone.
    pub enum Bucket {
        /// An hour.
        Hour = "hour",
        /// A day.
        Day = "day",
    }
}

/// How an event sells; voided sales count for nothing.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = sales_summary)]
pub struct Summary {
    /// The event.
    pub event: Named,
    /// ISO 4217.
    #[schema(example = "EUR")]
    pub currency: &'static str,
    /// The IANA name of the event's time zone.
    #[schema(example = "Europe/Berlin")]
    pub timezone: String,
    /// Tickets sold here.
    pub sold: i64,
    /// Tickets that were imported and are not void.
    pub imported: i64,
    /// What the tickets sold here cost.
    #[schema(value_type = String, example = "75.00")]
    pub gross: Money,
    /// By type, oldest first.
    pub by_type: Vec<TypeSummary>,
    /// How long each step of the timeline is.
    pub bucket: Bucket,
    /// What was sold when, oldest first; steps in which nothing was sold are left out.
    pub timeline: Vec<Step>,
}

/// How a type sells.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = type_summary)]
pub struct TypeSummary {
    /// The type's id.
    pub ticket_type: TicketTypeId,
    /// The type's name.
    pub name: String,
    /// Tickets sold here.
    pub sold: i64,
    /// Tickets that were imported and are not void.
    pub imported: i64,
    /// What the tickets sold here cost.
    #[schema(value_type = String, example = "75.00")]
    pub gross: Money,
    /// How many there may be; null is no bound.
    pub quota: Option<i32>,
    /// What is left to sell: neither taken nor held; null where there is no quota.
    pub left: Option<i32>,
}

/// A step of a timeline.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = timeline_step)]
pub struct Step {
    /// When it begins.
    pub from: Stamp,
    /// Tickets sold in it.
    pub sold: i64,
    /// What they cost.
    #[schema(value_type = String, example = "25.00")]
    pub gross: Money,
}

/// How an event sells. That it is there is asked before what the caller may do; an event that is not granted to a viewer is not there.
pub async fn summary(ledger: &Ledger, caller: &Caller, id: EventId, bucket: Bucket) -> Result<Summary, PosError> {
    let facts = visible(ledger, caller, id).await?;
    let (types, quarters) = (ledger.sums_by_type(id).await?, ledger.sums_by_quarter(id).await?);
    Ok(tell(&facts, &types, &quarters, bucket)?)
}

/// The event, if this caller may see its summary.
pub async fn visible(ledger: &Ledger, caller: &Caller, id: EventId) -> Result<EventFacts, PosError> {
    let found = ledger.event(id).await?.filter(|facts| facts.event.organisation_id == caller.organisation());
    let facts = found.ok_or(Refused::NotFound)?;
    authorise::may_see_with(caller, Permission::SalesSummary, id)?;
    Ok(facts)
}

fn tell(facts: &EventFacts, sums: &[TypeSum], quarters: &[QuarterSum], bucket: Bucket) -> Result<Summary, LedgerError> {
    let event = &facts.event;
    let currency = Currency::parse(&event.currency).map_err(|_| LedgerError::Broken)?;
    let zone: Tz = event.timezone.parse().map_err(|_| LedgerError::Broken)?;
    let by_type: Vec<TypeSummary> = facts
        .types
        .iter()
        .map(|kind| {
            let sum = sums.iter().find(|sum| sum.ticket_type_id == kind.id);
            let sold = sum.map_or(0, |sum| sum.tickets);
            TypeSummary {
                ticket_type: kind.id,
                name: kind.name.clone(),
                sold,
                imported: (i64::from(kind.taken) - sold).max(0),
                gross: currency.from_minor(sum.map_or(0, |sum| sum.gross_minor)),
                quota: kind.quota,
                left: kind.left(),
            }
        })
        .collect();
    Ok(Summary {
        event: Named::new(event.id, &event.name),
        currency: currency.code(),
        timezone: event.timezone.clone(),
        sold: by_type.iter().map(|kind| kind.sold).sum(),
        imported: by_type.iter().map(|kind| kind.imported).sum(),
        gross: currency.from_minor(sums.iter().map(|sum| sum.gross_minor).sum()),
        by_type,
        bucket,
        timeline: timeline(quarters, bucket, zone, currency),
    })
}

fn timeline(quarters: &[QuarterSum], bucket: Bucket, zone: Tz, currency: Currency) -> Vec<Step> {
    let mut steps: BTreeMap<Moment, (i64, i64)> = BTreeMap::new();
    for quarter in quarters {
        let Some(begun) = DateTime::from_timestamp(quarter.quarter * 900, 0) else { continue };
        let (sold, gross) = steps.entry(start(begun, bucket, zone)).or_default();
        *sold += quarter.tickets;
        *gross += quarter.gross_minor;
    }
    steps.into_iter().map(|(from, (sold, gross))| Step { from: from.into(), sold, gross: currency.from_minor(gross) }).collect()
}

/// When the hour or the day of this quarter of an hour began, on the clocks of the zone. An hour that a change of the clocks repeats is two.
fn start(quarter: Moment, bucket: Bucket, zone: Tz) -> Moment {
    let local = quarter.with_timezone(&zone);
    match bucket {
        Bucket::Hour => quarter - TimeDelta::minutes(i64::from(local.minute())),
        Bucket::Day => {
            let midnight = local.date_naive().and_time(NaiveTime::MIN);
            // Where the clocks skip midnight, the day begins when they have done so.
            let begun = zone.from_local_datetime(&midnight).earliest().or_else(|| after_gap(midnight, zone));
            begun.map_or(quarter, |begun| begun.to_utc())
        }
    }
}

fn after_gap(midnight: chrono::NaiveDateTime, zone: Tz) -> Option<DateTime<Tz>> {
    let day_before = zone.from_local_datetime(&midnight.checked_sub_days(Days::new(1))?).earliest()?;
    let offset = chrono::Offset::fix(day_before.offset());
    // The instant at which the old clocks would have shown midnight is the one at which the new ones begin.
    Some((midnight - TimeDelta::seconds(i64::from(offset.local_minus_utc()))).and_utc().with_timezone(&zone))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    fn begins(quarter: &str, bucket: Bucket, zone: &str) -> String {
        start(quarter.parse().unwrap(), bucket, zone.parse().unwrap()).to_rfc3339()
    }

    #[test]
    fn hours_are_those_of_the_zone() {
        for (zone, quarter, from) in [
            ("Europe/Berlin", "2026-06-01T18:45:00Z", "2026-06-01T18:00:00+00:00"),
            ("Asia/Kolkata", "2026-06-01T18:15:00Z", "2026-06-01T17:30:00+00:00"),
            ("Asia/Kathmandu", "2026-06-01T18:30:00Z", "2026-06-01T18:15:00+00:00"),
            // The hour from two to three comes twice in this night, and is two hours.
            ("Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T00:00:00+00:00"),
            ("Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25T01:00:00+00:00"),
        ] {
            assert_eq!(begins(quarter, Bucket::Hour, zone), from, "{zone}");
        }
    }

    #[test]
    fn days_are_those_of_the_zone() {
        for (zone, quarter, from) in [
            ("Europe/Berlin", "2026-06-01T22:00:00Z", "2026-06-01T22:00:00+00:00"),
            ("Europe/Berlin", "2026-06-01T21:45:00Z", "2026-05-31T22:00:00+00:00"),
            ("Asia/Kathmandu", "2026-06-01T18:00:00Z", "2026-05-31T18:15:00+00:00"),
            ("America/New_York", "2026-06-02T03:45:00Z", "2026-06-01T04:00:00+00:00"),
            // A day of 23 hours and one of 25.
            ("Europe/Berlin", "2026-03-29T21:45:00Z", "2026-03-28T23:00:00+00:00"),
            ("Europe/Berlin", "2026-10-25T22:45:00Z", "2026-10-24T22:00:00+00:00"),
            // In Beirut the clocks skip the hour from midnight to one.
            ("Asia/Beirut", "2026-03-28T22:15:00Z", "2026-03-28T22:00:00+00:00"),
            ("Asia/Beirut", "2026-03-29T20:45:00Z", "2026-03-28T22:00:00+00:00"),
        ] {
            assert_eq!(begins(quarter, Bucket::Day, zone), from, "{zone} {quarter}");
        }
    }
}
