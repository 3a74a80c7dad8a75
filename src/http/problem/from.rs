//! Converts the errors of the other modules to problems: the one place that maps each error to its code.

use axum::http::StatusCode;

use super::{Code, Problem};
use crate::{
    authenticate::{AuthError, NotAuthenticated},
    authorise::{Denied, Refused},
    clock::Stamp,
    device::DeviceError,
    door::{DoorError, take_back::decide::Objection},
    event::{EventError, import::store::StoreError},
    faults::Faults,
    guestlist::{GuestError, check_in::CheckInError},
    ledger::LedgerError,
    pos::PosError,
    preflight::PreflightError,
    session::{password::PoolFull, sign_in::SignInError},
    stream::TooManyStreams,
    team::TeamError,
};

impl From<NotAuthenticated> for Problem {
    fn from(error: NotAuthenticated) -> Self {
        let problem = |code| Self::new(StatusCode::UNAUTHORIZED, code, error.to_string());
        match &error {
            NotAuthenticated::TokenMissing => problem(Code::TokenMissing),
            NotAuthenticated::TokenInvalid => problem(Code::TokenInvalid),
            NotAuthenticated::TokenExpired => problem(Code::TokenExpired),
            NotAuthenticated::DeviceRevoked => problem(Code::DeviceRevoked),
            NotAuthenticated::UserDeactivated => problem(Code::UserDeactivated),
            NotAuthenticated::Displaced { at, by } => {
                problem(Code::SessionDisplaced).with("displaced_at", Stamp(*at)).with("displaced_by", by)
            }
            NotAuthenticated::SessionEnded { at } => problem(Code::SessionEnded).with("ended_at", Stamp(*at)),
        }
    }
}

impl From<Refused> for Problem {
    fn from(error: Refused) -> Self {
        let problem = |code| Self::new(StatusCode::FORBIDDEN, code, error.to_string());
        match &error {
            Refused::DeviceRequired(_) => problem(Code::DeviceRequired),
            Refused::NotFound => Self::not_found(),
            Refused::PermissionMissing(permission) => problem(Code::PermissionMissing).with("permission", permission),
            Refused::NoEventPinned => problem(Code::NoEventPinned),
            Refused::EventNotPinned(pinned) => problem(Code::EventNotPinned).with("pinned_event", pinned),
            Refused::EventNotLive => problem(Code::EventNotLive),
        }
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Unavailable => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, Code::LedgerUnavailable, "Nothing can be recorded right now. Please try again.")
            }
            LedgerError::Busy | LedgerError::Moved => Self::busy(),
            LedgerError::Taken(_) => Self::new(StatusCode::CONFLICT, Code::NameTaken, "This name is taken."),
            LedgerError::Broken => Self::internal(),
        }
    }
}

impl From<PoolFull> for Problem {
    fn from(_: PoolFull) -> Self {
        Self::busy()
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::NotAuthenticated(error) => error.into(),
            AuthError::Ledger(error) => error.into(),
        }
    }
}

impl From<Denied> for Problem {
    fn from(error: Denied) -> Self {
        match error {
            Denied::NotAuthenticated(error) => error.into(),
            Denied::Refused(error) => error.into(),
            Denied::Ledger(error) => error.into(),
        }
    }
}

impl From<PreflightError> for Problem {
    fn from(error: PreflightError) -> Self {
        match error {
            PreflightError::NotAuthenticated(error) => error.into(),
            PreflightError::Refused(error) => error.into(),
            PreflightError::Ledger(error) => error.into(),
        }
    }
}

fn id_reused(error: &impl ToString) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, Code::IdReused, error.to_string())
}

impl From<Objection> for Problem {
    fn from(error: Objection) -> Self {
        match error {
            Objection::OtherDevice => Self::new(StatusCode::FORBIDDEN, Code::OtherDevice, error.to_string()),
            Objection::TooLate(until) => {
                Self::new(StatusCode::CONFLICT, Code::TakeBackTooLate, error.to_string()).with("until", Stamp(until))
            }
            Objection::MovedSince => Self::new(StatusCode::CONFLICT, Code::MovedSince, error.to_string()),
        }
    }
}

impl From<DoorError> for Problem {
    fn from(error: DoorError) -> Self {
        match error {
            DoorError::IdReused => id_reused(&error),
            DoorError::NotTakenBack(objection) => objection.into(),
            DoorError::NotAuthenticated(error) => error.into(),
            DoorError::Refused(error) => error.into(),
            DoorError::Invalid(faults) => Self::invalid(faults),
            DoorError::Ledger(error) => error.into(),
        }
    }
}

