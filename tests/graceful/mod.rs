//! A gateway stops and the next one takes over: no connection is refused or reset, and no request in progress is lost.

use std::collections::HashSet;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::future::join_all;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::support::{Deployment, Event, Gateway, Phone, Plan, Raw, RawAnswer, Setup, on_both, request, scan_of, until};

/// Codes that each scanner has to let in, again and again when all are used.
const CODES: usize = 200;

mod restarts_under_load_refuse_and_reset_nothing {
    use super::{Plan, restart_under_load};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn embedded() {
        restart_under_load(Plan::embedded(), 5).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn shared() {
        restart_under_load(Plan::shared(), 5).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "long"]
    async fn embedded_a_hundred_times() {
        restart_under_load(Plan::embedded(), 100).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[ignore = "long"]
    async fn shared_a_hundred_times() {
        restart_under_load(Plan::shared(), 100).await;
    }
}

/// Starts the next gateway at the same address and signals the previous one to stop: once the next one listens, or without waiting for that.
async fn restart_under_load(plan: Plan, times: usize) {
    let plan = plan.setting("STAGEDOOR_STOP_NOTICE_SECONDS", "10").setting("STAGEDOOR_LOG", "warn,stagedoor::gateway=info");
    let mut deployment = plan.open().await;
    let load = Load::begin(&deployment).await;
    for time in 0..times {
        let answered = load.answered.load(Ordering::Relaxed);
        let next = deployment.start_beside();
        // The embedded ledger belongs to one process: the next waits for it, with the socket in its hand.
        if deployment.setup == Setup::Shared && time % 2 == 0 {
            next.listens();
        }
        let (status, log) = {
            let last = deployment.replace(next);
            last.stop()
        };
        assert!(status.success(), "{status}: {log}");
        assert!(log.contains("another gateway has the listening socket"), "{log}");
        until("the scans go on", || async { load.answered.load(Ordering::Relaxed) > answered + 50 || load.is_over() }).await;
    }
    load.end(&deployment).await;
}

/// Scanners of every kind of client: those that keep their connection, those that take a new one each time, those that pause.
struct Load {
    event: Event,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    scanners: Vec<JoinHandle<io::Result<HashSet<String>>>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Keeps,
    Pauses,
    Anew,
}

impl Load {
    async fn begin(deployment: &Deployment) -> Self {
        let event = deployment.admin.event("Gala").await;
        let seat = deployment.admin.ticket_type(&event, "Seat", "12.50").await;
        let member = deployment.admin.hire("scanner").await;
        let phone = deployment.admin.phone(&member).await;
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let kinds = [[Kind::Keeps; 6], [Kind::Pauses; 6], [Kind::Anew; 6]].concat();
        let mut scanners = Vec::new();
        for (number, kind) in kinds.into_iter().enumerate() {
            let codes: Vec<_> = (0..CODES).map(|code| format!("{number}-{code}")).collect();
            deployment.admin.tickets(&event, &seat, &codes.iter().map(String::as_str).collect::<Vec<_>>()).await;
            let (phone, event, stop, answered) = (phone.clone(), event.clone(), Arc::clone(&stop), Arc::clone(&answered));
            scanners.push(tokio::spawn(async move { scan_all_night(kind, &phone, &event, &codes, &stop, &answered).await }));
        }
        Self { event, stop, answered, scanners }
    }

    /// Whether a scanner has given up.
    fn is_over(&self) -> bool {
        self.scanners.iter().any(JoinHandle::is_finished)
    }

    /// Nobody was refused or cut off, and what was answered is in the ledger.
    async fn end(self, deployment: &Deployment) {
        self.stop.store(true, Ordering::Relaxed);
        let mut admitted = 0;
        for scanner in join_all(self.scanners).await {
            let codes = scanner.unwrap().unwrap_or_else(|error| panic!("a connection was refused or reset: {error}"));
            admitted += codes.len();
        }
        assert!(admitted > 0);
        assert_eq!(deployment.ledger.admissions(&self.event.id).await, i64::try_from(admitted).unwrap());
    }
}

/// The codes that were let in.
async fn scan_all_night(
    kind: Kind,
    phone: &Phone,
    event: &Event,
    codes: &[String],
    stop: &AtomicBool,
    answered: &AtomicUsize,
) -> io::Result<HashSet<String>> {
    let mut admitted = HashSet::new();
    let mut connection = None;
    for (number, code) in codes.iter().cycle().enumerate() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        if kind == Kind::Pauses {
            // Pauses of many lengths, so that a request comes at every moment of a restart.
            tokio::time::sleep(std::time::Duration::from_millis(u64::try_from(number % 17).unwrap() * 7)).await;
        }
        let mut open = match connection.take() {
            Some(open) => open,
            None => Raw::to(&phone.client).await?,
        };
        open.send(request(&phone.client, "POST", "/v1/scans", Some(&scan_of(event, code)))).await?;
        let answer = open.answer().await?;
        assert_eq!(answer.status, 200, "{answer:?}");
        if serde_json::from_str::<Value>(&answer.body).unwrap()["verdict"] == "admit" {
            assert!(admitted.insert(code.clone()), "{code} was let in twice");
        }
        answered.fetch_add(1, Ordering::Relaxed);
        if kind != Kind::Anew && !answer.is_last() {
            connection = Some(open);
        }
    }
    Ok(admitted)
}

on_both!(readiness_goes_first, "STAGEDOOR_STOP_NOTICE_SECONDS" = "2");
async fn readiness_goes_first(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let phone = deployment.admin.phone(&deployment.admin.hire("scanner").await).await;
    let kept = Raw::to(&phone.client).await.unwrap();
    deployment.gateway().ask_to_stop();
    until("the gateway says that it stops", || async {
        let answer = asked_anew(&deployment, "/readyz").await.unwrap();
        answer.status == 503 && answer.body.contains("\"stopping\"")
    })
    .await;
    // It is not ready, and does what it is asked: on new connections, and once more on those that were open.
    let scan = request(&phone.client, "POST", "/v1/scans", Some(&scan_of(&event, "A-1")));
    for mut connection in [Raw::to(&phone.client).await.unwrap(), kept] {
        connection.send(&scan).await.unwrap();
        let answer = connection.answer().await.unwrap();
        assert!(answer.status == 200 && answer.is_last(), "{answer:?}");
        assert_eq!(connection.rest().await.unwrap(), b"");
    }
    until("nobody is let in any more", || async { asked_anew(&deployment, "/healthz").await.is_err() }).await;
}

async fn asked_anew(deployment: &Deployment, path: &str) -> io::Result<RawAnswer> {
    let mut connection = Raw::to(deployment.a()).await?;
    connection.send(request(&deployment.a().anonymous(), "GET", path, None)).await?;
    connection.answer().await
}

on_both!(a_request_in_progress_is_answered_before_the_stop);
async fn a_request_in_progress_is_answered_before_the_stop(mut deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let seat = deployment.admin.ticket_type(&event, "Seat", "12.50").await;
    deployment.admin.tickets(&event, &seat, &["A-1"]).await;
    let phone = deployment.admin.phone(&deployment.admin.hire("scanner").await).await;
    let scan = request(&phone.client, "POST", "/v1/scans", Some(&scan_of(&event, "A-1")));
    let (begun, rest) = scan.split_at(scan.len() - 10);
    let mut connection = Raw::to(&phone.client).await.unwrap();
    connection.send(begun).await.unwrap();
    // Its head has been read once the gateway reports two requests in progress.
    until("the request is in work", || async { deployment.a().get("/metrics").await.text.contains("stagedoor_requests_in_work 2") }).await;
    deployment.gateway().ask_to_stop();
    connection.send(rest).await.unwrap();
    let answer = connection.answer().await.unwrap();
    assert!(answer.status == 200 && answer.body.contains("\"admit\""), "{answer:?}");
    deployment.close();
    assert_eq!(deployment.ledger.admissions(&event.id).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_and_is_found_again_at_the_next_gateway() {
    let mut deployment = Plan::shared().setting("STAGEDOOR_STOP_NOTICE_SECONDS", "10").open().await;
    let mut stream = deployment.admin.client.listen("").await;
    stream.next().await.unwrap();
    let next = deployment.start_beside();
    next.listens();
    let last = deployment.replace(next);
    last.ask_to_stop();
    while stream.next().await.is_some() {}
    assert!(last.ended().0.success());
    deployment.admin.client.listen("").await.next().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_on_another_ledger_gets_no_connection() {
    let deployment = Plan::embedded().open().await;
    let other = tempfile::tempdir().unwrap();
    let address = deployment.a().base().strip_prefix("http://").unwrap();
    let mut command = deployment.command(&["serve"]);
    let command = command.env("STAGEDOOR_DATA_DIR", other.path()).env("STAGEDOOR_LISTEN", address);
    crate::support::Finished::run(command, "").expect_refusal("has another ledger");
    assert_eq!(deployment.a().get("/readyz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_server_on_the_port_is_not_taken_over() {
    let deployment = Plan::embedded().open().await;
    let stranger = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = deployment.command(&["serve"]);
    let command = command.env("STAGEDOOR_LISTEN", stranger.local_addr().unwrap().to_string());
    crate::support::Finished::run(command, "").expect_refusal("cannot be listened on");
}

on_both!(a_socket_bound_by_another_process_outlives_the_gateway);
async fn a_socket_bound_by_another_process_outlives_the_gateway(mut deployment: Deployment) {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    deployment.close();
    // As systemd does: the socket is the third descriptor, and the process that it is meant for is named.
    let start = || {
        let serve = deployment.command(&["serve"]);
        let mut shell = Command::new("bash");
        shell.args(["-c", "exec 3<&0; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" serve"]).arg(serve.get_program());
        for (name, value) in serve.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell.stdin(OwnedFd::from(socket.try_clone().unwrap())).stdout(Stdio::piped()).stderr(Stdio::piped());
        Gateway::spawn(&mut shell, "127.0.0.1:0")
    };
    let first = start();
    assert_eq!(first.listens(), format!("http://{address}"));
    assert!(first.stop().0.success());
    // No gateway is running, and no connection is refused.
    let mut early = Raw::connect(&address).await.unwrap();
    early.send("GET /healthz HTTP/1.1\r\nhost: door\r\n\r\n").await.unwrap();
    let second = start();
    assert_eq!(early.answer().await.unwrap().status, 200);
    assert!(second.stop().0.success());
}
