//! Opening a world: what is there is looked up, what lacks is made.

use std::fmt::Write;

use anyhow::{Context, bail, ensure};
use indicatif::ProgressBar;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Admin, Client, Demo, Event, Member, Source, Station, Ticket, TicketType, World, WorldSize, each};
use crate::wire::Target;

/// Devices that are made at a time, and sign-ins in flight: enough to keep the gateway at work, too few to be refused.
const HANDS: usize = 8;
/// Tickets that are sent in one call.
const TICKETS_AT_ONCE: usize = 50_000;
/// Phones that one person is signed in on. A member has any number of scanner sessions.
const PHONES_PER_PERSON: usize = 500;

impl World {
    /// Finds or makes everything that is wished for. The bar counts the devices: each sign-in is a password to check, and many of them
    /// take minutes.
    pub async fn open(source: &Source, size: WorldSize, bar: &ProgressBar) -> anyhow::Result<Self> {
        let demo = source.demo.as_deref().map(Demo::read).transpose()?;
        let mut urls = source.targets.clone();
        if urls.is_empty() {
            urls.extend(demo.as_ref().map(|demo| demo.base_url.clone()));
        }
        let mut targets = Vec::new();
        for url in &urls {
            targets.push(Target::parse(url).await?);
        }
        let first = targets.first().context("name a gateway with --target, or a demo with --demo")?;
        let admin = administrator(source, demo.as_ref())?;
        let mut client = Client::nobody(first);
        let who = Member { id: Uuid::nil(), username: admin.username.clone(), password: admin.password.clone() };
        client.sign_in(&admin.organisation, &who).await.context("the administrator cannot sign in")?;
        let mut maker =
            Maker { targets, organisation: admin.organisation, client, demo, run: Uuid::new_v4().simple().to_string(), bar: bar.clone() };
        maker.make(size).await
    }
}

fn administrator(source: &Source, demo: Option<&Demo>) -> anyhow::Result<Admin> {
    if let Some(admin) = &source.admin {
        return Ok(admin.clone());
    }
    let demo = demo.context("name an administrator with --organisation, --admin and --password, or a demo with --demo")?;
    let user = demo.user("organisation_admin").context("demo.json names no organisation_admin")?;
    Ok(Admin { organisation: demo.organisation.clone(), username: user.username.clone(), password: user.password.clone() })
}

struct Maker {
    targets: Vec<Target>,
    organisation: String,
    client: Client,
    demo: Option<Demo>,
    /// In all names of this run, so that two runs never meet.
    run: String,
    bar: ProgressBar,
}

impl Maker {
    async fn make(&mut self, size: WorldSize) -> anyhow::Result<World> {
        let (event, tickets, odd) = self.evening(size).await?;
        let elsewhere = match size.elsewhere {
            true => Some(self.new_event("Elsewhere", 1, None).await?),
            false => None,
        };
        let scanners = self.crew("scanner", (size.phones + size.idle_phones).div_ceil(PHONES_PER_PERSON), size.own).await?;
        let sellers = self.crew("box_office", size.tills, size.own).await?;
        let phones = self.stations("scanner", size.phones + size.idle_phones, size.phones, &scanners).await?;
        let judge = self.judge(&phones).await?;
        let tills = self.stations("pos", size.tills, size.tills, &sellers).await?;
        Ok(World {
            targets: self.targets.clone(),
            organisation: self.organisation.clone(),
            client: self.client.another(),
            event,
            elsewhere,
            tickets,
            odd,
            phones,
            tills,
            judge,
        })
    }

    /// A scanner of the judge's own. A member has any number of them, so it may be signed in with the name of a phone's user.
    async fn judge(&mut self, phones: &[Station]) -> anyhow::Result<Station> {
        let crew = match phones.first() {
            Some(phone) => vec![phone.who.clone()],
            None => self.crew("scanner", 1, false).await?,
        };
        let mut made = self.stations("scanner", 1, 1, &crew).await?;
        made.pop().context("no scanner for the judge")
    }

    /// The demo's event if it has enough tickets and none has been scanned; else a new event.
    async fn evening(&mut self, size: WorldSize) -> anyhow::Result<(Event, Vec<Ticket>, Vec<(String, String)>)> {
        if !size.own
            && let Some(found) = self.evening_of_demo(size).await?
        {
            return Ok(found);
        }
        let event = self.new_event("Load test", size.types.max(1), size.quota).await?;
        let tickets = self.new_tickets(&event, size.tickets, "valid").await?;
        let mut odd = Vec::new();
        for status in ["void", "blocked", "unpaid", "refunded"] {
            let made = self.new_tickets(&event, 5, status).await?;
            odd.extend(made.into_iter().map(|ticket| (ticket.code, status.to_owned())));
        }
        Ok((event, tickets, odd))
    }

