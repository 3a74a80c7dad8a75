//! Twenty volunteers, twenty codes, one sheet to print.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, Client, Deployment, ids_of, new_id, on_both, ref_id};

on_both!(twenty_volunteers_get_twenty_codes);
async fn twenty_volunteers_get_twenty_codes(deployment: Deployment) {
    let body = json!({"name": "Volunteer", "kind": "scanner", "count": 20, "gate": "North"});
    let answer = deployment.admin.client.post("/v1/devices/batch", &body).await;
    let made = answer.ok(201);
    assert_eq!((answer.header("cache-control"), answer.replayed()), (Some("no-store"), false));
    let devices = made["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 20);
    for (number, made) in (1..).zip(devices) {
        let device = &made["device"];
        assert_eq!(device["name"], format!("Volunteer {number}"));
        assert_eq!((&device["kind"], &device["gate"], &device["enrolled_at"]), (&json!("scanner"), &json!("North"), &Value::Null));
        assert!(made["enrolment_qr"].as_str().unwrap().contains("<svg"), "{made}");
        let hours = minutes(made) / 60;
        assert!((11..=12).contains(&hours), "a sheet is printed before the evening: {made}");
    }
    let scanner = deployment.admin.hire("scanner").await;
    let enrolled = join_all(codes(&made).iter().enumerate().map(|(n, code)| {
        let admin = deployment.admin.at(deployment.turn(n));
        let code = code.clone();
        async move { admin.enrol(&code).await }
    }));
    let mut enrolled: Vec<_> = enrolled.await.into_iter().map(|device| device.id).collect();
    let mut ids: Vec<_> = devices.iter().map(|made| ref_id(&made["device"])).collect();
    enrolled.sort();
    ids.sort();
    assert_eq!(enrolled, ids);
    assert_eq!(ids_of(&deployment.admin.client.get("/v1/devices").await.ok(200)["items"]).len(), 20);

    // The next batch goes on where this one ended.
    let more = deployment.admin.client.post("/v1/devices/batch", &json!({"name": "Volunteer", "kind": "pos", "count": 2})).await.ok(201);
    assert_eq!(names(&more), ["Volunteer 21", "Volunteer 22"]);
    let till = deployment.admin.enrol(&codes(&more)[0]).await;
    assert_eq!(scanner.till(&till).await.session["kind"], "pos");
}

on_both!(the_same_batch_again_makes_no_further_devices);
async fn the_same_batch_again_makes_no_further_devices(deployment: Deployment) {
    let body = json!({"id": new_id(), "name": "Volunteer", "kind": "scanner", "count": 5});
    let lost = deployment.admin.client.post("/v1/devices/batch", &body).await.ok(201);
    deployment.admin.enrol(&codes(&lost)[1]).await;
    let answer = deployment.b().with_token(deployment.admin.client.token()).post("/v1/devices/batch", &body).await;
    let again = answer.ok(201);
    assert!(answer.replayed(), "{answer}");
    assert_eq!(ids(&again), ids(&lost));
    assert_eq!(names(&again), names(&lost));
    assert_eq!(again["devices"][1]["enrolment_code"], Value::Null, "it was enrolled already");
    assert!(again["devices"][1]["device"]["enrolled_at"].is_string(), "{again}");
    for old in codes(&lost) {
        deployment.a().post("/v1/devices/enrol", &json!({"enrolment_code": old})).await.problem(401, "enrolment_code_invalid");
    }
    let fresh = codes(&again);
    assert_eq!(fresh.len(), 4);
    for code in &fresh {
        deployment.admin.enrol(code).await;
    }
    assert_eq!(ids_of(&deployment.admin.client.get("/v1/devices").await.ok(200)["items"]).len(), 5);

    for (member, other) in [("count", json!(4)), ("count", json!(6)), ("kind", json!("pos")), ("gate", json!("N")), ("name", json!("V"))] {
        let mut another = body.clone();
        another[member] = other;
        deployment.admin.client.post("/v1/devices/batch", &another).await.problem(422, "id_reused");
    }
}

on_both!(one_batch_at_both_gateways_at_once_is_one_batch);
async fn one_batch_at_both_gateways_at_once_is_one_batch(deployment: Deployment) {
    let body = json!({"id": new_id(), "name": "Volunteer", "kind": "scanner", "count": 10});
    let tries = (0..6).map(|n| {
        let client = deployment.turn(n).with_token(deployment.admin.client.token());
        let body = body.clone();
        async move { client.post("/v1/devices/batch", &body).await }
    });
    let answers = join_all(tries).await;
    let made: Vec<_> = answers.iter().map(|answer| answer.ok(201)).collect();
    assert!(made.iter().all(|one| ids(one) == ids(&made[0])));
    assert_eq!(answers.iter().filter(|answer| !answer.replayed()).count(), 1, "one has made them");
    // Of all the sheets, the last one is good, and each device is enrolled by exactly one code.
    let mut good = 0;
    for code in made.iter().flat_map(codes) {
        let answer = deployment.a().post("/v1/devices/enrol", &json!({"enrolment_code": code})).await;
        good += usize::from(answer.status == 201);
    }
    assert_eq!(good, 10);
}

on_both!(a_batch_is_printed_on_one_page);
async fn a_batch_is_printed_on_one_page(deployment: Deployment) {
    let evil = "<script>alert('1')</script> & \"Vera\"";
    let body =
        json!({"name": evil, "kind": "scanner", "count": 20, "gate": "Nord & <Süd>", "valid_minutes": 60, "timezone": "Europe/Berlin"});
    let by_query = deployment.admin.client.post("/v1/devices/batch?sheet=html", &body).await;
    let request = deployment.admin.client.request(reqwest::Method::POST, "/v1/devices/batch").json(&body);
    let by_header = Answer::to(request.header("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")).await;
    for sheet in [&by_query, &by_header] {
        assert_eq!((sheet.status, sheet.header("content-type")), (201, Some("text/html; charset=utf-8")), "{sheet}");
        assert_eq!(sheet.header("cache-control"), Some("no-store"));
        assert!(sheet.header("content-security-policy").unwrap().contains("default-src 'none'"));
        let page = &sheet.text;
        assert_eq!((page.matches("<section>").count(), page.matches("<svg").count()), (20, 20));
        assert!(page.contains("@page") && page.contains("A4"), "it is made to be printed");
        for loaded in ["http-equiv", "src=", "href=", "@import", "url(", "<script", "<?xml"] {
            assert!(!page.contains(loaded), "{loaded}");
        }
        assert!(page.contains("&lt;script&gt;") && page.contains("Nord &amp; &lt;Süd&gt;"), "names are text");
        assert!(page.contains("CES") || page.contains("CET"), "the time is Berlin's");
    }
    let request =
        deployment.admin.client.request(reqwest::Method::POST, "/v1/devices/batch?sheet=json").json(&body).header("Accept", "text/html");
    assert_eq!(Answer::to(request).await.ok(201)["devices"].as_array().unwrap().len(), 20);

    // What is printed enrols, as a person types it.
    let printed = by_header.text.split("<code>").nth(20).unwrap();
    let code = printed.split_once("</code>").unwrap().0.to_lowercase().replace('-', " ");
    let device = deployment.admin.enrol(&code).await;
    assert_eq!(device.name, format!("{evil} 40"));
}

on_both!(a_batch_is_asked_for_within_bounds);
async fn a_batch_is_asked_for_within_bounds(deployment: Deployment) {
    let with = |member: &str, value: Value| {
        let mut body = json!({"name": "Volunteer", "kind": "scanner", "count": 1});
        body[member] = value;
        body
    };
    let client = &deployment.admin.client;
    for (member, value) in [
        ("count", json!(0)),
        ("count", json!(101)),
        ("count", json!(-1)),
        ("count", json!("20")),
        ("valid_minutes", json!(0)),
        ("valid_minutes", json!(1_441)),
        ("name", json!("  ")),
        ("name", json!("x".repeat(201))),
        ("kind", json!("toaster")),
        ("gate", json!("")),
        ("timezone", json!("Mars/Olympus")),
        ("id", json!("first")),
        ("copies", json!(2)),
    ] {
        client.post("/v1/devices/batch", &with(member, value)).await.invalid_at(&format!("/{member}"));
    }
    client.post("/v1/devices/batch?sheet=pdf", &with("count", json!(1))).await.problem(422, "invalid_body");
    client.post("/v1/devices/batch", &json!({"kind": "pos", "count": 1})).await.invalid_at("/name");
    assert_eq!(client.get("/v1/devices").await.ok(200)["items"], json!([]), "nothing was made");
    let most = client.post("/v1/devices/batch", &with("count", json!(100))).await.ok(201);
    assert_eq!(most["devices"].as_array().unwrap().len(), 100);
    let day = client.post("/v1/devices/batch", &with("valid_minutes", json!(1_440))).await.ok(201);
    assert!((1_435..=1_440).contains(&minutes(&day["devices"][0])), "{day}");
}

on_both!(batches_are_for_those_who_manage_devices);
async fn batches_are_for_those_who_manage_devices(mut deployment: Deployment) {
    let body = json!({"id": new_id(), "name": "Volunteer", "kind": "scanner", "count": 2});
    deployment.a().post("/v1/devices/batch", &body).await.problem(401, "token_missing");
    let (seller, manager) = (deployment.admin.hire("box_office").await, deployment.admin.hire("event_manager").await);
    let refused = seller.signed_in(deployment.a()).await.client.post("/v1/devices/batch", &json!({"nonsense": 1})).await;
    assert_eq!(refused.problem(403, "permission_missing")["permission"], "devices:manage");
    let made = manager.signed_in(deployment.a()).await.client.post("/v1/devices/batch", &body).await.ok(201);

    // The same id in another organisation is another batch.
    let other = deployment.another_organisation().await;
    let others = other.client.post("/v1/devices/batch", &body).await;
    assert!(!others.replayed());
    assert!(ids(&others.ok(201)).iter().all(|id| !ids(&made).contains(id)));
}

on_both!(codes_are_kept_by_nobody);
async fn codes_are_kept_by_nobody(mut deployment: Deployment) {
    let body = json!({"name": "Volunteer", "kind": "scanner", "count": 3});
    let made = deployment.admin.client.post("/v1/devices/batch", &body).await.ok(201);
    let log = deployment.close();
    for code in codes(&made) {
        let plain = code.replace('-', "");
        assert!(!log.contains(&code) && !log.contains(&plain));
        let kept = format!("select count(*) from devices where enrolment_hash like '%{plain}%' or enrolment_hash like '%{code}%'");
        assert_eq!(deployment.ledger.count(&kept, &[]).await, 0);
    }
    deployment.reopen();
    let client: &Client = deployment.b();
    client.post("/v1/devices/enrol", &json!({"enrolment_code": codes(&made)[2]})).await.ok(201);
}

fn codes(batch: &Value) -> Vec<String> {
    let devices = batch["devices"].as_array().unwrap().iter();
    devices.filter_map(|made| made["enrolment_code"].as_str().map(str::to_owned)).collect()
}

fn ids(batch: &Value) -> Vec<String> {
    batch["devices"].as_array().unwrap().iter().map(|made| ref_id(&made["device"])).collect()
}

fn names(batch: &Value) -> Vec<String> {
    batch["devices"].as_array().unwrap().iter().map(|made| made["device"]["name"].as_str().unwrap().to_owned()).collect()
}

fn minutes(made: &Value) -> i64 {
    let until: chrono::DateTime<chrono::Utc> = made["enrolment_expires_at"].as_str().unwrap().parse().unwrap();
    (until - chrono::Utc::now()).num_minutes()
}
