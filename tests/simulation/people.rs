//! The people of the simulated evening: they scan, sell, sign in again and change things, and send again what was not answered.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use stagedoor::door::scan::request::ScanBody;
use stagedoor::ids::{DeviceId, MembershipId, SessionId};
use stagedoor::pos::sale::request::SaleBody;

use super::ledger::{EVENT, SEAT};
use super::mailbox::{Alteration, Mailbox, Message, Outcome};
use super::world::World;

/// Shorter than a gateway may take for an attempt, so the same request is under way twice now and then.
const PATIENCE: Duration = Duration::from_millis(250);
/// Times that the same request is sent.
const TRIES: usize = 6;

pub const GATEWAYS: [&str; 2] = ["gateway-a", "gateway-b"];

/// Who is there, and what they hold.
#[derive(Clone)]
pub struct Cast {
    pub admin: MembershipId,
    pub staff: Vec<MembershipId>,
    pub scanners: Vec<DeviceId>,
    pub tills: Vec<DeviceId>,
    pub codes: Vec<String>,
}

/// Plays the evening to its end.
pub async fn play(world: Arc<World>, cast: Cast) -> turmoil::Result {
    let mailbox = Mailbox::open(&world).await;
    tokio::task::spawn_local(Arc::clone(&mailbox).serve(None));
    let people = People { world, mailbox, cast };
    let scanners = join_all((0..people.cast.scanners.len()).map(|place| people.scans(place)));
    let sellers = join_all((0..people.cast.tills.len()).map(|place| people.sells(place)));
    tokio::join!(scanners, sellers, people.changes());
    Ok(())
}

struct People {
    world: Arc<World>,
    mailbox: Arc<Mailbox>,
    cast: Cast,
}

impl People {
    async fn scans(&self, place: usize) {
        let device = self.cast.scanners[place];
        let mut session = None;
        for _ in 0..6 {
            self.world.dawdle(15).await;
            let Some(here) = self.signed_in(&mut session, Some(device)).await else { continue };
            let body = json!({"id": self.world.id::<uuid::Uuid>(), "event": EVENT, "code": self.world.one_of(&self.codes())});
            let body: ScanBody = serde_json::from_value(body).unwrap();
            let answer = self.insist(|| Message::Scan(here, Box::new(body.clone()))).await;
            self.learn(&mut session, answer);
        }
    }

    async fn sells(&self, place: usize) {
        let device = self.cast.tills[place];
        let mut session = None;
        for _ in 0..6 {
            self.world.dawdle(15).await;
            let Some(here) = self.signed_in(&mut session, Some(device)).await else { continue };
            let lines = json!([{"ticket_type": SEAT, "quantity": 1 + self.world.roll(3)}]);
            let body = json!({"id": self.world.id::<uuid::Uuid>(), "event": EVENT, "lines": lines, "payment": {"method": "cash"}});
            let body: SaleBody = serde_json::from_value(body).unwrap();
            let answer = self.insist(|| Message::Sell(here, Box::new(body.clone()))).await;
            self.learn(&mut session, answer);
        }
    }

    async fn changes(&self) {
        let mut session = None;
        for _ in 0..9 {
            self.world.dawdle(10).await;
            let Some(here) = self.backstage(&mut session).await else { continue };
            let member = self.world.one_of(&self.cast.staff);
            let device = self.world.one_of(&[&self.cast.scanners[..], &self.cast.tills].concat());
            let wish = self.world.one_of(&[
                Alteration::Role(member),
                Alteration::Pin(member),
                Alteration::Gate(device),
                Alteration::Event,
                Alteration::Price,
                Alteration::End(member),
            ]);
            self.world.trace(format_args!("wanted: {wish:?}"));
            let answer = self.ask(Message::Alter(here, wish)).await;
            // An event that was closed is opened again soon: a shut world proves little.
            if matches!((wish, &answer), (Alteration::Event, Some(Outcome::Done))) {
                self.world.dawdle(10).await;
                self.ask(Message::Alter(here, wish)).await;
            }
            self.learn(&mut session, answer);
        }
    }

    async fn backstage(&self, session: &mut Option<SessionId>) -> Option<SessionId> {
        if session.is_none()
            && let Some(Outcome::SignedIn(begun)) = self.ask(Message::SignIn(self.cast.admin, None)).await
        {
            *session = Some(begun);
        }
        *session
    }

    /// The session on this device. Without one, and now and then with one, a member of the staff signs in.
    async fn signed_in(&self, session: &mut Option<SessionId>, device: Option<DeviceId>) -> Option<SessionId> {
        if session.is_none() || self.world.roll(5) == 0 {
            let member = self.world.one_of(&self.cast.staff);
            if let Some(Outcome::SignedIn(begun)) = self.ask(Message::SignIn(member, device)).await {
                *session = Some(begun);
            }
        }
        *session
    }

    /// Sends the same request to any gateway until it is answered. Now and then an answer is lost before it is read.
    async fn insist(&self, message: impl Fn() -> Message) -> Option<Outcome> {
        let mut first: Option<Outcome> = None;
        for _ in 0..TRIES {
            match self.ask(message()).await {
                None | Some(Outcome::Later) => self.world.laws.lock().unwrap().count("sent again"),
                Some(answer) => {
                    let lost = first.is_none() && self.world.roll(4) == 0;
                    first = Some(answer);
                    if !lost {
                        return first;
                    }
                }
            }
        }
        first
    }

    async fn ask(&self, message: Message) -> Option<Outcome> {
        let gateway = self.world.one_of(&GATEWAYS);
        let what = format!("{message:?}").chars().take(60).collect::<String>();
        let answer = match self.mailbox.ask(gateway, message, PATIENCE).await {
            Some(Message::Outcome(answer)) => Some(answer),
            _ => None,
        };
        self.world.trace(format_args!("{gateway} {what} -> {answer:?}"));
        answer
    }

    /// After a refusal, checks by a sign-in whether the session is still valid.
    fn learn(&self, session: &mut Option<SessionId>, answer: Option<Outcome>) {
        if let Some(Outcome::No(why)) = answer {
            self.world.laws.lock().unwrap().count("refused");
            if why.contains("sign") || why.contains("session") {
                *session = None;
            }
        }
    }

    fn codes(&self) -> Vec<&str> {
        self.cast.codes.iter().map(String::as_str).collect()
    }
}
