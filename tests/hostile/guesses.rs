//! Guessed codes and passwords, and what a stranger can learn or spoil by guessing.

use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::{Client as HttpClient, Method};
use serde_json::{Value, json};
use stagedoor::limits;

use crate::support::{Answer, Client, Deployment, Member, on_both, until};

on_both!(guessed_enrolment_codes_fail_and_do_not_block_enrolment);
async fn guessed_enrolment_codes_fail_and_do_not_block_enrolment(deployment: Deployment) {
    let made = deployment.admin.client.post("/v1/devices", &json!({"name": "Phone", "kind": "scanner"})).await.ok(201);
    let code = made["enrolment_code"].as_str().unwrap().to_owned();
    let unknown = enrol(deployment.a(), "AAAAA-AAAAA-AAAAA-AAAAA").await.problem(401, "enrolment_code_invalid");
    // A hundred random bits: a guesser needs no brake. Neighbours of a real code are no nearer to it.
    let mut guesses: Vec<String> =
        (0..code.len()).filter(|place| code.as_bytes()[*place] != b'-').map(|place| neighbour(&code, place)).collect();
    guesses.extend((0..100).map(|number| format!("GUESS-{number:05}-AAAAA-AAAAA").replace(['0', '1', '8', '9'], "B")));
    guesses.extend([code[..code.len() - 1].to_owned(), format!("{code}A"), format!("{code}' or 1=1 --"), "%".to_owned(), "_".repeat(20)]);
    for chunk in guesses.chunks(16) {
        for answer in join_all(chunk.iter().map(|code| enrol(deployment.a(), code))).await {
            assert_eq!(told(&answer), (401, without_request(&unknown)), "{answer}");
        }
    }
    // The honest phone, from the same address, in the midst of it.
    deployment.admin.enrol(&code).await;
}

async fn enrol(client: &Client, code: &str) -> Answer {
    client.post("/v1/devices/enrol", &json!({"enrolment_code": code})).await
}

/// The code with another letter at this place.
fn neighbour(code: &str, place: usize) -> String {
    let mut bytes = code.as_bytes().to_vec();
    bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
    String::from_utf8(bytes).unwrap()
}

/// The status, and all of a problem but its request's id.
fn told(answer: &Answer) -> (u16, Value) {
    (answer.status, without_request(&answer.json()))
}

fn without_request(problem: &Value) -> Value {
    let mut problem = problem.clone();
    problem.as_object_mut().unwrap().remove("request_id");
    problem
}

on_both!(user_names_are_revealed_by_neither_text_nor_timing);
async fn user_names_are_revealed_by_neither_text_nor_timing(mut deployment: Deployment) {
    let other = deployment.another_organisation().await;
    let known = deployment.admin.hire("scanner").await;
    let suspended = deployment.admin.hire("scanner").await;
    deployment.admin.change(&suspended, json!({"active": false})).await;
    let removed = deployment.admin.hire("scanner").await;
    deployment.admin.remove(&removed).await;
    let device = deployment.admin.device("scanner").await;
    let wrong = |member: &Member| Member { password: "not the password".to_owned(), ..member.clone() };
    let nobody = Member { username: "nobody-of-this-name".to_owned(), ..known.clone() };
    let nowhere = Member { slug: "no-such-hall".to_owned(), ..known.clone() };
    let elsewhere = Member { slug: other.who.slug.clone(), ..known.clone() };
    let people = [
        wrong(&known),
        nobody,
        nowhere,
        elsewhere,
        wrong(&suspended),
        wrong(&removed),
        removed.clone(),
        Member { slug: "%".to_owned(), ..known.clone() },
    ];
    for client in [deployment.a(), &device.client] {
        let mut first: Option<(u16, Value)> = None;
        for person in &people {
            let before = checks(deployment.a()).await;
            let answer = person.try_sign_in(client).await;
            answer.problem(401, "credentials_invalid");
            assert_eq!(*first.get_or_insert_with(|| told(&answer)), told(&answer), "{person:?}");
            assert_eq!(checks(deployment.a()).await - before, 1, "{person:?} cost more or less than one check of a password");
        }
    }
    // With the right password the answer says more.
    suspended.try_sign_in(deployment.a()).await.problem(401, "user_deactivated");
}

