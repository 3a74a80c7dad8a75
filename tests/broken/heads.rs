//! Bytes that are not HTTP, and requests that a proxy could read differently (request smuggling).

use super::said;
use crate::support::{Deployment, Phone, Raw, on_both, request, scan_of, until};

fn head(phone: &Phone, lines: &str) -> Vec<u8> {
    let token = phone.client.token();
    format!("POST /v1/scans HTTP/1.1\r\nhost: door\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n{lines}")
        .into_bytes()
}

on_both!(bytes_that_are_not_http_get_a_problem);
async fn bytes_that_are_not_http_get_a_problem(deployment: Deployment) {
    let phone = deployment.admin.phone(&deployment.admin.hire("scanner").await).await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\r\n\r\n",
        b"G\0T / HTTP/1.1\r\nhost: door\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost : door\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: door\r\n folded\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: do\0or\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: do\ror\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n: nothing\r\n\r\n",
    ] {
        let answer = said(deployment.a(), bytes).await;
        answer.problem(400, "malformed_request");
        assert!(answer.is_last(), "{answer:?}");
    }
    for lines in [
        "content-length: 5\r\ncontent-length: 6\r\n\r\n{\"a\":1}",
        "content-length: -1\r\n\r\n",
        "content-length: +5\r\n\r\n",
        "content-length: 0x5\r\n\r\n",
        "content-length: 99999999999999999999\r\n\r\n",
        "content-length: 5, 6\r\n\r\n",
        "transfer-encoding: gzip\r\n\r\n",
        "transfer-encoding: chunked, gzip\r\n\r\n",
        "content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding:chunked\r\nCONTENT-LENGTH:0\r\n\r\n0\r\n\r\n",
    ] {
        let answer = said(deployment.a(), &head(&phone, lines)).await;
        answer.problem(400, "malformed_request");
        assert!(answer.is_last(), "{answer:?}");
    }
}

on_both!(too_large_heads_get_their_problem_and_have_no_effect);
async fn too_large_heads_get_their_problem_and_have_no_effect(deployment: Deployment) {
    let many: String = (0..5_000).map(|number| format!("x-{number}: 1\r\n")).collect();
    let long = "a".repeat(1_000_000);
    let before = deployment.gateway().memory();
    for _ in 0..10 {
        for (head, status) in [
            (format!("GET /healthz HTTP/1.1\r\nhost: door\r\n{many}\r\n"), 431),
            (format!("GET /healthz HTTP/1.1\r\nhost: door\r\nx: {long}\r\n\r\n"), 431),
            (format!("GET /{} HTTP/1.1\r\nhost: door\r\n\r\n", &long[..66_000]), 414),
        ] {
            let mut connection = Raw::to(deployment.a()).await.unwrap();
            // The answer may come before all has been said.
            let _ = connection.send(&head).await;
            let answer = connection.answer().await.unwrap();
            // The longest address is too large for a head as well.
            assert!(answer.status == status || (status == 414 && answer.status == 431), "{answer:?}");
            answer.problem(answer.status, "head_too_large");
        }
    }
    assert!(deployment.gateway().memory() < before + 64 * 1024 * 1024);
}

on_both!(nothing_is_smuggled_behind_a_body);
async fn nothing_is_smuggled_behind_a_body(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let seat = deployment.admin.ticket_type(&event, "Seat", "12.50").await;
    deployment.admin.tickets(&event, &seat, &["A-1"]).await;
    let phone = deployment.admin.phone(&deployment.admin.hire("scanner").await).await;
    let hidden = String::from_utf8(request(&phone.client, "POST", "/v1/scans", Some(&scan_of(&event, "A-1")))).unwrap();
    for lines in [
        // By the length, the bytes that follow are a body; by the chunks, they are a request.
        format!("content-length: {}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}", hidden.len() + 5),
        // Behind chunks nothing is believed at all.
        format!("transfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        // Chunks whose sizes or extensions are odd.
        format!("transfer-encoding: chunked\r\n\r\n2;a=\"\n0\r\n\r\n\"\r\n{{}}\r\n0\r\n\r\n{hidden}"),
        format!("transfer-encoding: chunked\r\n\r\n0x2\r\n{{}}\r\n0\r\n\r\n{hidden}"),
        format!("transfer-encoding: chunked\r\n\r\n2 \n{{}}\r\n0\r\n\r\n{hidden}"),
        format!("transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{{}}\r\n0\r\n\r\n{hidden}"),
    ] {
        let mut connection = Raw::to(deployment.a()).await.unwrap();
        connection.send(head(&phone, &lines)).await.unwrap();
        let answers = String::from_utf8(connection.rest().await.unwrap()).unwrap();
        assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{lines}: {answers}");
        assert!(answers.starts_with("HTTP/1.1 4") && answers.contains("application/problem+json"), "{lines}: {answers}");
    }
    assert_eq!(deployment.ledger.admissions(&event.id).await, 0);
}

on_both!(connections_are_limited_for_each_address, "STAGEDOOR_CONNECTIONS_PER_ADDRESS" = "24", "STAGEDOOR_CONNECTIONS" = "1000");
async fn connections_are_limited_for_each_address(deployment: Deployment) {
    let mut open = Vec::new();
    let refusal = loop {
        let mut connection = Raw::to(deployment.a()).await.unwrap();
        connection.send(request(&deployment.a().anonymous(), "GET", "/healthz", None)).await.unwrap();
        match connection.answer().await.unwrap() {
            answer if answer.status == 200 => open.push(connection),
            answer => break answer,
        }
    };
    // The administrator's own connections count as well.
    assert!((12..=24).contains(&open.len()), "{}", open.len());
    refusal.problem(503, "busy");
    assert!(refusal.is_last() && refusal.header("retry-after").is_some(), "{refusal:?}");
    drop(open);
    until("who has left makes room", || async {
        let mut connection = Raw::to(deployment.a()).await.unwrap();
        connection.send(request(&deployment.a().anonymous(), "GET", "/healthz", None)).await.unwrap();
        connection.answer().await.unwrap().status == 200
    })
    .await;
}
