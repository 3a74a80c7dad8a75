//! Forged and malformed tokens of every known kind. Nothing but what a gateway has signed opens a door.

use data_encoding::{BASE64, BASE64URL, BASE64URL_NOPAD, HEXLOWER};
use ed25519_dalek::{Signer, SigningKey};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::{Answer, Deployment, Phone, new_id, on_both};

/// A token of the deployment in parts, and the keys that matter.
struct Mint {
    /// A genuine token.
    genuine: String,
    head: Value,
    claims: Value,
    /// The deployment's own key, out of its ledger: what is signed with it is genuine but for what is wrong with it.
    key: SigningKey,
    /// A key that the gateway does not have.
    stranger: SigningKey,
}

/// A forged token, and what it tries.
type Forged = (String, String);

impl Mint {
    async fn of(deployment: &Deployment, phone: &Phone) -> Self {
        let genuine = phone.client.token().to_owned();
        let mut parts = genuine.split('.').map(|part| BASE64URL_NOPAD.decode(part.as_bytes()).unwrap());
        let mut json = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
        let (head, claims) = (json(), json());
        let seed = deployment.ledger.text("select seed from signing_keys where retired_at is null").await;
        let seed: [u8; 32] = BASE64URL_NOPAD.decode(seed.as_bytes()).unwrap().try_into().unwrap();
        Self { genuine, head, claims, key: SigningKey::from_bytes(&seed), stranger: SigningKey::from_bytes(&[7; 32]) }
    }

    /// A token with these parts as they are written, signed with this key.
    fn sign(key: &SigningKey, head: &str, claims: &str) -> String {
        let message = format!("{}.{}", encode(head), encode(claims));
        format!("{message}.{}", BASE64URL_NOPAD.encode(&key.sign(message.as_bytes()).to_bytes()))
    }

    /// Signed with the deployment's own key, with another head.
    fn with_head(&self, alter: impl FnOnce(&mut Value)) -> String {
        let mut head = self.head.clone();
        alter(&mut head);
        Self::sign(&self.key, &head.to_string(), &self.claims.to_string())
    }

    /// Signed with the deployment's own key, with other claims.
    fn with_claims(&self, alter: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.claims.clone();
        alter(&mut claims);
        Self::sign(&self.key, &self.head.to_string(), &claims.to_string())
    }

    /// A stranger's token, with another head.
    fn of_a_stranger(&self, alter: impl FnOnce(&mut Value)) -> String {
        let mut head = self.head.clone();
        alter(&mut head);
        Self::sign(&self.stranger, &head.to_string(), &self.claims.to_string())
    }

    fn parts(&self) -> [&str; 3] {
        let parts: Vec<_> = self.genuine.split('.').collect();
        parts.try_into().unwrap()
    }
}

fn encode(part: &str) -> String {
    BASE64URL_NOPAD.encode(part.as_bytes())
}

on_both!(forged_tokens_are_rejected);
async fn forged_tokens_are_rejected(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&scanner).await;
    let mint = Mint::of(&deployment, &phone).await;
    deployment
        .a()
        .with_token(&Mint::sign(&mint.key, &mint.head.to_string(), &mint.claims.to_string()))
        .get("/v1/sessions/current")
        .await
        .ok(200);

    let all = [algorithms(&mint), keys(&mint), heads(&mint), claims(&mint), encodings(&mint), signatures(&mint), shapes(&mint)];
    let mut tried = 0;
    for (what, token) in all.into_iter().flatten() {
        let client = deployment.turn(tried).with_token(&token);
        let answer = client.get("/v1/sessions/current").await;
        let expired = what.starts_with("expired");
        let refused = answer.status == 401 && answer.text.contains(if expired { "token_expired" } else { "token_invalid" });
        assert!(refused, "{what}: {answer}\n{token}");
        // The same as the token of a device.
        let device = client.post("/v1/sessions", &scanner.credentials()).await;
        assert_eq!(device.status, 401, "{what} as a device: {device}");
        tried += 1;
    }
    assert!(tried > 120, "{tried}");
    phone.current().await.ok(200);
}

