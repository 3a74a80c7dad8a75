//! E8: a viewer sees how the granted events sell, and nothing else of what was sold.

use serde_json::{Value, json};

use super::BoxOffice;
use crate::support::{Answer, Client, Deployment, Event, basket, card, cash, new_id, on_both, ref_id};

async fn summary(client: &Client, event: &Event) -> Answer {
    client.get(&format!("/v1/events/{}/sales-summary", event.id)).await
}

on_both!(a_summary_tells_counts_gross_and_a_timeline);
async fn a_summary_tells_counts_gross_and_a_timeline(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let stall = office.stall(&deployment, 10).await;
    deployment.admin.tickets(&office.event, &office.seat, &["IMPORTED-1", "IMPORTED-2"]).await;
    office.till.sell(&office.event, basket(&[(&office.seat, 2), (&stall, 1)]), cash()).await;
    office.till.sell(&office.event, office.seats(1), card()).await;
    let wrong = office.till.sell(&office.event, basket(&[(&office.seat, 4), (&stall, 3)]), card()).await;
    office.till.void(&wrong).await;
    let viewer = deployment.admin.hire_for("viewer", &[&office.event]).await.signed_in(deployment.b()).await;

    let told = summary(&viewer.client, &office.event).await.ok(200);
    assert_eq!(
        (&told["event"]["id"], &told["currency"], &told["timezone"]),
        (&json!(office.event.id), &json!("EUR"), &json!("Europe/Berlin"))
    );
    assert_eq!((&told["sold"], &told["imported"], &told["gross"]), (&json!(4), &json!(2), &json!("127.50")));
    let seat =
        json!({"ticket_type": office.seat.id, "name": "Seat", "sold": 3, "imported": 2, "gross": "37.50", "quota": null, "left": null});
    let of_stall = json!({"ticket_type": stall.id, "name": "Box", "sold": 1, "imported": 0, "gross": "90.00", "quota": 10, "left": 9});
    assert_eq!(told["by_type"], json!([seat, of_stall]));
    let sum = |part: &str| told["timeline"].as_array().unwrap().iter().map(|step| step[part].clone()).collect::<Vec<Value>>();
    assert_eq!((sum("sold").iter().map(|sold| sold.as_i64().unwrap()).sum::<i64>(), &told["bucket"]), (4, &json!("hour")));
    let from = sum("from")[0].as_str().unwrap().to_owned();
    assert!(from.ends_with(":00:00.000Z"), "{from} is no hour");
    let days = viewer.client.get(&format!("/v1/events/{}/sales-summary?bucket=day", office.event.id)).await.ok(200);
    assert_eq!(days["bucket"], "day");
    assert!(days["timeline"].as_array().unwrap().len() <= told["timeline"].as_array().unwrap().len());
    for secret in ["reference", "voided", "receipt_number", "payment"] {
        assert!(!told.to_string().contains(secret), "a viewer sees no orders: {told}");
    }
}

on_both!(a_viewer_sees_granted_events_only_and_at_once);
async fn a_viewer_sees_granted_events_only_and_at_once(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let fair = deployment.admin.event("Fair").await;
    let sold = office.till.sell(&office.event, office.seats(1), card()).await;
    let viewer = deployment.admin.hire_for("viewer", &[&fair]).await;
    let signed_in = viewer.signed_in(deployment.b()).await;
    for round in 0..3 {
        summary(&signed_in.client, &office.event).await.problem(404, "not_found");
        summary(&signed_in.client, &fair).await.ok(200);
        let admin = deployment.admin.at(deployment.turn(round));
        admin.pin(&viewer, &[&office.event]).await;
        assert_eq!(summary(&signed_in.client, &office.event).await.ok(200)["sold"], 1);
        summary(&signed_in.client, &fair).await.problem(404, "not_found");
        admin.pin(&viewer, &[&fair]).await;
    }
    deployment.admin.pin(&viewer, &[&fair, &office.event]).await;
    summary(&signed_in.client, &office.event).await.ok(200);
    // No orders, refunds or statements.
    for path in ["/v1/sales".to_owned(), "/v1/sales/totals".to_owned(), format!("/v1/sales/{}", ref_id(&sold))] {
        assert_eq!(signed_in.client.get(&path).await.problem(403, "permission_missing")["permission"], "sales:view", "{path}");
    }
    deployment.admin.change(&viewer, json!({"revoke": ["sales:summary"]})).await;
    assert_eq!(summary(&signed_in.client, &office.event).await.problem(403, "permission_missing")["permission"], "sales:summary");
    deployment.admin.change(&viewer, json!({"grant": ["sales:summary"]})).await;
    summary(&signed_in.client, &office.event).await.ok(200);
}

on_both!(each_role_sees_summaries_as_the_table_says);
async fn each_role_sees_summaries_as_the_table_says(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    for (role, may) in [
        ("organisation_admin", true),
        ("event_manager", true),
        ("finance_manager", true),
        ("viewer", true),
        ("scanner", false),
        ("box_office", false),
        ("door_operator", false),
        ("none", false),
    ] {
        let member = deployment.admin.hire_for(role, &[&office.event]).await;
        let signed_in = member.signed_in(deployment.b()).await;
        let answer = summary(&signed_in.client, &office.event).await;
        if may {
            answer.ok(200);
        } else {
            assert_eq!(answer.problem(403, "permission_missing")["permission"], "sales:summary", "{role}");
        }
        // A scanner session carries entry permissions only.
        summary(&deployment.admin.phone(&member).await.client, &office.event).await.problem(403, "permission_missing");
    }
    summary(deployment.a(), &office.event).await.problem(401, "token_missing");
    let nowhere = Event { id: new_id() };
    let nobody = deployment.admin.hire("none").await.signed_in(deployment.a()).await;
    summary(&nobody.client, &nowhere).await.problem(404, "not_found");
    for query in ["bucket=week", "bucket=", "buckets=day"] {
        let path = format!("/v1/events/{}/sales-summary?{query}", office.event.id);
        deployment.admin.client.get(&path).await.problem(422, "invalid_body");
        nobody.client.get(&path).await.problem(403, "permission_missing");
    }
}
