//! `/v1/stream`

use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, HeaderName},
    response::{
        IntoResponse,
        sse::{self, KeepAlive, Sse},
    },
};
use futures::{Stream, StreamExt, stream};
use tokio_util::sync::CancellationToken;

use crate::{
    authorise,
    event::{self, catalogue},
    faults::Faults,
    http::{
        accept::ConnectionInfo,
        extract::{Bearer, QueryParams},
        problem::Problem,
        state::AppState,
    },
    ids::EventId,
    limits,
    reports::attendance,
    stream::{Envelope, EventStream, StreamEvent, Subscription},
};

/// Open a stream of what changes.
///
/// Server-sent events for a terminal of any kind of session, instead of polling. Each event has a name, an `id` and one line of
/// JSON. The stream begins with `state`, and then sends what differs from it:
///
/// | event | data | when |
/// |---|---|---|
/// | `state` | a `stream_state`: `{session, device, events: [...]}` | at the beginning, and whenever other events than before may be seen: replaces all that was sent before. `events` are those named in `?events=`, or the live ones that the caller may see (the newest 100) |
/// | `permissions` | a `session` | the role, single permissions or events of the member changed, and with them perhaps `pinned_event` |
/// | `device` | a `device` | the device that the session was begun on was renamed, or is at another gate |
/// | `event` | an `event`, ticket types and prices included | an event that the caller may see is new, or has changed in any way |
/// | `stock` | a `stock`: `{event, ticket_types: [{id, left}]}` | something was sold, held, given back or uploaded; for the events of `state`, and those that have come live since |
/// | `attendance` | a `live_attendance`: `{event, tickets, admitted, inside, by_type, by_gate}` | people came or went; at once for each event in `?attendance=`, then whenever it differs, about once a second |
/// | `session` | the problem that the next call would be answered with (`code`, `detail`, `displaced_by`…) | the session is over: displaced, ended, expired, its device revoked or its member suspended. The stream ends |
///
/// What a session may see and do is read again with each change of it. A stream does not count as a use of its session: the idle time goes on.
///
/// Reconnect with the last `id` as `Last-Event-ID` (a browser's `EventSource` does so by itself) and the same query: the stream sends what has
/// changed since, and the stock as it is. With an id that is ill-formed, too old, or of another session or query it begins with `state`, so
/// that no change is missed; on every gateway alike. A quiet stream sends a comment every 15 seconds. A client that does not read is
/// disconnected, and may reconnect. 429 `too_many_requests`: this session has three streams open. 503 `busy`: the gateway has as
/// many as it takes, or stops.
#[utoipa::path(
    get, path = "/v1/stream", tag = "stream",
    params(
        ("events" = Option<Vec<uuid::Uuid>>, Query, description = "Only these events, at most 100; repeated, or with commas. All that the caller may see if absent.", style = Form, explode),
        ("attendance" = Option<Vec<uuid::Uuid>>, Query, description = "The live attendance of these events, at most 10; repeated, or with commas. Needs `entry:scan`, and for a door operator the pinned event; where that is lost, nothing more is sent.", style = Form, explode),
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that was received. An unknown one is ignored."),
    ),
    responses(
        (status = 200, description = "The stream.", content_type = "text/event-stream", body = String, example = "retry: 1000\n\nid: 4711-0f343b0931126a20f133d67c2b018a3b\nevent: stock\ndata: {\"event\":{\"id\":\"0192f0c1-7f3b-7c80-b3a4-2f4a2f1c7e11\",\"name\":\"Winter Ball\"},\"ticket_types\":[{\"id\":\"0192f0c1-8a55-7d10-9f0e-4c1d2b3a4f5e\",\"left\":41}]}\n\n"),
        Problem
    )
)]
pub async fn stream(
    State(state): State<AppState>,
    bearer: Bearer,
    connection: Option<Extension<ConnectionInfo>>,
    headers: HeaderMap,
    QueryParams(query): QueryParams<Vec<(String, String)>>,
) -> Result<impl IntoResponse, Problem> {
    let caller = state.staff(&bearer).await?.caller().await?;
    let subscription = subscription(&query.get()?)?;
    for event in subscription.events.iter().flatten() {
        catalogue::find(&state.ledger, caller.organisation(), *event).await?;
        authorise::may_see(&caller, *event)?;
    }
    for event in &subscription.attendance {
        attendance::may_count(&state.ledger, &caller, *event).await?;
    }
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let close_connection = connection.map_or_else(CancellationToken::new, |Extension(connection)| connection.close);
    let listening = state.streams.listen(&caller, subscription, last, close_connection)?;
    let keep_alive = KeepAlive::new().interval(limits::STREAM_KEEP_ALIVE_INTERVAL);
    // Without this header some proxies buffer the response.
    Ok(([(HeaderName::from_static("x-accel-buffering"), "no")], Sse::new(sse_events(listening)).keep_alive(keep_alive)))
}

fn subscription(query: &[(String, String)]) -> Result<Subscription, Problem> {
    let mut faults = Faults::default();
    let events = ids("events", query, limits::STREAM_EVENTS_MAX, &mut faults);
    let attendance = ids("attendance", query, limits::STREAM_COUNTS_MAX, &mut faults).unwrap_or_default();
    faults.none_or(Subscription { events, attendance }).map_err(Problem::invalid)
}

/// The ids under this name, repeated or with commas; none if the name is not there. One that is not a UUID becomes the nil UUID, which never exists.
fn ids(name: &str, query: &[(String, String)], most: usize, faults: &mut Faults) -> Option<Vec<EventId>> {
    let mut values = query.iter().filter(|(key, _)| key == name).map(|(_, value)| value).peekable();
    values.peek()?;
    let mut ids: Vec<_> = values.flat_map(|value| value.split(',')).map(|id| EventId(id.trim().parse().unwrap_or_default())).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() > most {
        faults.add(format!("/{name}"), format!("names more than {most} events"));
    }
    Some(ids)
}

fn sse_events(listening: EventStream) -> impl Stream<Item = Result<sse::Event, axum::Error>> {
    let retry_delay = sse::Event::default().retry(limits::STREAM_RETRY_DELAY);
    let events = stream::unfold(listening, async |mut listening| listening.next().await.map(|envelope| (sse_event(envelope), listening)));
    stream::iter([Ok(retry_delay)]).chain(events)
}

fn sse_event(envelope: Envelope) -> Result<sse::Event, axum::Error> {
    let Envelope { message, id } = envelope;
    let event = sse::Event::default().id(id);
    match message {
        StreamEvent::State(state) => event.event("state").json_data(state),
        StreamEvent::Permissions(session) => event.event("permissions").json_data(session),
        StreamEvent::Device(device) => event.event("device").json_data(device),
        StreamEvent::Event(facts) => event.event("event").json_data(event::view(&facts).map_err(axum::Error::new)?),
        StreamEvent::Stock(stock) => event.event("stock").json_data(stock),
        StreamEvent::Attendance(counted) => event.event("attendance").json_data(counted),
        StreamEvent::Over(why) => event.event("session").json_data(Problem::from(why).members()),
    }
}
