//! Redis loses what it had acknowledged, fails over, is slow, or receives and does not answer: what was revoked stays revoked, no scan fails.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;

use super::{Evening, redis};
use crate::support::{Answer, Direction, Member, Phone, Plan, Proxy, RedisServer, Sentinels, new_id, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_stops_nobody_and_the_new_primary_is_taken() {
    let mut redis = Sentinels::start().await;
    let evening = Evening::at(Plan::shared().redis_at(&redis.url())).await;
    fail_over(&evening, &mut redis, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn failovers_there_and_back_stop_nobody() {
    let mut redis = Sentinels::start().await;
    let evening = Evening::at(Plan::shared().redis_at(&redis.url())).await;
    for round in 0..6 {
        fail_over(&evening, &mut redis, round % 2).await;
    }
}

/// The primary is lost, the other server takes its place, and the lost one comes back as its replica.
async fn fail_over(evening: &Evening, redis: &mut Sentinels, primary: usize) {
    evening
        .while_scanning(async {
            redis.servers[primary].kill();
            redis.promote(1 - primary).await;
        })
        .await;
    evening.says("ready").await;
    evening.goes_on().await;
    redis.servers[primary].restart();
    evening.while_scanning(redis.follows(primary)).await;
    evening.says("ready").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_writes_that_a_failover_loses_bring_nothing_back() {
    let mut redis = Sentinels::start().await;
    let evening = Evening::at(Plan::shared().redis_at(&redis.url())).await;
    let gone = Gone::prepare(&evening).await;
    let key = gone.key(&redis.servers[1]).await;
    // From here on the replica receives nothing.
    redis.servers[1].freeze();
    let remembered = gone.revoke(&evening).await;
    redis.servers[0].kill();
    redis.servers[1].thaw();
    gone.stay(&evening).await;
    redis.promote(1).await;
    evening.says("ready").await;
    let old = String::from_utf8(redis.servers[1].bytes(&key).await).unwrap();
    assert!(old.contains(&remembered), "the new primary was to hold the copy from before the change: {old}");
    gone.stay(&evening).await;
    evening.goes_on().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_dump_that_is_restored_brings_nothing_back() {
    let mut evening = Evening::begin().await;
    let gone = Gone::prepare(&evening).await;
    let key = gone.key(evening.deployment.redis()).await;
    let old = evening.deployment.redis().bytes(&key).await;
    let remembered = gone.revoke(&evening).await;
    assert!(String::from_utf8_lossy(&old).contains(&remembered));
    for _ in 0..3 {
        evening.deployment.redis().flush().await;
        evening.deployment.redis().set(&key, &old).await;
        gone.stay(&evening).await;
    }
    evening.says("ready").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_carries_only_questions_stops_nobody() {
    half_a_line(Direction::Back).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_carries_only_answers_stops_nobody() {
    half_a_line(Direction::There).await;
}

async fn half_a_line(swallowed: Direction) {
    let server = RedisServer::start();
    let way = Proxy::to(format!("127.0.0.1:{}", server.port())).await;
    let evening = Evening::at(Plan::shared().redis_at(&format!("redis://{}", way.address()))).await;
    let gone = Gone::prepare(&evening).await;
    evening
        .while_scanning(async {
            way.swallow(Some(swallowed));
            evening.says("degraded").await;
            gone.revoke(&evening).await;
            gone.stay(&evening).await;
            way.swallow(None);
            evening.says("ready").await;
        })
        .await;
    gone.stay(&evening).await;
    evening.goes_on().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_redis_is_asked_no_more_than_once() {
    let server = RedisServer::start();
    let way = Proxy::to(format!("127.0.0.1:{}", server.port())).await;
    let evening = Evening::at(Plan::shared().redis_at(&format!("redis://{}", way.address()))).await;
    let gone = Gone::prepare(&evening).await;
    // The command by which a gateway reads a copy from Redis.
    way.count(b"$3\r\nGET\r\n");
    let asked = new_faces(&evening, &way).await;
    assert!(asked >= FACES, "whom a gateway has not seen, it looks up in Redis: {asked} of {FACES}");
    way.delay(Duration::from_millis(20));
    new_faces(&evening, &way).await;
    evening.says("ready").await;
    gone.revoke(&evening).await;
    for millis in [100, 500] {
        way.delay(Duration::from_millis(millis));
        evening.says("degraded").await;
        // A slow Redis counts as away: it is pinged, and no request waits for the answer.
        let asked = new_faces(&evening, &way).await;
        assert_eq!(asked, 0, "scans waited for a Redis that takes {millis} ms");
        gone.stay(&evening).await;
    }
    evening.goes_on().await;
    way.delay(Duration::ZERO);
    evening.says("ready").await;
    gone.stay(&evening).await;
}

const FACES: usize = 6;

/// Members who signed in at one gateway scan for the first time at the other. Returns how often Redis was read meanwhile.
async fn new_faces(evening: &Evening, way: &Proxy) -> usize {
    let deployment = &evening.deployment;
    let code = new_id();
    deployment.admin.tickets(&evening.event, &evening.seat, &[&code]).await;
    // The event, and the ticket, are known there.
    let there = evening.phone.at(deployment.b());
    until("the other gateway knows the ticket", || async { there.scan(&evening.event, &code).await["reason"] == "already_admitted" }).await;
    let scanner = deployment.admin.hire("scanner").await;
    let phones = join_all((0..FACES).map(|_| deployment.admin.phone(&scanner))).await;
    let (before, begun) = (way.counted(), Instant::now());
    for phone in &phones {
        phone.at(deployment.b()).refuses(&evening.event, &code, "already_admitted").await;
    }
    eprintln!("{FACES} new faces, one after the other: {:?}", begun.elapsed());
    way.counted() - before
}

/// Members whose right an administrator ends in every way there is.
struct Gone {
    fired: (Phone, Member),
    suspended: (Phone, Member),
    ended: Phone,
    revoked: Phone,
    displaced: (Phone, Member),
}

impl Gone {
    /// They are at work, at both gateways, and their copies lie in Redis.
    async fn prepare(evening: &Evening) -> Self {
        let admin = &evening.deployment.admin;
        let scanner = admin.hire("scanner").await;
        let fired = admin.hire("scanner").await;
        let suspended = admin.hire("scanner").await;
        let seller = admin.hire("box_office").await;
        let gone = Self {
            fired: (admin.phone(&fired).await, fired),
            suspended: (admin.phone(&suspended).await, suspended),
            ended: admin.phone(&scanner).await,
            revoked: admin.phone(&scanner).await,
            displaced: ((*admin.till(&seller).await).clone(), seller),
        };
        for phone in gone.phones() {
            for gateway in [evening.deployment.a(), evening.deployment.b()] {
                phone.at(gateway).refuses(&evening.event, "no such code", "unknown_ticket").await;
            }
        }
        gone
    }

    fn phones(&self) -> [&Phone; 5] {
        [&self.fired.0, &self.suspended.0, &self.ended, &self.revoked, &self.displaced.0]
    }

    /// The key of the copy of the member who is removed.
    async fn key(&self, server: &RedisServer) -> String {
        let wanted = format!("*:session:{}", self.fired.0.session_id());
        until("the copy is in Redis", || async { redis(&server.url(), &["KEYS", &wanted]).await.contains("session") }).await;
        server.keys(&wanted).await.remove(0)
    }

    /// Turns them out. Answers what a copy from before says.
    async fn revoke(&self, evening: &Evening) -> String {
        let admin = &evening.deployment.admin;
        admin.change(&self.fired.1, json!({"role": "none"})).await;
        admin.change(&self.suspended.1, json!({"active": false})).await;
        admin.client.delete(&format!("/v1/sessions/{}", self.ended.session_id())).await.ok(204);
        admin.revoke(&self.revoked.device).await;
        admin.till(&self.displaced.1).await;
        "\"role\":\"scanner\"".to_owned()
    }

    /// They are refused at both gateways, with the reason.
    async fn stay(&self, evening: &Evening) {
        let deployment = &evening.deployment;
        for gateway in [deployment.a(), deployment.b()] {
            let scan = async |phone: &Phone| -> Answer { phone.at(gateway).try_scan(&evening.event, "A-1").await };
            scan(&self.fired.0).await.problem(403, "permission_missing");
            scan(&self.suspended.0).await.problem(401, "user_deactivated");
            scan(&self.ended).await.problem(401, "session_ended");
            scan(&self.revoked).await.problem(401, "device_revoked");
            scan(&self.displaced.0).await.problem(401, "session_displaced");
        }
    }
}

impl Evening {
    /// Two phones scan without pause at both gateways while something happens; each scan is answered.
    async fn while_scanning(&self, happens: impl Future<Output = ()>) {
        let over = AtomicBool::new(false);
        let codes: Vec<String> = (0..400).map(|_| new_id()).collect();
        let named: Vec<&str> = codes.iter().map(String::as_str).collect();
        self.deployment.admin.tickets(&self.event, &self.seat, &named).await;
        let scanning = async {
            let mut codes = named.iter();
            let (mut scans, mut slowest) = (0_u32, Duration::ZERO);
            while !over.load(Ordering::Relaxed) {
                for gateway in [self.deployment.a(), self.deployment.b()] {
                    let begun = Instant::now();
                    match codes.next() {
                        Some(code) => self.phone.at(gateway).admits(&self.event, code).await,
                        None => self.phone.at(gateway).refuses(&self.event, named[0], "already_admitted").await,
                    };
                    slowest = slowest.max(begun.elapsed());
                    scans += 1;
                }
            }
            assert!(scans > 2);
            eprintln!("{scans} scans meanwhile, the slowest in {slowest:?}");
        };
        tokio::join!(scanning, async {
            happens.await;
            over.store(true, Ordering::Relaxed);
        });
    }
}
