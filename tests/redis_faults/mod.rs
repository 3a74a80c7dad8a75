//! Law 9 with Redis: it is killed, emptied, frozen and brought back. Sessions go on, no request waits for it, the laws hold.

mod gone;

use futures::future::join_all;
use serde_json::json;

use crate::support::{Deployment, Event, Phone, Plan, TicketType, Till, basket, cash, new_id, sale_of, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_redis_stops_nobody_and_is_taken_back() {
    let mut evening = Evening::begin().await;
    evening.deployment.redis().kill();
    evening.goes_on().await;
    evening.says("degraded").await;
    evening.deployment.redis().restart();
    evening.goes_on().await;
    evening.says("ready").await;
    evening.goes_on().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_redis_stops_nobody_and_is_taken_back() {
    let mut evening = Evening::begin().await;
    evening.deployment.redis().freeze();
    evening.goes_on().await;
    evening.says("degraded").await;
    evening.goes_on().await;
    evening.deployment.redis().thaw();
    evening.says("ready").await;
    evening.goes_on().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_redis_changes_nothing() {
    let mut evening = Evening::begin().await;
    for _ in 0..3 {
        evening.deployment.redis().flush().await;
        evening.goes_on().await;
    }
    evening.says("ready").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_goes_and_comes_stops_nobody() {
    let mut evening = Evening::begin().await;
    for _ in 0..3 {
        evening.deployment.redis().kill();
        evening.goes_on().await;
        evening.deployment.redis().restart();
        evening.goes_on().await;
    }
    evening.says("ready").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changed_while_redis_was_away_stays_changed_when_it_is_back() {
    let mut evening = Evening::begin().await;
    let fired = evening.deployment.admin.hire("scanner").await;
    let phone = evening.deployment.admin.phone(&fired).await;
    phone.at(evening.deployment.b()).refuses(&evening.event, "warms the copy", "unknown_ticket").await;
    // Frozen, not killed: when it thaws it still remembers the member as they were.
    evening.deployment.redis().freeze();
    evening.deployment.admin.change(&fired, json!({"role": "none"})).await;
    evening.deployment.redis().thaw();
    for gateway in [evening.deployment.a(), evening.deployment.b()] {
        phone.at(gateway).try_scan(&evening.event, "A-1").await.problem(403, "permission_missing");
    }
    evening.says("ready").await;
    phone.at(evening.deployment.b()).try_scan(&evening.event, "A-1").await.problem(403, "permission_missing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_gateway_finds_in_redis_what_another_put_there() {
    let mut evening = Evening::begin().await;
    let url = evening.deployment.redis().url();
    let (deployment, event) = (&evening.deployment, &evening.event);
    let scanner = deployment.admin.hire("scanner").await;
    let first = deployment.admin.phone(&scanner).await;
    until("the session is in Redis", || async {
        redis(&url, &["KEYS", &format!("*:session:{}", first.session_id())]).await.contains("session")
    })
    .await;
    let before = hits(&url).await;
    until("the other gateway has found a session there", || async {
        // Signed in here, and first seen there: what is not in that gateway's memory is in Redis.
        let phone = deployment.admin.phone(&scanner).await;
        let code = new_id();
        deployment.admin.tickets(event, &evening.seat, &[&code]).await;
        let there = phone.at(deployment.b());
        there.refuses(event, "warms the event", "unknown_ticket").await;
        there.admits(event, &code).await;
        evening.till.at(deployment.b()).learns("sell_cash", event, None).await;
        let other = deployment.admin.phone(&scanner).await;
        other.at(deployment.b()).learns("scan", event, None).await;
        hits(&url).await > before
    })
    .await;
}

/// What Redis answers to a command, as text.
async fn redis(url: &str, command: &[&str]) -> String {
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let (name, arguments) = command.split_first().unwrap();
    let answer: redis::Value = redis::cmd(name).arg(arguments).query_async(&mut connection).await.unwrap();
    format!("{answer:?}")
}

/// How often Redis had what it was asked for.
async fn hits(url: &str) -> u64 {
    let stats = redis(url, &["INFO", "stats"]).await;
    let count = stats.split("keyspace_hits:").nth(1).unwrap();
    count.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_open_without_redis() {
    let mut evening = Evening::begin().await;
    evening.deployment.redis().kill();
    evening.deployment.close();
    evening.deployment.reopen();
    evening.move_to_the_new_gateways();
    evening.says("degraded").await;
    evening.goes_on().await;
    evening.deployment.redis().restart();
    evening.says("ready").await;
}

/// People at work in a deployment with a Redis of its own.
struct Evening {
    deployment: Deployment,
    event: Event,
    seat: TicketType,
    phone: Phone,
    till: Till,
}

impl Evening {
    async fn begin() -> Self {
        Self::at(Plan::shared_with_own_redis()).await
    }

    /// In a deployment that is built to this plan.
    async fn at(plan: Plan) -> Self {
        let deployment = plan.open().await;
        let event = deployment.admin.event("Gala").await;
        let seat = deployment.admin.ticket_type(&event, "Seat", "12.50").await;
        let (scanner, seller) = (deployment.admin.hire("scanner").await, deployment.admin.hire("box_office").await);
        let (phone, till) = (deployment.admin.phone(&scanner).await, deployment.admin.till(&seller).await);
        let evening = Self { deployment, event, seat, phone, till };
        evening.says("ready").await;
        evening.goes_on().await;
        evening
    }

    fn move_to_the_new_gateways(&mut self) {
        self.phone = self.phone.at(self.deployment.a());
        self.till = self.till.at(self.deployment.a());
    }

    /// Everything that a door does, at both gateways, each law included.
    async fn goes_on(&self) {
        self.nobody_is_signed_out().await;
        self.one_ticket_lets_in_once().await;
        self.a_sale_is_one_sale().await;
        self.a_role_change_holds_at_once().await;
        self.a_newer_sign_in_displaces().await;
    }

    async fn nobody_is_signed_out(&self) {
        for gateway in [self.deployment.a(), self.deployment.b()] {
            self.phone.at(gateway).current().await.ok(200);
            self.till.at(gateway).current().await.ok(200);
            self.deployment.admin.at(gateway).client.get("/v1/team").await.ok(200);
        }
    }

    async fn one_ticket_lets_in_once(&self) {
        let code = new_id();
        self.deployment.admin.tickets(&self.event, &self.seat, &[&code]).await;
        let phones: Vec<_> = (0..8).map(|number| self.phone.at(self.deployment.turn(number))).collect();
        let answers = join_all(phones.iter().map(|phone| phone.scan(&self.event, &code))).await;
        assert_eq!(answers.iter().filter(|answer| answer["verdict"] == "admit").count(), 1, "{answers:?}");
    }

    async fn a_sale_is_one_sale(&self) {
        let before = self.deployment.ledger.sales(&self.event.id).await;
        let sale = sale_of(&self.event, basket(&[(&self.seat, 1)]), cash());
        let first = self.till.at(self.deployment.a()).send_sale(&sale).await;
        let again = self.till.at(self.deployment.b()).send_sale(&sale).await;
        assert_eq!((first.ok(201), again.replayed()), (again.ok(201), true));
        assert_eq!(self.deployment.ledger.sales(&self.event.id).await, before + 1);
    }

    async fn a_role_change_holds_at_once(&self) {
        let member = self.deployment.admin.hire("scanner").await;
        let phone = self.deployment.admin.phone(&member).await;
        for gateway in [self.deployment.a(), self.deployment.b()] {
            phone.at(gateway).refuses(&self.event, "no such code", "unknown_ticket").await;
        }
        self.deployment.admin.change(&member, json!({"role": "viewer"})).await;
        for gateway in [self.deployment.b(), self.deployment.a()] {
            phone.at(gateway).try_scan(&self.event, "A-1").await.problem(403, "permission_missing");
        }
    }

    async fn a_newer_sign_in_displaces(&self) {
        let member = self.deployment.admin.hire("box_office").await;
        let old = self.deployment.admin.till(&member).await;
        old.at(self.deployment.b()).current().await.ok(200);
        let new = self.deployment.admin.at(self.deployment.b()).till(&member).await;
        for gateway in [self.deployment.a(), self.deployment.b()] {
            old.at(gateway).current().await.problem(401, "session_displaced");
            new.at(gateway).current().await.ok(200);
        }
    }

    /// Both gateways come to say how they are; a degraded one serves all the same.
    async fn says(&self, status: &str) {
        for gateway in [self.deployment.a(), self.deployment.b()] {
            until(&format!("a gateway says {status}"), || async { gateway.get("/readyz").await.ok(200)["status"] == status }).await;
        }
    }
}
