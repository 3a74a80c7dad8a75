//! A stalled upload takes a place of its own organisation only.

use crate::support::{Deployment, Raw, on_both};

on_both!(slow_uploads_do_not_block_other_organisations);
async fn slow_uploads_do_not_block_other_organisations(mut deployment: Deployment) {
    let other = deployment.another_organisation().await;
    let event = deployment.admin.event("Gala").await;
    let _seat = deployment.admin.ticket_type(&event, "Seat", "12.50").await;
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut upload = Raw::to(deployment.a()).await.unwrap();
        let head = format!(
            "POST /v1/events/{}/tickets HTTP/1.1\r\nhost: door\r\nauthorization: Bearer {}\r\ncontent-type: text/csv\r\ncontent-length: 1000\r\nexpect: 100-continue\r\n\r\n",
            event.id,
            deployment.admin.client.token()
        );
        upload.send(head).await.unwrap();
        // Asked for its body: it has its seat.
        assert_eq!(upload.answer().await.unwrap().status, 100);
        slow.push(upload);
    }
    let csv = "code,type,status\nB-1,Seat,valid\n";
    let path = format!("/v1/events/{}/tickets", event.id);
    deployment.admin.client.post_raw(&path, "text/csv", csv).await.problem(503, "busy");
    let elsewhere = other.event("Concert").await;
    let _seat = other.ticket_type(&elsewhere, "Seat", "12.50").await;
    let taken = other.client.at(deployment.a()).post_raw(&format!("/v1/events/{}/tickets", elsewhere.id), "text/csv", csv).await.ok(200);
    assert_eq!(taken["created"], 1, "{taken}");
    drop(slow);
    crate::support::until("those who hung up make room", || async {
        deployment.admin.client.post_raw(&path, "text/csv", csv).await.status == 200
    })
    .await;
}
