//! Changing the signing keys while gateways run: without a restart, without a false refusal, and at once where a key has leaked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use tokio::task::{JoinSet, spawn_blocking};

use crate::support::{Client, Deployment, Finished, new_id, on_both, until};

on_both!(a_key_is_changed_while_gateways_run_and_nobody_is_signed_out);
async fn a_key_is_changed_while_gateways_run_and_nobody_is_signed_out(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let scanner = deployment.admin.hire("scanner").await;
    let (phone, device) = (deployment.admin.phone(&scanner).await, deployment.admin.device("scanner").await);
    let old = kid(&phone.client);

    let made = done(&deployment, &["rotate-keys"]).await;
    let new = made["active"].as_str().unwrap().to_owned();
    assert_ne!(new, old);
    assert_eq!(made["forgotten"], json!([]));
    for gateway in [deployment.a(), deployment.b()] {
        phone.at(gateway).refuses(&event, "X-1", "unknown_ticket").await;
        // The device's own token is of the old key as well. Gateways read the new one from the log; no request waits for that.
        let device = device.at(gateway);
        until("the new key signs", async || kid(&scanner.phone(&device).await.client) == new).await;
    }
    deployment.admin.client.get("/v1/team").await.ok(200);

    let keys = done(&deployment, &["keys"]).await;
    let keys = keys["keys"].as_array().unwrap();
    assert_eq!(keys.iter().map(|key| key["kid"].as_str().unwrap()).collect::<Vec<_>>(), [&old, &new]);
    assert!(keys[0]["retired_at"].is_string() && keys[0]["accepted_until"].is_string(), "{keys:?}");
    assert_eq!((&keys[1]["retired_at"], &keys[1]["accepted_until"]), (&Value::Null, &Value::Null));
    assert!(keys.iter().all(|key| key.as_object().unwrap().len() == 4), "the keys themselves are told to nobody: {keys:?}");
}

on_both!(a_key_is_changed_while_no_gateway_runs);
async fn a_key_is_changed_while_no_gateway_runs(mut deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&scanner).await;
    deployment.close();
    let new = done(&deployment, &["rotate-keys"]).await["active"].as_str().unwrap().to_owned();
    deployment.reopen();
    let phone = phone.at(deployment.b());
    phone.current().await.ok(200);
    assert_eq!(kid(&scanner.phone(&phone.device).await.client), new);
}

