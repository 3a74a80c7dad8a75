//! The judge: after a run, every answer is compared with the ledger.
//!
//! It trusts only its own sums. It queries the gateway by other calls than the run used: a ticket by a scan
//! that records nothing, a sale by its id and in the list, stock and totals by the event. Where the ledger itself may be read, it is.

mod budget;
mod changes;
mod door;
mod ledger;
mod till;

pub use changes::Seen;

use std::collections::BTreeMap;

use crate::cli::Options;
use crate::run::Evidence;
use crate::run::record::Tally;
use crate::world::World;

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A ticket was admitted that should not have been, or twice.
    DoubleAdmission,
    /// Somebody was let in, and the ledger knows nothing of it.
    LostAdmission,
    /// A ticket was refused that should not have been, or for another reason.
    WrongRefusal,
    /// Something was sold, and the ledger knows nothing of it.
    LostSale,
    /// The ledger has something that was not requested.
    Unasked,
    /// An amount is not what it has to be.
    Money,
    /// The stock is not what it has to be.
    Stock,
    /// Receipt numbers are missing, or there twice.
    Receipts,
    /// The same request had another answer.
    AnotherAnswer,
    /// Something was accepted after the permission for it was gone.
    PermissionGone,
    /// A bad caller was answered otherwise than the contract says.
    BadCaller,
    /// A latency is longer than its budget.
    Latency,
    /// There were too many errors.
    Errors,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::DoubleAdmission => "double admission",
            Self::LostAdmission => "lost admission",
            Self::WrongRefusal => "wrong refusal",
            Self::LostSale => "lost sale",
            Self::Unasked => "written without being asked",
            Self::Money => "wrong money",
            Self::Stock => "wrong stock",
            Self::Receipts => "wrong receipt numbers",
            Self::AnotherAnswer => "same request, another answer",
            Self::PermissionGone => "written after its permission was gone",
            Self::BadCaller => "bad caller answered otherwise",
            Self::Latency => "latency budget missed",
            Self::Errors => "too many errors",
        }
    }
}

/// Examples that are shown of each kind.
const EXAMPLES: usize = 5;

/// Something that is wrong.
#[derive(Clone, Debug, Default)]
pub struct Finding {
    /// How often.
    pub count: u64,
    /// Some of them, in words.
    pub examples: Vec<String>,
}

/// What the judge has come to.
#[derive(Debug, Default)]
pub struct Judgement {
    /// What is wrong, by kind.
    pub findings: BTreeMap<Kind, Finding>,
    /// What was compared, and how much of it.
    pub compared: Vec<(&'static str, u64)>,
    /// What was changed under load, and how soon it held.
    pub changes: Vec<Seen>,
}

impl Judgement {
    /// Whether nothing is wrong.
    pub fn clean(&self) -> bool {
        self.findings.is_empty()
    }

    fn find(&mut self, kind: Kind, example: impl FnOnce() -> String) {
        let finding = self.findings.entry(kind).or_default();
        finding.count += 1;
        if finding.examples.len() < EXAMPLES {
            finding.examples.push(example());
        }
    }

    fn compared(&mut self, what: &'static str, count: usize) {
        if count > 0 {
            self.compared.push((what, u64::try_from(count).unwrap_or(u64::MAX)));
        }
    }
}

/// Compares everything.
pub async fn judge(options: &Options, world: &mut World, evidence: &Evidence, tally: &Tally) -> anyhow::Result<Judgement> {
    let mut judgement = Judgement::default();
    let admitted_by_sale = till::judge(&mut judgement, world, evidence).await?;
    door::judge(&mut judgement, world, evidence, admitted_by_sale).await?;
    if let Some(url) = &options.ledger {
        ledger::judge(&mut judgement, url, world, evidence).await?;
    }
    changes::judge(&mut judgement, evidence);
    bad_callers(&mut judgement, evidence);
    budget::judge(&mut judgement, options, evidence, tally);
    Ok(judgement)
}

fn bad_callers(judgement: &mut Judgement, evidence: &Evidence) {
    judgement.compared("bad callers", evidence.probes.len());
    for sent in &evidence.probes {
        let probe = &sent.probe;
        if sent.status != Some(probe.status) || sent.code != probe.code {
            judgement.find(Kind::BadCaller, || {
                let got = sent.status.map_or_else(|| "nothing".to_owned(), |status| format!("{status} {}", sent.code));
                format!("{}: {got} instead of {} {}", probe.name, probe.status, probe.code)
            });
        }
    }
}