    async fn evening_of_demo(&mut self, size: WorldSize) -> anyhow::Result<Option<(Event, Vec<Ticket>, Vec<(String, String)>)>> {
        let Some(demo) = &self.demo else { return Ok(None) };
        let live = demo.events.iter().filter(|event| event.status == "live").cloned();
        for told in live.filter(|event| event.ticket_codes.len() >= size.tickets).collect::<Vec<_>>() {
            // The file is as old as the demo's start: tickets may have been scanned or sold since.
            let attendance = self.client.read(&format!("/v1/events/{}/attendance", told.id)).await;
            let nobody = attendance.is_ok_and(|attendance| attendance.get("admitted").and_then(Value::as_u64) == Some(0));
            let answer = self.client.get(&format!("/v1/events/{}", told.id)).await?;
            let event = event_of(&answer.ok()?)?;
            let stock = |t: &TicketType| size.quota.is_none_or(|wanted| t.left.is_none_or(|left| left >= wanted));
            if nobody && event.types.len() >= size.types && event.types.iter().take(size.types.max(1)).all(stock) {
                let tickets = told.ticket_codes.iter().map(|code| Ticket { code: code.clone() }).collect();
                let single = |odd: &&super::demo::OddTicket| matches!(odd.reason.as_str(), "void" | "unpaid" | "blocked" | "refunded");
                let odd = told.odd_tickets.iter().filter(single).map(|odd| (odd.code.clone(), odd.reason.clone()));
                return Ok(Some((event, tickets, odd.collect())));
            }
        }
        Ok(None)
    }

    async fn new_event(&mut self, name: &str, types: usize, quota: Option<u32>) -> anyhow::Result<Event> {
        let body = json!({
            "name": format!("{name} {}", self.run.get(..8).unwrap_or_default()),
            "starts_at": "2026-06-01T18:00:00.000Z", "ends_at": "2026-06-01T23:00:00.000Z",
            "timezone": "Europe/Berlin", "currency": "EUR", "status": "live",
        });
        let made = self.client.post("/v1/events", &body).await?.ok()?;
        let path = format!("/v1/events/{}", id_of(&made)?);
        for number in 1..=types {
            // Prices whose sums have cents that carry.
            let price = format!("{}.{:02}", 4 + number * 3, (number * 37) % 100);
            let mut body = json!({"name": format!("Type {number}"), "price": price});
            if let (Some(quota), Some(body)) = (quota, body.as_object_mut()) {
                body.insert("quota".to_owned(), json!(quota));
            }
            self.client.post(&format!("{path}/ticket-types"), &body).await?.ok()?;
        }
        // Tickets that were sold in advance are of a type without a quota, so that they take nothing from what can be sold.
        self.client.post(&format!("{path}/ticket-types"), &json!({"name": "Advance", "price": "0.00"})).await?.ok()?;
        let mut event = event_of(&self.client.read(&path).await?)?;
        event.types.retain(|t| !t.price.is_zero());
        Ok(event)
    }

    async fn new_tickets(&mut self, event: &Event, count: usize, status: &str) -> anyhow::Result<Vec<Ticket>> {
        let prefix = self.run.get(..8).unwrap_or_default();
        let codes: Vec<String> = (1..=count).map(|n| format!("lt-{prefix}-{status}-{n}")).collect();
        for some in codes.chunks(TICKETS_AT_ONCE) {
            let mut csv = String::from("code,type,status\n");
            for code in some {
                writeln!(csv, "{code},Advance,{status}")?;
            }
            let taken = self.client.post_raw(&format!("/v1/events/{}/tickets", event.id), "text/csv", csv.as_bytes()).await?.ok()?;
            let created = taken.get("created").and_then(Value::as_u64);
            ensure!(created == u64::try_from(some.len()).ok(), "of {} tickets not all were taken: {taken}", some.len());
        }
        Ok(codes.into_iter().map(|code| Ticket { code }).collect())
    }

