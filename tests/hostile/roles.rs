//! What every call answers to every role, pinned in `answers.tsv`.
//!
//! A change of that table is a change of who may do what. To write the table anew, on purpose:
//! `STAGEDOOR_TEST_PIN=1 tests/run hostile::roles`.

use super::doors::{CALLS, Call, Stage};
use crate::support::{Answer, Client, Deployment, Plan};

const ROLES: [&str; 8] =
    ["organisation_admin", "event_manager", "finance_manager", "scanner", "viewer", "box_office", "door_operator", "none"];
const PINNED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hostile/answers.tsv");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_answers_every_role_as_it_is_pinned() {
    as_pinned(Plan::embedded().open().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn every_call_answers_every_role_as_it_is_pinned_on_postgres() {
    as_pinned(Plan::shared().open().await).await;
}

async fn as_pinned(deployment: Deployment) {
    let found = table(&deployment).await;
    if std::env::var_os("STAGEDOOR_TEST_PIN").is_some() {
        std::fs::write(PINNED, &found).unwrap();
    }
    let pinned = std::fs::read_to_string(PINNED).unwrap();
    for (found, pinned) in found.lines().zip(pinned.lines()) {
        assert_eq!(found, pinned);
    }
    assert_eq!(found.lines().count(), pinned.lines().count());
}

async fn table(deployment: &Deployment) -> String {
    let stage = Stage::furnish(&deployment.admin).await;
    let mut rows: Vec<(&Call, &str, Vec<String>)> =
        CALLS.iter().flat_map(|call| [(call, "till", Vec::new()), (call, "backstage", Vec::new())]).collect();
    for role in ROLES {
        let member = deployment.admin.hire_for(role, &[&stage.event]).await;
        for place in ["till", "backstage"] {
            let client = match place {
                "till" => deployment.admin.till(&member).await.client.clone(),
                _ => member.signed_in(deployment.b()).await.client,
            };
            for (call, _, answers) in rows.iter_mut().filter(|row| row.1 == place) {
                answers.push(ask(call, &client, &stage).await);
            }
        }
    }
    let mut text = format!("call\tsession\t{}\n", ROLES.join("\t"));
    for (call, place, answers) in rows {
        text.push_str(&format!("{} {}\t{place}\t{}\n", call.method, call.path, answers.join("\t")));
    }
    text
}

async fn ask(call: &Call, client: &Client, stage: &Stage) -> String {
    let ids = if call.uses_up.is_empty() { stage.ids.clone() } else { stage.fresh(call.uses_up).await };
    cell(&call.make(client, &ids).await)
}

/// The status and the code, where there is one.
fn cell(answer: &Answer) -> String {
    let code = serde_json::from_str::<serde_json::Value>(&answer.text).ok().and_then(|body| body["code"].as_str().map(str::to_owned));
    match code {
        Some(code) => format!("{} {code}", answer.status),
        None => answer.status.to_string(),
    }
}
