//! Holds: hold, charge the card, sell, so that no buyer is charged for a seat that is gone.

use chrono::{DateTime, Utc};
use futures::future::{join, join_all};
use serde_json::{Value, json};

use super::BoxOffice;
use crate::support::{Deployment, basket, card, cash, hold_of, new_id, on_both, ref_id, sale_of, until};

on_both!(a_hold_keeps_stock_until_its_sale);
async fn a_hold_keeps_stock_until_its_sale(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let stall = office.stall(&deployment, 5).await;
    let others = deployment.admin.till(&deployment.admin.hire("box_office").await).await.at(deployment.b());

    let asked = hold_of(&office.event, basket(&[(&stall, 3), (&office.seat, 1)]));
    let held = office.till.send_hold(&asked).await.ok(201);
    assert_eq!((&held["id"], &held["total"]), (&asked["id"], &json!("282.50")));
    let expires_at: DateTime<Utc> = held["expires_at"].as_str().unwrap().parse().unwrap();
    let lives = (expires_at - Utc::now()).num_seconds();
    assert!((100..=120).contains(&lives), "a hold keeps for two minutes, not for {lives} seconds");
    assert_eq!(held.as_object().unwrap().len(), 3, "{held}");

    assert_eq!(deployment.admin.at(deployment.b()).stock(&office.event, &stall).await["left"], 2);
    let listed = others.client.get("/v1/events").await.ok(200);
    assert_eq!(left_in(&listed, &stall.id), 2);
    for refused in
        [others.try_sell(&office.event, basket(&[(&stall, 3)]), card()).await, others.try_hold(&office.event, basket(&[(&stall, 3)])).await]
    {
        let problem = refused.problem(409, "sold_out");
        assert_eq!((ref_id(&problem["ticket_type"]), &problem["left"]), (stall.id.clone(), &json!(2)));
    }
    others.sell(&office.event, basket(&[(&stall, 2)]), card()).await;

    // The order of the lines means nothing.
    let lines = basket(&[(&office.seat, 1), (&stall, 3)]);
    let sold = office.till.at(deployment.b()).try_sell_held(&office.event, lines, &held).await.ok(201);
    assert_eq!((&sold["total"], sold["tickets"].as_array().unwrap().len()), (&held["total"], 4));
    assert_eq!(deployment.admin.stock(&office.event, &stall).await["left"], 0);
}

fn left_in(events: &Value, kind: &str) -> i64 {
    let types = events["items"].as_array().unwrap().iter().flat_map(|event| event["ticket_types"].as_array().unwrap());
    types.clone().find(|found| found["id"] == kind).unwrap()["left"].as_i64().unwrap()
}

on_both!(a_hold_keeps_its_price);
async fn a_hold_keeps_its_price(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let held = office.till.hold(&office.event, office.seats(2)).await;
    let path = format!("/v1/events/{}/ticket-types/{}", office.event.id, office.seat.id);
    deployment.admin.client.patch(&path, &json!({"price": "13.00"})).await.ok(200);

    let mut sale = sale_of(&office.event, office.seats(2), card());
    sale["hold"] = held["id"].clone();
    sale["expected_total"] = json!("26.00");
    let problem = office.till.at(deployment.b()).send_sale(&sale).await.problem(409, "price_changed");
    assert_eq!(problem["total"], "25.00", "the hold told another total, and a card may have been charged so much");
    sale["expected_total"] = json!("25.00");
    let sold = office.till.send_sale(&sale).await.ok(201);
    assert_eq!((&sold["total"], &sold["lines"][0]["unit_price"]), (&json!("25.00"), &json!("12.50")));
    assert_eq!(office.till.sell(&office.event, office.seats(2), card()).await["total"], "26.00");
}

