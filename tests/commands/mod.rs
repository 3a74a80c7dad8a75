//! The commands as an operator meets them: their help, their settings, and what stops a start.

mod demo;
mod examples;
mod import;
mod keys;

use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Deployment, Finished, Gateway, Member, Plan, on_both, ref_id, scan_of, stagedoor};

#[test]
fn every_command_explains_itself() {
    let overview = Finished::run(&mut stagedoor(&["--help"]), "").expect_success().stdout;
    for command in ["serve", "demo", "import-tickets", "create-organisation", "rotate-keys", "keys"] {
        assert!(overview.contains(command), "{overview}");
        let help = Finished::run(&mut stagedoor(&[command, "--help"]), "").expect_success().stdout;
        assert!(help.len() > 200 && help.contains("Usage"), "{command}: {help}");
    }
    let help = Finished::run(&mut stagedoor(&["import-tickets", "--help"]), "").stdout;
    assert!(help.contains("--event"), "{help}");
}

#[test]
fn an_unknown_setting_stops_the_start_and_is_named() {
    let data = TempDir::new().unwrap();
    let mut command = serve_in(&data);
    Finished::run(command.env("STAGEDOOR_LISTNE", "127.0.0.1:0"), "").expect_refusal("STAGEDOOR_LISTNE");
}

#[test]
fn an_ill_formed_setting_stops_the_start_and_is_named() {
    for (name, value) in [
        ("STAGEDOOR_LISTEN", "the front door"),
        ("STAGEDOOR_DATABASE_URL", "oracle://localhost/x"),
        ("STAGEDOOR_REDIS_URL", "not an address"),
        ("STAGEDOOR_DEVICE_SESSION_SECONDS", "a day"),
        ("STAGEDOOR_DEVICE_IDLE_SECONDS", "-1"),
        ("STAGEDOOR_BACKSTAGE_SESSION_SECONDS", "0"),
        ("STAGEDOOR_BACKSTAGE_IDLE_SECONDS", "1.5"),
        ("STAGEDOOR_TRUSTED_PROXIES", "everybody"),
    ] {
        let data = TempDir::new().unwrap();
        Finished::run(serve_in(&data).env(name, value), "").expect_refusal(name);
    }
}

#[test]
fn settings_come_from_a_file_too_and_the_surroundings_win() {
    let data = TempDir::new().unwrap();
    let file = data.path().join("stagedoor.toml");
    std::fs::write(&file, format!("listen = \"the front door\"\ndata_dir = {:?}\n", data.path())).unwrap();
    let mut command = stagedoor(&["serve"]);
    // The harness sets STAGEDOOR_LISTEN; were the file to win, its ill-formed address would stop the start.
    let gateway = Gateway::start(command.env("STAGEDOOR_CONFIG", &file));
    let (status, log) = gateway.stop();
    assert!(status.success(), "{log}");

    std::fs::write(&file, "lisden = \"127.0.0.1:0\"\n").unwrap();
    let mut command = serve_in(&data);
    Finished::run(command.env("STAGEDOOR_CONFIG", &file), "").expect_refusal("lisden");
}

#[test]
fn a_stop_signal_ends_the_gateway_in_order() {
    let data = TempDir::new().unwrap();
    let (status, log) = Gateway::start(&mut serve_in(&data)).stop();
    assert!(status.success(), "{status}: {log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_on_one_sqlite_file_is_refused() {
    let deployment = Plan::embedded().open().await;
    let mut second = deployment.command(&["serve"]);
    let refused = Finished::run(second.env("STAGEDOOR_LISTEN", "127.0.0.1:0"), "");
    assert!(!refused.success, "{}", refused.stdout);
    assert!(!refused.stderr.trim().is_empty(), "it says why");
    assert_eq!(deployment.a().get("/readyz").await.status, 200, "the first goes on");
}

on_both!(an_organisation_is_made_by_a_command);
async fn an_organisation_is_made_by_a_command(mut deployment: Deployment) {
    let arguments = ["create-organisation", "--slug", "opera", "--name", "The Opera", "--admin-username", "olga"];
    let made = deployment.with_commands(|deployment| {
        let mut command = deployment.command(&arguments);
        Finished::run(command.args(["--admin-email", "olga@example.org"]), "a password for the opera").expect_success()
    });
    let made: Value = serde_json::from_str(made.stdout.trim()).unwrap();
    assert_eq!((&made["organisation"]["slug"], &made["organisation"]["name"]), (&json!("opera"), &json!("The Opera")));
    let olga = Member {
        id: ref_id(&made["user"]),
        username: "olga".to_owned(),
        password: "a password for the opera".to_owned(),
        slug: "opera".to_owned(),
    };
    let signed_in = olga.signed_in(deployment.a()).await;
    assert_eq!(signed_in.session["role"], "organisation_admin");

    deployment.with_commands(|deployment| {
        let mut command = deployment.command(&arguments);
        let again = Finished::run(command.args(["--admin-email", "olga@example.org"]), "a password for the opera");
        assert!(!again.success, "a slug is taken once");
    });
}

on_both!(a_gateway_opened_again_finds_everything);
async fn a_gateway_opened_again_finds_everything(mut deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let seat = deployment.admin.ticket_type(&event, "Seat", "12.50").await;
    deployment.admin.tickets(&event, &seat, &["A-1"]).await;
    let scanner = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&scanner).await;
    let scan = scan_of(&event, "A-1");
    let first = phone.send(&scan).await;
    deployment.close();
    deployment.reopen();
    let phone = phone.at(deployment.a());
    let again = phone.send(&scan).await;
    assert!(again.replayed() && again.text == first.text, "{again}");
    phone.refuses(&event, "A-1", "already_admitted").await;
}

fn serve_in(data: &TempDir) -> Command {
    let mut command = stagedoor(&["serve"]);
    command.env("STAGEDOOR_DATA_DIR", data.path()).env("STAGEDOOR_LISTEN", "127.0.0.1:0");
    command
}
