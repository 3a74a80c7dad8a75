//! Compares the answers that clients got with what is in the ledger, and the ledger with itself.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use serde_json::Value;
use uuid::Uuid;

use super::{Answer, RawLedger, ref_id};

/// What a client was answered for one id, more than once if it sent it again.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answered {
    Admitted { seq: i64, recorded_at: String },
    Sold { receipt: i64, total: String, recorded_at: String },
    Refused(String),
}

/// Records the requests and answers of every client of a test.
#[derive(Default)]
pub struct Auditor {
    asked: Mutex<HashMap<Uuid, Vec<Answered>>>,
    findings: Mutex<Vec<String>>,
}

impl Auditor {
    /// A scan or a sale is about to be sent.
    pub fn asked(&self, sent: &Value) {
        self.asked.lock().unwrap().entry(id_of(sent)).or_default();
    }

    /// It was answered. Answers whether that settles it: what the ledger did not get to is to be asked again.
    pub fn told(&self, sent: &Value, answer: &Answer) -> bool {
        let told = match (answer.status, answer.text.contains("\"ledger_unavailable\"") || answer.text.contains("\"busy\"")) {
            (503, true) => return false,
            (200, _) if answer.json()["verdict"] == "admit" => {
                let admission = &answer.json()["admission"];
                Answered::Admitted { seq: admission["seq"].as_i64().unwrap(), recorded_at: text(&admission["recorded_at"]) }
            }
            (201, _) => {
                let sale = answer.json();
                let receipt = sale["receipt_number"].as_i64().unwrap();
                Answered::Sold { receipt, total: text(&sale["total"]), recorded_at: text(&sale["recorded_at"]) }
            }
            (200, _) => Answered::Refused(text(&answer.json()["reason"])),
            (409, _) => Answered::Refused(text(&answer.json()["code"])),
            _ => {
                self.finds(format!("{sent} was answered {answer}"));
                return true;
            }
        };
        let mut asked = self.asked.lock().unwrap();
        let before = asked.get_mut(&id_of(sent)).expect("asked before told");
        if let Some(first) = before.iter().find(|first| **first != told && !matches!(first, Answered::Refused(_))) {
            self.finds(format!("{sent} was told {first:?} and then {told:?}"));
        }
        before.push(told);
        true
    }

    fn finds(&self, finding: String) {
        self.findings.lock().unwrap().push(finding);
    }

    /// The ids that were answered as recorded.
    pub fn said_yes(&self) -> HashSet<Uuid> {
        let yes = |told: &[Answered]| told.iter().any(|told| !matches!(told, Answered::Refused(_)));
        self.asked.lock().unwrap().iter().filter(|(_, told)| yes(told)).map(|(id, _)| *id).collect()
    }

    /// Compares everything. Every id that was asked must have been answered by now.
    pub async fn audit(&self, ledger: &RawLedger) {
        let movements: HashMap<Uuid, i64> =
            ledger.numbers("select id, cast(seq as bigint) from admissions where fingerprint not like 'sale %'").await;
        let sales: HashMap<Uuid, i64> = ledger.numbers("select id, receipt_number from sales").await;
        let mut findings = std::mem::take(&mut *self.findings.lock().unwrap());
        findings.extend(self.against(&movements, &sales));
        findings.extend(ledger_against_itself(ledger).await);
        let shown: String = findings.iter().take(20).map(|finding| format!("\n  {finding}")).collect();
        assert!(findings.is_empty(), "the auditor finds {} faults:{shown}", findings.len());
        let asked = self.asked.lock().unwrap().len();
        eprintln!("{asked} ids were asked for, {} are in the ledger: nothing lost, nothing doubled", movements.len() + sales.len());
    }

