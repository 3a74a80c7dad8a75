//! Sales lists and totals: all sales with `sales:view`, their own for those who sell.

use serde_json::{Value, json};

use super::BoxOffice;
use crate::support::{Answer, Client, Deployment, Till, basket, card, cash, ids_of, new_id, on_both, ref_id};

async fn list(client: &Client, query: &str) -> Answer {
    client.get(&format!("/v1/sales?{query}")).await
}

async fn ids(client: &Client, query: &str) -> Vec<String> {
    ids_of(&list(client, query).await.ok(200)["items"])
}

async fn totals(client: &Client, query: &str) -> Value {
    client.get(&format!("/v1/sales/totals?{query}")).await.ok(200)
}

/// Two tills: the first sells three times and one of them is voided, the second once for another event.
struct Evening {
    office: BoxOffice,
    other: Till,
    sales: Vec<Value>,
}

impl Evening {
    async fn play(deployment: &Deployment) -> Self {
        let office = BoxOffice::open(deployment).await;
        let fair = deployment.admin.event("Fair").await;
        let stall = deployment.admin.ticket_type(&fair, "Stall", "5.00").await;
        let other = deployment.admin.till(&deployment.admin.hire("box_office").await).await.at(deployment.b());
        let sales = vec![
            office.till.sell(&office.event, office.seats(2), cash()).await,
            office.till.at(deployment.b()).sell(&office.event, office.seats(1), card()).await,
            office.till.sell(&office.event, office.seats(3), cash()).await,
            other.sell(&fair, basket(&[(&stall, 1)]), card()).await,
        ];
        office.till.void(&sales[2]).await;
        Self { office, other, sales }
    }

    /// The ids of these sales, by their places.
    fn of(&self, places: &[usize]) -> Vec<String> {
        places.iter().map(|place| ref_id(&self.sales[*place])).collect()
    }
}

on_both!(sales_are_listed_newest_first_and_narrowed);
async fn sales_are_listed_newest_first_and_narrowed(deployment: Deployment) {
    let evening = Evening::play(&deployment).await;
    let (till, other) = (&evening.office.till, &evening.other);
    let finance = deployment.admin.hire("finance_manager").await.signed_in(deployment.b()).await;
    let at = |place: usize| evening.sales[place]["recorded_at"].as_str().unwrap().to_owned();
    for (query, places) in [
        (String::new(), &[3, 2, 1, 0][..]),
        (format!("event={}", evening.office.event.id), &[2, 1, 0]),
        (format!("device={}", other.device.id), &[3]),
        (format!("session={}", till.session_id()), &[2, 1, 0]),
        (format!("user={}", ref_id(&other.session["user"])), &[3]),
        ("method=card".to_owned(), &[3, 1]),
        ("voided=true".to_owned(), &[2]),
        ("voided=false&method=cash".to_owned(), &[0]),
        (format!("receipt_number={}", evening.sales[1]["receipt_number"]), &[1]),
        (format!("from={}", at(0)), &[3, 2, 1, 0]),
        (format!("to={}", at(0)), &[]),
        (format!("event={}", new_id()), &[]),
        ("from=2999-01-01T00:00:00.000Z".to_owned(), &[]),
    ] {
        for client in [&deployment.admin.client, &finance.client] {
            assert_eq!(ids(client, &query).await, evening.of(places), "{query}");
        }
    }
    let listed = list(&finance.client, "voided=true").await.ok(200)["items"][0].clone();
    let sold = &evening.sales[2];
    for same in ["id", "receipt_number", "event", "currency", "total", "payment", "recorded_at"] {
        assert_eq!(listed[same], sold[same], "{same}");
    }
    assert_eq!((&listed["tickets"], &listed["void_reason"]), (&json!(3), &json!("Wrong date")));
    assert!(listed["voided_at"].is_string() && listed["device"]["name"] == json!(till.device.name), "{listed}");
    assert_eq!((&listed["session"], &listed["user"]["id"]), (&json!(till.session_id()), &till.session["user"]["id"]));
    assert!(!listed.to_string().contains(sold["tickets"][0]["code"].as_str().unwrap()), "a code opens the door");
}