/// Another algorithm than the gateway's: none, the public key as a secret, and other families with the gateway's signature.
fn algorithms(mint: &Mint) -> Vec<Forged> {
    let mut forged = Vec::new();
    let [head, claims, signature] = mint.parts();
    for name in ["none", "None", "NONE", "nOnE", "", "EdDSA ", "eddsa", "Ed25519", "Ed448", "ES256K", "HS256", "RS256", "ES256", "PS256"] {
        let mut altered = mint.head.clone();
        altered["alg"] = json!(name);
        let altered = encode(&altered.to_string());
        forged.push((format!("alg {name} without a signature"), format!("{altered}.{claims}.")));
        forged.push((format!("alg {name} with our signature"), format!("{altered}.{claims}.{signature}")));
        forged.push((format!("alg {name}, signed by us"), mint.with_head(|head| head["alg"] = json!(name))));
    }
    forged.push(("no alg".to_owned(), mint.with_head(|head| drop(head.as_object_mut().unwrap().remove("alg")))));
    forged.push(("alg null".to_owned(), mint.with_head(|head| head["alg"] = Value::Null)));
    forged.push(("alg as a list".to_owned(), mint.with_head(|head| head["alg"] = json!(["EdDSA"]))));
    forged.push(("our head without a signature".to_owned(), format!("{head}.{claims}.")));
    let public = mint.key.verifying_key().to_bytes();
    let der = [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00], &public[..]].concat();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", BASE64.encode(&der));
    let secrets: [(&str, Vec<u8>); 7] = [
        ("its bytes", public.to_vec()),
        ("hex", HEXLOWER.encode(&public).into_bytes()),
        ("base64url", BASE64URL_NOPAD.encode(&public).into_bytes()),
        ("DER", der),
        ("PEM", pem.clone().into_bytes()),
        ("PEM without its last line break", pem.trim_end().as_bytes().to_vec()),
        ("nothing", Vec::new()),
    ];
    for (form, secret) in secrets {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let text = |name: &str| mint.head[name].as_str().map(str::to_owned);
            let header = Header { typ: text("typ"), kid: text("kid"), ..Header::new(algorithm) };
            let token = jsonwebtoken::encode(&header, &mint.claims, &EncodingKey::from_secret(&secret)).unwrap();
            forged.push((format!("{algorithm:?} with the public key as the secret, as {form}"), token));
        }
    }
    forged
}

/// The key id as a path, as SQL, of no key; and keys that the token contains itself.
fn keys(mint: &Mint) -> Vec<Forged> {
    let mut forged = vec![
        ("no kid".to_owned(), mint.with_head(|head| drop(head.as_object_mut().unwrap().remove("kid")))),
        ("a stranger's key under our name".to_owned(), mint.of_a_stranger(|_| ())),
        ("a stranger's key without a name".to_owned(), mint.of_a_stranger(|head| drop(head.as_object_mut().unwrap().remove("kid")))),
    ];
    let ours = mint.head["kid"].as_str().unwrap();
    for kid in [
        json!(""),
        json!("../../../../dev/null"),
        json!("/dev/null"),
        json!("file:///etc/passwd"),
        json!("https://stranger.example/key"),
        json!("' or '1'='1"),
        json!("x' union select 'AAAA"),
        json!("| id"),
        json!("00000000-0000-0000-0000-000000000000"),
        json!(new_id()),
        json!(ours.to_uppercase()),
        json!(format!("{{{ours}}}")),
        json!(format!("{ours}\0")),
        json!(ours.replace('-', "")),
        json!(7),
        json!([ours]),
        json!({"kid": ours}),
        Value::Null,
    ] {
        forged.push((format!("kid {kid}, signed by us"), mint.with_head(|head| head["kid"] = kid.clone())));
        forged.push((format!("kid {kid}, signed by a stranger"), mint.of_a_stranger(|head| head["kid"] = kid.clone())));
    }
    let public = BASE64URL_NOPAD.encode(mint.stranger.verifying_key().as_bytes());
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": ours, "x": public});
    for (name, value) in [
        ("jwk", jwk),
        ("jku", json!("https://stranger.example/keys")),
        ("x5u", json!("https://stranger.example/certificate")),
        ("x5c", json!([BASE64.encode(&[0x30; 64])])),
        ("x5t", json!("AAAAAAAAAAAAAAAAAAAAAAAAAAA")),
    ] {
        forged.push((format!("a key in {name}"), mint.of_a_stranger(|head| head[name] = value.clone())));
        forged.push((
            format!("a key in {name} and no kid"),
            mint.of_a_stranger(|head| {
                head[name] = value;
                head.as_object_mut().unwrap().remove("kid");
            }),
        ));
    }
    forged
}

