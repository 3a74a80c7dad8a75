//! Law 9: without the book nothing is sold and nothing is made up, and with it everything goes on.

use serde_json::json;

use crate::support::{Plan, basket, cash, sale_of, scan_of, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_book_a_gateway_says_so_and_with_it_goes_on() {
    let house = Plan::shared().open().await;
    let event = house.admin.event("Gala").await;
    let seat = house.admin.ticket_type(&event, "Seat", "12.50").await;
    house.admin.tickets(&event, &seat, &["A-1"]).await;
    let seller = house.admin.hire("box_office").await;
    let till = house.admin.till(&seller).await;
    let (sale, scan) = (sale_of(&event, basket(&[(&seat, 1)]), cash()), scan_of(&event, "A-1"));

    house.database().shut_out().await;
    till.send_sale(&sale).await.problem(503, "ledger_unavailable");
    till.at(house.b()).send(&scan).await.problem(503, "ledger_unavailable");
    seller.try_sign_in(house.a()).await.problem(503, "ledger_unavailable");
    assert_eq!(house.a().get("/healthz").await.status, 200);
    until("both gateways say that they are not ready", || async {
        house.a().get("/readyz").await.status == 503 && house.b().get("/readyz").await.status == 503
    })
    .await;

    house.database().let_in().await;
    until("both gateways are ready again", || async {
        house.a().get("/readyz").await.status == 200 && house.b().get("/readyz").await.status == 200
    })
    .await;
    // The same again, as a client does that had no answer: it was safe to send.
    assert_eq!(till.send_sale(&sale).await.ok(201)["total"], json!("12.50"));
    assert_eq!(till.at(house.b()).send(&scan).await.ok(200)["verdict"], "admit");
    assert_eq!((house.book.sales(&event.id).await, house.book.admissions(&event.id).await), (1, 1));
}
