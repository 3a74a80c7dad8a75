//! Guessed codes and passwords, and what a stranger can learn or spoil by guessing.

use futures::future::join_all;
use reqwest::Client;
use serde_json::{Value, json};
use stagedoor::limits;

use crate::support::{Answer, House, Line, Member, on_both};

on_both!(guessed_enrolment_codes_open_nothing_and_keep_nobody_out);
async fn guessed_enrolment_codes_open_nothing_and_keep_nobody_out(house: House) {
    let made = house.admin.line.post("/v1/devices", &json!({"name": "Phone", "kind": "scanner"})).await.ok(201);
    let code = made["enrolment_code"].as_str().unwrap().to_owned();
    let unknown = enrol(house.a(), "AAAAA-AAAAA-AAAAA-AAAAA").await.problem(401, "enrolment_code_invalid");
    // A hundred random bits: a guesser needs no brake. Neighbours of a real code are no nearer to it.
    let mut guesses: Vec<String> =
        (0..code.len()).filter(|place| code.as_bytes()[*place] != b'-').map(|place| neighbour(&code, place)).collect();
    guesses.extend((0..100).map(|number| format!("GUESS-{number:05}-AAAAA-AAAAA").replace(['0', '1', '8', '9'], "B")));
    guesses.extend([code[..code.len() - 1].to_owned(), format!("{code}A"), format!("{code}' or 1=1 --"), "%".to_owned(), "_".repeat(20)]);
    for chunk in guesses.chunks(16) {
        for answer in join_all(chunk.iter().map(|code| enrol(house.a(), code))).await {
            assert_eq!(told(&answer), (401, without_request(&unknown)), "{answer}");
        }
    }
    // The honest phone, from the same address, in the midst of it.
    house.admin.enrol(&code).await;
}

async fn enrol(line: &Line, code: &str) -> Answer {
    line.post("/v1/devices/enrol", &json!({"enrolment_code": code})).await
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

on_both!(who_exists_is_told_by_no_text_and_by_no_work);
async fn who_exists_is_told_by_no_text_and_by_no_work(mut house: House) {
    let other = house.another_organisation().await;
    let known = house.admin.hire("scanner").await;
    let suspended = house.admin.hire("scanner").await;
    house.admin.change(&suspended, json!({"active": false})).await;
    let removed = house.admin.hire("scanner").await;
    house.admin.remove(&removed).await;
    let device = house.admin.device("scanner").await;
    let wrong = |member: &Member| Member { password: "not the password".to_owned(), ..member.clone() };
    let nobody = Member { username: "nobody-of-this-name".to_owned(), ..known.clone() };
    let nowhere = Member { slug: "no-such-house".to_owned(), ..known.clone() };
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
    for line in [house.a(), &device.line] {
        let mut first: Option<(u16, Value)> = None;
        for person in &people {
            let before = checks(house.a()).await;
            let answer = person.try_sign_in(line).await;
            answer.problem(401, "credentials_invalid");
            assert_eq!(*first.get_or_insert_with(|| told(&answer)), told(&answer), "{person:?}");
            assert_eq!(checks(house.a()).await - before, 1, "{person:?} cost more or less than one check of a password");
        }
    }
    // Who has the password is told more.
    suspended.try_sign_in(house.a()).await.problem(401, "user_deactivated");
}

/// How many passwords this gateway has checked.
async fn checks(gateway: &Line) -> u64 {
    let metrics = gateway.get("/metrics").await.text;
    let line = metrics.lines().find(|line| line.starts_with("stagedoor_password_checks_total ")).unwrap_or_else(|| panic!("{metrics}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

on_both!(a_stranger_who_guesses_passwords_keeps_only_themselves_out);
async fn a_stranger_who_guesses_passwords_keeps_only_themselves_out(house: House) {
    let member = house.admin.hire("box_office").await;
    let wrong = Member { password: "not the password".to_owned(), ..member.clone() };
    let (theirs, honest) = (house.admin.device("pos").await, house.admin.device("pos").await);
    // At another address, without a device; and with a device of the house that fell into the wrong hands.
    let stranger = Line::with_client(house.a(), Client::builder().no_proxy().local_address(Some([127, 0, 0, 2].into())).build().unwrap());
    for line in [&stranger, &theirs.line] {
        assert_eq!(guess(&wrong, line).await, limits::FAILED_SIGN_INS);
        wrong.try_sign_in(line).await.problem(429, "too_many_requests");
        // Even with the right password: otherwise guessing would go on.
        member.try_sign_in(line).await.problem(429, "too_many_requests");
    }
    // The stranger says to be somebody else, and is not believed.
    let lie = stranger.request(reqwest::Method::POST, "/v1/sessions").header("X-Forwarded-For", "192.0.2.1");
    Answer::to(lie.json(&member.credentials())).await.problem(429, "too_many_requests");
    // Everybody else goes in and out: the member at their own till and at their desk, their neighbours on the stranger's device.
    member.till(&honest).await.current().await.ok(200);
    member.desk(house.a()).await.current().await.ok(200);
    member.desk(house.b()).await.current().await.ok(200);
    house.admin.hire("box_office").await.till(&theirs).await.current().await.ok(200);
    house.admin.hire("viewer").await.desk(&stranger).await.current().await.ok(200);
}

/// Guesses until it is told to wait, several at once. Answers how many guesses were looked at.
async fn guess(wrong: &Member, line: &Line) -> u32 {
    let mut looked_at = 0;
    loop {
        let answers = join_all((0..8).map(|_| wrong.try_sign_in(line))).await;
        looked_at += answers.iter().filter(|answer| answer.status == 401).count() as u32;
        assert!(answers.iter().all(|answer| matches!(answer.status, 401 | 429)), "{answers:?}");
        if answers.iter().any(|answer| answer.status == 429) {
            return looked_at;
        }
    }
}

on_both!(guesses_at_names_that_nobody_has_are_slowed_down_like_any_other);
async fn guesses_at_names_that_nobody_has_are_slowed_down_like_any_other(house: House) {
    let member = house.admin.hire("viewer").await;
    let wrong = Member { password: "not the password".to_owned(), ..member };
    let nobody = Member { username: "nobody-of-this-name".to_owned(), ..wrong.clone() };
    let mut both = Vec::new();
    for person in [wrong, nobody] {
        let device = house.admin.device("pos").await;
        let refused = guess(&person, &device.line).await;
        let mut late = person.try_sign_in(&device.line).await.problem(429, "too_many_requests");
        late.as_object_mut().unwrap().retain(|name, _| name == "code" || name == "title");
        both.push((refused, late));
    }
    assert_eq!(both[0], both[1]);
}
