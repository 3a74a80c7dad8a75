//! Admissions: none twice, none lost, no valid ticket refused.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anyhow::Context;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Judgement, Kind};
use crate::run::{Admitted, Evidence, Expected, Outcome, ScanSent};
use crate::world::{Client, Station, World, each};

/// Connections over which the ledger is asked.
const HANDS: usize = 8;
/// Admissions that are asked for once more with their own id.
const ASKED_AGAIN: usize = 500;

/// What became of all scans of one code.
#[derive(Default)]
struct Story {
    /// Ids that were admitted.
    admitted: HashSet<Uuid>,
    /// Ids whose result is unknown.
    unknown: HashSet<Uuid>,
    /// Whether it was refused.
    refused: Option<&'static str>,
}

/// Compares scans with the ledger. `by_sale` codes were let in when they were sold.
pub async fn judge(judgement: &mut Judgement, world: &mut World, evidence: &Evidence, by_sale: HashSet<String>) -> anyhow::Result<()> {
    if evidence.scans.is_empty() && by_sale.is_empty() {
        return Ok(());
    }
    judgement.compared("scans", evidence.scans.len());
    same_id_same_answer(judgement, evidence);
    let stories = stories(judgement, evidence);
    let codes: Vec<Arc<str>> =
        stories.keys().map(|code| Arc::from(*code)).chain(by_sale.iter().map(|code| Arc::from(code.as_str()))).collect();
    judgement.compared("tickets in the ledger", codes.len());
    let used = entries_used(world, codes).await?;
    let mut inside = 0;
    for (code, used) in &used {
        inside += u64::from(*used > 0);
        match stories.get(&**code) {
            Some(story) => of_ticket(judgement, code, story, *used),
            None if *used != 1 => {
                judgement.find(Kind::LostAdmission, || format!("{code} was sold and let in; the ledger has {used} entries"))
            }
            None => {}
        }
    }
    attendance(judgement, world, inside).await?;
    once_more(judgement, world, evidence).await
}

/// One id has one answer: new once, and then repeated as often as it is sent.
fn same_id_same_answer(judgement: &mut Judgement, evidence: &Evidence) {
    let mut first: HashMap<Uuid, (&Admitted, bool)> = HashMap::new();
    for sent in &evidence.scans {
        let Outcome::Done { told, replayed } = &sent.outcome else { continue };
        match first.get_mut(&sent.id) {
            None => drop(first.insert(sent.id, (told, !replayed))),
            Some((before, fresh)) => {
                if *before != told {
                    judgement.find(Kind::AnotherAnswer, || format!("scan {} of {}: {before:?}, then {told:?}", sent.id, sent.code));
                }
                if *fresh && !replayed {
                    judgement.find(Kind::DoubleAdmission, || {
                        format!("scan {} of {} was admitted twice as though it were new", sent.id, sent.code)
                    });
                }
                *fresh |= !replayed;
            }
        }
    }
}

/// What became of each code, and what can be said of it without the ledger.
fn stories<'a>(judgement: &mut Judgement, evidence: &'a Evidence) -> HashMap<&'a str, Story> {
    let mut stories: HashMap<&str, Story> = HashMap::new();
    for sent in &evidence.scans {
        match sent.expected {
            Expected::OneEntry => stories.entry(&sent.code).or_default().hear(sent),
            Expected::Refused(reason) => refused_as_planned(judgement, sent, reason),
        }
    }
    for (code, story) in &stories {
        if story.admitted.len() > 1 {
            judgement
                .find(Kind::DoubleAdmission, || format!("{code} is good for one entry and was admitted {} times", story.admitted.len()));
        }
    }
    stories
}

fn refused_as_planned(judgement: &mut Judgement, sent: &ScanSent, reason: &'static str) {
    match &sent.outcome {
        Outcome::Done { .. } => judgement.find(Kind::DoubleAdmission, || format!("{} was admitted; it is {reason}", sent.code)),
        Outcome::Refused(other) if *other != reason => {
            judgement.find(Kind::WrongRefusal, || format!("{} is {reason} and was refused as {other}", sent.code));
        }
        _ => {}
    }
}

impl Story {
    fn hear(&mut self, sent: &ScanSent) {
        match &sent.outcome {
            Outcome::Done { .. } => {
                self.unknown.remove(&sent.id);
                self.admitted.insert(sent.id);
            }
            Outcome::Refused(reason) => {
                self.unknown.remove(&sent.id);
                self.refused = Some(reason);
            }
            Outcome::Problem(500.., _) | Outcome::Lost | Outcome::Cut | Outcome::Garbled => {
                if !self.admitted.contains(&sent.id) {
                    self.unknown.insert(sent.id);
                }
            }
            Outcome::Problem(..) => {}
        }
    }
}

