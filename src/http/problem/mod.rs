//! Errors on the wire: `application/problem+json` (RFC 9457), converted in this one place from the errors of the other modules.
//!
//! A 5xx never contains its cause. [`super::layers`] adds the request's id.

mod from;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    faults::{Fault, Faults},
    string_enum::string_enum,
};

string_enum! {
    /// The stable code of a problem.
    pub enum Code {
        /// Not HTTP, or ambiguous.
        MalformedRequest = "malformed_request",
        /// The address or the headers have too many bytes, or there are too many headers.
        HeadTooLarge = "head_too_large",
        /// Not JSON, or not UTF-8.
        MalformedBody = "malformed_body",
        /// No token.
        TokenMissing = "token_missing",
        /// Not ours, altered, or of the wrong kind.
        TokenInvalid = "token_invalid",
        /// Too old, or idle too long.
        TokenExpired = "token_expired",
        /// A newer sign-in took its place.
        SessionDisplaced = "session_displaced",
        /// Signed out, or ended by an administrator.
        SessionEnded = "session_ended",
        /// The device was revoked.
        DeviceRevoked = "device_revoked",
        /// The member is suspended.
        UserDeactivated = "user_deactivated",
        /// Unknown organisation, unknown user or wrong password.
        CredentialsInvalid = "credentials_invalid",
        /// Unknown, used or expired.
        EnrolmentCodeInvalid = "enrolment_code_invalid",
        /// A scan without a device's session, a sale without a POS device's session.
        DeviceRequired = "device_required",
        /// The permission is not held.
        PermissionMissing = "permission_missing",
        /// No pin, or more than one event.
        NoEventPinned = "no_event_pinned",
        /// The event is not the pinned one.
        EventNotPinned = "event_not_pinned",
        /// The event is not live.
        EventNotLive = "event_not_live",
        /// There is no such thing, or it is another organisation's.
        NotFound = "not_found",
        /// The path knows other methods.
        MethodNotAllowed = "method_not_allowed",
        /// The body took too long to arrive.
        RequestTimeout = "request_timeout",
        /// The scan or the hold was made on another device.
        OtherDevice = "other_device",
        /// The scan is too old to be taken back.
        TakeBackTooLate = "take_back_too_late",
        /// The ticket has moved on since the scan that should be taken back.
        MovedSince = "moved_since",
        /// The quota does not hold the sale.
        SoldOut = "sold_out",
        /// The terminal showed another total.
        PriceChanged = "price_changed",
        /// The hold was used or released.
        HoldGone = "hold_gone",
        /// The sale is void already.
        AlreadyVoided = "already_voided",
        /// One of the sale's tickets is inside.
        AlreadyAdmitted = "already_admitted",
        /// The organisation would be without an active Organisation Admin.
        LastAdministrator = "last_administrator",
        /// Nobody changes or removes themselves.
        OwnMembership = "own_membership",
        /// The party would be smaller than the number of its people who are in.
        AlreadyArrived = "already_arrived",
        /// The name is in use.
        NameTaken = "name_taken",
        /// The body has too many bytes.
        BodyTooLarge = "body_too_large",
        /// The media type is not taken here.
        UnsupportedMediaType = "unsupported_media_type",
        /// The body breaks a rule; `errors` says which.
        InvalidBody = "invalid_body",
        /// The id was used for something else, or by another device.
        IdReused = "id_reused",
        /// Too many failed sign-ins of one user name at one source, or too many holds of one till.
        TooManyRequests = "too_many_requests",
        /// An error of the gateway.
        InternalError = "internal_error",
        /// Too much is going on; nothing was recorded.
        Busy = "busy",
        /// The ledger does not answer; it is safe to send the same id again.
        LedgerUnavailable = "ledger_unavailable",
    }
}

#[derive(Clone, Debug)]
pub struct Problem {
    pub status: StatusCode,
    pub code: Code,
    /// One sentence that may be shown to the person at the door.
    pub detail: String,
    /// The members that this code adds.
    pub members: Map<String, Value>,
    /// Seconds; sent with 429 and 503.
    pub retry_after: i64,
}