impl From<PosError> for Problem {
    fn from(error: PosError) -> Self {
        let conflict = |code| Self::new(StatusCode::CONFLICT, code, error.to_string());
        match &error {
            PosError::PriceChanged(total) => conflict(Code::PriceChanged).with("total", total),
            PosError::SoldOut { ticket_type, left } => conflict(Code::SoldOut).with("ticket_type", ticket_type.id).with("left", left),
            PosError::HoldGone => conflict(Code::HoldGone),
            PosError::OtherDevice => Self::new(StatusCode::FORBIDDEN, Code::OtherDevice, error.to_string()),
            PosError::AlreadyVoided(at) => conflict(Code::AlreadyVoided).with("voided_at", Stamp(*at)),
            PosError::AlreadyAdmitted(ticket) => conflict(Code::AlreadyAdmitted).with("ticket", ticket),
            PosError::TooManyHolds => Self::new(StatusCode::TOO_MANY_REQUESTS, Code::TooManyRequests, error.to_string()),
            PosError::IdReused => id_reused(&error),
            PosError::NotAuthenticated(error) => error.clone().into(),
            PosError::Refused(error) => error.clone().into(),
            PosError::Invalid(faults) => Self::invalid(faults.clone()),
            PosError::Ledger(error) => error.clone().into(),
        }
    }
}

impl From<TooManyStreams> for Problem {
    fn from(error: TooManyStreams) -> Self {
        match error {
            TooManyStreams::OfSession => Self::new(StatusCode::TOO_MANY_REQUESTS, Code::TooManyRequests, error.to_string()),
            TooManyStreams::OfGateway => Self::busy(),
        }
    }
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::CredentialsInvalid => Self::new(StatusCode::UNAUTHORIZED, Code::CredentialsInvalid, error.to_string()),
            SignInError::Throttled(seconds) => {
                Self { retry_after: seconds, ..Self::new(StatusCode::TOO_MANY_REQUESTS, Code::TooManyRequests, error.to_string()) }
            }
            SignInError::Unsigned(_) => Self::internal(),
            SignInError::NotAuthenticated(error) => error.into(),
            SignInError::Invalid(faults) => Self::invalid(faults),
            SignInError::PoolFull(error) => error.into(),
            SignInError::Ledger(error) => error.into(),
        }
    }
}

impl From<DeviceError> for Problem {
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::CodeInvalid => Self::new(StatusCode::UNAUTHORIZED, Code::EnrolmentCodeInvalid, error.to_string()),
            DeviceError::Revoked => Self::new(StatusCode::CONFLICT, Code::DeviceRevoked, error.to_string()),
            DeviceError::IdReused => id_reused(&error),
            DeviceError::Unsigned(_) => Self::internal(),
            DeviceError::Denied(error) => error.into(),
            DeviceError::Refused(error) => error.into(),
            DeviceError::Invalid(faults) => Self::invalid(faults),
            DeviceError::Ledger(error) => error.into(),
        }
    }
}

impl From<TeamError> for Problem {
    fn from(error: TeamError) -> Self {
        let conflict = |code| Self::new(StatusCode::CONFLICT, code, error.to_string());
        match error {
            TeamError::LastAdministrator => conflict(Code::LastAdministrator),
            TeamError::OwnMembership => conflict(Code::OwnMembership),
            TeamError::NameTaken => conflict(Code::NameTaken),
            TeamError::Denied(error) => error.into(),
            TeamError::Refused(error) => error.into(),
            TeamError::Invalid(faults) => Self::invalid(faults),
            TeamError::PoolFull(error) => error.into(),
            TeamError::Ledger(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            // `detail` has the reason too: it is for the person who has the file.
            StoreError::File(error) => Self { detail: sentence(&error), ..Self::invalid(Faults::one("", error.to_string())) },
            StoreError::NoEvent => Self::not_found(),
            StoreError::Event(error) => error.into(),
            StoreError::Ledger(error) => error.into(),
        }
    }
}

/// With a capital and a full stop.
fn sentence(error: &impl ToString) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

impl From<EventError> for Problem {
    fn from(error: EventError) -> Self {
        match error {
            EventError::NameTaken => Self::new(StatusCode::CONFLICT, Code::NameTaken, error.to_string()),
            EventError::Denied(error) => error.into(),
            EventError::Refused(error) => error.into(),
            EventError::Invalid(faults) => Self::invalid(faults),
            EventError::Ledger(error) => error.into(),
        }
    }
}

impl From<GuestError> for Problem {
    fn from(error: GuestError) -> Self {
        let conflict = |code| Self::new(StatusCode::CONFLICT, code, error.to_string());
        match error {
            GuestError::NameTaken => conflict(Code::NameTaken),
            GuestError::AlreadyArrived(arrived) => conflict(Code::AlreadyArrived).with("arrived", arrived),
            GuestError::Denied(error) => error.into(),
            GuestError::Refused(error) => error.into(),
            GuestError::Invalid(faults) => Self::invalid(faults),
            GuestError::Ledger(error) => error.into(),
        }
    }
}

impl From<CheckInError> for Problem {
    fn from(error: CheckInError) -> Self {
        match error {
            CheckInError::IdReused => id_reused(&error),
            CheckInError::NotAuthenticated(error) => error.into(),
            CheckInError::Refused(error) => error.into(),
            CheckInError::Invalid(faults) => Self::invalid(faults),
            CheckInError::Ledger(error) => error.into(),
        }
    }
}