    /// What was answered and is not in the ledger, and what is in the ledger and was not answered.
    fn against(&self, movements: &HashMap<Uuid, i64>, sales: &HashMap<Uuid, i64>) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        let mut findings = Vec::new();
        for (id, told) in asked.iter() {
            let written = (movements.get(id).copied(), sales.get(id).copied());
            let right = match (told.last(), written) {
                (Some(Answered::Admitted { seq, .. }), (Some(written), None)) => *seq == written,
                (Some(Answered::Sold { receipt, .. }), (None, Some(written))) => *receipt == written,
                (Some(Answered::Refused(_)), (None, None)) => true,
                _ => false,
            };
            if !right {
                findings.push(format!("{id}: told {told:?}, and the ledger has (movement, receipt) {written:?}"));
            }
        }
        let invented = movements.keys().chain(sales.keys()).filter(|id| !asked.contains_key(*id));
        findings.extend(invented.map(|id| format!("{id} is in the ledger, and nobody asked for it")));
        findings
    }
}

/// What is wrong in a ledger, whatever wrote it.
pub async fn ledger_against_itself(ledger: &RawLedger) -> Vec<String> {
    let mut findings = Vec::new();
    for (what, query) in NEVER {
        let count = ledger.count(query, &[]).await;
        if count != 0 {
            findings.push(format!("{what}: {count}"));
        }
    }
    findings
}

/// What there must be none of, as both databases count it.
const NEVER: [(&str, &str); 12] = [
    ("movements of one number", "select count(*) from (select 1 from admissions group by ticket_id, seq having count(*) > 1) x"),
    ("scans of one id", "select count(*) from (select 1 from admissions group by organisation_id, id having count(*) > 1) x"),
    (
        "movements that do not follow from the one before",
        "select count(*) from admissions a left join admissions b on b.ticket_id = a.ticket_id and b.seq = a.seq - 1
         where a.seq > 1 and b.seq is null
            or a.undoes is null and a.inside <> coalesce(b.inside, 0) + case a.direction when 'in' then 1 else -1 end
            or a.undoes is null and a.direction = 'in' and a.used <> coalesce(b.used, 0) + 1",
    ),
    (
        "movements beyond what a ticket allows",
        "select count(*) from admissions a left join tickets t on t.id = a.ticket_id where t.id is null or a.used > t.entries_allowed",
    ),
    (
        "organisations whose receipt numbers have gaps",
        "select count(*) from (select 1 from sales group by organisation_id
         having count(*) <> max(receipt_number) or min(receipt_number) <> 1 or count(distinct receipt_number) <> count(*)) x",
    ),
    (
        "receipt counters that are not at the last receipt",
        "select count(*) from receipt_counters c
         where c.last <> (select coalesce(max(receipt_number), 0) from sales s where s.organisation_id = c.organisation_id)",
    ),
    (
        "sales whose lines do not sum to their total",
        "select count(*) from sales s where s.total_minor <> (select coalesce(sum(l.amount_minor), -1) from sale_lines l
         where l.organisation_id = s.organisation_id and l.sale_id = s.id)",
    ),
    (
        "sales without all of their tickets",
        "select count(*) from sales s where (select count(*) from tickets t where t.organisation_id = s.organisation_id and t.sale_id = s.id)
         <> (select sum(l.quantity) from sale_lines l where l.organisation_id = s.organisation_id and l.sale_id = s.id)",
    ),
    (
        "lines and tickets without their sale",
        "select (select count(*) from sale_lines l where not exists (select 1 from sales s where s.organisation_id = l.organisation_id and s.id = l.sale_id))
         + (select count(*) from tickets t where t.sale_id is not null
            and not exists (select 1 from sales s where s.organisation_id = t.organisation_id and s.id = t.sale_id))",
    ),
    (
        "ticket types that count wrongly what is taken",
        "select count(*) from ticket_types y left join (select ticket_type_id, count(*) as tickets from tickets where status <> 'void'
         group by ticket_type_id) t on t.ticket_type_id = y.id where y.taken <> coalesce(t.tickets, 0)",
    ),
    ("ticket types over their quota", "select count(*) from ticket_types where taken > quota"),
    (
        "changes whose numbers have gaps",
        "select count(*) from changes c where c.seq > (select min(seq) from changes) and not exists (select 1 from changes b where b.seq = c.seq - 1)",
    ),
];

fn id_of(sent: &Value) -> Uuid {
    ref_id(sent).parse().unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
