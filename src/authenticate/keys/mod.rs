//! The signing keys: made and changed in the ledger, read by every gateway.
//!
//! What a gateway knows of them is a copy like any other: it carries the position of the log of changes at which it was read, and is
//! trusted as long as the log shows no change. So a key that was forgotten is useless on a gateway that has read the
//! log to its end, and one that has not reads the keys again. A token whose key is not known here is refused only after a reading of the ledger
//! that began after it arrived: another gateway may have changed the keys a moment ago. However many such tokens come,
//! forged ones included, they share the readings, of which there is one at a time and not more than one each [`limits::KEYS_READ_INTERVAL`].

pub mod rotate;

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey};
use jsonwebtoken::{DecodingKey, EncodingKey};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::{
    clock::{self, Clock},
    ledger::{Ledger, LedgerError, Note, SIGNING_KEYS, rows},
    limits,
};

/// The keys that this gateway knows.
pub struct Keys {
    ledger: Ledger,
    ring: RwLock<Arc<Ring>>,
    /// How many readings of the ledger have begun.
    begun: AtomicU64,
    /// The last reading; the task that holds it reads.
    reading: tokio::sync::Mutex<Reading>,
}

/// The keys as the ledger had them at one moment.
#[derive(Default)]
pub struct Ring {
    /// The position of the log of changes before they were read.
    as_of: i64,
    /// The key that signs, and its name.
    active: Option<(String, EncodingKey)>,
    /// Every key that verifies.
    known: HashMap<String, DecodingKey>,
    /// How often a key was lost since the start: what was verified before the last time is verified anew.
    losses: u64,
}

impl Ring {
    /// The key that signs, and its name.
    pub fn active(&self) -> Option<&(String, EncodingKey)> {
        self.active.as_ref()
    }

    /// How often a key was lost since the start.
    pub fn losses(&self) -> u64 {
        self.losses
    }

    fn lost_any_of(&self, before: &Self) -> bool {
        before.known.keys().any(|kid| !self.known.contains_key(kid))
    }
}

/// A reading of the ledger that has ended.
struct Reading {
    number: u64,
    ended: Instant,
    outcome: Result<(), LedgerError>,
}

impl Keys {
    /// Reads the keys, and makes the first one of a new ledger. Two gateways that begin at once agree on one.
    pub async fn open(ledger: Ledger, clock: Clock) -> anyhow::Result<Self> {
        let reading = Reading { number: 0, ended: clock::mark(), outcome: Ok(()) };
        let keys = Self { ring: RwLock::default(), begun: AtomicU64::new(0), reading: tokio::sync::Mutex::new(reading), ledger };
        keys.read().await?;
        if keys.ring().active.is_none() {
            keys.ledger.note(Note::SigningKey(&make(clock))).await?;
            keys.read().await?;
        }
        anyhow::ensure!(keys.ring().active.is_some(), "the ledger has no signing key");
        Ok(keys)
    }

    /// The keys as they are now.
    pub async fn current(&self) -> Result<Arc<Ring>, LedgerError> {
        let ring = self.ring();
        if self.ledger.log().trusts(ring.as_of, &[SIGNING_KEYS]) { Ok(ring) } else { self.read_again().await }
    }

    /// The key of this name, with the ring that it is on; none if the ledger has no such key.
    pub async fn verifying(&self, kid: &str) -> Result<Option<(Arc<Ring>, DecodingKey)>, LedgerError> {
        let on = |ring: Arc<Ring>| ring.known.get(kid).cloned().map(|key| (Arc::clone(&ring), key));
        if let Some(found) = on(self.current().await?) {
            return Ok(Some(found));
        }
        // Keys are named by UUIDs: nothing else is worth a question.
        match Uuid::try_parse(kid) {
            Ok(_) => Ok(on(self.read_again().await?)),
            Err(_) => Ok(None),
        }
    }

    /// The keys from a reading that begins now or later: its own, or one that another task began meanwhile.
    async fn read_again(&self) -> Result<Arc<Ring>, LedgerError> {
        let begun_before = self.begun.load(Ordering::Acquire);
        let mut last = self.reading.lock().await;
        if last.number <= begun_before {
            sleep(limits::KEYS_READ_INTERVAL.saturating_sub(clock::since(last.ended))).await;
            let number = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
            let outcome = timeout(limits::KEYS_READ_TIMEOUT, self.read()).await.unwrap_or(Err(LedgerError::Unavailable));
            if let Err(error) = &outcome {
                tracing::warn!(error = %error, "the signing keys could not be read again");
            }
            *last = Reading { number, ended: clock::mark(), outcome };
        }
        last.outcome.clone().map(|()| self.ring())
    }

    async fn read(&self) -> Result<(), LedgerError> {
        let mut ring = Ring { as_of: self.ledger.log().position(), ..Ring::default() };
        for row in self.ledger.signing_keys().await? {
            let Some(key) = parse(&row.seed) else {
                tracing::error!(kid = row.kid, "a signing key in the ledger is ill-formed and is left out");
                continue;
            };
            let Ok(private) = key.to_pkcs8_der() else { continue };
            ring.known.insert(row.kid.clone(), DecodingKey::from_ed_der(key.verifying_key().as_bytes()));
            if row.retired_at.is_none() {
                ring.active = Some((row.kid, EncodingKey::from_ed_der(private.as_bytes())));
            }
        }
        let before = self.ring();
        ring.losses = before.losses + u64::from(ring.lost_any_of(&before));
        // A poisoned ring is still a whole one: it is replaced in one assignment.
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        Ok(())
    }

    fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A new key.
fn make(clock: Clock) -> rows::SigningKey {
    let seed: [u8; 32] = rand::random();
    rows::SigningKey {
        kid: clock::new_id::<Uuid>().to_string(),
        seed: BASE64URL_NOPAD.encode(&seed),
        created_at: clock.now(),
        retired_at: None,
    }
}

fn parse(seed: &str) -> Option<SigningKey> {
    let seed: [u8; 32] = BASE64URL_NOPAD.decode(seed.as_bytes()).ok()?.try_into().ok()?;
    Some(SigningKey::from_bytes(&seed))
}

#[cfg(test)]
mod tests;
