//! Everything has a limit, and a client that does not read delays nothing.

use reqwest::Method;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use super::listen;
use crate::support::{Answer, Client, Deployment, new_id, on_both, until};

on_both!(who_may_not_listen_is_told_why);
async fn who_may_not_listen_is_told_why(deployment: Deployment) {
    deployment.a().may_not_listen("").await.problem(401, "token_missing");
    deployment.a().with_token("nonsense").may_not_listen("").await.problem(401, "token_invalid");
    let device = deployment.admin.device("scanner").await;
    device.client.may_not_listen("").await.problem(401, "token_invalid");
    deployment.admin.client.may_not_listen(&format!("?events={}", new_id())).await.problem(404, "not_found");
    deployment.admin.client.may_not_listen("?events=nonsense").await.problem(404, "not_found");
    deployment.a().may_not_listen(&format!("?events={}", new_id())).await.problem(401, "token_missing");
    let many: Vec<_> = (0..101).map(|_| new_id()).collect();
    deployment.admin.client.may_not_listen(&format!("?events={}", many.join(","))).await.invalid_at("/events");
    // A viewer sees the granted events.
    let (granted, other) = (deployment.admin.event("Granted").await, deployment.admin.event("Other").await);
    let viewer = deployment.admin.hire_for("viewer", &[&granted]).await;
    let signed_in = viewer.signed_in(deployment.a()).await;
    signed_in.client.may_not_listen(&format!("?events={}&events={}", granted.id, other.id)).await.problem(404, "not_found");
    signed_in.client.listen(&format!("?events={}", granted.id)).await.hears_next("state").await;
}

on_both!(a_session_has_three_streams);
async fn a_session_has_three_streams(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    let (phone, other) = (deployment.admin.phone(&scanner).await, deployment.admin.phone(&scanner).await);
    let mut streams = vec![listen(&phone.client).await, listen(&phone.client).await, listen(&phone.client).await];
    phone.client.may_not_listen("").await.problem(429, "too_many_requests");
    listen(&other.client).await;
    // A stream that ends makes room for another.
    streams.pop();
    until("the stream that was left is closed", || async {
        let request = phone.client.request(Method::GET, "/v1/stream");
        request.send().await.unwrap().status() == 200
    })
    .await;
    until("only the streams that are read are open", || async { figure(deployment.a(), "stagedoor_streams_open").await <= 2 }).await;
}

on_both!(a_slow_reader_is_dropped_and_nobody_waits_for_it);
async fn a_slow_reader_is_dropped_and_nobody_waits_for_it(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    // An event of some 200 kB, so that buffers on the way fill soon.
    for number in 0..10 {
        let gates: Vec<_> = (0..100).map(|gate| format!("{gate} {}", "g".repeat(190))).collect();
        deployment.admin.ticket_type_with(&event, json!({"name": format!("Type {number}"), "price": "1.00", "gates": gates})).await;
    }
    let scanner = deployment.admin.hire("scanner").await;
    let (slow, quick) = (deployment.admin.phone(&scanner).await, deployment.admin.phone(&scanner).await);
    let mut never_read = never_reads(deployment.b(), slow.client.token()).await;
    let mut stream = listen(&quick.at(deployment.b()).client).await;
    let mut renamed = 0;
    while figure(deployment.b(), "stagedoor_streams_dropped_total").await < 1 {
        renamed += 1;
        assert!(renamed < 1_000, "a reader that does not read is waited for");
        let name = format!("Gala {renamed}");
        deployment.admin.client.patch(&format!("/v1/events/{}", event.id), &json!({"name": name})).await.ok(200);
        stream.hears("event", |told| told["name"] == json!(name)).await;
    }
    until("the connection of the slow reader is closed", || async { figure(deployment.b(), "stagedoor_streams_open").await == 1 }).await;
    // Its phone works on, and may listen again.
    slow.current().await.ok(200);
    listen(&slow.at(deployment.b()).client).await;
    let _ = never_read.shutdown().await;
}

on_both!(a_browser_may_come_back_from_another_origin, "STAGEDOOR_CORS_ORIGINS" = "https://till.example");
async fn a_browser_may_come_back_from_another_origin(deployment: Deployment) {
    let asked = deployment.a().request(Method::OPTIONS, "/v1/stream");
    let asked = asked.header("Origin", "https://till.example").header("Access-Control-Request-Method", "GET");
    let answer = Answer::to(asked.header("Access-Control-Request-Headers", "authorization,last-event-id")).await;
    assert!(answer.header("access-control-allow-headers").unwrap().contains("last-event-id"), "{answer}");
}

/// Asks for a stream and reads nothing of it.
async fn never_reads(gateway: &Client, token: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let address = gateway.base().strip_prefix("http://").unwrap();
    let mut stream = socket.connect(address.parse().unwrap()).await.unwrap();
    let request =
        format!("GET /v1/stream HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nAccept: text/event-stream\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// A figure of a gateway.
async fn figure(gateway: &Client, name: &str) -> i64 {
    let text = gateway.get("/metrics").await.text;
    let sample = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
    sample.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}
