//! Sales: none lost, none twice, money to the cent, stock to the ticket, receipts without a gap.

use std::collections::{BTreeSet, HashMap, HashSet};

use anyhow::Context;
use rust_decimal::Decimal;
use serde_json::Value;
use uuid::Uuid;

use super::{Judgement, Kind};
use crate::run::{Evidence, Outcome, SaleSent};
use crate::wire::Sale;
use crate::world::{Event, World};

/// Sales that are read one by one and compared word for word; the others are compared in the list.
const READ: usize = 500;

/// A sale in the list.
struct Listed {
    receipt: u64,
    total: Decimal,
    tickets: u64,
    method: String,
}

/// Compares sales with the ledger. Answers the codes that were let in when they were sold.
pub async fn judge(judgement: &mut Judgement, world: &mut World, evidence: &Evidence) -> anyhow::Result<HashSet<String>> {
    if evidence.sales.is_empty() {
        return Ok(HashSet::new());
    }
    judgement.compared("sales", evidence.sales.len());
    let sold = answered(judgement, evidence);
    for (sent, sale) in sold.values() {
        money(judgement, &world.event, sent, sale);
    }
    distinct(judgement, &sold);
    let path = format!("/v1/sales?event={}", world.event.id);
    let listed = list(world, &path).await?;
    judgement.compared("sales in the ledger", listed.len());
    none_lost(judgement, world, &sold, &listed).await?;
    let asked: HashMap<Uuid, &SaleSent> = evidence.sales.iter().map(|sent| (sent.id, sent)).collect();
    none_unasked(judgement, &asked, &sold, &listed);
    totals(judgement, world, &listed).await?;
    stock(judgement, world, &asked, &listed).await?;
    receipts(judgement, world, &sold).await?;
    let inside = sold.values().filter(|(sent, _)| sent.basket.admit).flat_map(|(_, sale)| sale.tickets.iter().map(|t| t.code.clone()));
    Ok(inside.collect())
}

type Sold<'a> = HashMap<Uuid, (&'a SaleSent, &'a Sale)>;

/// Sales that were answered; one id has one answer.
fn answered<'a>(judgement: &mut Judgement, evidence: &'a Evidence) -> Sold<'a> {
    let mut sold: Sold = HashMap::new();
    let mut fresh = HashSet::new();
    for sent in &evidence.sales {
        let Outcome::Done { told, replayed } = &sent.outcome else { continue };
        if let Some((_, before)) = sold.get(&sent.id)
            && **before != **told
        {
            judgement.find(Kind::AnotherAnswer, || format!("sale {}: {before:?}, then {told:?}", sent.id));
        }
        if !replayed && !fresh.insert(sent.id) {
            judgement.find(Kind::AnotherAnswer, || format!("sale {} was sold twice as though it were new", sent.id));
        }
        sold.entry(sent.id).or_insert((sent, told));
    }
    sold
}

/// What was ordered, at the event's price, paid and changed to the cent.
fn money(judgement: &mut Judgement, event: &Event, sent: &SaleSent, sale: &Sale) {
    let mut wanted: HashMap<Uuid, u32> = HashMap::new();
    let mut total = Decimal::ZERO;
    for (place, quantity) in &sent.basket.lines {
        let Some(kind) = event.types.get(*place) else { continue };
        *wanted.entry(kind.id).or_default() += quantity;
        total += kind.price * Decimal::from(*quantity);
    }
    let mut got: HashMap<Uuid, u32> = HashMap::new();
    for line in &sale.lines {
        *got.entry(line.ticket_type).or_default() += line.quantity;
    }
    let lines: Decimal = sale.lines.iter().map(|line| line.amount.0).sum();
    let each = sale.lines.iter().all(|line| line.unit_price.0 * Decimal::from(line.quantity) == line.amount.0);
    let tickets = sent.basket.lines.iter().map(|(_, quantity)| usize::try_from(*quantity).unwrap_or(usize::MAX)).sum::<usize>();
    let (tendered, change) = (sale.payment.tendered.map(|m| m.0), sale.payment.change.map(|m| m.0));
    let paid = match sent.basket.cash_over {
        Some(over) => sale.payment.method == "cash" && tendered == Some(total + over) && change == Some(over),
        None => sale.payment.method == "card" && sale.payment.reference.is_some(),
    };
    if got != wanted || !each || lines != total || sale.total.0 != total || !paid {
        judgement.find(Kind::Money, || format!("sale {}: {:?} at {total} was answered {sale:?}", sale.id, sent.basket));
    }
    if sale.tickets.len() != tickets || sale.id != sent.id {
        judgement.find(Kind::LostSale, || format!("sale {}: {tickets} tickets were paid and {} answered", sale.id, sale.tickets.len()));
    }
}

