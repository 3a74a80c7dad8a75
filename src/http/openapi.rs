//! The base of the OpenAPI document. The rest is generated from the handlers, so it cannot differ from them.

use std::collections::BTreeMap;

use utoipa::{
    IntoResponses, Modify, OpenApi,
    openapi::{
        ContentBuilder, OpenApi as Spec, Ref, RefOr, Response, ResponseBuilder,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::problem::{Problem, ProblemView};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Stagedoor",
        description = "The gateway on the door path of live events: phones scan tickets, terminals sell them.\n\n\
            A refused ticket is an answer (200 with `\"verdict\": \"refuse\"`); a refused caller is an error. Every error is \
            `application/problem+json` with a stable `code`. Clients make the ids of scans and sales and keep them before they send: \
            the same id again finds the first answer."
    ),
    // Schemas that the responses of the handlers do not register: of `Problem`, and of the events of the stream.
    components(schemas(ProblemView, crate::stream::StateView, crate::stream::StockView, crate::stream::AttendanceView)),
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
        (name = "stream", description = "What changes, as it changes."),
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

/// The response that every handler lists beside its own: any error status, with a problem.
impl IntoResponses for Problem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("problem"))).build();
        let response = ResponseBuilder::new().description("A problem, with its code.").content("application/problem+json", content).build();
        BTreeMap::from([("default".to_owned(), RefOr::T(response))])
    }
}
