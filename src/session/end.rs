//! Sessions in the back office: who is signed in, and signing them out.

use crate::{
    authenticate::Caller,
    authorise::{self, Clerk, Denied, Refused},
    clock::{Clock, Moment},
    ids::{SessionId, UserId},
    ledger::{
        Book, Page,
        change::{Change, Guard},
        rows::{Authority, Session},
        words::{EndReason, Permission},
    },
};

/// Signs the caller out.
pub async fn sign_out(book: &Book, clock: Clock, clerk: Clerk<'_>) -> Result<(), Denied> {
    let caller = clerk.caller().await?;
    end(book, clock, clerk, caller.organisation(), caller.authority().session.id).await
}

/// Ends a session: one's own, or anybody's with `team:manage`.
pub async fn end_one(book: &Book, clock: Clock, clerk: Clerk<'_>, session: SessionId) -> Result<(), Denied> {
    let caller = clerk.caller().await?;
    end(book, clock, clerk, caller.organisation(), session).await
}

async fn end(
    book: &Book,
    clock: Clock,
    clerk: Clerk<'_>,
    organisation: crate::ids::OrganisationId,
    session: SessionId,
) -> Result<(), Denied> {
    book.change(organisation, || async {
        let now = clock.now();
        let caller = clerk.caller().await?;
        let other = of_this_organisation(book, &caller, session).await?;
        may_touch(&caller, other.membership.user_id)?;
        let own = session == caller.authority().session.id;
        let mut change = Change::new(organisation, now, caller.guards());
        if other.session.ended_at.is_none() {
            let reason = if own { EndReason::SignedOut } else { EndReason::Ended };
            change.images.sessions.push(ended(other.session, reason, now));
        }
        Ok((change, ()))
    })
    .await
}

/// The open sessions of the organisation, or of one user. One's own need no permission.
pub async fn list(book: &Book, clerk: Clerk<'_>, user: Option<UserId>, page: Page) -> Result<Vec<Authority>, Denied> {
    let caller = clerk.caller().await?;
    let organisation = caller.organisation();
    match user {
        Some(user) => may_touch(&caller, user)?,
        None => drop(authorise::mandate(caller, Permission::TeamManage)?),
    }
    Ok(book.sessions(organisation, user, page).await?)
}

fn may_touch(caller: &Caller, user: UserId) -> Result<(), Refused> {
    if user == caller.authority().membership.user_id {
        return Ok(());
    }
    authorise::mandate(caller.clone(), Permission::TeamManage).map(drop)
}

async fn of_this_organisation(book: &Book, caller: &Caller, session: SessionId) -> Result<Authority, Denied> {
    let found = book.authority(session).await?.filter(|other| other.membership.organisation_id == caller.organisation());
    Ok(found.ok_or(Refused::NotFound)?)
}

/// Ends these sessions of a member or on a device with what they stand on, and none that begins meanwhile is overlooked.
pub fn end_with(change: &mut Change, open: Vec<Authority>, all_of: impl FnOnce(i64) -> Guard) {
    change.guards.push(all_of(i64::try_from(open.len()).unwrap_or(i64::MAX)));
    let at = change.at;
    change.images.sessions.extend(open.into_iter().map(|open| ended(open.session, EndReason::Ended, at)));
}

/// The image of a session that ends now.
fn ended(mut session: Session, reason: EndReason, now: Moment) -> Session {
    session.version += 1;
    session.ended_at = Some(now);
    session.end_reason = Some(reason);
    session
}
