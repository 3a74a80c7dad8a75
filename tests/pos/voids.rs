//! Voids: a sale taken back by a new entry in the ledger.

use futures::future::{join, join_all};
use serde_json::{Value, json};

use super::BoxOffice;
use crate::support::{Deployment, basket, card, cash, new_id, on_both, ref_id, sale_of};

fn codes(sale: &Value) -> Vec<String> {
    sale["tickets"].as_array().unwrap().iter().map(|ticket| ticket["code"].as_str().unwrap().to_owned()).collect()
}

on_both!(a_voided_sale_gives_its_stock_back_and_its_tickets_are_void);
async fn a_voided_sale_gives_its_stock_back_and_its_tickets_are_void(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let stall = office.stall(&deployment, 3).await;
    let sold = office.till.sell(&office.event, basket(&[(&stall, 2), (&office.seat, 1)]), card()).await;
    let kept = office.till.sell(&office.event, basket(&[(&stall, 1)]), card()).await;
    let code = &codes(&sold)[0];
    // Both gateways have seen the ticket and the event before.
    let (a, b) = (
        deployment.admin.phone(&deployment.admin.hire("scanner").await).await,
        deployment.admin.phone(&deployment.admin.hire("scanner").await).await.at(deployment.b()),
    );
    for phone in [&a, &b] {
        let mut dry = crate::support::scan_of(&office.event, code);
        dry["dry_run"] = json!(true);
        assert_eq!(phone.send(&dry).await.ok(200)["verdict"], "admit");
    }

    let voided = office.till.at(deployment.b()).void(&sold).await;
    assert!(voided["voided_at"].is_string(), "{voided}");
    let mut otherwise = voided.clone();
    otherwise["voided_at"] = Value::Null;
    assert_eq!(otherwise, sold, "nothing else of the sale has changed");
    for phone in [&a, &b] {
        for code in codes(&sold) {
            phone.refuses(&office.event, &code, "void").await;
        }
    }
    a.admits(&office.event, &codes(&kept)[0]).await;
    assert_eq!(deployment.admin.stock(&office.event, &stall).await["left"], 2);
    let path = format!("/v1/sales/{}", ref_id(&sold));
    for client in [&office.till.client, &deployment.admin.client] {
        assert_eq!(client.get(&path).await.ok(200), voided);
    }
    office.till.sell(&office.event, basket(&[(&stall, 2)]), card()).await;
    office.till.try_sell(&office.event, basket(&[(&stall, 1)]), card()).await.problem(409, "sold_out");
}

on_both!(a_sale_is_voided_once);
async fn a_sale_is_voided_once(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let stall = office.stall(&deployment, 5).await;
    let sold = office.till.sell(&office.event, basket(&[(&stall, 2)]), card()).await;
    let first = office.till.void(&sold).await;
    let problem = office.till.at(deployment.b()).try_void(&sold).await.problem(409, "already_voided");
    assert_eq!(problem["voided_at"], first["voided_at"]);
    assert_eq!(deployment.ledger.count("select count(*) from sale_voids", &[]).await, 1);
    assert_eq!(deployment.admin.stock(&office.event, &stall).await["left"], 5, "stock comes back once");
}

on_both!(the_same_void_again_is_the_same_answer);
async fn the_same_void_again_is_the_same_answer(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let sold = office.till.sell(&office.event, office.seats(1), card()).await;
    let other = office.till.sell(&office.event, office.seats(1), card()).await;
    let void = json!({"id": new_id(), "reason": "Wrong date"});
    let first = office.till.send_void(&sold, &void).await;
    assert_eq!((first.status, first.replayed()), (200, false));

    office.till.at(deployment.b()).send_void(&other, &void).await.problem(422, "id_reused");
    let mut reason = void.clone();
    reason["reason"] = json!("Another");
    office.till.send_void(&sold, &reason).await.problem(422, "id_reused");
    let elsewhere = deployment.admin.till(&deployment.admin.hire("box_office").await).await;
    elsewhere.send_void(&sold, &void).await.problem(422, "id_reused");
    // What they may do is not asked again, for nothing new happens.
    deployment.admin.set_status(&office.event, "ended").await;
    let again = office.till.at(deployment.b()).send_void(&sold, &void).await;
    assert_eq!((again.status, &again.text, again.replayed()), (200, &first.text, true));
    assert_eq!(deployment.ledger.count("select count(*) from sale_voids", &[]).await, 1);
}