/// How many passwords this gateway has checked.
async fn checks(gateway: &Client) -> u64 {
    let metrics = gateway.get("/metrics").await.text;
    let line = metrics.lines().find(|line| line.starts_with("stagedoor_password_checks_total ")).unwrap_or_else(|| panic!("{metrics}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

on_both!(password_guesses_throttle_only_their_own_address);
async fn password_guesses_throttle_only_their_own_address(deployment: Deployment) {
    let member = deployment.admin.hire("box_office").await;
    let (theirs, honest) = (deployment.admin.device("pos").await, deployment.admin.device("pos").await);
    // At another address, without a device; and with a device of the deployment that fell into the wrong hands.
    let stranger =
        Client::with_client(deployment.a(), HttpClient::builder().no_proxy().local_address(Some([127, 0, 0, 2].into())).build().unwrap());
    for client in [&stranger, &theirs.client] {
        guess(&member, client).await;
    }
    // Everybody else goes in and out: the member at their own till and at their signed_in, their neighbours on the stranger's device.
    member.till(&honest).await.current().await.ok(200);
    member.signed_in(deployment.a()).await.current().await.ok(200);
    member.signed_in(deployment.b()).await.current().await.ok(200);
    deployment.admin.hire("box_office").await.till(&theirs).await.current().await.ok(200);
    deployment.admin.hire("viewer").await.signed_in(&stranger).await.current().await.ok(200);
}

on_both!(password_guesses_from_the_same_address_lock_no_user_out);
async fn password_guesses_from_the_same_address_lock_no_user_out(deployment: Deployment) {
    let member = deployment.admin.hire("organisation_admin").await;
    guess(&member, deployment.a()).await;
    let stopped = Instant::now();
    until("who knows the password is let in", || async {
        let answer = member.try_sign_in(deployment.a()).await;
        if answer.status != 201 {
            answer.problem(429, "too_many_requests");
            assert_eq!(answer.header("retry-after"), Some("1"), "{answer}");
        }
        answer.status == 201
    })
    .await;
    assert!(stopped.elapsed() < LET_IN_WITHIN, "{:?}", stopped.elapsed());
}

/// Time after which one more may try, and what a sign-in takes on a machine that does much else.
const LET_IN_WITHIN: Duration = Duration::from_secs(2);

/// Guesses the member's password until an answer is 429, several at once, each from another address. Returns that answer.
async fn guess(member: &Member, client: &Client) -> Answer {
    let wrong = Member { password: "not the password".to_owned(), ..member.clone() }.credentials();
    let (begun, mut looked_at) = (Instant::now(), 0);
    loop {
        let guesses = (0..8).map(|_| {
            let lie = format!("192.0.2.{}", rand::random::<u8>());
            Answer::to(client.request(Method::POST, "/v1/sessions").header("X-Forwarded-For", lie).json(&wrong))
        });
        let answers = join_all(guesses).await;
        looked_at += answers.iter().filter(|answer| answer.status == 401).count() as u32;
        assert!(answers.iter().all(|answer| matches!(answer.status, 401 | 429)), "{answers:?}");
        if let Some(refusal) = answers.into_iter().find(|answer| answer.status == 429) {
            // A hundred, and one more for each that was forgotten meanwhile.
            let forgotten = (begun.elapsed().as_millis() / limits::FAILED_SIGN_IN_INTERVAL.as_millis()) as u32;
            let right = limits::FAILED_SIGN_INS_MAX..=limits::FAILED_SIGN_INS_MAX + forgotten;
            assert!(right.contains(&looked_at), "{looked_at} guesses were looked at, not {right:?}");
            return refusal;
        }
    }
}

on_both!(guesses_at_unknown_user_names_are_throttled_like_known_ones);
async fn guesses_at_unknown_user_names_are_throttled_like_known_ones(deployment: Deployment) {
    let member = deployment.admin.hire("viewer").await;
    let nobody = Member { username: "nobody-of-this-name".to_owned(), ..member.clone() };
    let mut both = Vec::new();
    for person in [member, nobody] {
        let device = deployment.admin.device("pos").await;
        both.push(told(&guess(&person, &device.client).await));
    }
    assert_eq!(both[0], both[1]);
}
