//! Bodies that are too large, too deep, doubled, packed, or no text.

use serde_json::json;

use super::said;
use crate::support::{Deployment, Phone, on_both, scan_of};

fn with_body(phone: &Phone, more: &str, body: &[u8]) -> Vec<u8> {
    let token = phone.client.token();
    let head =
        format!("POST /v1/scans HTTP/1.1\r\nhost: door\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n{more}");
    [format!("{head}content-length: {}\r\n\r\n", body.len()).into_bytes(), body.to_vec()].concat()
}

on_both!(a_malformed_body_gets_its_problem_and_has_no_effect);
async fn a_malformed_body_gets_its_problem_and_has_no_effect(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let phone = deployment.admin.phone(&deployment.admin.hire("scanner").await).await;
    let scan = scan_of(&event, "A-1").to_string();
    let inner = scan.trim_start_matches('{').trim_end_matches('}');
    let deep = format!("{{\"event\":{}{}}}", "[".repeat(30_000), "]".repeat(30_000));
    let huge = format!("{{{inner},\"n\":{}}}", "9".repeat(60_000));
    // 64 MiB of nothing, packed into 64 KiB.
    let bomb = packed(&vec![0; 64 * 1024 * 1024]);
    let small = packed(scan.as_bytes());
    let large = format!("{{{inner},\"note\":\"{}\"}}", "a".repeat(1_000_000));
    let before = deployment.gateway().memory();
    let cases: &[(&str, &[u8], u16, &str)] = &[
        ("", b"", 400, "malformed_body"),
        ("", b"\xef\xbb\xbf{}", 400, "malformed_body"),
        ("", b"{\"code\":\"\xff\xfe\"}", 400, "malformed_body"),
        ("", b"{\"code\":\"\xed\xa0\x80\"}", 400, "malformed_body"),
        ("", b"\0", 400, "malformed_body"),
        ("", b"{\"code\":\"a\0b\"}", 400, "malformed_body"),
        ("", b"NaN", 400, "malformed_body"),
        ("", b"{\"dry_run\":1e999}", 422, "invalid_body"),
        ("", huge.as_bytes(), 422, "invalid_body"),
        ("", large.as_bytes(), 413, "body_too_large"),
        ("content-encoding: gzip\r\n", &small, 415, "unsupported_media_type"),
        ("content-encoding: gzip\r\n", &bomb, 415, "unsupported_media_type"),
        ("content-encoding: br\r\n", scan.as_bytes(), 415, "unsupported_media_type"),
    ];
    for _ in 0..5 {
        for (more, body, status, code) in cases {
            said(deployment.a(), &with_body(&phone, more, body)).await.problem(*status, code);
        }
        // What the parser meets first decides whether that is no JSON or not what is wanted; half a character, and depth without end.
        for body in [&b"{\"code\":\"\\ud800\"}"[..], deep.as_bytes(), "[".repeat(60_000).as_bytes()] {
            let answer = said(deployment.a(), &with_body(&phone, "", body)).await;
            assert!(matches!(answer.status, 400 | 422), "{answer:?}");
        }
        let doubled = format!("{{{inner},\"code\":\"A-2\"}}");
        said(deployment.a(), &with_body(&phone, "", doubled.as_bytes())).await.problem(422, "invalid_body");
    }
    assert!(deployment.gateway().memory() < before + 64 * 1024 * 1024);
    assert_eq!(deployment.ledger.admissions(&event.id).await, 0);
}

on_both!(a_nul_in_a_text_is_never_an_internal_error);
async fn a_nul_in_a_text_is_never_an_internal_error(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let seat = deployment.admin.ticket_type(&event, "Seat", "12.50").await;
    let list = deployment.admin.client.post(&format!("/v1/events/{}/guest-lists", event.id), &json!({"name": "Friends"})).await.ok(201);
    let phone = deployment.admin.phone(&deployment.admin.hire("scanner").await).await;
    let till = deployment.admin.till(&deployment.admin.hire("box_office").await).await;
    let nul = "a\u{0}b";
    let client = &deployment.admin.client;
    let mut member = deployment.admin.new_member("viewer", &[]);
    member["name"] = json!(nul);
    let sale = |reference: &str| json!({"id": crate::support::new_id(), "event": event.id, "lines": [{"ticket_type": seat.id, "quantity": 1}], "payment": {"method": "card", "reference": reference}});
    let answers = [
        phone.send(&scan_of(&event, nul)).await,
        phone
            .send(&{
                let mut scan = scan_of(&event, "A-1");
                scan["gate"] = json!(nul);
                scan
            })
            .await,
        till.client.post("/v1/sales", &sale(nul)).await,
        client.post("/v1/team", &member).await,
        client.get("/v1/team?q=a%00b").await,
        client.post("/v1/devices", &json!({"name": nul, "kind": "pos", "gate": nul})).await,
        client.post("/v1/events", &crate::support::new_event(nul, json!({}))).await,
        client.post(&format!("/v1/events/{}/ticket-types", event.id), &json!({"name": nul, "price": "1.00"})).await,
        client
            .post(&format!("/v1/events/{}/tickets", event.id), &json!({"tickets": [{"code": nul, "type": seat.id, "holder": nul}]}))
            .await,
        client.post_raw(&format!("/v1/events/{}/tickets", event.id), "text/csv", format!("code,type\n{nul},Seat\n")).await,
        client
            .post(&format!("/v1/guest-lists/{}/guests", list["id"].as_str().unwrap()), &json!({"guests": [{"name": nul, "note": nul}]}))
            .await,
        client.get(&format!("/v1/events/{}/guests?q=a%00b", event.id)).await,
        deployment.a().anonymous().post("/v1/sessions", &json!({"organisation": nul, "username": nul, "password": nul})).await,
        deployment.a().anonymous().post("/v1/devices/enrol", &json!({"enrolment_code": nul})).await,
    ];
    for answer in answers {
        assert!(answer.status < 500, "{answer}");
    }
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut packer, bytes).unwrap();
    packer.finish().unwrap()
}
