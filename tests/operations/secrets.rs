//! Law 11: secrets stay secret, in the logs and on disk.

use serde_json::{Value, json};

use crate::support::{Deployment, Member, Plan, basket, card, on_both, ref_id};

/// All secrets that an evening hands out.
struct Secrets(Vec<(&'static str, String)>);

on_both!(the_logs_hold_no_secret, "STAGEDOOR_LOG" = "debug");
async fn the_logs_hold_no_secret(mut deployment: Deployment) {
    let secrets = Secrets::of_an_evening(&deployment).await;
    let log = deployment.close();
    assert!(log.lines().count() > 10, "there is something to look at");
    for (what, secret) in &secrets.0 {
        assert!(!log.contains(secret), "a {what} is in the log");
    }
    // A JWT in parts is as good as whole.
    for (what, secret) in secrets.0.iter().filter(|(what, _)| what.ends_with("token")) {
        let signature = secret.rsplit_once('.').unwrap().1;
        assert!(!log.contains(signature), "the signature of a {what} is in the log");
    }
}

on_both!(each_line_of_the_log_is_json_and_each_request_has_one);
async fn each_line_of_the_log_is_json_and_each_request_has_one(mut deployment: Deployment) {
    let problem = deployment.a().get("/v1/team").await.problem(401, "token_missing");
    let request = problem["request_id"].as_str().unwrap().to_owned();
    let lines = deployment.close();
    let parsed: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert!(!parsed.is_empty());
    let of_request = lines.lines().filter(|line| line.contains(&request)).count();
    assert!(of_request >= 1, "the refused request {request} has no line");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_hashed_at_rest() {
    let mut deployment = Plan::embedded().open().await;
    let secrets = Secrets::of_an_evening(&deployment).await;
    deployment.ledger.close().await;
    deployment.close();
    for file in std::fs::read_dir(deployment.data()).unwrap() {
        let path = file.unwrap().path();
        let Ok(bytes) = std::fs::read(&path) else {
            continue;
        };
        for (what, secret) in &secrets.0 {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "a {what} lies in {}", path.display());
        }
    }
}

impl Secrets {
    /// Devices are enrolled, users sign in with right and wrong passwords, and a user scans and sells.
    async fn of_an_evening(deployment: &Deployment) -> Self {
        let event = deployment.admin.event("Gala").await;
        let seat = deployment.admin.ticket_type(&event, "Seat", "12.50").await;
        let seller = deployment.admin.hire("box_office").await;
        let made = deployment.admin.client.post("/v1/devices", &json!({"name": "Till 1", "kind": "pos"})).await.ok(201);
        let used = made["enrolment_code"].as_str().unwrap().to_owned();
        let path = format!("/v1/devices/{}/enrolment", ref_id(&made["device"]));
        let device = deployment.admin.enrol(&used).await;
        let unused = deployment.admin.client.post_nothing(&path).await.fine();
        let till = seller.till(&device).await;
        till.scan(&event, "A-1").await;
        let sold = till.sell(&event, basket(&[(&seat, 1)]), card()).await;
        till.admits(&event, sold["tickets"][0]["code"].as_str().unwrap()).await;
        let wrong = "a password that was typed into the wrong field".to_owned();
        Member { password: wrong.clone(), ..seller.clone() }.try_sign_in(deployment.b()).await.problem(401, "credentials_invalid");
        deployment.b().with_token(&format!("{}x", till.client.token())).get("/v1/team").await.problem(401, "token_invalid");
        Self(vec![
            ("password", seller.password.clone()),
            ("wrong password", wrong),
            ("first password", deployment.admin.who.password.clone()),
            ("session token", till.client.token().to_owned()),
            ("device token", device.client.token().to_owned()),
            ("backstage session token", deployment.admin.client.token().to_owned()),
            ("used enrolment code", used),
            ("fresh enrolment code", unused["enrolment_code"].as_str().unwrap().to_owned()),
        ])
    }
}
