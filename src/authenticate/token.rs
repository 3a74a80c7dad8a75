//! Tokens: JWTs (RFC 7519) signed with Ed25519, of two kinds that are never mistaken for each other.
//!
//! A token says which session or device it speaks for and until when; everything else is asked at each use. Verifying costs four
//! fifths of the throughput, so a token that was found good is remembered, whole, in a bounded cache.

use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode};
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{NotAuthenticated, keys::Keys};
use crate::{
    clock::{Clock, Moment},
    ids::{DeviceId, EnrolmentId, SessionId},
    limits,
};

/// What a session token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionClaims {
    /// The session.
    #[serde(rename = "sub")]
    pub session: SessionId,
    /// When it ends at the latest, in seconds since 1970.
    pub exp: i64,
}

/// What a device token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceClaims {
    /// The device.
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

/// The claims with their audience, as they stand in the token.
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
    verified: Cache<Box<str>, SessionClaims>,
}

impl Tokens {
    /// Tokens signed with these keys.
    pub fn new(keys: Keys, clock: Clock) -> Self {
        Self { keys, clock, verified: Cache::new(limits::VERIFIED_TOKENS) }
    }

    /// A token for this session.
    pub fn for_session(&self, session: SessionId, expires_at: Moment) -> Result<String, NotAuthenticated> {
        self.sign(SessionClaims { session, exp: expires_at.timestamp() })
    }

    /// A token for this enrolment of a device.
    pub fn for_device(&self, device: DeviceId, enrolment: EnrolmentId, expires_at: Moment) -> Result<String, NotAuthenticated> {
        self.sign(DeviceClaims { device, enrolment, exp: expires_at.timestamp() })
    }

    /// The session that this token speaks for, if it is ours and not too old.
    pub async fn session(&self, token: &str) -> Result<SessionClaims, NotAuthenticated> {
        let claims = match self.verified.get(token) {
            Some(claims) => claims,
            None => {
                let claims: SessionClaims = self.verify(token).await?;
                self.verified.insert(token.into(), claims);
                claims
            }
        };
        self.in_time(claims)
    }

    /// The device that this token speaks for, if it is ours and not too old.
    pub async fn device(&self, token: &str) -> Result<DeviceClaims, NotAuthenticated> {
        let claims: DeviceClaims = self.verify(token).await?;
        self.in_time(claims)
    }

    fn in_time<C: Kind>(&self, claims: C) -> Result<C, NotAuthenticated> {
        if self.clock.now().timestamp() < claims.exp() { Ok(claims) } else { Err(NotAuthenticated::TokenExpired) }
    }

    fn sign<C: Kind>(&self, claims: C) -> Result<String, NotAuthenticated> {
        let (kid, key) = self.keys.active().ok_or(NotAuthenticated::TokenInvalid)?;
        let header = Header { typ: Some(C::TYP.to_owned()), kid: Some(kid), ..Header::new(Algorithm::EdDSA) };
        encode(&header, &Addressed { aud: C::AUD.to_owned(), claims }, &key).map_err(|error| {
            tracing::error!(error = %error, "a token could not be signed");
            NotAuthenticated::TokenInvalid
        })
    }

    async fn verify<C: Kind>(&self, token: &str) -> Result<C, NotAuthenticated> {
        if token.len() > limits::TOKEN_BYTES {
            return Err(NotAuthenticated::TokenInvalid);
        }
        let header = decode_header(token).map_err(|_| NotAuthenticated::TokenInvalid)?;
        if header.alg != Algorithm::EdDSA || header.typ.as_deref() != Some(C::TYP) || header.crit.is_some() {
            return Err(NotAuthenticated::TokenInvalid);
        }
        let kid = header.kid.ok_or(NotAuthenticated::TokenInvalid)?;
        let key = self.keys.verifying(&kid).await.ok_or(NotAuthenticated::TokenInvalid)?;
        let token = decode::<Addressed<C>>(token, &key, &validation::<C>()).map_err(|_| NotAuthenticated::TokenInvalid)?;
        Ok(token.claims.claims)
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
