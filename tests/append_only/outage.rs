//! Law 9: without the ledger nothing is sold and nothing is invented, and with it everything goes on.

use serde_json::json;

use crate::support::{Plan, basket, cash, sale_of, scan_of, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_ledger_a_gateway_says_so_and_with_it_goes_on() {
    let deployment = Plan::shared().open().await;
    let event = deployment.admin.event("Gala").await;
    let seat = deployment.admin.ticket_type(&event, "Seat", "12.50").await;
    deployment.admin.tickets(&event, &seat, &["A-1"]).await;
    let seller = deployment.admin.hire("box_office").await;
    let till = deployment.admin.till(&seller).await;
    let (sale, scan) = (sale_of(&event, basket(&[(&seat, 1)]), cash()), scan_of(&event, "A-1"));

    deployment.database().shut_out().await;
    till.send_sale(&sale).await.problem(503, "ledger_unavailable");
    till.at(deployment.b()).send(&scan).await.problem(503, "ledger_unavailable");
    seller.try_sign_in(deployment.a()).await.problem(503, "ledger_unavailable");
    assert_eq!(deployment.a().get("/healthz").await.status, 200);
    until("both gateways say that they are not ready", || async {
        deployment.a().get("/readyz").await.status == 503 && deployment.b().get("/readyz").await.status == 503
    })
    .await;

    deployment.database().let_in().await;
    until("both gateways are ready again", || async {
        deployment.a().get("/readyz").await.status == 200 && deployment.b().get("/readyz").await.status == 200
    })
    .await;
    // The same again, as a client does that had no answer: it was safe to send.
    assert_eq!(till.send_sale(&sale).await.ok(201)["total"], json!("12.50"));
    assert_eq!(till.at(deployment.b()).send(&scan).await.ok(200)["verdict"], "admit");
    assert_eq!((deployment.ledger.sales(&event.id).await, deployment.ledger.admissions(&event.id).await), (1, 1));
}
