//! A ticket's own window of validity.

use chrono::{TimeDelta, Utc};
use serde_json::json;

use super::import_list;
use crate::support::{Deployment, on_both};

/// An hour as a check-in list writes it: in UTC, without saying so.
fn in_hours(hours: i64) -> String {
    (Utc::now() + TimeDelta::hours(hours)).format("%Y-%m-%d %H:%M").to_string()
}

fn moment(hours: i64) -> String {
    (Utc::now() + TimeDelta::hours(hours)).to_rfc3339()
}

on_both!(a_tickets_own_window_is_used_instead_of_its_types);
async fn a_tickets_own_window_is_used_instead_of_its_types(deployment: Deployment) {
    let event = deployment.admin.event_with("Now", json!({"starts_at": moment(-5), "ends_at": moment(5)})).await;
    let (past, soon) = (moment(-4), moment(3));
    deployment.admin.ticket_type_with(&event, json!({"name": "Late", "price": "5.00", "valid_from": soon})).await;
    deployment.admin.ticket_type_with(&event, json!({"name": "Early", "price": "5.00", "valid_until": past})).await;
    let lines = format!(
        "a,Late,,,Yes,,\nb,Late,,,Yes,{earlier},\nc,Early,,,Yes,,\nd,Early,,,Yes,,{later}\ne,Seat,,,Yes,{later},\nf,Seat,,,Yes,,{earlier}\ng,Seat,,,Yes,{earlier},{later}\n",
        earlier = in_hours(-2),
        later = in_hours(2),
    );
    let report = import_list(&deployment.admin.client, &event, &lines).await;
    assert_eq!((&report["created"], &report["windows_left_out"]), (&json!(7), &json!(0)), "{report}");
    let scanner = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&scanner).await;
    for (code, reason) in [("a", "too_early"), ("c", "too_late"), ("e", "too_early"), ("f", "too_late")] {
        phone.refuses(&event, code, reason).await;
    }
    for code in ["b", "d", "g"] {
        phone.at(deployment.b()).admits(&event, code).await;
    }

    // A later file moves a window: in force at once, also where the ticket was warm.
    let moved = format!("e,Seat,,,Yes,{},\nf,Seat,,,Yes,,\n", in_hours(-2));
    assert_eq!(import_list(&deployment.admin.client, &event, &moved).await["updated"], 2);
    phone.admits(&event, "e").await;
    phone.at(deployment.b()).admits(&event, "f").await;
}

on_both!(a_window_of_another_run_of_the_event_is_left_out);
async fn a_window_of_another_run_of_the_event_is_left_out(deployment: Deployment) {
    let event = deployment.admin.event_with("Now", json!({"starts_at": moment(-5), "ends_at": moment(5)})).await;
    let lines = format!("a,Seat,,,Yes,2020-05-01 18:00,2020-05-02 06:00\nb,Seat,,,Yes,{},\nc,Seat,,,Yes,,2020-05-02 06:00\n", in_hours(4));
    let report = import_list(&deployment.admin.client, &event, &lines).await;
    assert_eq!((&report["created"], &report["windows_left_out"]), (&json!(3), &json!(2)), "{report}");
    let scanner = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&scanner).await;
    phone.admits(&event, "a").await;
    phone.refuses(&event, "b", "too_early").await;
    phone.admits(&event, "c").await;
}