on_both!(a_repeated_sale_tells_its_first_answer_after_a_void);
async fn a_repeated_sale_tells_its_first_answer_after_a_void(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let sale = sale_of(&office.event, office.seats(1), card());
    let first = office.till.send_sale(&sale).await;
    office.till.void(&sale).await;
    let again = office.till.at(deployment.b()).send_sale(&sale).await;
    assert_eq!((again.status, &again.text, again.replayed()), (201, &first.text, true));
    assert_eq!(deployment.ledger.sales(&office.event.id).await, 1);
}

on_both!(who_is_inside_has_to_leave_first);
async fn who_is_inside_has_to_leave_first(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let sold = office.till.sell(&office.event, office.seats(2), card()).await;
    let code = codes(&sold)[1].clone();
    office.till.admits(&office.event, &code).await;
    let problem = office.till.at(deployment.b()).try_void(&sold).await.problem(409, "already_admitted");
    assert_eq!(problem["ticket"], sold["tickets"][1]["id"]);
    let mut out = crate::support::scan_of(&office.event, &code);
    out["direction"] = json!("out");
    assert_eq!(office.till.send(&out).await.ok(200)["verdict"], "admit");
    office.till.at(deployment.b()).void(&sold).await;

    let mut at_once = sale_of(&office.event, office.seats(1), card());
    at_once["admit"] = json!(true);
    let inside = office.till.send_sale(&at_once).await.ok(201);
    office.till.try_void(&inside).await.problem(409, "already_admitted");
}

on_both!(who_may_sell_it_may_void_it);
async fn who_may_sell_it_may_void_it(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let (card_sale, cash_sale) =
        (office.till.sell(&office.event, office.seats(1), card()).await, office.till.sell(&office.event, office.seats(1), cash()).await);
    for role in ["finance_manager", "event_manager", "scanner", "viewer", "none"] {
        let member = deployment.admin.hire_for(role, &[&office.event]).await;
        deployment.admin.till(&member).await.at(deployment.b()).try_void(&card_sale).await.problem(403, "permission_missing");
    }
    deployment
        .admin
        .client
        .post(&format!("/v1/sales/{}/void", ref_id(&card_sale)), &json!({"id": new_id(), "reason": "x"}))
        .await
        .problem(403, "device_required");

    let seller = deployment.admin.hire("box_office").await;
    let till = deployment.admin.till(&seller).await.at(deployment.b());
    deployment.admin.change(&seller, json!({"revoke": ["pos:cash"]})).await;
    assert_eq!(till.try_void(&cash_sale).await.problem(403, "permission_missing")["permission"], "pos:cash");

    let operator = deployment.admin.hire("door_operator").await;
    let door = deployment.admin.till(&operator).await;
    door.try_void(&card_sale).await.problem(403, "no_event_pinned");
    let fair = deployment.admin.event("Fair").await;
    deployment.admin.pin(&operator, &[&fair]).await;
    door.at(deployment.b()).try_void(&card_sale).await.problem(403, "event_not_pinned");
    deployment.admin.set_status(&office.event, "ended").await;
    till.try_void(&card_sale).await.problem(403, "event_not_live");
    deployment.admin.set_status(&office.event, "live").await;
    deployment.admin.pin(&operator, &[&office.event]).await;
    door.void(&cash_sale).await;
    // Another till's sale, without cash.
    till.void(&card_sale).await;
}