/// No ticket and no receipt number was given to two.
fn distinct(judgement: &mut Judgement, sold: &Sold<'_>) {
    let (mut tickets, mut codes, mut receipts) = (HashSet::new(), HashSet::new(), HashSet::new());
    for (_, sale) in sold.values() {
        if !receipts.insert(sale.receipt_number) {
            judgement.find(Kind::Receipts, || format!("receipt {} was given twice", sale.receipt_number));
        }
        for ticket in &sale.tickets {
            if !tickets.insert(ticket.id) || !codes.insert(&ticket.code) {
                judgement.find(Kind::Stock, || format!("ticket {} was sold twice", ticket.code));
            }
        }
    }
}

async fn list(world: &mut World, path: &str) -> anyhow::Result<HashMap<Uuid, Listed>> {
    let mut listed = HashMap::new();
    for item in world.client.list(path).await? {
        let text = |pointer: &str| item.pointer(pointer).and_then(Value::as_str).with_context(|| format!("no {pointer} in {item}"));
        let number = |name: &str| item.get(name).and_then(Value::as_u64).with_context(|| format!("no {name} in {item}"));
        let sale = Listed {
            receipt: number("receipt_number")?,
            total: text("/total")?.parse()?,
            tickets: number("tickets")?,
            method: text("/payment/method")?.to_owned(),
        };
        listed.insert(text("/id")?.parse()?, sale);
    }
    Ok(listed)
}

/// The ledger has what was answered.
async fn none_lost(judgement: &mut Judgement, world: &mut World, sold: &Sold<'_>, listed: &HashMap<Uuid, Listed>) -> anyhow::Result<()> {
    for (id, (_, sale)) in sold {
        match listed.get(id) {
            None => judgement
                .find(Kind::LostSale, || format!("sale {id}, receipt {}, was answered and is not in the ledger", sale.receipt_number)),
            Some(found) => {
                let tickets = u64::try_from(sale.tickets.len()).unwrap_or(u64::MAX);
                if found.total != sale.total.0 || found.method != sale.payment.method {
                    judgement.find(Kind::Money, || format!("sale {id}: {} was answered, {} is in the ledger", sale.total.0, found.total));
                }
                if found.receipt != sale.receipt_number {
                    judgement.find(Kind::Receipts, || format!("sale {id}: receipt {} and {}", sale.receipt_number, found.receipt));
                }
                if found.tickets != tickets {
                    judgement.find(Kind::LostSale, || {
                        format!("sale {id}: {tickets} tickets were answered, {} are in the ledger", found.tickets)
                    });
                }
            }
        }
    }
    let step = sold.len().div_ceil(READ).max(1);
    for (id, (_, sale)) in sold.iter().step_by(step) {
        let answer = world.client.get(&format!("/v1/sales/{id}")).await?;
        let status = answer.status;
        let text = answer.body.to_string();
        if status == 404 {
            judgement.find(Kind::LostSale, || format!("sale {id} was answered, and is not found"));
        } else if serde_json::from_str::<Sale>(&text).ok().as_ref() != Some(*sale) {
            judgement.find(Kind::AnotherAnswer, || format!("sale {id}: answered {sale:?}, found {text}"));
        }
    }
    Ok(())
}