on_both!(sales_come_in_pages);
async fn sales_come_in_pages(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let mut sold = Vec::new();
    for _ in 0..5 {
        sold.insert(0, ref_id(&office.till.sell(&office.event, office.seats(1), card()).await));
    }
    let mut paged = Vec::new();
    let mut query = "limit=2".to_owned();
    loop {
        let page = list(&deployment.admin.client, &query).await.ok(200);
        paged.extend(ids_of(&page["items"]));
        // What is sold meanwhile does not move the pages.
        office.till.sell(&office.event, office.seats(1), card()).await;
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        query = format!("limit=2&cursor={cursor}");
    }
    assert_eq!(paged, sold);
}

on_both!(who_sells_sees_their_own_and_nobody_else_without_the_permission);
async fn who_sells_sees_their_own_and_nobody_else_without_the_permission(deployment: Deployment) {
    let evening = Evening::play(&deployment).await;
    let (till, other) = (&evening.office.till.at(deployment.b()), &evening.other);
    for query in [
        "session=current".to_owned(),
        "device=current".to_owned(),
        format!("session={}", till.session_id()),
        format!("device={}", till.device.id),
    ] {
        assert_eq!(ids(&till.client, &query).await, evening.of(&[2, 1, 0]), "{query}");
        assert_eq!(totals(&till.client, &query).await["totals"][0]["count"], 3, "{query}");
    }
    assert_eq!(ids(&till.client, "session=current&voided=true").await, evening.of(&[2]));
    for query in [
        String::new(),
        format!("event={}", evening.office.event.id),
        format!("session={}", other.session_id()),
        format!("device={}", other.device.id),
        "limit=0".to_owned(),
    ] {
        for path in ["/v1/sales", "/v1/sales/totals"] {
            let problem = till.client.get(&format!("{path}?{query}")).await;
            if query == "limit=0" && path == "/v1/sales/totals" {
                problem.problem(422, "invalid_body");
            } else {
                assert_eq!(problem.problem(403, "permission_missing")["permission"], "sales:view", "{query}");
            }
        }
    }
    // Somebody else at the same till sees what it has sold before; their own session has sold nothing.
    let colleague = deployment.admin.hire("box_office").await.till(&till.device).await;
    assert_eq!(ids(&colleague.client, "device=current").await, evening.of(&[2, 1, 0]));
    assert_eq!(ids(&colleague.client, "session=current").await, Vec::<String>::new());
    for role in ["event_manager", "viewer", "scanner", "none"] {
        let member = deployment.admin.hire_for(role, &[&evening.office.event]).await;
        let signed_in = deployment.admin.till(&member).await;
        for query in ["", "session=current", "device=current", "nonsense=1"] {
            for path in ["/v1/sales", "/v1/sales/totals"] {
                signed_in.client.get(&format!("{path}?{query}")).await.problem(403, "permission_missing");
            }
        }
    }
    deployment.a().get("/v1/sales").await.problem(401, "token_missing");
    // Given the permission, a seller sees all.
    let manager = deployment.admin.hire("box_office").await;
    let manager_till = deployment.admin.till(&manager).await;
    manager_till.client.get("/v1/sales").await.problem(403, "permission_missing");
    deployment.admin.change(&manager, json!({"grant": ["sales:view"]})).await;
    assert_eq!(ids(&manager_till.at(deployment.b()).client, "").await.len(), 4);
}

