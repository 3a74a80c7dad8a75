//! Tokens: JWTs (RFC 7519) signed with Ed25519, of two kinds that are never mistaken for each other.
//!
//! A token says which session or device it speaks for and until when; everything else is asked at each use. Verifying costs four
//! fifths of the throughput, so a token that was found good is remembered in a bounded cache: not whole, but by a keyed hash of 128 bits
//! (SipHash-2-4). Its key is drawn at the start and never leaves the process, so no other token of the same hash can be made.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use siphasher::sip128::SipHasher24;

use super::{
    AuthError, NotAuthenticated,
    keys::{Keys, Ring},
};
use crate::{
    clock::{Clock, Moment},
    ids::{DeviceId, EnrolmentId, SessionId},
    ledger::LedgerError,
    limits,
};

/// What a session token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionClaims {
    #[serde(rename = "sub")]
    pub session: SessionId,
    /// When it ends at the latest, in seconds since 1970.
    pub exp: i64,
}

/// What a device token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceClaims {
    #[serde(rename = "sub")]
    pub device: DeviceId,
    /// The enrolment that it was given at.
    #[serde(rename = "jti")]
    pub enrolment: EnrolmentId,
    /// When it has to be enrolled again, in seconds since 1970.
    pub exp: i64,
}

/// A kind of token: its `typ` and its `aud`.
trait Kind: Serialize + DeserializeOwned {
    const TYP: &'static str;
    const AUD: &'static str;
    fn exp(&self) -> i64;
}

impl Kind for SessionClaims {
    const TYP: &'static str = "stagedoor-session+jwt";
    const AUD: &'static str = "stagedoor:session";
    fn exp(&self) -> i64 {
        self.exp
    }
}

impl Kind for DeviceClaims {
    const TYP: &'static str = "stagedoor-device+jwt";
    const AUD: &'static str = "stagedoor:device";
    fn exp(&self) -> i64 {
        self.exp
    }
}

/// The claims with their audience, as they are in the token.
#[derive(Serialize, Deserialize)]
struct Addressed<C> {
    aud: String,
    #[serde(flatten)]
    claims: C,
}

/// Issues tokens and verifies them.
pub struct Tokens {
    keys: Keys,
    clock: Clock,
    /// What was verified, by its hash, and how many keys had been lost by then: a token whose key was forgotten since is no longer valid.
    /// (A hash in bytes: a `u128` is aligned to 16, which makes each of these a quarter larger.)
    verified: Cache<[u8; 16], (u64, SessionClaims)>,
    /// Keyed; hashes what is looked for in it.
    hasher: SipHasher24,
}

/// Signs tokens with the key of one moment. Taken before a change that a token is the answer to: afterwards, nothing can go wrong.
pub struct Signer(Arc<Ring>);

/// A token could not be signed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a token could not be signed")]
pub struct Unsigned;

impl Signer {
    /// A token for this session.
    pub fn for_session(&self, session: SessionId, expires_at: Moment) -> Result<String, Unsigned> {
        self.sign(SessionClaims { session, exp: expires_at.timestamp() })
    }

    /// A token for this enrolment of a device.
    pub fn for_device(&self, device: DeviceId, enrolment: EnrolmentId, expires_at: Moment) -> Result<String, Unsigned> {
        self.sign(DeviceClaims { device, enrolment, exp: expires_at.timestamp() })
    }

    fn sign<C: Kind>(&self, claims: C) -> Result<String, Unsigned> {
        let (kid, key) = self.0.active().ok_or(Unsigned)?;
        let header = Header { typ: Some(C::TYP.to_owned()), kid: Some(kid.clone()), ..Header::new(Algorithm::EdDSA) };
        encode(&header, &Addressed { aud: C::AUD.to_owned(), claims }, key).map_err(|error| {
            tracing::error!(error = %error, "a token could not be signed");
            Unsigned
        })
    }
}

impl Tokens {
    /// Tokens signed with these keys.
    pub fn new(keys: Keys, clock: Clock) -> Self {
        let hasher = SipHasher24::new_with_key(&rand::random());
        Self { keys, clock, verified: Cache::new(limits::VERIFIED_TOKENS_MAX), hasher }
    }

    /// Signs with the key that is active now.
    pub async fn signer(&self) -> Result<Signer, LedgerError> {
        self.keys.current().await.map(Signer)
    }

    /// The session that this token speaks for, if it is ours and not too old.
    pub async fn session(&self, token: &str) -> Result<SessionClaims, AuthError> {
        let losses = self.keys.current().await?.losses();
        if token.len() > limits::TOKEN_BYTES {
            return Err(NotAuthenticated::TokenInvalid.into());
        }
        let hash = self.hasher.hash(token.as_bytes()).as_bytes();
        let claims = match self.verified.get(&hash) {
            Some((then, claims)) if then == losses => claims,
            Some(_) | None => {
                let (ring, claims) = self.verify::<SessionClaims>(token).await?;
                self.verified.insert(hash, (ring.losses(), claims));
                claims
            }
        };
        Ok(self.in_time(claims)?)
    }

    /// The device that this token speaks for, if it is ours and not too old.
    pub async fn device(&self, token: &str) -> Result<DeviceClaims, AuthError> {
        let (_, claims) = self.verify::<DeviceClaims>(token).await?;
        Ok(self.in_time(claims)?)
    }

    fn in_time<C: Kind>(&self, claims: C) -> Result<C, NotAuthenticated> {
        if self.clock.now().timestamp() < claims.exp() { Ok(claims) } else { Err(NotAuthenticated::TokenExpired) }
    }

    async fn verify<C: Kind>(&self, token: &str) -> Result<(Arc<Ring>, C), AuthError> {
        if token.len() > limits::TOKEN_BYTES {
            return Err(NotAuthenticated::TokenInvalid.into());
        }
        let header = decode_header(token).map_err(|_| NotAuthenticated::TokenInvalid)?;
        if header.alg != Algorithm::EdDSA || header.typ.as_deref() != Some(C::TYP) || header.crit.is_some() {
            return Err(NotAuthenticated::TokenInvalid.into());
        }
        let kid = header.kid.ok_or(NotAuthenticated::TokenInvalid)?;
        let (ring, key) = self.keys.verifying(&kid).await?.ok_or(NotAuthenticated::TokenInvalid)?;
        let token = decode::<Addressed<C>>(token, &key, &validation::<C>()).map_err(|_| NotAuthenticated::TokenInvalid)?;
        Ok((ring, token.claims.claims))
    }
}

/// The time is compared by us, at each use and without leeway; the library compares the signature and the audience.
fn validation<C: Kind>() -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&[C::AUD]);
    validation.set_required_spec_claims(&["exp", "aud", "sub"]);
    validation.validate_exp = false;
    validation.leeway = 0;
    validation
}
