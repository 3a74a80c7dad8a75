//! The signing keys: made once, kept by the book, read by every gateway.

use std::{collections::HashMap, sync::Mutex};

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey};
use jsonwebtoken::{DecodingKey, EncodingKey};

use crate::{
    clock::Clock,
    ledger::{Book, LedgerError, Note, rows},
    limits,
};

/// The keys that this gateway knows.
pub struct Keys {
    book: Book,
    clock: Clock,
    ring: Mutex<Ring>,
    /// One reading of the book at a time, and not more than one a second: a stranger's `kid` is no way to load it.
    reading: tokio::sync::Mutex<std::time::Instant>,
}

#[derive(Default)]
struct Ring {
    /// The key that signs, and its name.
    active: Option<(String, EncodingKey)>,
    /// Every key that verifies.
    known: HashMap<String, DecodingKey>,
}

impl Keys {
    /// Reads the keys, and makes the first one of a new book. Two gateways that begin at once agree on one.
    pub async fn open(book: Book, clock: Clock) -> anyhow::Result<Self> {
        let keys = Self { reading: tokio::sync::Mutex::new(clock.mark()), ring: Mutex::default(), book, clock };
        keys.read().await?;
        if keys.active().is_none() {
            keys.book.note(Note::SigningKey(&make(clock))).await?;
            keys.read().await?;
        }
        anyhow::ensure!(keys.active().is_some(), "the book has no signing key");
        Ok(keys)
    }

    /// The key that signs, and its name.
    pub fn active(&self) -> Option<(String, EncodingKey)> {
        self.ring().active.clone()
    }

    /// The key of this name. One that is not known is looked for in the book: another gateway may have made it.
    pub async fn verifying(&self, kid: &str) -> Option<DecodingKey> {
        if let Some(key) = self.ring().known.get(kid).cloned() {
            return Some(key);
        }
        let Ok(mut last) = self.reading.try_lock() else { return None };
        if self.clock.mark().duration_since(*last) < limits::TRUST {
            return self.ring().known.get(kid).cloned();
        }
        if let Err(error) = self.read().await {
            tracing::warn!(error = %error, "the signing keys could not be read again");
        }
        *last = self.clock.mark();
        self.ring().known.get(kid).cloned()
    }

    async fn read(&self) -> Result<(), LedgerError> {
        let mut ring = Ring::default();
        for row in self.book.signing_keys().await? {
            let Some(key) = parse(&row.seed) else {
                tracing::error!(kid = row.kid, "a signing key in the book is ill-formed and is left out");
                continue;
            };
            let Ok(private) = key.to_pkcs8_der() else { continue };
            ring.known.insert(row.kid.clone(), DecodingKey::from_ed_der(key.verifying_key().as_bytes()));
            if row.retired_at.is_none() {
                ring.active = Some((row.kid, EncodingKey::from_ed_der(private.as_bytes())));
            }
        }
        *self.ring() = ring;
        Ok(())
    }

    fn ring(&self) -> std::sync::MutexGuard<'_, Ring> {
        // A poisoned ring is still a whole one: it is replaced in one assignment.
        self.ring.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn make(clock: Clock) -> rows::SigningKey {
    let seed: [u8; 32] = rand::random();
    rows::SigningKey {
        kid: clock.id::<uuid::Uuid>().to_string(),
        seed: BASE64URL_NOPAD.encode(&seed),
        created_at: clock.now(),
        retired_at: None,
    }
}

fn parse(seed: &str) -> Option<SigningKey> {
    let seed: [u8; 32] = BASE64URL_NOPAD.decode(seed.as_bytes()).ok()?.try_into().ok()?;
    Some(SigningKey::from_bytes(&seed))
}
