//! Changes of the team. What a change answers is in force for every later write, on every gateway.

use enumset::EnumSet;
use serde::Deserialize;

use super::{MemberView, TeamError, view};
use crate::{
    authorise::{Mandate, Refused, StaffSession, permissions, role::effective},
    clock::{self, Clock, Moment},
    faults::{Faults, present},
    ids::{EventId, OrganisationId, UserId},
    ledger::{
        Ledger, LedgerError,
        change::{Change, Guard},
        kinds::{MemberStatus, Permission, Role},
        rows::{Membership, Organisation, User},
    },
    limits,
    openapi_schemas::{Email, Name, Password, Username},
    session::{end::end_with, password::Passwords},
};

/// A member to be added.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = new_member)]
pub struct NewMember {
    /// The person's name.
    #[schema(value_type = Name, example = "Ada Okoro")]
    pub name: String,
    /// The person's address.
    #[schema(value_type = Email, example = "ada@example.org")]
    pub email: String,
    /// The user name in this organisation.
    #[schema(value_type = Username, example = "ada")]
    pub username: String,
    /// The role.
    pub role: Role,
    /// The events granted to a viewer; the pin of a door operator.
    #[serde(default)]
    #[schema(max_items = 1000)]
    pub events: Vec<uuid::Uuid>,
    /// The first password.
    #[schema(value_type = Password)]
    pub password: String,
}

/// What is to be changed of a member.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = member_change)]
pub struct MemberChange {
    /// Another role: clears the single grants and keeps the revocations.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Role)]
    pub role: Option<Role>,
    /// Permissions to be granted.
    #[serde(default)]
    pub grant: Vec<Permission>,
    /// Permissions to be revoked.
    #[serde(default)]
    pub revoke: Vec<Permission>,
    /// False suspends this membership, true brings it back.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = bool)]
    pub active: Option<bool>,
}

/// What the back service of a team needs.
#[derive(Clone)]
pub struct TeamService {
    pub ledger: Ledger,
    /// Hashes passwords.
    pub passwords: Passwords,
    /// The time.
    pub clock: Clock,
}

/// A person as they are to be written.
pub struct Person {
    pub name: String,
    /// Their address.
    pub email: String,
    pub username: String,
    /// The hash of their password.
    pub password_hash: String,
}

/// Checks and hashes what is known of a new person.
pub async fn person(
    passwords: &Passwords,
    mut faults: Faults,
    name: &str,
    email: &str,
    username: &str,
    password: String,
) -> Result<Person, TeamError> {
    let name = faults.name("/name", name);
    let email = address(&mut faults, email);
    let username = faults.text("/username", username, 1, limits::USERNAME_CHARS);
    let length = password.chars().count();
    if !(limits::PASSWORD_MIN_CHARS..=limits::PASSWORD_MAX_CHARS).contains(&length) {
        faults.add("/password", format!("must have {} to {} characters", limits::PASSWORD_MIN_CHARS, limits::PASSWORD_MAX_CHARS));
    }
    faults.none_or(()).map_err(TeamError::Invalid)?;
    let password_hash = passwords.hash(password).await?.ok_or(LedgerError::Broken)?;
    Ok(Person { name, email, username, password_hash })
}

/// An e-mail address, as far as its form shows.
fn address(faults: &mut Faults, text: &str) -> String {
    let email = text.trim();
    let is_part = |part: &str, most| {
        (1..=most).contains(&part.chars().count()) && !part.contains(|c: char| c == '@' || c.is_whitespace() || c.is_control())
    };
    let parts = email.split_once('@');
    if !parts.is_some_and(|(local, domain)| is_part(local, limits::EMAIL_LOCAL_CHARS) && is_part(domain, limits::EMAIL_DOMAIN_CHARS)) {
        faults.add("/email", "is not an e-mail address");
    }
    email.to_owned()
}

/// The images of a new member.
pub fn images(organisation: OrganisationId, person: &Person, role: Role, events: Vec<EventId>, now: Moment) -> (Membership, User) {
    let user = User {
        id: clock::new_id(),
        name: person.name.clone(),
        email: person.email.clone(),
        password_hash: person.password_hash.clone(),
        version: 1,
        created_at: now,
    };
    let membership = Membership {
        id: clock::new_id(),
        organisation_id: organisation,
        user_id: user.id,
        username: person.username.clone(),
        username_key: person.username.to_lowercase(),
        role,
        grants: EnumSet::empty(),
        revokes: EnumSet::empty(),
        events,
        status: MemberStatus::Active,
        version: 1,
        created_at: now,
    };
    (membership, user)
}

/// Adds a member.
pub async fn add(service: &TeamService, staff: StaffSession<'_>, new: NewMember) -> Result<MemberView, TeamError> {
    let mandate = staff.mandate(Permission::TeamManage).await?;
    may_make(&mandate, new.role, EnumSet::empty())?;
    let mut faults = Faults::default();
    let events = known_events(&service.ledger, mandate.organisation(), &new.events, &mut faults).await?;
    let person = person(&service.passwords, faults, &new.name, &new.email, &new.username, new.password).await?;
    let now = service.clock.now();
    let (membership, user) = images(mandate.organisation(), &person, new.role, events, now);
    service
        .ledger
        .change(mandate.organisation(), || async {
            let mandate = staff.mandate(Permission::TeamManage).await?;
            may_make(&mandate, new.role, EnumSet::empty())?;
            let mut change = team_change(&service.ledger, &mandate, now).await?;
            change.images.memberships.push(membership.clone());
            change.images.users.push(user.clone());
            Ok::<_, TeamError>((change, ()))
        })
        .await?;
    Ok(view(&service.ledger, &membership, &user).await?)
}

