//! What the gateway holds in memory, and how soon it is ready.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::Value;
use uuid::Uuid;

use super::deployment::{Deployment, Setup, Stores};
use super::fill::RawLedger;
use super::filled::filled;
use super::growth::add_sessions;
use super::options::{Options, Row};
use super::verdict::{Better, Line};
use crate::wire::{Connection, Form, Target};
use crate::world::{World, WorldSize, each};

/// Sessions that are warmed.
const SESSIONS: u64 = 20_000;
/// Connections that warm them.
const HANDS: usize = 8;

/// The rows memory and start.
pub async fn measure(options: &Options, stores: &Stores, program: &Path) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    if options.wants(Row::Memory) {
        lines.extend(at_rest(options, stores, program).await?);
        lines.push(of_session(options, stores, program).await?);
        lines.push(of_ticket(options, stores, program).await?);
    }
    if options.wants(Row::Start) {
        for setup in [Setup::Shared, Setup::Embedded] {
            lines.push(start(options, stores, program, setup).await?);
        }
    }
    Ok(lines)
}

fn line(what: String, unit: &'static str, figures: Vec<f64>, reach: f64) -> Line {
    Line { what, unit, figures, against: None, better: Better::Less, reach, aim: reach }
}

fn real(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// With an empty ledger, and as the demo that people look at first.
async fn at_rest(options: &Options, stores: &Stores, program: &Path) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for command in ["serve", "demo"] {
        let mut figures = Vec::new();
        for _ in 0..options.rounds {
            let mut deployment = Deployment::build(stores, program, Setup::Embedded, "").await?;
            deployment.open_as(command).await?;
            figures.push(real(deployment.memory_at_rest().await?) / 1024.0);
        }
        eprintln!("memory at rest, {command}: {figures:.1?} MiB");
        lines.push(line(format!("memory at rest, embedded, {command}"), "MiB", figures, 40.0));
    }
    Ok(lines)
}

async fn of_session(options: &Options, stores: &Stores, program: &Path) -> anyhow::Result<Line> {
    let mut deployment = Deployment::build(stores, program, Setup::Embedded, "").await?;
    deployment.open().await?;
    let mut world = deployment.world(WorldSize { phones: 1, tickets: 1, types: 1, own: true, ..WorldSize::default() }).await?;
    deployment.close();
    let phone = world.phones.first().context("no phone")?.clone();
    let ledger = RawLedger::open(&deployment.database).await?;
    add_sessions(&ledger, (phone.session, phone.device), 2 * SESSIONS).await?;
    let seed = ledger.text("select seed from signing_keys where retired_at is null").await?;
    ledger.analyse().await?;
    ledger.close().await;
    let tokens: Vec<String> = (0..2 * SESSIONS).map(|n| minted(&phone.token, &seed, session_id(n))).collect::<anyhow::Result<_>>()?;
    let mut figures = Vec::new();
    for _ in 0..options.rounds {
        deployment.close();
        deployment.open().await?;
        super::filled::follow(&deployment, &mut world).await?;
        // What the calls themselves cost, and the pages of the ledger that connections keep, is paid before: by as many other sessions.
        let (others, counted) = tokens.split_at(tokens.len() / 2);
        ask(&world, others.to_vec()).await?;
        let before = deployment.memory_at_rest().await?;
        ask(&world, counted.to_vec()).await?;
        let after = deployment.memory_at_rest().await?;
        figures.push(real(after.saturating_sub(before)) * 1024.0 / real(SESSIONS));
    }
    eprintln!("memory of a warm session: {figures:.0?} B");
    Ok(line(format!("memory of a warm session, {SESSIONS} more of them"), "B", figures, 1_024.0))
}

/// Each of these sessions asks once whether it may.
async fn ask(world: &World, tokens: Vec<String>) -> anyhow::Result<()> {
    let target = world.targets.first().context("no gateway")?.clone();
    let body = format!(r#"{{"action":"scan","event":"{}"}}"#, world.event.id);
    let share = tokens.len().div_ceil(HANDS);
    let parts: Vec<(Target, String, Vec<String>)> =
        tokens.chunks(share).map(|some| (target.clone(), body.clone(), some.to_vec())).collect();
    each(HANDS, parts, ask_each).await?;
    Ok(())
}

async fn ask_each((target, body, tokens): (Target, String, Vec<String>)) -> anyhow::Result<()> {
    let mut connection = Connection::open(&target).await?;
    let mut request = Vec::new();
    for token in &tokens {
        Form::post(&target, "/v1/authorise", Some(token)).fill(&mut request, body.as_bytes());
        let reply = connection.call(&request).await?;
        anyhow::ensure!(reply.status == 200, "may I? answered {}: {}", reply.status, String::from_utf8_lossy(reply.body));
    }
    Ok(())
}

/// The id of the nth session that was added.
fn session_id(n: u64) -> Uuid {
    Uuid::from_u128(0x019a_0003_0000_7000_8000_0000_0000_0000 | u128::from(n))
}

/// A session's token, made from another's and the key in the ledger: twenty thousand sign-ins would take a quarter of an hour.
fn minted(token: &str, seed: &str, session: Uuid) -> anyhow::Result<String> {
    let mut parts = token.split('.');
    let (head, claims) = (parts.next().context("no token")?, parts.next().context("no token")?);
    let mut claims: Value = serde_json::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes())?)?;
    *claims.get_mut("sub").context("a token without its session")? = Value::String(session.to_string());
    let signed = format!("{head}.{}", BASE64URL_NOPAD.encode(&serde_json::to_vec(&claims)?));
    let seed: [u8; 32] = BASE64URL_NOPAD.decode(seed.as_bytes())?.try_into().ok().context("a key of another kind")?;
    let signature = SigningKey::from_bytes(&seed).sign(signed.as_bytes());
    Ok(format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature.to_bytes())))
}

async fn of_ticket(options: &Options, stores: &Stores, program: &Path) -> anyhow::Result<Line> {
    let size = WorldSize { phones: 1, ..WorldSize::default() };
    let mut few = filled(stores, program, Setup::Embedded, "", 1_100, size).await?;
    let mut many = filled(stores, program, Setup::Embedded, "", options.tickets, size).await?;
    let mut figures = Vec::new();
    for _ in 0..options.rounds {
        let (before, after) = (few.warm_memory().await?, many.warm_memory().await?);
        figures.push(real(after.saturating_sub(before)) * 1024.0 / real(options.tickets));
    }
    eprintln!("memory of a warm ticket: {figures:.0?} B");
    Ok(line(format!("memory of a warm ticket, {} of them", options.tickets), "B", figures, 150.0))
}

async fn start(options: &Options, stores: &Stores, program: &Path, setup: Setup) -> anyhow::Result<Line> {
    let size = WorldSize { phones: 1, ..WorldSize::default() };
    let mut filled = filled(stores, program, setup, "start", options.tickets, size).await?;
    let mut figures = Vec::new();
    for _ in 0..options.rounds {
        filled.deployment.close();
        figures.push(filled.deployment.open().await?.as_secs_f64() * 1000.0);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    eprintln!("start to ready, {}: {figures:.0?} ms", setup.name());
    Ok(line(format!("start to ready, {} tickets, {}", options.tickets, setup.name()), "ms", figures, 300.0))
}
