//! Slow, broken and hostile clients: each gets its problem or is disconnected, and other clients are not affected.

mod bodies;
mod heads;
mod slow;
mod uploads;

use crate::support::{Deployment, Raw, RawAnswer, on_both, request, scan_of};

on_both!(a_request_cut_off_at_any_byte_has_no_effect);
async fn a_request_cut_off_at_any_byte_has_no_effect(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let seat = deployment.admin.ticket_type(&event, "Seat", "12.50").await;
    deployment.admin.tickets(&event, &seat, &["A-1"]).await;
    let phone = deployment.admin.phone(&deployment.admin.hire("scanner").await).await;
    let whole = request(&phone.client, "POST", "/v1/scans", Some(&scan_of(&event, "A-1")));
    for cut in 0..whole.len() {
        let mut connection = Raw::to(&phone.client).await.unwrap();
        connection.send(&whole[..cut]).await.unwrap();
        // Half of the clients close, half only stop sending; a correct beginning gets no response.
        if cut % 2 == 0 {
            tokio::io::AsyncWriteExt::shutdown(&mut connection.stream).await.unwrap();
            let said = String::from_utf8(connection.rest().await.unwrap()).unwrap();
            assert!(said.is_empty() || said.starts_with("HTTP/1.1 400"), "{cut}: {said}");
        }
    }
    assert_eq!(deployment.ledger.admissions(&event.id).await, 0);
    assert_eq!(said(&phone.client, &whole).await.status, 200);
    assert_eq!(deployment.ledger.admissions(&event.id).await, 1);
}

/// The response to these bytes.
async fn said(client: &crate::support::Client, bytes: &[u8]) -> RawAnswer {
    let mut connection = Raw::to(client).await.unwrap();
    connection.send(bytes).await.unwrap();
    connection.answer().await.unwrap_or_else(|error| panic!("{}: {error}", String::from_utf8_lossy(&bytes[..bytes.len().min(300)])))
}