on_both!(an_expired_hold_frees_its_stock, "STAGEDOOR_HOLD_SECONDS" = "1");
async fn an_expired_hold_frees_its_stock(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let stall = office.stall(&deployment, 3).await;
    let others = deployment.admin.till(&deployment.admin.hire("box_office").await).await.at(deployment.b());
    let three = || basket(&[(&stall, 3)]);
    let (first, second) =
        (office.till.hold(&office.event, basket(&[(&stall, 1)])).await, office.till.hold(&office.event, basket(&[(&stall, 2)])).await);
    until("the holds have expired", || async {
        let answer = others.try_hold(&office.event, three()).await;
        answer.status == 201 || answer.problem(409, "sold_out").is_null()
    })
    .await;
    until("the hold of all has expired as well", || async { deployment.admin.stock(&office.event, &stall).await["left"] == 3 }).await;
    // A card was charged a moment too late: what is free is sold all the same, at the hold's total.
    office.till.try_sell_held(&office.event, basket(&[(&stall, 1)]), &first).await.ok(201);
    let path = format!("/v1/events/{}/ticket-types/{}", office.event.id, stall.id);
    deployment.admin.client.patch(&path, &json!({"price": "95.00"})).await.ok(200);
    let late = || office.till.try_sell_held(&office.event, basket(&[(&stall, 2)]), &second);
    assert_eq!(late().await.problem(409, "price_changed")["total"], "190.00");
    deployment.admin.client.patch(&path, &json!({"price": "90.00"})).await.ok(200);
    others.sell(&office.event, basket(&[(&stall, 1)]), card()).await;
    // What is not free is not sold.
    let problem = late().await.problem(409, "sold_out");
    assert_eq!(problem["left"], 1);
}

on_both!(a_hold_is_used_once);
async fn a_hold_is_used_once(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let held = office.till.hold(&office.event, office.seats(1)).await;
    office.till.try_sell_held(&office.event, office.seats(1), &held).await.ok(201);
    office.till.at(deployment.b()).try_sell_held(&office.event, office.seats(1), &held).await.problem(409, "hold_gone");
    office.till.at(deployment.b()).release(&held).await.problem(409, "hold_gone");
    assert_eq!(deployment.ledger.sales(&office.event.id).await, 1);
}

on_both!(a_hold_can_be_released);
async fn a_hold_can_be_released(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let stall = office.stall(&deployment, 2).await;
    let held = office.till.hold(&office.event, basket(&[(&stall, 2)])).await;
    let other = deployment.admin.till(&deployment.admin.hire("box_office").await).await;
    other.release(&held).await.problem(403, "other_device");
    assert_eq!(deployment.admin.stock(&office.event, &stall).await["left"], 0);
    for gateway in [deployment.b(), deployment.a()] {
        office.till.at(gateway).release(&held).await.ok(204);
        assert_eq!(deployment.admin.stock(&office.event, &stall).await["left"], 2);
    }
    office.till.try_sell_held(&office.event, basket(&[(&stall, 2)]), &held).await.problem(409, "hold_gone");
    other.at(deployment.b()).sell(&office.event, basket(&[(&stall, 2)]), card()).await;
    for nothing in [new_id(), "nonsense".to_owned()] {
        office.till.client.delete(&format!("/v1/holds/{nothing}")).await.problem(404, "not_found");
    }
}

on_both!(a_hold_is_for_one_till_one_event_and_its_lines);
async fn a_hold_is_for_one_till_one_event_and_its_lines(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let held = office.till.hold(&office.event, office.seats(2)).await;
    let other = deployment.admin.till(&deployment.admin.hire("box_office").await).await.at(deployment.b());
    other.try_sell_held(&office.event, office.seats(2), &held).await.invalid_at("/hold");
    for lines in [office.seats(1), office.seats(3)] {
        office.till.try_sell_held(&office.event, lines, &held).await.invalid_at("/hold");
    }
    let fair = deployment.admin.event("Fair").await;
    let stall = deployment.admin.ticket_type(&fair, "Stall", "5.00").await;
    office.till.try_sell_held(&fair, basket(&[(&stall, 2)]), &held).await.invalid_at("/hold");
    office.till.try_sell_held(&office.event, office.seats(2), &json!({"id": new_id()})).await.invalid_at("/hold");
    for odd in [json!({"id": "nonsense"}), json!({"id": 7})] {
        office.till.try_sell_held(&office.event, office.seats(2), &odd).await.invalid_at("/hold");
    }
    assert_eq!(deployment.ledger.sales(&office.event.id).await, 0);
    office.till.try_sell_held(&office.event, office.seats(2), &held).await.ok(201);
}

