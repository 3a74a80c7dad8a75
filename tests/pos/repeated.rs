//! Law 5 at the till: the same sale again finds the first answer, and no buyer is charged twice.

use futures::future::join_all;
use serde_json::json;

use super::BoxOffice;
use crate::support::{Deployment, basket, card, cash, on_both, sale_of};

on_both!(the_same_sale_again_is_the_same_answer);
async fn the_same_sale_again_is_the_same_answer(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let sale = sale_of(&office.event, office.seats(2), card());
    let first = office.till.send_sale(&sale).await;
    assert!(!first.replayed());
    // Without its default, and with the price gone up meanwhile: still the sale that was made.
    let path = format!("/v1/events/{}/ticket-types/{}", office.event.id, office.seat.id);
    deployment.admin.client.patch(&path, &json!({"price": "99.00"})).await.ok(200);
    let mut again = sale.clone();
    again.as_object_mut().unwrap().remove("admit");
    let again = office.till.at(deployment.b()).send_sale(&again).await;
    assert_eq!((again.status, &again.text, again.replayed()), (201, &first.text, true));
    assert_eq!(deployment.ledger.sales(&office.event.id).await, 1);
    assert_eq!(deployment.ledger.count("select count(*) from tickets where event_id = $1", &[&office.event.id]).await, 2);
}

on_both!(an_id_belongs_to_one_sale);
async fn an_id_belongs_to_one_sale(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let sale = sale_of(&office.event, office.seats(2), card());
    office.till.send_sale(&sale).await.ok(201);
    for (name, value) in [("lines", office.seats(3)), ("payment", cash()), ("admit", json!(true)), ("expected_total", json!("25.00"))] {
        let mut other = sale.clone();
        other[name] = value;
        office.till.at(deployment.b()).send_sale(&other).await.problem(422, "id_reused");
    }
    let seller = deployment.admin.hire("box_office").await;
    deployment.admin.till(&seller).await.send_sale(&sale).await.problem(422, "id_reused");
    assert_eq!(deployment.ledger.sales(&office.event.id).await, 1);
}

on_both!(a_refused_sale_is_decided_anew);
async fn a_refused_sale_is_decided_anew(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    deployment.admin.set_status(&office.event, "draft").await;
    let sale = sale_of(&office.event, office.seats(1), card());
    office.till.send_sale(&sale).await.problem(403, "event_not_live");
    deployment.admin.set_status(&office.event, "live").await;
    let answer = office.till.at(deployment.b()).send_sale(&sale).await;
    assert!(!answer.replayed());
    answer.ok(201);
}

on_both!(a_repeated_sale_asks_who_but_not_whether_they_may);
async fn a_repeated_sale_asks_who_but_not_whether_they_may(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let seat = deployment.admin.ticket_type(&event, "Seat", "12.50").await;
    let seller = deployment.admin.hire("box_office").await;
    let till = deployment.admin.till(&seller).await;
    let sale = sale_of(&event, basket(&[(&seat, 1)]), cash());
    let first = till.send_sale(&sale).await;
    deployment.admin.change(&seller, json!({"role": "none"})).await;
    deployment.admin.set_status(&event, "cancelled").await;
    let again = till.at(deployment.b()).send_sale(&sale).await;
    assert_eq!((again.status, &again.text, again.replayed()), (201, &first.text, true));
    deployment.admin.till(&seller).await;
    till.send_sale(&sale).await.problem(401, "session_displaced");
}

on_both!(one_sale_sent_often_at_once_is_one_sale);
async fn one_sale_sent_often_at_once_is_one_sale(deployment: Deployment) {
    let office = BoxOffice::open(&deployment).await;
    let sale = sale_of(&office.event, office.seats(2), cash());
    let tills: Vec<_> = (0..16).map(|number| office.till.at(deployment.turn(number))).collect();
    let answers = join_all(tills.iter().map(|till| till.send_sale(&sale))).await;
    assert!(answers.iter().all(|answer| answer.status == 201 && answer.text == answers[0].text), "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| !answer.replayed()).count(), 1);
    assert_eq!(deployment.ledger.sales(&office.event.id).await, 1);
    assert_eq!(deployment.ledger.count("select count(*) from tickets where event_id = $1", &[&office.event.id]).await, 2);
}
