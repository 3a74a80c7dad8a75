//! Who may sell, for what, on which device, and who takes cash.

use serde_json::json;

use super::BoxOffice;
use crate::support::{Deployment, basket, card, cash, on_both, sale_of};

on_both!(each_role_sells_as_the_table_says);
async fn each_role_sells_as_the_table_says(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    for (role, may) in [
        ("organisation_admin", true),
        ("event_manager", false),
        ("finance_manager", false),
        ("scanner", false),
        ("viewer", false),
        ("box_office", true),
        ("door_operator", true),
        ("none", false),
    ] {
        let member = deployment.admin.hire_for(role, &[&office.event]).await;
        let till = deployment.admin.till(&member).await.at(deployment.b());
        for (action, payment) in [("sell_cash", cash()), ("sell_card", card())] {
            let sold = till.try_sell(&office.event, office.seats(1), payment).await;
            let answer = till.may(action, &office.event).await;
            if may {
                sold.ok(201);
                assert_eq!(answer, json!({"allowed": true}), "{role}");
            } else {
                let problem = sold.problem(403, "permission_missing");
                assert!(problem["permission"].as_str().unwrap().starts_with("pos:"), "{role}: {problem}");
                assert_eq!((&answer["allowed"], &answer["code"]), (&json!(false), &json!("permission_missing")), "{role}");
                assert!(answer["detail"].is_string(), "{answer}");
            }
        }
    }
}

on_both!(a_sale_needs_a_pos_device);
async fn a_sale_needs_a_pos_device(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    for role in ["box_office", "organisation_admin"] {
        let member = deployment.admin.hire(role).await;
        let phone = deployment.admin.phone(&member).await;
        let signed_in = member.signed_in(deployment.b()).await;
        for session in [&*phone, &signed_in] {
            let sale = sale_of(&office.event, office.seats(1), card());
            session.send_sale(&sale).await.problem(403, "device_required");
            assert_eq!(session.may("sell_card", &office.event).await["code"], "device_required");
        }
    }
    assert_eq!(deployment.ledger.sales(&office.event.id).await, 0);
}

on_both!(the_box_office_sells_for_all_live_events);
async fn the_box_office_sells_for_all_live_events(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let fair = deployment.admin.event("Fair").await;
    let stall = deployment.admin.ticket_type(&fair, "Stall", "5.00").await;
    let lines = || basket(&[(&stall, 1)]);
    office.till.sell(&office.event, office.seats(1), card()).await;
    office.till.sell(&fair, lines(), card()).await;
    for status in ["draft", "ended", "cancelled"] {
        deployment.admin.set_status(&fair, status).await;
        office.till.at(deployment.b()).try_sell(&fair, lines(), card()).await.problem(403, "event_not_live");
        office.till.at(deployment.b()).learns("sell_card", &fair, Some("event_not_live")).await;
    }
}

on_both!(the_door_operator_sells_for_the_pinned_event_only);
async fn the_door_operator_sells_for_the_pinned_event_only(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let fair = deployment.admin.event("Fair").await;
    let stall = deployment.admin.ticket_type(&fair, "Stall", "5.00").await;
    let stalls = basket(&[(&stall, 1)]);
    let operator = deployment.admin.hire("door_operator").await;
    let till = deployment.admin.till(&operator).await.at(deployment.b());

    let problem = till.try_sell(&fair, stalls.clone(), card()).await.problem(403, "no_event_pinned");
    assert_eq!(problem["detail"], "No event is assigned to you.");
    deployment.admin.pin(&operator, &[&fair]).await;
    till.sell(&fair, stalls.clone(), card()).await;
    let problem = till.try_sell(&office.event, office.seats(1), card()).await.problem(403, "event_not_pinned");
    assert_eq!(problem["pinned_event"], json!({"id": fair.id, "name": "Fair"}));
    deployment.admin.pin(&operator, &[&fair, &office.event]).await;
    till.try_sell(&fair, stalls.clone(), card()).await.problem(403, "no_event_pinned");
    deployment.admin.pin(&operator, &[]).await;
    till.try_sell(&fair, stalls, card()).await.problem(403, "no_event_pinned");
    assert_eq!(deployment.ledger.sales(&office.event.id).await, 0);
}

on_both!(the_pin_does_not_bind_who_also_sells_at_the_box_office);
async fn the_pin_does_not_bind_who_also_sells_at_the_box_office(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let operator = deployment.admin.hire("door_operator").await;
    let till = deployment.admin.till(&operator).await;
    till.try_sell(&office.event, office.seats(1), card()).await.problem(403, "no_event_pinned");
    deployment.admin.change(&operator, json!({"grant": ["pos:boxoffice"]})).await;
    till.at(deployment.b()).sell(&office.event, office.seats(1), card()).await;
}

on_both!(cash_needs_its_own_permission);
async fn cash_needs_its_own_permission(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let seller = deployment.admin.hire("box_office").await;
    let till = deployment.admin.till(&seller).await.at(deployment.b());
    till.sell(&office.event, office.seats(1), cash()).await;
    deployment.admin.change(&seller, json!({"revoke": ["pos:cash"]})).await;

    let problem = till.try_sell(&office.event, office.seats(1), cash()).await.problem(403, "permission_missing");
    assert_eq!(problem["permission"], "pos:cash");
    till.learns("sell_cash", &office.event, Some("permission_missing")).await;
    till.learns("sell_card", &office.event, None).await;
    till.sell(&office.event, office.seats(1), card()).await;
    deployment.admin.change(&seller, json!({"grant": ["pos:cash"]})).await;
    till.sell(&office.event, office.seats(1), cash()).await;
}

on_both!(may_i_follows_every_change_within_a_second);
async fn may_i_follows_every_change_within_a_second(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let seller = deployment.admin.hire("box_office").await;
    let till = deployment.admin.till(&seller).await.at(deployment.b());
    assert_eq!(till.may("sell_card", &office.event).await, json!({"allowed": true}));
    deployment.admin.change(&seller, json!({"role": "viewer"})).await;
    till.learns("sell_card", &office.event, Some("permission_missing")).await;
    deployment.admin.change(&seller, json!({"role": "box_office"})).await;
    till.learns("sell_card", &office.event, None).await;
    deployment.admin.set_status(&office.event, "draft").await;
    till.learns("scan", &office.event, Some("event_not_live")).await;
}
