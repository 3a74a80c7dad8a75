//! The values of the OpenAPI document's examples in the demo, so that each of them works as it is.

use uuid::Uuid;

use super::{
    Filled,
    fill::{password, ticket},
};
use crate::{
    http::{examples::ExampleValues, state::Services},
    ids::{EventId, OrganisationId},
    ledger::{Page, guestlist::GuestSearch, kinds::DeviceKind},
    limits,
    session::sign_in::{SignInRequest, sign_in},
};

/// A member who is signed in, so that the list of sessions is not empty.
const SIGNED_IN: &str = "finance";

/// Finds it.
pub async fn given(services: &Services, organisation: OrganisationId, filled: &Filled) -> anyhow::Result<ExampleValues> {
    let event = |place: usize| filled.events.get(place).map(|event| event.id).unwrap_or_default();
    let first_type = filled.events.first().and_then(|event| event.ticket_types.first());
    let till = filled.devices.iter().rfind(|device| device.kind == DeviceKind::Pos);
    let devices = services.ledger.devices(organisation, first_page()).await?;
    let scanner = devices.iter().rfind(|device| device.kind == DeviceKind::Scanner && device.revoked_at.is_none());
    let guests = services.ledger.guests(organisation, EventId(event(0)), &GuestSearch::default(), first_page()).await?;
    let guest = guests.first().map(|listed| &listed.guest);
    Ok(ExampleValues::from([
        ("organisation", filled.organisation.to_owned()),
        ("event", event(0).to_string()),
        ("other_event", event(1).to_string()),
        ("ticket_type", first_type.map(|t| t.id).unwrap_or_default().to_string()),
        // The second ticket: the first of forty is an odd one.
        ("ticket_code", ticket(EventId(event(0)), 1).code),
        ("pos_code", till.map(|device| device.enrolment_code.clone()).unwrap_or_default()),
        ("device", scanner.map(|device| device.id.0).unwrap_or_default().to_string()),
        ("member", user(services, organisation, "door").await?.to_string()),
        ("member_to_go", user(services, organisation, "viewer").await?.to_string()),
        ("guest_list", guest.map(|guest| guest.list_id.0).unwrap_or_default().to_string()),
        ("guest", guest.map(|guest| guest.id.0).unwrap_or_default().to_string()),
        ("session", session(services, organisation, filled).await?.to_string()),
        ("admin_password", password("admin")),
        ("seller_password", password("box-office")),
    ]))
}

fn first_page() -> Page {
    Page { limit: limits::PAGE_ROWS_MAX, after: Uuid::nil() }
}

async fn user(services: &Services, organisation: OrganisationId, username: &str) -> anyhow::Result<Uuid> {
    let member = services.ledger.member_by_username(organisation, username).await?;
    Ok(member.map(|(_, user)| user.id.0).unwrap_or_default())
}

/// A session that is open; it displaces no other.
async fn session(services: &Services, organisation: OrganisationId, filled: &Filled) -> anyhow::Result<Uuid> {
    let Some((membership, _)) = services.ledger.member_by_username(organisation, SIGNED_IN).await? else { return Ok(Uuid::nil()) };
    if let Some(open) = services.ledger.open_sessions(Some(membership.id), None).await?.first() {
        return Ok(open.session.id.0);
    }
    let request =
        SignInRequest { organisation: filled.organisation.to_owned(), username: SIGNED_IN.to_owned(), password: password(SIGNED_IN) };
    Ok(sign_in(&services.sign_in, None, request, "demo").await?.session.id.0)
}
