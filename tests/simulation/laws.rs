//! The oracle: it sees every commit and every answer at the instant at which they happen, and says which law they break.

use std::collections::{BTreeMap, BTreeSet};

use stagedoor::ids::{SaleId, ScanId};
use stagedoor::ledger::entry::DecidedOn;
use stagedoor::ledger::kinds::SessionKind;
use uuid::Uuid;

use super::ledger::Rows;

#[derive(Default)]
pub struct Laws {
    /// What happened, in order.
    pub trace: Vec<String>,
    /// What was found, in order.
    pub broken: Vec<String>,
    /// How often things happened: an evening on which nothing does proves nothing.
    pub tally: BTreeMap<&'static str, u64>,
    /// The newest version of each thing of which a gateway has read that its change is in the ledger.
    answered: BTreeMap<Uuid, i64>,
    greens: BTreeMap<ScanId, i32>,
    receipts: BTreeMap<SaleId, i64>,
}

impl Laws {
    pub fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    fn breaks(&mut self, law: &str, how: String) {
        self.trace.push(format!("       !!! {law}: {how}"));
        self.broken.push(format!("{law}: {how}"));
    }

    /// A change was answered with success.
    pub fn changed(&mut self, versions: impl IntoIterator<Item = (Uuid, i64)>) {
        for (thing, version) in versions {
            let newest = self.answered.entry(thing).or_default();
            *newest = version.max(*newest);
        }
    }

    /// Law 1: something is written at this instant that rests on these versions.
    pub fn written(&mut self, what: &str, decided_on: &DecidedOn) {
        let things = [
            ("session", decided_on.session.0.0, decided_on.session.1),
            ("membership", decided_on.membership.0.0, decided_on.membership.1),
            ("device", decided_on.device.unwrap().0.0, decided_on.device.unwrap().1),
            ("event", decided_on.event.0.0, decided_on.event.1),
        ];
        for (kind, thing, version) in things {
            if let Some(newest) = self.answered.get(&thing).copied().filter(|newest| *newest > version) {
                self.breaks("now", format!("{what} rests on version {version} of a {kind} whose version {newest} was answered before"));
            }
        }
    }

    /// Laws 2, 3 and 7, and the rules of the ledger: what is in it at this instant.
    pub fn stands(&mut self, rows: &Rows) {
        let mut desks = BTreeSet::new();
        let mut devices = BTreeSet::new();
        for session in rows.sessions.values().filter(|session| session.ended_at.is_none()) {
            if session.kind != SessionKind::Scanner && !desks.insert(session.membership_id) {
                self.breaks("one at a desk", format!("member {} is signed in twice", session.membership_id));
            }
            if let Some(device) = session.device_id.filter(|device| !devices.insert(*device)) {
                self.breaks("one at a desk", format!("device {device} has two sessions"));
            }
        }
        let mut entries: BTreeMap<_, i32> = BTreeMap::new();
        for scan in &rows.scans {
            *entries.entry(scan.ticket).or_default() += 1;
        }
        for ticket in rows.tickets.values() {
            let entered = entries.get(&ticket.id).copied().unwrap_or_default();
            if entered > ticket.entries_allowed {
                self.breaks("once", format!("ticket {} of {} entries went in {entered} times", ticket.code, ticket.entries_allowed));
            }
        }
        let mut numbers = BTreeSet::new();
        for scan in &rows.scans {
            if scan.seq > 1 && !numbers.contains(&(scan.ticket, scan.seq - 1)) || !numbers.insert((scan.ticket, scan.seq)) {
                self.breaks("once", format!("movement {} of a ticket does not follow from the one before", scan.seq));
            }
        }
        let ids: BTreeSet<_> = rows.scans.iter().map(|scan| scan.id).collect();
        let sales: BTreeSet<_> = rows.sales.iter().map(|sale| sale.id).collect();
        if ids.len() < rows.scans.len() || sales.len() < rows.sales.len() {
            self.breaks("same request, same answer", "an id is in the ledger twice".to_owned());
        }
        for (place, sale) in rows.sales.iter().enumerate() {
            if sale.receipt != i64::try_from(place).unwrap() + 1 {
                self.breaks("the ledger", format!("receipt {} stands at place {place}", sale.receipt));
            }
        }
        for kind in &rows.event.types {
            let sold: i32 = rows.sales.iter().flat_map(|sale| &sale.lines).filter(|line| line.0 == kind.id).map(|line| line.1).sum();
            if kind.quota.is_some_and(|quota| sold > quota) {
                self.breaks("never over the quota", format!("{sold} of {:?} sold", kind.quota));
            }
        }
    }

    /// Laws 4 and 5: a green light goes out at this instant.
    pub fn green(&mut self, id: ScanId, seq: i32, disk: &Rows) {
        if !disk.scans.iter().any(|scan| scan.id == id && scan.seq == seq) {
            self.breaks("green is durable", format!("scan {id} is green and not on disk"));
        }
        let first = *self.greens.entry(id).or_insert(seq);
        if first != seq {
            self.breaks("same request, same answer", format!("scan {id} was number {first}, and is now {seq}"));
        }
    }

    /// The same for a sale.
    pub fn sold(&mut self, id: SaleId, receipt: i64, disk: &Rows) {
        if !disk.sales.iter().any(|sale| sale.id == id && sale.receipt == receipt) {
            self.breaks("green is durable", format!("sale {id} was answered and is not on disk"));
        }
        let first = *self.receipts.entry(id).or_insert(receipt);
        if first != receipt {
            self.breaks("same request, same answer", format!("sale {id} had receipt {first}, and now {receipt}"));
        }
    }

    /// At the end of the evening: everything that was answered is still there.
    pub fn end(&mut self, disk: &Rows) {
        let lost = self.greens.keys().filter(|id| !disk.scans.iter().any(|scan| scan.id == **id)).count();
        let unsold = self.receipts.keys().filter(|id| !disk.sales.iter().any(|sale| sale.id == **id)).count();
        if lost + unsold > 0 {
            self.breaks("green is durable", format!("{lost} admissions and {unsold} sales that were answered are gone"));
        }
        self.stands(disk);
    }
}
