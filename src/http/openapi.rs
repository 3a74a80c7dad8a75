//! The base of the OpenAPI document. The rest is generated from the handlers, so it cannot differ from them.

use utoipa::{
    Modify, OpenApi,
    openapi::{
        OpenApi as Spec,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Stagedoor",
        description = "The gateway on the door path of live events: phones scan tickets, terminals sell them.\n\n\
            A refused ticket is an answer (200 with `\"verdict\": \"refuse\"`); a refused caller is an error. Every error is \
            `application/problem+json` with a stable `code`. Clients make the ids of scans and sales and keep them before they send: \
            the same id again finds the first answer."
    ),
    // The data of stream events are in no body of the document.
    components(schemas(crate::stream::StateView, crate::stream::StockView, crate::stream::AttendanceView)),
    modifiers(&BearerTokens),
    security(("token" = [])),
    tags(
        (name = "door", description = "Scanning tickets."),
        (name = "point of sale", description = "Selling tickets."),
        (name = "devices", description = "Enrolling and revoking phones and terminals."),
        (name = "sessions", description = "Signing in and out."),
        (name = "team", description = "Who may do what."),
        (name = "events", description = "Events, ticket types and tickets."),
        (name = "guest lists", description = "Who is expected with how many people, and who has come."),
        (name = "stream", description = "Being told instead of asking."),
        (name = "operations", description = "For operators and their tools.")
    )
)]
pub struct Document;

struct BearerTokens;

impl Modify for BearerTokens {
    fn modify(&self, document: &mut Spec) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT");
        let bearer = bearer.description(Some("A session token; at sign-in, the token of the device.")).build();
        document.components.get_or_insert_default().add_security_scheme("token", SecurityScheme::Http(bearer));
    }
}
