//! Tickets come in as JSON or CSV, upserted by code, and the same upload twice changes nothing.

use serde_json::{Value, json};

use crate::support::{Deployment, Event, on_both};

on_both!(an_upload_says_what_became_of_each_ticket);
async fn an_upload_says_what_became_of_each_ticket(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let seat = deployment.admin.ticket_type(&event, "Seat", "12.50").await;
    let tickets = json!([
        {"code": "A-1", "type": seat.id, "holder": "Ada", "status": "valid"},
        {"code": "A-2", "type": "Seat", "status": "unpaid", "entries_allowed": 3},
    ]);
    let first = deployment.admin.upload(&event, tickets.clone()).await;
    assert_eq!(first, json!({"created": 2, "updated": 0, "unchanged": 0, "rejected": []}));
    let again = deployment.admin.at(deployment.b()).upload(&event, tickets).await;
    assert_eq!(again, json!({"created": 0, "updated": 0, "unchanged": 2, "rejected": []}));
    let paid = json!([{"code": "A-2", "type": "Seat", "status": "valid", "entries_allowed": 3}]);
    let updated = deployment.admin.upload(&event, paid).await;
    assert_eq!(updated, json!({"created": 0, "updated": 1, "unchanged": 0, "rejected": []}));
}

on_both!(a_bad_row_is_rejected_and_the_others_are_taken);
async fn a_bad_row_is_rejected_and_the_others_are_taken(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    deployment.admin.ticket_type(&event, "Seat", "12.50").await;
    let tickets = json!([
        {"code": "A-1", "type": "Seat", "status": "valid"},
        {"code": "A-2", "type": "No such type", "status": "valid"},
        {"code": "", "type": "Seat", "status": "valid"},
        {"code": "x".repeat(513), "type": "Seat", "status": "valid"},
    ]);
    let taken = deployment.admin.upload(&event, tickets).await;
    assert_eq!(taken["created"], 1, "{taken}");
    let rejected = taken["rejected"].as_array().unwrap();
    assert_eq!(rejected.len(), 3, "{taken}");
    assert!(rejected.iter().all(|row| row["row"].is_number() && row["detail"].is_string()), "{taken}");
    assert!(rejected.iter().any(|row| row["code"] == "A-2"), "{taken}");
}

on_both!(tickets_come_as_csv_too);
async fn tickets_come_as_csv_too(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    deployment.admin.ticket_type(&event, "Seat", "12.50").await;
    let csv = "code,type,holder,status,entries_allowed\n\
               A-1,Seat,\"Lovelace, Ada\",valid,\n\
               A-2,Seat,,blocked,2\n\
               A-3,Stool,,valid,\n";
    let taken = upload_csv(&deployment, &event, csv.to_owned()).await;
    assert_eq!((&taken["created"], &taken["updated"]), (&json!(2), &json!(0)), "{taken}");
    assert_eq!(taken["rejected"][0]["code"], "A-3", "{taken}");
    let again = upload_csv(&deployment, &event, csv.to_owned()).await;
    assert_eq!((&again["created"], &again["unchanged"]), (&json!(0), &json!(2)), "{again}");

    let scanner = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&scanner).await;
    let let_in = phone.admits(&event, "A-1").await;
    assert_eq!(let_in["ticket"]["holder"], "Lovelace, Ada");
    phone.refuses(&event, "A-2", "blocked").await;
}

on_both!(a_hundred_thousand_rows_are_one_upload);
async fn a_hundred_thousand_rows_are_one_upload(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    deployment.admin.ticket_type(&event, "Seat", "12.50").await;
    let rows = (0..100_000).map(|row| format!("CODE-{row},Seat,valid\n"));
    let csv = std::iter::once("code,type,status\n".to_owned()).chain(rows).collect::<String>();
    let taken = upload_csv(&deployment, &event, csv).await;
    assert_eq!((&taken["created"], &taken["rejected"]), (&json!(100_000), &json!([])));
    let stored = deployment.ledger.count("select count(*) from tickets where event_id = $1", &[&event.id]).await;
    assert_eq!(stored, 100_000);
}

on_both!(a_thousand_tickets_are_the_most_in_json);
async fn a_thousand_tickets_are_the_most_in_json(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    deployment.admin.ticket_type(&event, "Seat", "12.50").await;
    let tickets = |count: usize| -> Value {
        (0..count).map(|row| json!({"code": format!("CODE-{row}"), "type": "Seat", "status": "valid"})).collect()
    };
    assert_eq!(deployment.admin.upload(&event, tickets(1_000)).await["created"], 1_000);
    let path = format!("/v1/events/{}/tickets", event.id);
    let too_many = deployment.admin.client.post(&path, &json!({"tickets": tickets(1_001)})).await;
    too_many.invalid_at("/tickets");
}

on_both!(an_upload_in_another_form_is_refused);
async fn an_upload_in_another_form_is_refused(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let path = format!("/v1/events/{}/tickets", event.id);
    let client = &deployment.admin.client;
    client.post_raw(&path, "application/xml", "<tickets/>").await.problem(415, "unsupported_media_type");
    client.post_raw(&path, "application/json", "{\"tickets\": [").await.problem(400, "malformed_body");
    client.post(&path, &json!({"tickets": [{"code": "A-1", "typ": "Seat"}]})).await.problem(422, "invalid_body");
}

on_both!(a_code_is_unique_per_event_and_case_matters);
async fn a_code_is_unique_per_event_and_case_matters(deployment: Deployment) {
    let (gala, fair) = (deployment.admin.event("Gala").await, deployment.admin.event("Fair").await);
    for event in [&gala, &fair] {
        let seat = deployment.admin.ticket_type(event, "Seat", "12.50").await;
        deployment.admin.tickets(event, &seat, &["abc", "ABC"]).await;
    }
    let scanner = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&scanner).await;
    for (event, code) in [(&gala, "abc"), (&gala, "ABC"), (&fair, "abc"), (&fair, "ABC")] {
        phone.admits(event, code).await;
    }
}

async fn upload_csv(deployment: &Deployment, event: &Event, csv: String) -> Value {
    let path = format!("/v1/events/{}/tickets", event.id);
    deployment.admin.client.post_raw(&path, "text/csv", csv).await.ok(200)
}