/// Changes a member's role, single permissions, or whether the membership is in force.
pub async fn patch(service: &TeamService, staff: StaffSession<'_>, user: UserId, wanted: MemberChange) -> Result<MemberView, TeamError> {
    alter(service, staff, user, |mandate, member| {
        if let Some(role) = wanted.role {
            may_make(mandate, role, effective(member.role, member.grants, member.revokes))?;
            if role != member.role {
                member.role = role;
                member.grants = EnumSet::empty();
            }
        }
        for permission in &wanted.grant {
            if !permissions(mandate.caller()).contains(*permission) {
                return Err(Refused::PermissionMissing(*permission).into());
            }
            member.grants.insert(*permission);
            member.revokes.remove(*permission);
        }
        for permission in &wanted.revoke {
            member.grants.remove(*permission);
            member.revokes.insert(*permission);
        }
        if let Some(active) = wanted.active {
            member.status = if active { MemberStatus::Active } else { MemberStatus::Suspended };
        }
        Ok(())
    })
    .await
}

/// Sets the events of a member: a viewer's grants, a door operator's pin. Two pins are stored, and are no pin.
pub async fn set_events(
    service: &TeamService,
    staff: StaffSession<'_>,
    user: UserId,
    events: &[uuid::Uuid],
) -> Result<MemberView, TeamError> {
    let mandate = staff.mandate(Permission::TeamManage).await?;
    let mut faults = Faults::default();
    let known = known_events(&service.ledger, mandate.organisation(), events, &mut faults).await?;
    alter(service, staff, user, |_, member| {
        faults.clone().none_or(()).map_err(TeamError::Invalid)?;
        member.events.clone_from(&known);
        Ok(())
    })
    .await
}

/// Removes a member: from this organisation only, and with every open session in it.
pub async fn remove(service: &TeamService, staff: StaffSession<'_>, user: UserId) -> Result<(), TeamError> {
    alter(service, staff, user, |_, member| {
        member.status = MemberStatus::Removed;
        Ok(())
    })
    .await
    .map(drop)
}

/// Reads a member, alters it, and stores it: on the ground of the caller's mandate, and one change of the team after the other.
async fn alter(
    service: &TeamService,
    staff: StaffSession<'_>,
    user: UserId,
    change_it: impl Fn(&Mandate, &mut Membership) -> Result<(), TeamError>,
) -> Result<MemberView, TeamError> {
    let ledger = &service.ledger;
    let organisation = staff.mandate(Permission::TeamManage).await?.organisation();
    let (member, person) = ledger
        .change(organisation, || async {
            let now = service.clock.now();
            let mandate = staff.mandate(Permission::TeamManage).await?;
            let mut change = team_change(ledger, &mandate, now).await?;
            let (before, person) = ledger.member(organisation, user).await?.ok_or(Refused::NotFound)?;
            if user == mandate.caller().authority().membership.user_id {
                return Err(TeamError::OwnMembership);
            }
            let mut after = before.clone();
            change_it(&mandate, &mut after)?;
            keep_an_administrator(ledger, &before, &after).await?;
            if after.status == MemberStatus::Removed {
                let open = ledger.open_sessions(Some(after.id), None).await?;
                end_with(&mut change, open, |version| Guard::OpenOfMember { id: after.id, version });
            }
            after.version += 1;
            change.images.memberships.push(after.clone());
            Ok((change, (after, person)))
        })
        .await?;
    Ok(view(ledger, &member, &person).await?)
}

/// A change of the team moves the organisation's version, so that two of them cannot rest on the same team: neither demotes the
/// last administrator by not knowing of the other.
async fn team_change(ledger: &Ledger, mandate: &Mandate, now: Moment) -> Result<Change, TeamError> {
    let mut organisation: Organisation = ledger.organisation(mandate.organisation()).await?.ok_or(Refused::NotFound)?;
    organisation.version += 1;
    let mut change = Change::new(mandate.organisation(), now, mandate.guards());
    change.images.organisations.push(organisation);
    Ok(change)
}

/// A member cannot give by a role more than the member has (a member who had it before keeps it); an Organisation Admin can give any role.
fn may_make(mandate: &Mandate, role: Role, held: EnumSet<Permission>) -> Result<(), Refused> {
    if mandate.caller().authority().membership.role == Role::OrganisationAdmin {
        return Ok(());
    }
    match (role.permissions() - held - permissions(mandate.caller())).iter().next() {
        Some(lacking) => Err(Refused::PermissionMissing(lacking)),
        None => Ok(()),
    }
}

async fn keep_an_administrator(ledger: &Ledger, before: &Membership, after: &Membership) -> Result<(), TeamError> {
    let is_one = |m: &Membership| m.role == Role::OrganisationAdmin && m.status == MemberStatus::Active;
    if is_one(before) && !is_one(after) && ledger.active_administrators(before.organisation_id).await? <= 1 {
        return Err(TeamError::LastAdministrator);
    }
    Ok(())
}

/// The events that a list names: of this organisation, each once.
async fn known_events(
    ledger: &Ledger,
    organisation: OrganisationId,
    named: &[uuid::Uuid],
    faults: &mut Faults,
) -> Result<Vec<EventId>, TeamError> {
    if named.len() > limits::MEMBER_EVENTS_MAX {
        faults.add("/events", format!("must have at most {} events", limits::MEMBER_EVENTS_MAX));
        return Ok(Vec::new());
    }
    let mut events = Vec::with_capacity(named.len());
    for id in named {
        let event = EventId(*id);
        match ledger.event(event).await? {
            Some(facts) if facts.event.organisation_id == organisation => {
                if !events.contains(&event) {
                    events.push(event);
                }
            }
            // Another organisation's event is not there, in a body as in a path.
            _ => return Err(Refused::NotFound.into()),
        }
    }
    Ok(events)
}