fn none_unasked(judgement: &mut Judgement, asked: &HashMap<Uuid, &SaleSent>, sold: &Sold<'_>, listed: &HashMap<Uuid, Listed>) {
    for (id, found) in listed.iter().filter(|(id, _)| !sold.contains_key(id)) {
        let open = asked.get(id).is_some_and(|sent| !matches!(sent.outcome, Outcome::Refused(_) | Outcome::Problem(..500, _)));
        if !open {
            judgement.find(Kind::Unasked, || format!("receipt {} is in the ledger, and nobody was told so", found.receipt));
        }
    }
}

async fn totals(judgement: &mut Judgement, world: &mut World, listed: &HashMap<Uuid, Listed>) -> anyhow::Result<()> {
    let told = world.client.read(&format!("/v1/sales/totals?event={}", world.event.id)).await?;
    let totals = told.get("totals").and_then(Value::as_array).context("no totals")?;
    let count: u64 = totals.iter().filter_map(|total| total.get("count").and_then(Value::as_u64)).sum();
    let gross: Decimal = totals.iter().filter_map(|total| total.get("gross").and_then(Value::as_str)?.parse::<Decimal>().ok()).sum();
    let sum: Decimal = listed.values().map(|sale| sale.total).sum();
    if usize::try_from(count).ok() != Some(listed.len()) || gross != sum {
        judgement.find(Kind::Money, || format!("the totals tell {count} sales and {gross}; the list has {} and {sum}", listed.len()));
    }
    Ok(())
}

async fn stock(
    judgement: &mut Judgement,
    world: &mut World,
    asked: &HashMap<Uuid, &SaleSent>,
    listed: &HashMap<Uuid, Listed>,
) -> anyhow::Result<()> {
    let mut taken = vec![0_u32; world.event.types.len()];
    for sent in listed.keys().filter_map(|id| asked.get(id)) {
        for (place, quantity) in &sent.basket.lines {
            if let Some(taken) = taken.get_mut(*place) {
                *taken += quantity;
            }
        }
    }
    let told = world.client.read(&format!("/v1/events/{}", world.event.id)).await?;
    let types = told.get("ticket_types").and_then(Value::as_array).context("an event without ticket types")?;
    for (kind, taken) in world.event.types.iter().zip(taken) {
        let found = types.iter().find(|t| t.get("id").and_then(Value::as_str) == Some(&kind.id.to_string()));
        let left = found.and_then(|t| t.get("left")).and_then(Value::as_u64);
        if let Some(before) = kind.left
            && left != before.checked_sub(taken).map(u64::from)
        {
            judgement.find(Kind::Stock, || format!("type {}: {before} were left, {taken} were sold, {left:?} are left", kind.id));
        }
    }
    Ok(())
}

/// Receipts of the whole organisation, from the first of this run on, have no gap.
async fn receipts(judgement: &mut Judgement, world: &mut World, sold: &Sold<'_>) -> anyhow::Result<()> {
    let Some(first) = sold.values().map(|(_, sale)| &sale.recorded_at).min() else { return Ok(()) };
    let all = list(world, &format!("/v1/sales?from={first}")).await?;
    let numbers: BTreeSet<u64> = all.values().map(|sale| sale.receipt).collect();
    if numbers.len() != all.len() {
        judgement.find(Kind::Receipts, || format!("{} sales have {} receipt numbers", all.len(), numbers.len()));
    }
    for (one, next) in numbers.iter().zip(numbers.iter().skip(1)).filter(|(one, next)| **one + 1 != **next) {
        judgement.find(Kind::Receipts, || format!("between receipt {one} and {next} something is missing"));
    }
    Ok(())
}
