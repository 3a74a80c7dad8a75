//! Bad callers: forged and stale tokens, wrong bodies, the wrong device. Each has one answer by the contract, and at the doors beside
//! them others must not suffer.

use std::sync::Arc;

use anyhow::Context;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Phase, draw::Audience, steady::scans};
use crate::cli::Options;
use crate::run::{Job, Planned, Probe, pace::Shape};
use crate::wire::whole;
use crate::world::{Client, Station, World, WorldSize};

const PHONES: usize = 20;
/// Phones whose sessions and tokens are made stale.
const SPARE: usize = 4;
/// Bad requests a second, and good ones.
const RATE: f64 = 200.0;
const SECONDS: f64 = 15.0;
/// More than a JSON body may have.
const TOO_LARGE: usize = 70 * 1024;

fn shape(options: &Options) -> Shape {
    Shape::Constant { rate: options.rate.unwrap_or(RATE), length: options.length(SECONDS) }
}

pub fn size(options: &Options) -> WorldSize {
    let tickets = shape(options).moments().count();
    WorldSize { phones: options.phones.unwrap_or(PHONES) + SPARE, tills: 1, tickets, types: 1, own: true, ..WorldSize::default() }
}

pub async fn plan(options: &Options, world: &mut World) -> anyhow::Result<Vec<Phase>> {
    let good = world.phones.len() - SPARE;
    let probes = probes(world, good).await?;
    let mut jobs = scans(shape(options), 0..good, &mut Audience::of(world, super::seeded()));
    // Bad callers come on lines of their own: the spare phones.
    let lines = (good..world.phones.len()).cycle();
    let moments = shape(options).moments().zip(probes.into_iter().map(Arc::new).collect::<Vec<_>>().into_iter().cycle());
    jobs.extend(moments.zip(lines).map(|((at, probe), device)| Planned { at, device, job: Job::Probe(probe) }));
    Ok(vec![Phase::of("bad callers", jobs)])
}

/// A request that is wrong in one way.
struct Wrong<'a> {
    world: &'a World,
    station: &'a Station,
}

impl Wrong<'_> {
    fn probe(&self, name: &'static str, path: &str, token: Option<&str>, body: &[u8], (status, code): (u16, &'static str)) -> Probe {
        let request = whole(&self.station.target, "POST", path, token, "application/json", body);
        Probe { name, request, status, code }
    }

    /// A scan that would be good with a good token.
    fn by(&self, name: &'static str, token: Option<&str>, answer: (u16, &'static str)) -> Probe {
        self.probe(name, "/v1/scans", token, scan(self.world.event.id).to_string().as_bytes(), answer)
    }

    /// A body that is wrong, with a good token.
    fn says(&self, name: &'static str, body: &[u8], answer: (u16, &'static str)) -> Probe {
        self.probe(name, "/v1/scans", Some(&self.station.token), body, answer)
    }
}

fn scan(event: Uuid) -> Value {
    json!({"id": Uuid::new_v4(), "event": event, "code": "bad caller"})
}

async fn probes(world: &mut World, good: usize) -> anyhow::Result<Vec<Probe>> {
    let mut spare = world.phones.get(good..).unwrap_or_default().to_vec().into_iter();
    let mut next = || spare.next().context("no spare phone");
    let (mut displaced, ended, revoked, honest) = (next()?, next()?, next()?, next()?);
    let stale = displaced.token.clone();
    displaced.sign_in(&world.organisation).await?;
    Client::with(&ended.target, Some(&ended.token)).delete("/v1/sessions/current").await?.ok()?;
    world.client.delete(&format!("/v1/devices/{}", revoked.device)).await?.ok()?;
    let till = world.tills.first().context("no till")?;
    let wrong = Wrong { world, station: &honest };
    let event = world.event.id;
    let with = |name: &str, value: Value| {
        let mut body = scan(event);
        if let Some(body) = body.as_object_mut() {
            body.insert(name.to_owned(), value);
        }
        body.to_string().into_bytes()
    };
    let sale = json!({"id": Uuid::new_v4(), "event": event, "lines": [{"ticket_type": world.event.types.first().map(|t| t.id), "quantity": 1}],
        "payment": {"method": "cash"}, "admit": false});
    let sell = |name, token: &str, body: &Value, answer| wrong.probe(name, "/v1/sales", Some(token), body.to_string().as_bytes(), answer);
    let mut nothing = sale.clone();
    *nothing.get_mut("lines").context("no lines")? = json!([]);
    let mut text = whole(&honest.target, "POST", "/v1/scans", Some(&honest.token), "text/plain", scan(event).to_string().as_bytes());
    let text = Probe { name: "another media type", request: std::mem::take(&mut text), status: 415, code: "unsupported_media_type" };
    Ok(vec![
        wrong.by("no token", None, (401, "token_missing")),
        wrong.by("a token that is none", Some("let-me-in"), (401, "token_invalid")),
        wrong.by("another's signature", Some(&spliced(&honest.token, &stale)), (401, "token_invalid")),
        wrong.by("altered claims", Some(&altered(&honest.token)), (401, "token_invalid")),
        wrong.by("an unsigned token", Some(&unsigned(&honest.token)), (401, "token_invalid")),
        wrong.by("a device's token", Some(&honest.device_token), (401, "token_invalid")),
        wrong.by("a displaced session", Some(&stale), (401, "session_displaced")),
        wrong.by("a session that was signed out", Some(&ended.token), (401, "session_ended")),
        wrong.by("a revoked device", Some(&revoked.token), (401, "device_revoked")),
        wrong.by("a session without a device", Some(world.client.token()), (403, "device_required")),
        wrong.says("not JSON", b"{\"id\":", (400, "malformed_body")),
        wrong.says("not UTF-8", b"{\"code\":\"\xff\"}", (400, "malformed_body")),
        wrong.says("an unknown field", &with("direktion", json!("in")), (422, "invalid_body")),
        wrong.says("another direction", &with("direction", json!("up")), (422, "invalid_body")),
        wrong.says("an empty code", &with("code", json!("")), (422, "invalid_body")),
        wrong.says("a number for a code", &with("code", json!(17)), (422, "invalid_body")),
        wrong.says("an unknown event", &with("event", json!(Uuid::new_v4())), (404, "not_found")),
        wrong.says("a large body", &with("code", json!("x".repeat(TOO_LARGE))), (413, "body_too_large")),
        text,
        sell("a sale on a scanner", &honest.token, &sale, (403, "device_required")),
        sell("a sale of nothing", &till.token, &nothing, (422, "invalid_body")),
        sell("a sale without a token's end", "e30.e30.", &sale, (401, "token_invalid")),
    ])
}

/// The head and claims of one token with the signature of another.
fn spliced(token: &str, other: &str) -> String {
    let (signed, _) = token.rsplit_once('.').unwrap_or_default();
    let (_, signature) = other.rsplit_once('.').unwrap_or_default();
    format!("{signed}.{signature}")
}

/// A token whose claims have another letter in them.
fn altered(token: &str) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    if let Some(claims) = parts.get_mut(1) {
        let middle = claims.len() / 2;
        let other = if claims.get(middle..=middle) == Some("A") { "B" } else { "A" };
        claims.replace_range(middle..=middle, other);
    }
    parts.join(".")
}

/// A token that says it needs no signature.
fn unsigned(token: &str) -> String {
    let claims = token.split('.').nth(1).unwrap_or_default();
    // {"alg":"none","typ":"JWT"}
    format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}.")
}