/// Signed by us, with a head that is not a session's.
fn heads(mint: &Mint) -> Vec<Forged> {
    let mut forged = vec![("no typ".to_owned(), mint.with_head(|head| drop(head.as_object_mut().unwrap().remove("typ"))))];
    let typ = mint.head["typ"].as_str().unwrap();
    for other in
        [json!("JWT"), json!("stagedoor-device+jwt"), json!(typ.to_uppercase()), json!(format!("application/{typ}")), json!(""), json!(7)]
    {
        forged.push((format!("typ {other}"), mint.with_head(|head| head["typ"] = other.clone())));
    }
    for crit in [json!(["exp"]), json!(["b64"]), json!(["unheard-of"]), json!([]), json!("exp")] {
        forged.push((format!("crit {crit}"), mint.with_head(|head| head["crit"] = crit.clone())));
    }
    let mut bare = mint.head.clone();
    bare["b64"] = json!(false);
    bare["crit"] = json!(["b64"]);
    let message = format!("{}.{}", encode(&bare.to_string()), mint.claims);
    let signature = BASE64URL_NOPAD.encode(&mint.key.sign(message.as_bytes()).to_bytes());
    forged.push(("claims that are not encoded (RFC 7797)".to_owned(), format!("{message}.{signature}")));
    forged
}

