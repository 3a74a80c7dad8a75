//! What is accepted as a token: ours, unaltered, of the right kind. Nothing else.

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};

use crate::support::{Answer, Client, Deployment, Phone, on_both};

on_both!(without_a_token_nothing_opens);
async fn without_a_token_nothing_opens(deployment: Deployment) {
    for path in ["/v1/sessions/current", "/v1/events", "/v1/team", "/v1/devices"] {
        deployment.a().get(path).await.problem(401, "token_missing");
    }
    deployment.a().post("/v1/scans", &json!({})).await.problem(401, "token_missing");
    deployment.a().post("/v1/sales", &json!({})).await.problem(401, "token_missing");
}

on_both!(the_doors_that_need_no_token);
async fn the_doors_that_need_no_token(deployment: Deployment) {
    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json"] {
        assert_eq!(deployment.a().get(path).await.status, 200, "{path}");
    }
}

on_both!(what_is_not_ours_is_no_token);
async fn what_is_not_ours_is_no_token(deployment: Deployment) {
    let (phone, token) = phone_and_token(&deployment).await;
    for forged in [
        "nonsense".to_owned(),
        format!("{}.{}", token.head, token.claims),
        token.with_claims(|claims| claims["exp"] = json!(9_999_999_999_i64)),
        token.with_another_signature(),
        token.unsigned(),
        token.signed_by_somebody_else(),
        token.joined().replace('.', ".."),
        "x".repeat(10_000),
    ] {
        for gateway in [deployment.a(), deployment.b()] {
            let client = gateway.with_token(&forged);
            client.get("/v1/sessions/current").await.problem(401, "token_invalid");
            client.post("/v1/scans", &json!({})).await.problem(401, "token_invalid");
        }
    }
    phone.current().await.ok(200);
}

on_both!(a_token_opens_only_what_it_was_made_for);
async fn a_token_opens_only_what_it_was_made_for(deployment: Deployment) {
    let (phone, _) = phone_and_token(&deployment).await;
    phone.device.client.get("/v1/sessions/current").await.problem(401, "token_invalid");
    phone.device.client.post("/v1/scans", &json!({})).await.problem(401, "token_invalid");
    deployment.admin.who.try_sign_in(&phone.client).await.problem(401, "token_invalid");
    deployment.admin.who.try_sign_in(&deployment.admin.client).await.problem(401, "token_invalid");
}

on_both!(another_scheme_than_bearer_is_no_token);
async fn another_scheme_than_bearer_is_no_token(deployment: Deployment) {
    let request = deployment.a().request(reqwest::Method::GET, "/v1/team").header("Authorization", "Basic YWRhOnB3");
    assert_eq!(Answer::to(request).await.status, 401);
    let path = format!("/v1/team?access_token={}", deployment.admin.client.token());
    deployment.a().get(&path).await.problem(401, "token_missing");
}

on_both!(tokens_are_signed_jwts_that_name_their_kind);
async fn tokens_are_signed_jwts_that_name_their_kind(deployment: Deployment) {
    let (phone, session) = phone_and_token(&deployment).await;
    let device = Token::of(&phone.device.client);
    for token in [&session, &device] {
        let head = decoded(&token.head);
        assert_eq!(head["alg"], "EdDSA");
        assert!(head["kid"].is_string() && head["typ"].is_string(), "{head}");
        let claims = decoded(&token.claims);
        assert!(claims["exp"].is_number() && !claims["aud"].is_null(), "{claims}");
    }
    let kind = |token: &Token| (decoded(&token.head)["typ"].clone(), decoded(&token.claims)["aud"].clone());
    assert_ne!(kind(&session), kind(&device));
}

async fn phone_and_token(deployment: &Deployment) -> (Phone, Token) {
    let scanner = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&scanner).await;
    let token = Token::of(&phone.client);
    (phone, token)
}

/// A genuine token in its three parts, to be spoilt in one.
struct Token {
    head: String,
    claims: String,
    signature: String,
}

impl Token {
    fn of(client: &Client) -> Self {
        let mut parts = client.token().split('.').map(str::to_owned);
        let mut part = || parts.next().unwrap();
        Self { head: part(), claims: part(), signature: part() }
    }

    fn joined(&self) -> String {
        format!("{}.{}.{}", self.head, self.claims, self.signature)
    }

    fn with_claims(&self, alter: impl FnOnce(&mut Value)) -> String {
        let mut claims = decoded(&self.claims);
        alter(&mut claims);
        format!("{}.{}.{}", self.head, encoded(&claims), self.signature)
    }

    fn with_another_signature(&self) -> String {
        let mut bytes = BASE64URL_NOPAD.decode(self.signature.as_bytes()).unwrap();
        bytes[0] ^= 1;
        format!("{}.{}.{}", self.head, self.claims, BASE64URL_NOPAD.encode(&bytes))
    }

    fn unsigned(&self) -> String {
        let mut head = decoded(&self.head);
        head["alg"] = json!("none");
        format!("{}.{}.", encoded(&head), self.claims)
    }

    /// All as it should be, `kid` included, but for the key.
    fn signed_by_somebody_else(&self) -> String {
        let message = format!("{}.{}", self.head, self.claims);
        let signature = SigningKey::from_bytes(&[7; 32]).sign(message.as_bytes());
        format!("{message}.{}", BASE64URL_NOPAD.encode(&signature.to_bytes()))
    }
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
}

fn encoded(part: &Value) -> String {
    BASE64URL_NOPAD.encode(part.to_string().as_bytes())
}