on_both!(the_same_hold_again_is_the_same_answer);
async fn the_same_hold_again_is_the_same_answer(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let stall = office.stall(&deployment, 4).await;
    let asked = hold_of(&office.event, basket(&[(&stall, 2)]));
    let tills: Vec<_> = (0..12).map(|number| office.till.at(deployment.turn(number))).collect();
    let answers = join_all(tills.iter().map(|till| till.send_hold(&asked))).await;
    assert!(answers.iter().all(|answer| answer.status == 201 && answer.text == answers[0].text), "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| !answer.replayed()).count(), 1);
    assert_eq!(deployment.admin.stock(&office.event, &stall).await["left"], 2);

    let mut other = asked.clone();
    other["lines"] = basket(&[(&stall, 1)]);
    office.till.at(deployment.b()).send_hold(&other).await.problem(422, "id_reused");
    let elsewhere = deployment.admin.till(&deployment.admin.hire("box_office").await).await;
    elsewhere.send_hold(&asked).await.problem(422, "id_reused");
    // Whatever has become of it and of its till, it was held then.
    office.till.release(&asked).await.ok(204);
    deployment.admin.set_status(&office.event, "ended").await;
    let again = office.till.at(deployment.b()).send_hold(&asked).await;
    assert_eq!((again.status, &again.text, again.replayed()), (201, &answers[0].text, true));
}

on_both!(a_held_sale_again_is_the_same_answer);
async fn a_held_sale_again_is_the_same_answer(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let held = office.till.hold(&office.event, office.seats(1)).await;
    let mut sale = sale_of(&office.event, office.seats(1), card());
    sale["hold"] = held["id"].clone();
    let first = office.till.send_sale(&sale).await;
    let again = office.till.at(deployment.b()).send_sale(&sale).await;
    assert_eq!((again.status, &again.text, again.replayed()), (201, &first.text, true));
    sale.as_object_mut().unwrap().remove("hold");
    office.till.send_sale(&sale).await.problem(422, "id_reused");
}

on_both!(who_may_sell_may_hold);
async fn who_may_sell_may_hold(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    for (role, may) in [
        ("organisation_admin", true),
        ("box_office", true),
        ("door_operator", true),
        ("finance_manager", false),
        ("scanner", false),
        ("none", false),
    ] {
        let member = deployment.admin.hire_for(role, &[&office.event]).await;
        let held = deployment.admin.till(&member).await.at(deployment.b()).try_hold(&office.event, office.seats(1)).await;
        if may {
            held.ok(201);
        } else {
            held.problem(403, "permission_missing");
        }
    }
    // Cash is a matter of the sale.
    let seller = deployment.admin.hire("box_office").await;
    let till = deployment.admin.till(&seller).await;
    deployment.admin.change(&seller, json!({"revoke": ["pos:cash"]})).await;
    let held = till.at(deployment.b()).hold(&office.event, office.seats(1)).await;
    let mut sale = sale_of(&office.event, office.seats(1), cash());
    sale["hold"] = held["id"].clone();
    till.send_sale(&sale).await.problem(403, "permission_missing");

    let operator = deployment.admin.hire("door_operator").await;
    let door = deployment.admin.till(&operator).await;
    door.try_hold(&office.event, office.seats(1)).await.problem(403, "no_event_pinned");
    let fair = deployment.admin.event("Fair").await;
    deployment.admin.pin(&operator, &[&fair]).await;
    door.at(deployment.b()).try_hold(&office.event, office.seats(1)).await.problem(403, "event_not_pinned");
    let phone = deployment.admin.phone(&seller).await;
    phone.send_hold(&hold_of(&office.event, office.seats(1))).await.problem(403, "device_required");
    deployment.admin.set_status(&office.event, "ended").await;
    till.try_hold(&office.event, office.seats(1)).await.problem(403, "event_not_live");
    deployment.a().post("/v1/holds", &hold_of(&office.event, office.seats(1))).await.problem(401, "token_missing");
}

on_both!(bad_holds_are_refused);
async fn bad_holds_are_refused(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let hold = |lines: Value| office.till.try_hold(&office.event, lines);
    hold(json!([])).await.invalid_at("/lines");
    hold(vec![json!({"ticket_type": office.seat.id, "quantity": 1}); 51].into()).await.invalid_at("/lines");
    for quantity in [json!(0), json!(101), json!(-1), json!("2")] {
        hold(json!([{"ticket_type": office.seat.id, "quantity": quantity}])).await.invalid_at("/lines/0/quantity");
    }
    hold(json!([{"ticket_type": new_id(), "quantity": 1}])).await.invalid_at("/lines/0/ticket_type");
    let mut odd = hold_of(&office.event, office.seats(1));
    odd["expected_total"] = json!("12.50");
    office.till.send_hold(&odd).await.problem(422, "invalid_body");
    let mut nowhere = hold_of(&office.event, office.seats(1));
    nowhere["event"] = json!(new_id());
    office.till.send_hold(&nowhere).await.problem(404, "not_found");
    office.till.client.post_raw("/v1/holds", "application/json", "{").await.problem(400, "malformed_body");
    assert_eq!(deployment.ledger.count("select count(*) from holds", &[]).await, 0);
}

on_both!(nobody_locks_the_house);
async fn nobody_locks_the_house(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let tills: Vec<_> = (0..24).map(|number| office.till.at(deployment.turn(number))).collect();
    let answers = join_all(tills.iter().map(|till| till.try_hold(&office.event, office.seats(1)))).await;
    let (held, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!((held.len(), refused.len()), (10, 14), "one till holds for ten customers at once");
    for answer in refused {
        answer.problem(429, "too_many_requests");
    }
    office.till.release(&held[0].json()).await.ok(204);
    office.till.try_sell_held(&office.event, office.seats(1), &held[1].json()).await.ok(201);
    office.till.hold(&office.event, office.seats(1)).await;
    office.till.at(deployment.b()).hold(&office.event, office.seats(1)).await;
    office.till.try_hold(&office.event, office.seats(1)).await.problem(429, "too_many_requests");
    deployment.admin.till(&deployment.admin.hire("box_office").await).await.hold(&office.event, office.seats(1)).await;
}

on_both!(holds_and_sales_together_never_pass_the_quota);
async fn holds_and_sales_together_never_pass_the_quota(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let stall = office.stall(&deployment, 20).await;
    let tills = BoxOffice::tills(&deployment, 8).await;
    // Each till buys and holds in turn; 64 are asked for, 20 are there. Every third hold is released and every other one sold.
    let walks = tills.iter().enumerate().map(|(number, till)| {
        let (event, stall) = (&office.event, &stall);
        async move {
            let mut sold = 0_usize;
            for turn in 0..4 {
                let two = || basket(&[(stall, 2)]);
                if (number + turn) % 2 == 0 {
                    sold += 2 * usize::from(till.try_sell(event, two(), card()).await.status == 201);
                    continue;
                }
                let held = till.try_hold(event, two()).await;
                if held.status != 201 {
                    held.problem(409, "sold_out");
                } else if (number + turn) % 3 == 0 {
                    till.release(&held.json()).await.ok(204);
                } else {
                    // What is held is kept: this sale is not refused, whatever the others do.
                    till.try_sell_held(event, two(), &held.json()).await.ok(201);
                    sold += 2;
                }
            }
            sold
        }
    });
    let sold: usize = join_all(walks).await.iter().sum();
    let written = deployment.ledger.count("select count(*) from tickets where ticket_type_id = $1", &[&stall.id]).await;
    assert_eq!(i64::try_from(sold).unwrap(), written);
    let left = deployment.admin.stock(&office.event, &stall).await["left"].as_u64().unwrap();
    assert_eq!(usize::try_from(left).unwrap() + sold, 20, "what was released can be sold, and no more than that");
}

on_both!(one_hold_before_many_sales_is_one_sale);
async fn one_hold_before_many_sales_is_one_sale(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let stall = office.stall(&deployment, 50).await;
    for round in 0..6 {
        let held = office.till.hold(&office.event, basket(&[(&stall, 1)])).await;
        let tills: Vec<_> = (0..8).map(|number| office.till.at(deployment.turn(number))).collect();
        let sales = join_all(tills.iter().map(|till| till.try_sell_held(&office.event, basket(&[(&stall, 1)]), &held)));
        let (answers, released) = join(sales, office.till.at(deployment.turn(round)).release(&held)).await;
        let sold = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(sold + usize::from(released.status == 204), 1, "round {round}: {answers:?} {released}");
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            answer.problem(409, "hold_gone");
        }
    }
    let used = "select count(*) from holds where used_by is not null";
    assert_eq!(deployment.ledger.sales(&office.event.id).await, deployment.ledger.count(used, &[]).await);
}
