//! Clients that take their time hold a connection each, for a while, and nothing else.

use std::time::{Duration, Instant};

use futures::future::{join_all, try_join_all};
use stagedoor::limits;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use crate::support::{Deployment, Event, Phone, Plan, Raw, on_both, request, scan_of, until};

on_both!(slow_clients_are_disconnected_and_others_are_not_affected);
async fn slow_clients_are_disconnected_and_others_are_not_affected(deployment: Deployment) {
    let (event, phone) = evening(&deployment).await;
    let slow = Slow::begin(&deployment, &phone, &event, 50).await;
    for number in 0..100 {
        phone.refuses(&event, &format!("N-{number}"), "unknown_ticket").await;
    }
    slow.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn a_thousand_slow_clients_do_not_slow_a_scan() {
    for plan in [Plan::embedded(), Plan::shared()] {
        let deployment = plan.setting("STAGEDOOR_LOG", "warn").open().await;
        let (event, phone) = evening(&deployment).await;
        let (mut alone, mut among) = (Vec::new(), Vec::new());
        for _ in 0..10 {
            alone.extend(times_of_scans(&phone, &event).await);
            let slow = Slow::begin(&deployment, &phone, &event, 333).await;
            among.extend(times_of_scans(&phone, &event).await);
            slow.leave(&deployment).await;
        }
        let (alone, among) = (p99(alone), p99(among));
        eprintln!("{:?}: p99 of a scan {alone:?}, among 1,000 slow clients {among:?}", deployment.setup);
        assert!(among <= alone.mul_f64(1.1), "{alone:?} {among:?}");
    }
}

async fn times_of_scans(phone: &Phone, event: &Event) -> Vec<Duration> {
    let scanners = (0..8).map(async |_| {
        let mut connection = Raw::to(&phone.client).await.unwrap();
        let mut times = Vec::new();
        for _ in 0..125 {
            let begun = Instant::now();
            connection.send(request(&phone.client, "POST", "/v1/scans", Some(&scan_of(event, "A-1")))).await.unwrap();
            assert_eq!(connection.answer().await.unwrap().status, 200);
            times.push(begun.elapsed());
        }
        times
    });
    join_all(scanners).await.concat()
}

fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

async fn evening(deployment: &Deployment) -> (Event, Phone) {
    let event = deployment.admin.event("Gala").await;
    let phone = deployment.admin.phone(&deployment.admin.hire("scanner").await).await;
    (event, phone)
}

/// More files and sockets than the gateway has open without slow clients.
const SOME: usize = 100;

/// Three kinds of them, as many of each.
struct Slow {
    heads: Vec<Raw>,
    bodies: Vec<Raw>,
    readers: Vec<Raw>,
}

impl Slow {
    async fn begin(deployment: &Deployment, phone: &Phone, event: &Event, of_each: usize) -> Self {
        let scan = request(&phone.client, "POST", "/v1/scans", Some(&scan_of(event, "A-1")));
        let body_begins = scan.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let slow = Self {
            heads: say(deployment, of_each, &scan[..body_begins - 10]).await,
            bodies: say(deployment, of_each, &scan[..body_begins + 10]).await,
            readers: say(deployment, of_each, &more_than_sockets_hold(deployment)).await,
        };
        // Accepting the connections is not measured, only their effect once they are open.
        until("all of them are in", async || deployment.gateway().open_files() >= 3 * of_each).await;
        for reader in &slow.readers {
            reader.stream.readable().await.unwrap();
        }
        slow
    }

    /// They go away, and the gateway has noticed.
    async fn leave(self, deployment: &Deployment) {
        drop(self);
        until("all of them are gone", async || deployment.gateway().open_files() < SOME).await;
    }

    /// A head has 5 seconds and so has a body; a client that reads nothing has a minute, which only the long version waits for.
    async fn end(self) {
        let begun = Instant::now();
        let heads = join_all(self.heads.into_iter().map(Raw::rest)).await;
        assert!(heads.iter().all(|said| said.as_ref().is_ok_and(Vec::is_empty)), "{heads:?}");
        for answer in join_all(self.bodies.into_iter().map(async |mut slow| slow.answer().await.unwrap())).await {
            answer.problem(408, "request_timeout");
        }
        // Generous, for a machine that does something else meanwhile.
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        drop(self.readers);
    }
}

/// So many connections on which this is said.
async fn say(deployment: &Deployment, count: usize, bytes: &[u8]) -> Vec<Raw> {
    let connections = (0..count).map(async |_| {
        let mut connection = Raw::to(deployment.a()).await?;
        connection.send(bytes).await?;
        std::io::Result::Ok(connection)
    });
    try_join_all(connections).await.unwrap()
}

/// Asks for an answer that the sockets in between cannot hold while not one byte is read of it.
fn more_than_sockets_hold(deployment: &Deployment) -> Vec<u8> {
    request(&deployment.a().anonymous(), "GET", "/openapi.json", None).repeat(4)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn idle_and_stalled_clients_are_disconnected_after_a_minute() {
    let deployment = Plan::embedded().open().await;
    let (event, phone) = evening(&deployment).await;
    phone.refuses(&event, "N-1", "unknown_ticket").await;
    let (before, begun) = (deployment.gateway().open_files(), Instant::now());
    let readers = say(&deployment, 50, &more_than_sockets_hold(&deployment)).await;
    let silent = say(&deployment, 50, b"").await;
    let mut answered = say(&deployment, 50, &request(&deployment.a().anonymous(), "GET", "/healthz", None)).await;
    for connection in &mut answered {
        assert_eq!(connection.answer().await.unwrap().status, 200);
    }
    assert!(deployment.gateway().open_files() >= before + 150);
    // Who connects has something to say, and as little time for its first head as for any.
    let (silent, answered) = tokio::join!(ends(silent, begun), ends(answered, begun));
    let after = |limit: Duration| limit..limit + Duration::from_secs(5);
    assert!(silent.iter().all(|end| after(limits::HEADER_READ_TIMEOUT).contains(end)), "{silent:?}");
    assert!(answered.iter().all(|end| after(limits::IDLE_TIMEOUT).contains(end)), "{answered:?}");
    // The socket buffers of clients that read nothing may still have bytes; the gateway has closed these connections.
    until("nobody is left", || async { deployment.gateway().open_files() < before + 10 }).await;
    assert!(after(limits::IDLE_TIMEOUT).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    drop(readers);
    phone.refuses(&event, "N-1", "unknown_ticket").await;
}

/// When each of them was closed.
async fn ends(connections: Vec<Raw>, begun: Instant) -> Vec<Duration> {
    let ends = connections.into_iter().map(async |mut connection| {
        timeout(2 * limits::IDLE_TIMEOUT, connection.stream.read_to_end(&mut Vec::new())).await.unwrap().unwrap();
        begun.elapsed()
    });
    join_all(ends).await
}
