//! What is read of organisations, users and members.

use std::collections::HashMap;

use crate::{
    ids::{OrganisationId, UserId},
    ledger::{
        Ledger, LedgerError, Page,
        db::{Arg, Reader},
        kinds::{MemberStatus, Role},
        rows::{Membership, Organisation, User},
    },
    limits,
};

/// A member with the user.
async fn with_user_on(db: &mut Reader, membership: Option<Membership>) -> Result<Option<(Membership, User)>, LedgerError> {
    let Some(membership) = membership else { return Ok(None) };
    let user: Option<User> = db.optional("select * from users where id = $1", &[Arg::id(membership.user_id)]).await?;
    Ok(user.map(|user| (membership, user)))
}

impl Ledger {
    /// The organisation with this slug.
    pub async fn organisation_by_slug(&self, slug: &str) -> Result<Option<Organisation>, LedgerError> {
        let mut db = self.reader(limits::LEDGER_CALL_TIMEOUT).await?;
        db.optional("select * from organisations where slug = $1", &[slug.into()]).await
    }

    /// The organisation with this id.
    pub async fn organisation(&self, id: OrganisationId) -> Result<Option<Organisation>, LedgerError> {
        let mut db = self.reader(limits::LEDGER_CALL_TIMEOUT).await?;
        db.optional("select * from organisations where id = $1", &[Arg::id(id)]).await
    }

    /// The member that signs in by this name, and the user.
    pub async fn member_by_username(
        &self,
        organisation: OrganisationId,
        username_key: &str,
    ) -> Result<Option<(Membership, User)>, LedgerError> {
        let mut db = self.reader(limits::LEDGER_CALL_TIMEOUT).await?;
        let membership = db
            .optional(
                "select * from memberships where organisation_id = $1 and username_key = $2 and status <> 'removed'",
                &[Arg::id(organisation), username_key.into()],
            )
            .await?;
        with_user_on(&mut db, membership).await
    }

    /// A member of this organisation, of any status but removed.
    pub async fn member(&self, organisation: OrganisationId, user: UserId) -> Result<Option<(Membership, User)>, LedgerError> {
        let mut db = self.reader(limits::LEDGER_CALL_TIMEOUT).await?;
        let membership = db
            .optional(
                "select * from memberships where organisation_id = $1 and user_id = $2 and status <> 'removed'",
                &[Arg::id(organisation), Arg::id(user)],
            )
            .await?;
        with_user_on(&mut db, membership).await
    }

    /// The members of an organisation, by membership id. `needle` is searched for in name, user name and address; it is in lower case.
    pub async fn members(
        &self,
        organisation: OrganisationId,
        role: Option<Role>,
        needle: &str,
        page: Page,
    ) -> Result<Vec<(Membership, User)>, LedgerError> {
        let like = format!("%{}%", needle.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
        let mut db = self.reader(limits::LEDGER_BULK_TIMEOUT).await?;
        let memberships: Vec<Membership> = db
            .all(
                "select m.* from memberships m join users u on u.id = m.user_id
             where m.organisation_id = $1 and m.status <> 'removed' and m.id > $2 and ($3 = '' or m.role = $3)
               and (lower(u.name) like $4 escape '\\' or m.username_key like $4 escape '\\' or lower(u.email) like $4 escape '\\')
             order by m.id limit $5",
                &[Arg::id(organisation), Arg::id(page.after), role.map_or("", Role::as_str).into(), (&like).into(), page.limit.into()],
            )
            .await?;
        let last = memberships.last().map_or(page.after, |membership| membership.id.0);
        let users: Vec<User> = db
            .all(
                "select u.* from users u join memberships m on m.user_id = u.id where m.organisation_id = $1 and m.id > $2 and m.id <= $3",
                &[Arg::id(organisation), Arg::id(page.after), Arg::id(last)],
            )
            .await?;
        let mut users: HashMap<UserId, User> = users.into_iter().map(|user| (user.id, user)).collect();
        let with_user = |membership: Membership| users.remove(&membership.user_id).map(|user| (membership, user));
        Ok(memberships.into_iter().filter_map(with_user).collect())
    }

    /// How many active Organisation Admins there are.
    pub async fn active_administrators(&self, organisation: OrganisationId) -> Result<i64, LedgerError> {
        self.reader(limits::LEDGER_CALL_TIMEOUT)
            .await?
            .value(
                "select count(*) from memberships where organisation_id = $1 and role = $2 and status = $3",
                &[Arg::id(organisation), Role::OrganisationAdmin.as_str().into(), MemberStatus::Active.as_str().into()],
            )
            .await
    }
}