/// Signed by us, with claims that are not a session's.
fn claims(mint: &Mint) -> Vec<Forged> {
    let mut forged = Vec::new();
    for name in ["sub", "aud", "exp"] {
        forged.push((format!("no {name}"), mint.with_claims(|claims| drop(claims.as_object_mut().unwrap().remove(name)))));
        forged.push((format!("{name} null"), mint.with_claims(|claims| claims[name] = Value::Null)));
        forged.push((format!("{name} as an object"), mint.with_claims(|claims| claims[name] = json!({}))));
    }
    let aud = mint.claims["aud"].as_str().unwrap();
    for other in [
        json!("stagedoor:device"),
        json!("stagedoor"),
        json!(""),
        json!([aud]),
        json!([aud, "x"]),
        json!([]),
        json!(format!("{aud} ")),
        json!(7),
    ] {
        forged.push((format!("aud {other}"), mint.with_claims(|claims| claims["aud"] = other.clone())));
    }
    for exp in [
        json!("9999999999"),
        json!("never"),
        json!(1e30),
        json!(9_999_999_999.5),
        json!(u64::MAX),
        json!(true),
        json!(-1),
        json!(i64::MIN),
        json!([9_999_999_999_i64]),
    ] {
        forged.push((format!("exp {exp}"), mint.with_claims(|claims| claims["exp"] = exp.clone())));
    }
    for exp in [json!(0), json!(1), json!(1_000_000_000)] {
        forged.push((format!("expired {exp}"), mint.with_claims(|claims| claims["exp"] = exp.clone())));
    }
    for sub in [json!(""), json!("*"), json!("' or 1=1 --"), json!(new_id()), json!(uuid::Uuid::nil()), json!(7)] {
        forged.push((format!("sub {sub}"), mint.with_claims(|claims| claims["sub"] = sub.clone())));
    }
    let (sub, exp) = (&mint.claims["sub"], &mint.claims["exp"]);
    for (what, text) in [
        ("two subs", format!(r#"{{"aud":"{aud}","sub":{sub},"sub":"{}","exp":{exp}}}"#, new_id())),
        ("two exps", format!(r#"{{"aud":"{aud}","sub":{sub},"exp":1,"exp":{exp}}}"#)),
        ("two auds", format!(r#"{{"aud":"x","aud":"{aud}","sub":{sub},"exp":{exp}}}"#)),
        ("exp beyond any number", format!(r#"{{"aud":"{aud}","sub":{sub},"exp":{}}}"#, "9".repeat(400))),
        ("exp beyond any exponent", format!(r#"{{"aud":"{aud}","sub":{sub},"exp":1e999}}"#)),
        ("claims that are a list", format!(r#"["{aud}",{sub},{exp}]"#)),
        ("claims that are text", "\"x\"".to_owned()),
        ("no claims", String::new()),
        ("claims and something after them", format!("{} {{}}", mint.claims)),
        ("claims of depth", format!("{}{}", "[".repeat(600), "]".repeat(600))),
    ] {
        forged.push((what.to_owned(), Mint::sign(&mint.key, &mint.head.to_string(), &text)));
    }
    forged
}

/// Our own token, written otherwise: a token has one form.
fn encodings(mint: &Mint) -> Vec<Forged> {
    let [head, claims, signature] = mint.parts();
    let bytes = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
    // The last letter of 64 bytes carries four bits of nothing.
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = letters.find(&signature[signature.len() - 1..]).unwrap();
    let mut forged: Vec<Forged> = (1..16)
        .map(|more| {
            let letter = &letters[last + more..=last + more];
            (format!("{more} in the bits of nothing"), format!("{head}.{claims}.{}{letter}", &signature[..signature.len() - 1]))
        })
        .collect();
    for (what, token) in [
        ("padded", format!("{head}.{claims}.{}", BASE64URL.encode(&bytes))),
        ("padded everywhere", format!("{head}==.{claims}==.{signature}==")),
        ("a letter of the other alphabet", format!("{head}.{claims}.+/{}", &signature[2..])),
        ("a space within", format!("{head}.{claims}. {signature}")),
        ("a tab at the end of a part", format!("{head}.{claims}\t.{signature}")),
        ("percent signs", format!("{head}%2E{claims}%2E{signature}")),
        ("a part that is cut", format!("{head}.{claims}.{}", &signature[..signature.len() - 2])),
        ("a part that is longer", format!("{head}.{claims}.{signature}AA")),
    ] {
        forged.push((what.to_owned(), token));
    }
    forged
}

/// Invalid signatures, and other encodings of a valid one.
fn signatures(mint: &Mint) -> Vec<Forged> {
    let [head, claims, signature] = mint.parts();
    let genuine: [u8; 64] = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap().try_into().unwrap();
    let mut forged: Vec<Forged> = Vec::new();
    let mut with = |what: &str, bytes: &[u8]| forged.push((what.to_owned(), format!("{head}.{claims}.{}", BASE64URL_NOPAD.encode(bytes))));
    with("S + L", &plus_order(genuine));
    with("zeros", &[0; 64]);
    with("ones", &[0xff; 64]);
    with("half a signature", &genuine[..32]);
    with("a signature and more", &[&genuine[..], &[0]].concat());
    with("nothing", &[]);
    for place in [0, 31, 32, 63] {
        let mut altered = genuine;
        altered[place] ^= 1;
        with(&format!("a bit of byte {place}"), &altered);
    }
    // Points of small order: with a careless verifier some key signs everything.
    for point in [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    ] {
        let mut altered = [0; 64];
        altered[..32].copy_from_slice(&HEXLOWER.decode(point.as_bytes()).unwrap());
        with(&format!("R of small order {point}"), &altered);
    }
    forged
}

/// S plus the order of the group: the same signature for a verifier that does not check the range. RFC 8032, section 5.1.7.
fn plus_order(mut signature: [u8; 64]) -> [u8; 64] {
    let order = HEXLOWER.decode(b"edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
    let mut carry = 0;
    for (byte, more) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(more) + carry;
        *byte = (sum & 0xff) as u8;
        carry = sum >> 8;
    }
    signature
}

/// What is no JWS in compact form at all.
fn shapes(mint: &Mint) -> Vec<Forged> {
    let [head, claims, signature] = mint.parts();
    let json = json!({"payload": claims, "signatures": [{"protected": head, "signature": signature}]}).to_string();
    let flat = json!({"payload": claims, "protected": head, "signature": signature}).to_string();
    let deep =
        format!(r#"{{"typ":{},"alg":"EdDSA","kid":{},"x":{}{}}}"#, mint.head["typ"], mint.head["kid"], "[".repeat(500), "]".repeat(500));
    [
        ("one dot", format!("{head}.{claims}")),
        ("one part", head.to_owned()),
        ("two dots alone", "..".to_owned()),
        ("a dot", ".".to_owned()),
        ("no head", format!(".{claims}.{signature}")),
        ("no claims", format!("{head}..{signature}")),
        ("a dot at the end", format!("{}.", mint.genuine)),
        ("a fourth part", format!("{}.foo", mint.genuine)),
        ("a JWE", format!("{head}.{claims}.{signature}.{claims}.{signature}")),
        ("JSON serialization", json),
        ("flat JSON serialization", flat),
        ("twice", format!("{0},{0}", mint.genuine)),
        ("twice with a space", format!("{0} {0}", mint.genuine)),
        ("something before it", format!("x{}", mint.genuine)),
        ("in quotation marks", format!("\"{}\"", mint.genuine)),
        ("too long by our own hand", mint.with_head(|head| head["x"] = json!("x".repeat(2_000)))),
        ("too long", "x".repeat(20_000)),
        ("a head that is a list", format!("{}.{claims}.{signature}", encode("[]"))),
        ("a head that is a number", format!("{}.{claims}.{signature}", encode("1"))),
        ("a head with a byte order mark", Mint::sign(&mint.key, &format!("\u{feff}{}", mint.head), &mint.claims.to_string())),
        ("a head with a comment", Mint::sign(&mint.key, &format!("/**/{}", mint.head), &mint.claims.to_string())),
        (
            "a head with two algs",
            Mint::sign(&mint.stranger, &format!(r#"{{"alg":"none",{}"#, &mint.head.to_string()[1..]), &mint.claims.to_string()),
        ),
        ("a deep head", Mint::sign(&mint.stranger, &deep, &mint.claims.to_string())),
        ("a head that is no UTF-8", format!("{}.{claims}.{signature}", BASE64URL_NOPAD.encode(&[0xff, 0xfe, 0x7b]))),
        ("gzip", format!("{}.{claims}.{signature}", BASE64URL_NOPAD.encode(b"\x1f\x8b\x08\0"))),
    ]
    .map(|(what, token)| (what.to_owned(), token))
    .into()
}

on_both!(a_stolen_session_token_is_invalid_once_the_session_has_ended);
async fn a_stolen_session_token_is_invalid_once_the_session_has_ended(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let event = deployment.admin.event("Gala").await;
    let phone = deployment.admin.phone(&scanner).await;
    // A copy of everything that the phone ever sent, sent again by an attacker after the phone has signed out.
    let scan = json!({"id": new_id(), "event": event.id, "code": "A-1"});
    phone.send(&scan).await.ok(200);
    phone.sign_out().await;
    for gateway in [deployment.a(), deployment.b()] {
        phone.at(gateway).send(&scan).await.problem(401, "session_ended");
        phone.at(gateway).current().await.problem(401, "session_ended");
    }
    // A code that enrolled a device enrols nothing else.
    let made = deployment.admin.client.post("/v1/devices", &json!({"name": "Phone", "kind": "scanner"})).await.ok(201);
    let code = made["enrolment_code"].as_str().unwrap();
    deployment.admin.enrol(code).await;
    for gateway in [deployment.a(), deployment.b()] {
        let again: Answer = gateway.post("/v1/devices/enrol", &json!({"enrolment_code": code})).await;
        again.problem(401, "enrolment_code_invalid");
    }
}
