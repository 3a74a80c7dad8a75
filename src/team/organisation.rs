//! A new organisation with its first administrator.

use crate::{
    clock::{self, Clock},
    faults::Faults,
    ids::OrganisationId,
    ledger::{
        Ledger,
        change::Change,
        kinds::Role,
        rows::{Membership, Organisation, User},
    },
    limits,
    session::password::Passwords,
    team::{
        TeamError,
        change::{images, person},
    },
};

/// An organisation to be made.
pub struct NewOrganisation {
    /// Its name in addresses and at sign-in.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// The first administrator's user name.
    pub admin_username: String,
    /// The first administrator's address.
    pub admin_email: String,
    /// The first administrator's password.
    pub password: String,
}

/// Makes an organisation.
pub async fn create(
    ledger: &Ledger,
    passwords: &Passwords,
    clock: Clock,
    new: NewOrganisation,
) -> Result<(Organisation, Membership, User), TeamError> {
    let mut faults = Faults::default();
    if !is_slug(&new.slug) {
        faults.add("/slug", "must have 1 to 63 lower-case letters, digits and dashes, and no dash at its ends");
    }
    let name = faults.name("/name", &new.name);
    let admin = person(passwords, faults, &new.admin_username, &new.admin_email, &new.admin_username, new.password).await?;
    let now = clock.now();
    let organisation = Organisation { id: clock::new_id::<OrganisationId>(), slug: new.slug, name, version: 1, created_at: now };
    let (membership, user) = images(organisation.id, &admin, Role::OrganisationAdmin, Vec::new(), now);
    let mut change = Change::new(organisation.id, now, Vec::new());
    change.images.organisations.push(organisation.clone());
    change.images.users.push(user.clone());
    change.images.memberships.push(membership.clone());
    ledger.store(&change).await?;
    Ok((organisation, membership, user))
}

/// A label of a host name (RFC 1123): the slug is part of the organisation's sign-in address.
fn is_slug(slug: &str) -> bool {
    let plain = slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    plain && (1..=limits::SLUG_CHARS).contains(&slug.len()) && !slug.starts_with('-') && !slug.ends_with('-')
}
