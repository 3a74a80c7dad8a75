//! Law 7: never over the quota, and receipt numbers without gaps.

use futures::future::join_all;
use serde_json::{Value, json};

use super::BoxOffice;
use crate::support::{Deployment, basket, card, on_both, ref_id};

on_both!(what_is_left_is_sold_and_no_more);
async fn what_is_left_is_sold_and_no_more(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let kind = json!({"name": "Box", "price": "90.00", "quota": 5});
    let stall = deployment.admin.ticket_type_with(&office.event, kind).await;
    assert_eq!(deployment.admin.stock(&office.event, &stall).await["left"], 5);
    office.till.sell(&office.event, basket(&[(&stall, 3)]), card()).await;
    assert_eq!(deployment.admin.at(deployment.b()).stock(&office.event, &stall).await["left"], 2);

    let lines = basket(&[(&office.seat, 1), (&stall, 3)]);
    let problem = office.till.at(deployment.b()).try_sell(&office.event, lines, card()).await.problem(409, "sold_out");
    assert_eq!((ref_id(&problem["ticket_type"]), &problem["left"]), (stall.id.clone(), &json!(2)));
    assert_eq!(deployment.ledger.sales(&office.event.id).await, 1, "all lines or nothing");
    office.till.sell(&office.event, basket(&[(&stall, 2)]), card()).await;
    assert_eq!(deployment.admin.stock(&office.event, &stall).await["left"], 0);
}

on_both!(lines_of_one_type_are_summed);
async fn lines_of_one_type_are_summed(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let kind = json!({"name": "Box", "price": "90.00", "quota": 5});
    let stall = deployment.admin.ticket_type_with(&office.event, kind).await;
    let lines = basket(&[(&stall, 3), (&stall, 3)]);
    office.till.try_sell(&office.event, lines, card()).await.problem(409, "sold_out");
    let sold = office.till.sell(&office.event, basket(&[(&stall, 2), (&stall, 3)]), card()).await;
    assert_eq!((&sold["lines"][0]["quantity"], &sold["lines"][1]), (&json!(5), &Value::Null));
    assert_eq!(sold["total"], "450.00");
}

on_both!(imported_tickets_count_unless_they_are_void);
async fn imported_tickets_count_unless_they_are_void(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let kind = json!({"name": "Box", "price": "90.00", "quota": 5});
    let stall = deployment.admin.ticket_type_with(&office.event, kind).await;
    let ticket = |code: &str, status: &str| json!({"code": code, "type": stall.id, "status": status});
    let tickets = json!([ticket("V", "valid"), ticket("U", "unpaid"), ticket("B", "blocked"), ticket("X", "void")]);
    deployment.admin.upload(&office.event, tickets).await;
    assert_eq!(deployment.admin.at(deployment.b()).stock(&office.event, &stall).await["left"], 2);
    office.till.try_sell(&office.event, basket(&[(&stall, 3)]), card()).await.problem(409, "sold_out");
    deployment.admin.upload(&office.event, json!([ticket("U", "void")])).await;
    office.till.sell(&office.event, basket(&[(&stall, 3)]), card()).await;
}

on_both!(a_quota_is_never_oversold_however_many_tills_sell_at_once);
async fn a_quota_is_never_oversold_however_many_tills_sell_at_once(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let kind = json!({"name": "Box", "price": "90.00", "quota": 20});
    let stall = deployment.admin.ticket_type_with(&office.event, kind).await;
    let mut tills = Vec::new();
    for number in 0..8 {
        let seller = deployment.admin.hire("box_office").await;
        tills.push(deployment.admin.till(&seller).await.at(deployment.turn(number)));
    }
    // 24 sales of one, two or three tickets: 48 are asked for, 20 are there.
    let sales = (0..24_usize).map(|number| {
        let quantity = u32::try_from(number % 3 + 1).unwrap();
        tills[number % tills.len()].try_sell(&office.event, basket(&[(&stall, quantity)]), card())
    });
    let mut sold = 0;
    for answer in join_all(sales).await {
        if answer.status == 201 {
            sold += answer.json()["tickets"].as_array().unwrap().len();
        } else {
            answer.problem(409, "sold_out");
        }
    }
    let written = deployment.ledger.count("select count(*) from tickets where ticket_type_id = $1", &[&stall.id]).await;
    assert_eq!(i64::try_from(sold).unwrap(), written);
    assert!((18..=20).contains(&sold), "{sold} of 20 were sold");
    let left = deployment.admin.stock(&office.event, &stall).await["left"].as_u64().unwrap();
    assert_eq!(usize::try_from(left).unwrap() + sold, 20);
}

on_both!(receipt_numbers_have_no_gaps);
async fn receipt_numbers_have_no_gaps(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let kind = json!({"name": "Box", "price": "90.00", "quota": 10});
    let stall = deployment.admin.ticket_type_with(&office.event, kind).await;
    let fair = deployment.admin.event("Fair").await;
    let entry = deployment.admin.ticket_type(&fair, "Entry", "3.00").await;
    let tills: Vec<_> = (0..40).map(|number| office.till.at(deployment.turn(number))).collect();
    // Every third sale is for stock that runs out: a refusal must not take a number.
    let sales = tills.iter().enumerate().map(|(number, till)| match number % 3 {
        0 => till.try_sell(&office.event, basket(&[(&stall, 1)]), card()),
        1 => till.try_sell(&office.event, basket(&[(&office.seat, 1)]), card()),
        _ => till.try_sell(&fair, basket(&[(&entry, 1)]), card()),
    });
    let sold = join_all(sales).await.iter().filter(|answer| answer.status == 201).count();
    let sold = i64::try_from(sold).unwrap();
    let organisation = [deployment.organisation.id.as_str()];
    let numbers = "select count(distinct receipt_number) from sales where organisation_id = $1";
    assert_eq!(deployment.ledger.count(numbers, &organisation).await, sold);
    let range = "select max(receipt_number) - min(receipt_number) + 1 from sales where organisation_id = $1";
    assert_eq!(deployment.ledger.count(range, &organisation).await, sold);
}