on_both!(bad_voids_are_refused);
async fn bad_voids_are_refused(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let sold = office.till.sell(&office.event, office.seats(1), card()).await;
    let send = |void: Value| {
        let (till, sold) = (&office.till, &sold);
        async move { till.send_void(sold, &void).await }
    };
    for reason in [json!(""), json!("   "), json!("x".repeat(501)), json!("one\u{0}two"), json!("one\ntwo"), json!(7), Value::Null] {
        send(json!({"id": new_id(), "reason": reason})).await.invalid_at("/reason");
    }
    send(json!({"id": "nonsense", "reason": "x"})).await.invalid_at("/id");
    send(json!({"id": new_id(), "reason": "x", "refund": true})).await.problem(422, "invalid_body");
    send(json!({"reason": "x"})).await.problem(422, "invalid_body");
    for nothing in [new_id(), "nonsense".to_owned()] {
        office.till.try_void(&json!(nothing)).await.problem(404, "not_found");
    }
    assert_eq!(deployment.ledger.count("select count(*) from sale_voids", &[]).await, 0);
    send(json!({"id": new_id(), "reason": format!(" {} ", "ß".repeat(500))})).await.ok(200);
}

on_both!(of_a_void_and_a_scan_at_once_one_wins);
async fn of_a_void_and_a_scan_at_once_one_wins(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let stall = office.stall(&deployment, 100).await;
    let scanner = deployment.admin.hire("scanner").await;
    let phone = deployment.admin.phone(&scanner).await;
    let (mut voided, mut admitted) = (0, 0);
    for round in 0..12 {
        let sold = office.till.sell(&office.event, basket(&[(&stall, 1)]), card()).await;
        let code = codes(&sold)[0].clone();
        let (till, phone) = (office.till.at(deployment.turn(round)), phone.at(deployment.turn(round + 1)));
        let (void, scan) = join(till.try_void(&sold), phone.scan(&office.event, &code)).await;
        match (void.status, scan["verdict"].as_str().unwrap()) {
            (200, "refuse") => {
                assert_eq!(scan["reason"], "void");
                voided += 1;
            }
            (409, "admit") => {
                void.problem(409, "already_admitted");
                admitted += 1;
            }
            both => panic!("round {round}: {both:?} {void} {scan}"),
        }
    }
    assert_eq!(deployment.ledger.count("select count(*) from sale_voids", &[]).await, voided);
    assert_eq!(deployment.ledger.admissions(&office.event.id).await, admitted);
    assert_eq!(deployment.admin.stock(&office.event, &stall).await["left"], 100 - admitted);
}

on_both!(many_voids_of_one_sale_are_one);
async fn many_voids_of_one_sale_are_one(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let stall = office.stall(&deployment, 9).await;
    for round in 1..=4 {
        let sold = office.till.sell(&office.event, basket(&[(&stall, 3)]), card()).await;
        let same = json!({"id": new_id(), "reason": "The same"});
        let tills: Vec<_> = (0..8).map(|number| office.till.at(deployment.turn(number))).collect();
        // Half of them send one id, as after lost answers, the others each their own.
        let voids = tills.iter().enumerate().map(|(number, till)| {
            let void = if number % 4 < 2 { same.clone() } else { json!({"id": new_id(), "reason": "My own"}) };
            let sold = &sold;
            async move { till.send_void(sold, &void).await }
        });
        let answers = join_all(voids).await;
        let written = answers.iter().filter(|answer| answer.status == 200 && !answer.replayed()).count();
        assert_eq!(written, 1, "round {round}: {answers:?}");
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            answer.problem(409, "already_voided");
        }
        assert_eq!(deployment.ledger.count("select count(*) from sale_voids", &[]).await, round);
        assert_eq!(deployment.admin.stock(&office.event, &stall).await["left"], 9);
    }
}

on_both!(a_voided_holds_stock_is_free);
async fn a_voided_holds_stock_is_free(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let stall = office.stall(&deployment, 2).await;
    let held = office.till.hold(&office.event, basket(&[(&stall, 2)])).await;
    let sold = office.till.try_sell_held(&office.event, basket(&[(&stall, 2)]), &held).await.ok(201);
    office.till.at(deployment.b()).void(&sold).await;
    assert_eq!(deployment.admin.stock(&office.event, &stall).await["left"], 2);
    office.till.try_sell_held(&office.event, basket(&[(&stall, 2)]), &held).await.problem(409, "hold_gone");
}
