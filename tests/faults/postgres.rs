//! Issue: Postgres is killed, hung, restarted, out of disk, slow. Scans and sales answer 503 within a second and never a false yes; nothing
//! answered is lost, nothing is doubled; service comes back by itself.

use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

use super::night::Night;
use crate::support::{A_SECOND, Answer, Client, Deployment, Gateway, Plan, PostgresServer, new_id, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_postgres_loses_and_doubles_nothing() {
    outages(1, PostgresServer::kill, PostgresServer::restart).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hung_postgres_loses_and_doubles_nothing() {
    outages(1, |postgres| postgres.freeze(), |postgres| postgres.thaw()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_postgres_loses_and_doubles_nothing() {
    outages(1, PostgresServer::shut_down, PostgresServer::restart).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn a_postgres_that_is_killed_often_loses_and_doubles_nothing() {
    outages(20, PostgresServer::kill, PostgresServer::restart).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn a_postgres_that_hangs_often_loses_and_doubles_nothing() {
    outages(20, |postgres| postgres.freeze(), |postgres| postgres.thaw()).await;
}

/// Under load, Postgres goes and comes back so many times.
async fn outages(times: usize, breaks: impl Fn(&mut PostgresServer), mends: impl Fn(&mut PostgresServer)) {
    let mut night = Night::begin(Plan::shared_on(PostgresServer::start())).await;
    let crew = night.crew(8);
    for _ in 0..times {
        crew.settles(50).await;
        breaks(night.deployment.postgres());
        crew.is_put_off(8).await;
        night.says_so_at_once().await;
        mends(night.deployment.postgres());
        night.is_back().await;
    }
    crew.settles(50).await;
    crew.answered_in_time();
    night.is_over(crew).await;
    nothing_leaks(&night.deployment).await;
}

/// No permit is lost, no connection waits in a transaction, and there are no more connections than there may be.
async fn nothing_leaks(deployment: &Deployment) {
    // Of each gateway: calls, commits, looks, the log of refused scans, the follower.
    let most = 2 * (16 + 4 + 4 + 1 + 1);
    let mine = "select count(*) from pg_stat_activity where application_name = 'stagedoor' and datname = current_database()";
    until("no connection is left in a transaction", || async {
        deployment.ledger.count(&format!("{mine} and state like 'idle in transaction%'"), &[]).await == 0
    })
    .await;
    for gateway in [deployment.a(), deployment.b()] {
        let client = deployment.admin.at(gateway).client;
        // Many more at once than there are connections: each gets its turn, so none is gone.
        let answers = join_all((0..64).map(|_| client.get("/v1/team"))).await;
        assert!(answers.iter().all(|answer| answer.status == 200), "{:?}", answers.iter().find(|answer| answer.status != 200));
    }
    let open = deployment.ledger.count(mine, &[]).await;
    assert!(open <= most, "{open} connections");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_on_the_door_path_does_not_wait_for_a_hung_postgres_either() {
    let mut deployment = Plan::shared_on(PostgresServer::start()).open().await;
    let event = deployment.admin.event("Gala").await;
    let seller = deployment.admin.hire("box_office").await;
    let till = deployment.admin.till(&seller).await;
    let pos = deployment.admin.device("pos").await;
    let calls = |admin: &Client| {
        vec![
            admin.request(Method::GET, "/v1/team"),
            admin.request(Method::GET, "/v1/devices"),
            admin.request(Method::GET, "/v1/events"),
            admin.request(Method::GET, &format!("/v1/events/{}", event.id)),
            admin.request(Method::GET, &format!("/v1/events/{}/sales-summary", event.id)),
            admin.request(Method::GET, "/v1/sales"),
            admin.request(Method::GET, "/v1/sessions/current"),
            admin.request(Method::POST, "/v1/devices").json(&json!({"name": "Door 1", "kind": "scanner"})),
            admin.request(Method::PATCH, &format!("/v1/events/{}", event.id)).json(&json!({"venue": "Hall"})),
            admin.request(Method::PATCH, &format!("/v1/team/{}", seller.id)).json(&json!({"role": "viewer"})),
            till.client.request(Method::DELETE, &format!("/v1/scans/{}", new_id())),
            till.client.request(Method::POST, "/v1/authorise").json(&json!({"action": "scan", "event": event.id})),
            pos.client.request(Method::POST, "/v1/sessions").json(&seller.credentials()),
            admin.request(Method::POST, "/v1/devices/enrol").json(&json!({"enrolment_code": "AAAA-BBBB"})),
        ]
    };
    // Connections lie open, as they do in an evening.
    join_all((0..16).map(|_| deployment.admin.client.get("/v1/team"))).await;
    deployment.postgres().freeze();
    // Twice: when it has only just begun to hang, and when the gateway's connections have all been given up.
    for round in 0..2 {
        // Many more at once than there are connections.
        let asked = (0..5).flat_map(|_| calls(&deployment.admin.client)).map(|request| async move {
            let begun = Instant::now();
            (Answer::to(request).await, begun.elapsed())
        });
        for (answer, took) in join_all(asked).await {
            assert!(answer.status == 503 || round == 0 && answer.status == 200, "{answer}");
            assert!(took < A_SECOND, "{answer} after {took:?}");
        }
    }
    deployment.postgres().thaw();
    until("the gateway is ready again", || async { deployment.a().get("/readyz").await.status == 200 }).await;
    nothing_leaks(&deployment).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_postgres_makes_no_answer_late_or_wrong() {
    let night = Night::begin(Plan::shared_by_proxy()).await;
    let crew = night.crew(8);
    for millis in [20, 100, 500] {
        crew.settles(20).await;
        night.deployment.proxy().delay(Duration::from_millis(millis));
        let (scan, sale) = (night.new_scan(), night.new_sale());
        for sent in [scan, sale] {
            let begun = Instant::now();
            let answer = night.send(night.deployment.a(), &sent).await.unwrap();
            assert!(begun.elapsed() < A_SECOND, "{answer} after {:?}", begun.elapsed());
            if !night.auditor.told(&sent, &answer) {
                night.leave_open(sent);
            }
        }
        night.deployment.proxy().delay(Duration::ZERO);
    }
    crew.settles(20).await;
    crew.answered_in_time();
    night.is_over(crew).await;
    nothing_leaks(&night.deployment).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_starts_on_a_postgres_that_takes_its_time() {
    let deployment = Plan::shared_by_proxy().open().await;
    // More time than a request has for all that it does.
    deployment.proxy().delay(Duration::from_millis(1_500));
    deployment.proxy().count(b"pg_advisory_lock");
    let gateway = Gateway::spawn(&mut deployment.command(&["serve"]), "127.0.0.1:0");
    until("it has its first connection, and asks", || async {
        tokio::task::yield_now().await;
        deployment.proxy().counted() > 0
    })
    .await;
    deployment.proxy().delay(Duration::ZERO);
    let client = Client::to(&gateway.listens());
    until("it is ready", || async { client.get("/readyz").await.status == 200 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_and_doubles_nothing() {
    let Some(postgres) = PostgresServer::start_on_a_small_disk() else { return };
    let night = Night::begin(Plan::shared_on(postgres)).await;
    let crew = night.crew(8);
    crew.settles(50).await;
    // All free space goes into a file beside the ledger, as a log without rotation would take it.
    let fill = "copy (select repeat('x', 1000) from generate_series(1, 200000)) to '/tmp/ballast'"
        .replace("/tmp", &night.deployment.postgres_data());
    let full = night.deployment.ledger.execute(&fill).await.unwrap_err();
    assert!(full.to_string().contains("No space left on device"), "{full}");
    crew.is_put_off(8).await;
    let empty = "copy (select 1 where false) to '/tmp/ballast'".replace("/tmp", &night.deployment.postgres_data());
    until("the disk has room again", || async { night.deployment.ledger.execute(&empty).await.is_ok() }).await;
    night.is_back().await;
    crew.settles(50).await;
    crew.answered_in_time();
    night.is_over(crew).await;
    nothing_leaks(&night.deployment).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_go_away_leave_nothing_behind() {
    clients_go_away(300).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn two_thousand_clients_that_go_away_leave_nothing_behind() {
    clients_go_away(2_000).await;
}

/// So many requests are cancelled by their lines at random moments, half of them while Postgres is slow.
async fn clients_go_away(count: usize) {
    let night = Night::begin(Plan::shared_by_proxy()).await;
    for round in 0..count / 50 {
        night.deployment.proxy().delay(Duration::from_millis(if round % 2 == 0 { 0 } else { 15 }));
        let gone = (0..50).map(|number| {
            let sent = if number % 2 == 0 { night.new_scan() } else { night.new_sale() };
            let night = &night;
            async move {
                let patience = Duration::from_micros(rand::random_range(0..40_000));
                // The connection is dropped with the request that is not awaited any longer.
                let answer = tokio::time::timeout(patience, night.send(night.deployment.turn(number / 2), &sent)).await;
                if !answer.is_ok_and(|answer| answer.is_some_and(|answer| night.auditor.told(&sent, &answer))) {
                    night.leave_open(sent);
                }
            }
        });
        join_all(gone).await;
    }
    night.deployment.proxy().delay(Duration::ZERO);
    night.is_over(night.crew(0)).await;
    nothing_leaks(&night.deployment).await;
}