    /// So many people with a role. A person at a till has one session, so each till has its own.
    async fn crew(&mut self, role: &str, count: usize, own: bool) -> anyhow::Result<Vec<Member>> {
        let told = self.demo.as_ref().filter(|_| !own && count > 0).and_then(|demo| demo.user(role));
        let mut crew: Vec<Member> =
            Vec::from_iter(told.map(|user| Member { id: Uuid::nil(), username: user.username.clone(), password: user.password.clone() }));
        let prefix = self.run.get(..8).unwrap_or_default().to_owned();
        let client = self.client.another();
        let bodies = (crew.len()..count).map(|number| {
            let username = format!("{role}-{prefix}-{number}");
            json!({
                "name": format!("Somebody called {username}"), "email": format!("{username}@example.org"),
                "password": format!("a long password for {username}"), "username": username, "role": role, "events": [],
            })
        });
        crew.extend(each(HANDS, bodies.map(|body| (client.another(), body)).collect(), hire).await?);
        Ok(crew)
    }

    /// Devices, enrolled, and a member signed in on the first `signed_in` of them.
    async fn stations(&mut self, kind: &str, count: usize, signed_in: usize, crew: &[Member]) -> anyhow::Result<Vec<Station>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut plans = Vec::new();
        for (place, target) in (0..count).zip(self.targets.iter().cycle()) {
            let who = crew.get(place % crew.len().max(1)).context("nobody to sign in")?.clone();
            let name = format!("Load test {kind} {} {}", self.run.get(..8).unwrap_or_default(), place + 1);
            plans.push(Plan {
                client: self.client.another(),
                target: target.clone(),
                device: json!({"name": name, "kind": kind}),
                organisation: (place < signed_in).then(|| self.organisation.clone()),
                who,
            });
        }
        let bar = self.bar.clone();
        let station = move |plan: Plan| {
            let bar = bar.clone();
            async move {
                let station = plan.station().await;
                bar.inc(1);
                station
            }
        };
        each(HANDS, plans, station).await
    }
}

/// Adds a member.
pub async fn hire((mut client, body): (Client, Value)) -> anyhow::Result<Member> {
    let made = client.post("/v1/team", &body).await?.ok()?;
    let text = |name| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let id = made.get("user").map(id_of).context("a member without a user")??;
    Ok(Member { id, username: text("username"), password: text("password") })
}

/// A device that is to be.
struct Plan {
    client: Client,
    target: Target,
    device: Value,
    organisation: Option<String>,
    who: Member,
}

impl Plan {
    async fn station(mut self) -> anyhow::Result<Station> {
        let enrolled = self.enrol().await?;
        let device = enrolled.get("device").map(id_of).context("an enrolment without a device")??;
        let device_token = enrolled.get("device_token").and_then(Value::as_str).context("an enrolment without a token")?.to_owned();
        let mut station = Station { target: self.target, device, device_token, who: self.who, token: String::new(), session: Uuid::nil() };
        if let Some(organisation) = &self.organisation {
            station.sign_in(organisation).await?;
        }
        Ok(station)
    }

    /// Always a new device: the codes that the demo has printed are for the people who try it out.
    async fn enrol(&mut self) -> anyhow::Result<Value> {
        let mut anybody = Client::nobody(&self.target);
        let made = self.client.post("/v1/devices", &self.device).await?.ok()?;
        let code = made.get("enrolment_code").context("a device without a code")?;
        anybody.post("/v1/devices/enrol", &json!({"enrolment_code": code})).await?.ok()
    }
}

impl Station {
    /// Signs in on this device.
    pub async fn sign_in(&mut self, organisation: &str) -> anyhow::Result<()> {
        let mut client = Client::with(&self.target, Some(&self.device_token));
        let signed_in = client.sign_in(organisation, &self.who).await?;
        self.session = signed_in.get("session").map(id_of).context("a sign-in without a session")??;
        client.token().clone_into(&mut self.token);
        Ok(())
    }
}

/// The id of a thing in an answer.
fn id_of(value: &Value) -> anyhow::Result<Uuid> {
    let id = value.get("id").and_then(Value::as_str);
    id.and_then(|id| id.parse().ok()).with_context(|| format!("no id in {value}"))
}

fn event_of(value: &Value) -> anyhow::Result<Event> {
    let mut types = Vec::new();
    for told in value.get("ticket_types").and_then(Value::as_array).context("an event without ticket types")? {
        let price = told.get("price").and_then(Value::as_str).and_then(|price| price.parse().ok());
        let left = told.get("left").and_then(Value::as_u64).and_then(|left| u32::try_from(left).ok());
        types.push(TicketType { id: id_of(told)?, price: price.context("a ticket type without a price")?, left });
    }
    let name = value.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    if types.is_empty() {
        bail!("the event {name} has no ticket types");
    }
    Ok(Event { id: id_of(value)?, name, types })
}