/// The shape of a problem, for the OpenAPI document.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = problem)]
pub struct ProblemView {
    /// Names the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "urn:stagedoor:problem:event_not_live")]
    pub kind: String,
    /// The status in words.
    #[schema(example = "Forbidden")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 403)]
    pub status: u16,
    /// One sentence that may be shown to the person at the door.
    #[schema(example = "This event is not live.")]
    pub detail: String,
    /// The stable code.
    pub code: Code,
    /// Names the request in the logs.
    pub request_id: String,
    /// What is wrong with the body, with `invalid_body`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<Fault>>,
}

impl Problem {
    pub fn new(status: StatusCode, code: Code, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), members: Map::new(), retry_after: 1 }
    }

    fn with(mut self, name: &str, value: impl Serialize) -> Self {
        self.members.insert(name.to_owned(), json!(value));
        self
    }

    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, Code::NotFound, "There is nothing here.")
    }

    pub fn invalid(faults: Faults) -> Self {
        let faults = faults.into_vec();
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, Code::InvalidBody, "Something is wrong with the request.").with("errors", faults)
    }

    pub fn busy() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Code::Busy, "Too much is going on right now. Please try again.")
    }

    /// The problem for an error status that hyper answers by itself, when the bytes are not a valid request.
    pub fn from_hyper_status(status: StatusCode) -> Option<Self> {
        let (code, detail) = match status {
            StatusCode::BAD_REQUEST => (Code::MalformedRequest, "This is no HTTP request."),
            StatusCode::URI_TOO_LONG => (Code::HeadTooLarge, "The address is too long."),
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => (Code::HeadTooLarge, "The headers are too large or too many."),
            _ => return None,
        };
        Some(Self::new(status, code, detail))
    }

    /// The head has both `Content-Length` and `Transfer-Encoding`.
    pub fn ambiguous_length() -> Self {
        Self::new(StatusCode::BAD_REQUEST, Code::MalformedRequest, "The length of the body is given twice.")
    }

    /// The whole HTTP response in bytes, for a connection that is closed after it.
    pub fn to_closing_response(&self) -> Bytes {
        let (status, body) = (self.status, self.text(&Uuid::new_v4().to_string()));
        let retry =
            if status == StatusCode::SERVICE_UNAVAILABLE { format!("retry-after: {}\r\n", self.retry_after) } else { String::new() };
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\n{retry}connection: close");
        format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into()
    }

    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, Code::InternalError, "Something went wrong here. Please try again.")
    }

    /// All members of the body except `request_id`.
    pub fn members(&self) -> Map<String, Value> {
        let Self { status, code, detail, members, .. } = self;
        let mut all = members.clone();
        all.insert("type".to_owned(), json!(format!("urn:stagedoor:problem:{code}")));
        all.insert("title".to_owned(), json!(status.canonical_reason().unwrap_or("Error")));
        all.insert("status".to_owned(), json!(status.as_u16()));
        all.insert("detail".to_owned(), json!(detail));
        all.insert("code".to_owned(), json!(code));
        all
    }

    pub fn into_response_with_id(self, request_id: &str) -> Response {
        self.response(self.text(request_id))
    }

    fn text(&self, request_id: &str) -> String {
        let mut body = self.members();
        body.insert("request_id".to_owned(), json!(request_id));
        Value::from(body).to_string()
    }

    fn response(&self, body: String) -> Response {
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(self.retry_after));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// A problem whose body is serialised once, except the request's id.
pub struct PreparedProblem {
    problem: Problem,
    before: String,
    after: String,
}

impl PreparedProblem {
    pub fn new(problem: Problem) -> Self {
        let place = Uuid::nil().to_string();
        let text = problem.text(&place);
        let (before, after) = text.split_once(&place).map_or((text.as_str(), ""), |(before, after)| (before, after));
        Self { before: before.to_owned(), after: after.to_owned(), problem }
    }

    pub fn response(&self, request_id: &str) -> Response {
        self.problem.response([&self.before, request_id, &self.after].concat())
    }
}

impl IntoResponse for Problem {
    /// Without a body: the outermost layer adds it, because it knows the request's id.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