on_both!(bad_filters_are_refused);
async fn bad_filters_are_refused(deployment: Deployment) {
    let _office = BoxOffice::open(&deployment).await;
    for (query, pointer) in [
        ("event=nonsense", "/event"),
        ("device=nonsense", "/device"),
        ("device=current", "/device"),
        ("session=1", "/session"),
        ("user=", "/user"),
        ("method=cheque", "/method"),
        ("voided=maybe", "/voided"),
        ("from=yesterday", "/from"),
        ("to=10000-10-14T09:00:00Z", "/to"),
        ("from=2026-06-02T00:00:00Z&to=2026-06-01T00:00:00Z", "/to"),
        ("receipt_number=0", "/receipt_number"),
        ("receipt_number=1.5", "/receipt_number"),
        ("receipt_number=99999999999999999999", "/receipt_number"),
        ("limit=0", "/limit"),
        ("limit=1001", "/limit"),
        ("cursor=nonsense", "/cursor"),
    ] {
        list(&deployment.admin.client, query).await.invalid_at(pointer);
    }
    for query in ["voidet=true", "limit=many", "event=a&event=b"] {
        list(&deployment.admin.client, query).await.problem(422, "invalid_body");
        deployment.admin.client.get(&format!("/v1/sales/totals?{query}")).await.problem(422, "invalid_body");
    }
    deployment.admin.client.get("/v1/sales/totals?from=yesterday").await.invalid_at("/from");
}

on_both!(totals_are_exact_by_session_device_and_payment);
async fn totals_are_exact_by_session_device_and_payment(deployment: Deployment) {
    let evening = Evening::play(&deployment).await;
    let (till, other) = (&evening.office.till, &evening.other);
    let by_cash = json!({"method": "cash", "count": 2, "gross": "62.50", "voided_count": 1, "voided": "37.50", "net": "25.00"});
    let by_card = json!({"method": "card", "count": 1, "gross": "12.50", "voided_count": 0, "voided": "0.00", "net": "12.50"});
    let of_till = json!({"totals": [{
        "currency": "EUR", "count": 3, "gross": "75.00", "voided_count": 1, "voided": "37.50", "net": "37.50", "methods": [by_card, by_cash],
    }]});
    for query in
        [format!("session={}", till.session_id()), format!("device={}", till.device.id), format!("event={}", evening.office.event.id)]
    {
        assert_eq!(totals(&deployment.admin.at(deployment.b()).client, &query).await, of_till, "{query}");
    }
    let of_other = totals(&deployment.admin.client, &format!("device={}", other.device.id)).await;
    assert_eq!((&of_other["totals"][0]["net"], &of_other["totals"][0]["methods"][1]), (&json!("5.00"), &Value::Null));
    let all = totals(&deployment.admin.client, "").await;
    assert_eq!((&all["totals"][0]["count"], &all["totals"][0]["gross"]), (&json!(4), &json!("80.00")));
    assert_eq!(totals(&deployment.admin.client, &format!("session={}", new_id())).await, json!({"totals": []}));

    // Currencies are never added up.
    let gala = deployment.admin.event_with("Tokyo", json!({"currency": "JPY"})).await;
    let seat = deployment.admin.ticket_type(&gala, "Seat", "1250").await;
    till.sell(&gala, basket(&[(&seat, 3)]), card()).await;
    let both = totals(&till.client, "session=current").await;
    let told: Vec<_> = both["totals"].as_array().unwrap().iter().map(|total| (&total["currency"], &total["net"])).collect();
    assert_eq!(told, [(&json!("EUR"), &json!("37.50")), (&json!("JPY"), &json!("3750"))]);
}

on_both!(sales_of_other_organisations_are_not_there);
async fn sales_of_other_organisations_are_not_there(mut deployment: Deployment) {
    let theirs = deployment.another_organisation().await;
    let evening = Evening::play(&deployment).await;
    for query in [String::new(), format!("event={}", evening.office.event.id), format!("device={}", evening.office.till.device.id)] {
        assert_eq!(ids(&theirs.client, &query).await, Vec::<String>::new(), "{query}");
        assert_eq!(totals(&theirs.client, &query).await, json!({"totals": []}));
    }
    theirs.client.get(&format!("/v1/events/{}/sales-summary", evening.office.event.id)).await.problem(404, "not_found");
    let event = theirs.event("Theirs").await;
    let seat = theirs.ticket_type(&event, "Seat", "1.00").await;
    let till = theirs.till(&theirs.hire("box_office").await).await;
    till.try_void(&evening.sales[0]).await.problem(404, "not_found");
    let held = evening.office.till.hold(&evening.office.event, evening.office.seats(1)).await;
    till.release(&held).await.problem(404, "not_found");
    till.try_sell_held(&event, basket(&[(&seat, 1)]), &held).await.invalid_at("/hold");
}