on_both!(nobody_is_refused_while_keys_change_under_load);
async fn nobody_is_refused_while_keys_change_under_load(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let scanner = deployment.admin.hire("scanner").await;
    let over = Arc::new(AtomicBool::new(false));
    let (signed_in, forged) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut crew = JoinSet::new();
    for number in 0..4 {
        let device = deployment.admin.device("scanner").await;
        // A stranger invents names of keys all the while.
        let stranger = Stranger { gateway: deployment.turn(number).clone(), token: device.client.token().to_owned() };
        crew.spawn(stranger.invents_keys(over.clone(), forged.clone()));
        // Signs in at one gateway and is at the other in the next instant, before that may have read of the key.
        let (here, there) = (device.at(deployment.turn(number)), deployment.turn(number + 1).clone());
        let (scanner, event, over, signed_in) = (scanner.clone(), event.clone(), over.clone(), signed_in.clone());
        crew.spawn(async move {
            while !over.load(Ordering::Relaxed) {
                let phone = scanner.phone(&here).await;
                for _ in 0..5 {
                    phone.at(&there).refuses(&event, "X-1", "unknown_ticket").await;
                    phone.refuses(&event, "X-1", "unknown_ticket").await;
                }
                signed_in.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let early = deployment.admin.phone(&scanner).await;
    for round in 0..4 {
        let before = signed_in.load(Ordering::Relaxed);
        done(&deployment, &["rotate-keys"]).await;
        let early = early.at(deployment.turn(round));
        until("the crew goes on", async || {
            early.refuses(&event, "X-1", "unknown_ticket").await;
            signed_in.load(Ordering::Relaxed) >= before + 8
        })
        .await;
    }
    over.store(true, Ordering::Relaxed);
    while let Some(done) = crew.join_next().await {
        done.unwrap();
    }
    assert!(forged.load(Ordering::Relaxed) > 8, "the stranger was there");
}

on_both!(a_forgotten_key_is_worth_nothing_on_any_gateway);
async fn a_forgotten_key_is_worth_nothing_on_any_gateway(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&scanner).await;
    for gateway in [deployment.a(), deployment.b()] {
        phone.at(gateway).current().await.ok(200);
    }
    let mut listens = phone.at(deployment.b()).client.listen("").await;
    listens.hears_next("state").await;
    let leaked = kid(&phone.client);
    let made = done(&deployment, &["rotate-keys", "--forget-all"]).await;
    assert_eq!(made["forgotten"], json!([leaked]));
    assert!(listens.next().await.is_none(), "a stream does not outlive the key of its token");
    for gateway in [deployment.a(), deployment.b()] {
        let phone = phone.at(gateway);
        phone.current().await.problem(401, "token_invalid");
        scanner.try_sign_in(&phone.device.client).await.problem(401, "token_invalid");
        deployment.admin.at(gateway).client.get("/v1/team").await.problem(401, "token_invalid");
    }
    // Everybody signs in again, and devices are enrolled again.
    let admin = deployment.organisation.signed_in(deployment.b()).await;
    let code = admin.client.post_nothing(&format!("/v1/devices/{}/enrolment", phone.device.id)).await.ok(201);
    let device = deployment.admin.at(deployment.a()).enrol(code["enrolment_code"].as_str().unwrap()).await;
    assert_eq!(device.id, phone.device.id);
    scanner.phone(&device).await.at(deployment.b()).current().await.ok(200);
}

on_both!(one_key_is_forgotten_and_the_others_stay);
async fn one_key_is_forgotten_and_the_others_stay(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let first = deployment.admin.phone(&scanner).await;
    let second = done(&deployment, &["rotate-keys"]).await["active"].as_str().unwrap().to_owned();
    let device = deployment.admin.device("scanner").await;
    until("the new key signs", async || kid(&scanner.phone(&device).await.client) == second).await;
    let phone = scanner.phone(&device).await;

    let made = done(&deployment, &["rotate-keys", "--forget", &kid(&first.client)]).await;
    assert_eq!(made["forgotten"], json!([kid(&first.client)]));
    for gateway in [deployment.a(), deployment.b()] {
        first.at(gateway).current().await.problem(401, "token_invalid");
        phone.at(gateway).current().await.ok(200);
    }
    let wrong = new_id();
    let arguments = ["rotate-keys", "--forget", &wrong];
    let before = done(&deployment, &["keys"]).await;
    let mut command = deployment.command(&arguments);
    spawn_blocking(move || Finished::run(&mut command, "").expect_refusal(&wrong)).await.unwrap();
    assert_eq!(done(&deployment, &["keys"]).await, before, "nothing was changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_to_the_embedded_gateway_is_its_owners_alone() {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    let mut deployment = crate::support::Plan::embedded().open().await;
    let sockets = || {
        let files = std::fs::read_dir(deployment.data()).unwrap().map(|file| file.unwrap());
        files.filter(|file| file.file_type().unwrap().is_socket()).map(|file| file.path()).collect::<Vec<_>>()
    };
    let [socket] = &sockets()[..] else { panic!("one socket: {:?}", sockets()) };
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    // What is no command does no harm, nor does a client that sends nothing.
    let silent = std::os::unix::net::UnixStream::connect(socket).unwrap();
    drop(silent);
    for words in ["", "\n", "{\"errand\":\"burn_the_book\"}\n", "not JSON\n"] {
        let mut client = std::os::unix::net::UnixStream::connect(socket).unwrap();
        std::io::Write::write_all(&mut client, words.as_bytes()).unwrap();
        drop(client);
    }
    assert_eq!(done(&deployment, &["keys"]).await["keys"].as_array().unwrap().len(), 1);
    deployment.close();
    let left = std::fs::read_dir(deployment.data()).unwrap().filter(|file| file.as_ref().unwrap().file_type().unwrap().is_socket()).count();
    assert_eq!(left, 0, "it goes with the gateway");
}

#[test]
fn keys_of_a_ledger_that_is_not_there_are_not_made_up() {
    let data = tempfile::TempDir::new().unwrap();
    for command in ["keys", "rotate-keys"] {
        let mut command = crate::support::stagedoor(&[command]);
        Finished::run(command.env("STAGEDOOR_DATA_DIR", data.path()), "").expect_refusal("there is no ledger");
    }
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0);
}

/// A caller with a genuine token, who names another key in it each time.
struct Stranger {
    gateway: Client,
    token: String,
}

impl Stranger {
    async fn invents_keys(self, over: Arc<AtomicBool>, forged: Arc<AtomicUsize>) {
        while !over.load(Ordering::Relaxed) {
            let client = self.gateway.with_token(&with_kid(&self.token, &new_id()));
            client.get("/v1/sessions/current").await.problem(401, "token_invalid");
            forged.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Runs a command on the stores of a deployment that goes on meanwhile.
async fn done(deployment: &Deployment, arguments: &[&str]) -> Value {
    let mut command = deployment.command(arguments);
    let finished = spawn_blocking(move || Finished::run(&mut command, "").expect_success()).await.unwrap();
    serde_json::from_str(finished.stdout.trim()).unwrap_or_else(|_| panic!("not one line of JSON: {:?}", finished.stdout))
}

/// The name of the key that signed a caller's token.
fn kid(client: &Client) -> String {
    head(client.token())["kid"].as_str().unwrap().to_owned()
}

fn head(token: &str) -> Value {
    let head = token.split('.').next().unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(head.as_bytes()).unwrap()).unwrap()
}

/// The token as if a key of this name had signed it, and of the kind that opens a session.
fn with_kid(token: &str, kid: &str) -> String {
    let mut forged = head(token);
    forged["kid"] = json!(kid);
    forged["typ"] = json!("stagedoor-session+jwt");
    let (_, rest) = token.split_once('.').unwrap();
    format!("{}.{rest}", BASE64URL_NOPAD.encode(forged.to_string().as_bytes()))
}