fn of_ticket(judgement: &mut Judgement, code: &str, story: &Story, used: u32) {
    let admitted = u32::try_from(story.admitted.len()).unwrap_or(u32::MAX);
    let unknown = u32::try_from(story.unknown.len()).unwrap_or(u32::MAX);
    if used > 1 {
        judgement.find(Kind::DoubleAdmission, || format!("{code} is good for one entry; the ledger has {used}"));
    } else if used < admitted {
        judgement.find(Kind::LostAdmission, || format!("{code} was admitted; the ledger has {used} entries"));
    } else if used > admitted.saturating_add(unknown) {
        judgement.find(Kind::Unasked, || format!("{code}: nobody was told that it is in, and the ledger has {used} entries"));
    }
    match story.refused {
        Some("already_admitted") if used == 0 => {
            judgement.find(Kind::WrongRefusal, || format!("{code} was refused as already admitted, and nobody is in with it"));
        }
        Some(other) if other != "already_admitted" => {
            judgement.find(Kind::WrongRefusal, || format!("{code} is good and was refused as {other}"));
        }
        _ => {}
    }
}

/// How often each code was admitted, found by scans that record nothing.
async fn entries_used(world: &World, codes: Vec<Arc<str>>) -> anyhow::Result<Vec<(Arc<str>, u32)>> {
    let (judge, event) = (world.judge.clone(), world.event.id);
    let share = codes.len().div_ceil(HANDS).max(1);
    let parts: Vec<(Station, Uuid, Vec<Arc<str>>)> = codes.chunks(share).map(|some| (judge.clone(), event, some.to_vec())).collect();
    Ok(each(HANDS, parts, ask).await?.into_iter().flatten().collect())
}

async fn ask((judge, event, codes): (Station, Uuid, Vec<Arc<str>>)) -> anyhow::Result<Vec<(Arc<str>, u32)>> {
    let mut client = Client::with(&judge.target, Some(&judge.token));
    let mut used = Vec::with_capacity(codes.len());
    for code in codes {
        let body = json!({"id": Uuid::new_v4(), "event": event, "code": &*code, "dry_run": true});
        let answer = client.post("/v1/scans", &body).await?.ok()?;
        // An unknown ticket has admitted no one.
        let entries = answer.pointer("/ticket/entries_used").and_then(Value::as_u64).unwrap_or_default();
        used.push((code, u32::try_from(entries)?));
    }
    Ok(used)
}

async fn attendance(judgement: &mut Judgement, world: &mut World, inside: u64) -> anyhow::Result<()> {
    let mut client = Client::with(&world.judge.target, Some(&world.judge.token));
    let told = client.read(&format!("/v1/events/{}/attendance", world.event.id)).await?;
    let admitted = told.get("admitted").and_then(Value::as_u64).context("an attendance without a count")?;
    if admitted < inside {
        judgement.find(Kind::LostAdmission, || format!("{inside} tickets are in, and the attendance counts {admitted}"));
    }
    if admitted > inside {
        judgement.find(Kind::Unasked, || format!("{inside} tickets are in, and the attendance counts {admitted}"));
    }
    Ok(())
}

/// The same scan from the same device finds its first answer, as long as the device may speak.
async fn once_more(judgement: &mut Judgement, world: &World, evidence: &Evidence) -> anyhow::Result<()> {
    let done = |sent: &ScanSent| match &sent.outcome {
        Outcome::Done { told, .. } => Some((sent.device, sent.id, Arc::clone(&sent.code), told.clone())),
        _ => None,
    };
    let all: Vec<_> = evidence.scans.iter().filter_map(done).collect();
    let step = all.len().div_ceil(ASKED_AGAIN).max(1);
    let some: Vec<_> = all.into_iter().step_by(step).collect();
    judgement.compared("admissions asked for once more", some.len());
    for (device, id, code, told) in some {
        let Some(token) = evidence.tokens.get(&device) else { continue };
        let Some(station) = world.station(device) else { continue };
        let mut client = Client::with(&station.target, Some(token));
        let answer = client.post("/v1/scans", &json!({"id": id, "event": world.event.id, "code": &*code})).await?;
        // Whoever has lost the right to speak says nothing about the ledger.
        if matches!(answer.status, 401 | 403) {
            continue;
        }
        let seq = answer.body.pointer("/admission/seq").and_then(Value::as_u64);
        let at = answer.body.pointer("/admission/recorded_at").and_then(Value::as_str);
        if !answer.replayed || seq != Some(u64::from(told.seq)) || at != Some(&told.recorded_at) {
            judgement.find(Kind::LostAdmission, || format!("scan {id} of {code} was {told:?}; asked for once more: {}", answer.body));
        }
    }
    Ok(())
}
