//! Changing the signing keys while gateways run: a new key signs from now on, the old ones verify until the last token that they have
//! signed is too old. A key that has leaked is forgotten instead, and with it every token that it has signed.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::make;
use crate::{
    clock::{Clock, Moment, Stamp},
    ledger::{Ledger, change::Rotation, rows::SigningKey},
    limits,
};

/// What is to become of the old keys.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Old {
    /// These are forgotten, by name.
    pub forget: Vec<String>,
    /// All are forgotten.
    pub forget_all: bool,
}

/// What has become of the keys.
#[derive(Debug, Serialize)]
pub struct Rotated {
    /// The key that signs now.
    pub active: String,
    /// Keys whose tokens are no longer accepted.
    pub forgotten: Vec<String>,
}

/// A key as it is shown: never the key itself.
#[derive(Debug, Serialize)]
pub struct KeyView {
    /// Its name in a token's header.
    pub kid: String,
    /// When it was made.
    pub created_at: Stamp,
    /// When it stopped signing.
    pub retired_at: Option<Stamp>,
    /// Until when tokens that it has signed are accepted, if they live as long as that; open while it signs.
    pub accepted_until: Option<Stamp>,
}

/// The keys, oldest first.
pub async fn list(ledger: &Ledger) -> anyhow::Result<Vec<KeyView>> {
    let mut keys = ledger.signing_keys().await?;
    keys.sort_by_key(|key| key.created_at);
    Ok(keys.into_iter().map(view).collect())
}

fn view(key: SigningKey) -> KeyView {
    KeyView {
        accepted_until: key.retired_at.map(|retired| (retired + kept_for()).into()),
        kid: key.kid,
        created_at: key.created_at.into(),
        retired_at: key.retired_at.map(Stamp),
    }
}

/// How long a retired key is kept: as long as the longest-lived token, and a day for gateways that have not read of its retirement or
/// whose clocks differ.
fn kept_for() -> TimeDelta {
    TimeDelta::days(limits::DEVICE_TOKEN_DAYS + 1)
}

/// A key that was retired before this moment is of no more use.
pub fn of_no_more_use_before(now: Moment) -> Moment {
    now - kept_for()
}

/// Makes a new key and retires the one that signed.
///
/// Returns at once if no key is to be forgotten: gateways learn of the new one from the log, and one that gets its tokens before that reads the
/// ledger. A forgotten key returns when it is in force everywhere: by then every gateway has read of it or trusts no copy, and what was begun
/// under the old keys has ended.
pub async fn rotate(ledger: &Ledger, clock: Clock, old: &Old) -> anyhow::Result<Rotated> {
    let before = ledger.signing_keys().await?;
    for kid in &old.forget {
        anyhow::ensure!(before.iter().any(|key| key.kid == *kid), "there is no key {kid}; stagedoor keys lists them");
    }
    let fresh = make(clock);
    ledger.rotate_keys(&Rotation { fresh: &fresh, forget: &old.forget, forget_old: old.forget_all, at: clock.now() }).await?;
    let after = ledger.signing_keys().await?;
    let gone = before.into_iter().filter(|key| !after.iter().any(|kept| kept.kid == key.kid));
    let forgotten: Vec<String> = gone.map(|key| key.kid).collect();
    if !forgotten.is_empty() {
        sleep(limits::COPY_TRUST_TIMEOUT + limits::ATTEMPT_TIMEOUT).await;
    }
    tracing::info!(active = fresh.kid, forgotten = forgotten.len(), "the signing key was changed");
    Ok(Rotated { active: fresh.kid, forgotten })
}
