//! One attempt: look, consider, commit; and again from a fresh look when what it was decided on has moved.
//!
//! Every call that writes on the door path is an [`Attempt`] along the same corridor: facts are looked up, the caller is authenticated, a permit is
//! given, a decision is made, and the permit is used up by the commit. What differs between the calls is in their [`Policy`].

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    authenticate::{Authenticator, Caller, NotAuthenticated, token::SessionClaims},
    authorise::Refused,
    clock::{self, Moment},
    event::warm::Warm,
    ledger::{Ledger, LedgerError, entry::Outcome, rows::Authority},
    limits,
    session::hot::Hot,
};

/// Where a call finds what it decides on, and where it writes.
#[derive(Clone)]
pub struct Sources {
    pub authenticator: Authenticator,
    pub ledger: Ledger,
    /// Hot copies of sessions.
    pub hot: Arc<Hot>,
    /// Warm copies of events and tickets.
    pub warm: Arc<Warm>,
}

/// How new the facts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// From the nearest copies, if there are any that may be trusted.
    Nearest,
    /// From the nearest copies again: the ledger has confirmed what they say.
    Confirmed,
    /// From the ledger.
    Fresh,
}

/// What a look has found.
#[derive(Debug)]
pub struct Found<F> {
    pub freshness: Freshness,
    /// The caller's session, member and device.
    pub authority: Option<Arc<Authority>>,
    pub facts: F,
}

/// What is decided on one set of facts.
#[derive(Debug)]
pub enum Decision<P, R, A> {
    /// This is to be written.
    Commit(P),
    /// Red: nothing is to be written. Final once the facts are confirmed or fresh.
    Refuse(R),
    /// The answer is known, and nothing is to be written.
    Answer(A),
}

/// In what the calls differ.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    pub first_look: Freshness,
    pub lost_commit: LostCommit,
    pub gives_up: GivesUp,
}

/// What follows a commit whose outcome is unknown, because the ledger could not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostCommit {
    /// Another look, which finds the entry by its id if it was written. The deadline of the attempt bounds that look.
    LooksAgain,
    /// The error: the call has used its time, and the client sends the same id again.
    Fails,
}

/// When an attempt that loses every race ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivesUp {
    /// After [`limits::ATTEMPTS_MAX`] looks: each look ends at the deadline by itself.
    AfterLooks,
    /// At the deadline as well: its looks do not know of it.
    AtDeadline,
}

/// What the decision of a call returns.
pub type Decided<C> = Result<Decision<<C as Attempt>::Plan, <C as Attempt>::Refusal, <C as Attempt>::Answer>, <C as Attempt>::Error>;

/// One kind of call along the corridor.
pub trait Attempt: Sync {
    type Facts: Send + Sync;
    type Permit: Send;
    /// What a decision wants written.
    type Plan: Send;
    /// Why a decision is red.
    type Refusal: Send;
    type Answer: Send;
    type Error: From<NotAuthenticated> + From<Refused> + From<LedgerError> + Send;

    fn policy(&self) -> Policy;

    /// Looks the facts up.
    fn look(
        &self,
        sources: &Sources,
        claims: SessionClaims,
        freshness: Freshness,
        deadline: Instant,
    ) -> impl Future<Output = Result<Found<Self::Facts>, LedgerError>> + Send;

    /// The first answer again, if the ledger has this request already.
    fn replay(&self, caller: &Caller, facts: &Self::Facts) -> Result<Option<Self::Answer>, Self::Error>;

    /// The right to write, if the caller has it.
    fn authorise(&self, caller: &Caller, facts: &Self::Facts, now: Moment) -> Result<Self::Permit, Refused>;

    /// The decision: a pure function of the facts.
    fn decide(&self, permit: &Self::Permit, facts: &Self::Facts, now: Moment) -> Decided<Self>;

    /// Whether the ledger confirms a red decision that was made on copies.
    fn confirm(
        &self,
        _sources: &Sources,
        _found: &Found<Self::Facts>,
        _deadline: Instant,
    ) -> impl Future<Output = Result<bool, LedgerError>> + Send {
        async { Ok(false) }
    }

    /// The answer to a red decision that is final.
    fn refuse(&self, sources: &Sources, caller: &Caller, facts: &Self::Facts, refusal: Self::Refusal) -> Self::Answer;

    /// Writes the plan; the permit is used up.
    fn commit(
        &self,
        sources: &Sources,
        permit: Self::Permit,
        facts: &Self::Facts,
        plan: Self::Plan,
        deadline: Instant,
    ) -> impl Future<Output = Result<Outcome<Self::Answer, Self::Error>, LedgerError>> + Send;
}

/// A result, and the time that each stage took.
#[derive(Debug)]
pub struct Timed<T> {
    pub result: T,
    pub timings: Timings,
}

/// Walks until there is an answer.
pub async fn attempt<C: Attempt>(call: &C, sources: &Sources, claims: SessionClaims) -> Timed<Result<C::Answer, C::Error>> {
    let mut timings = Timings::default();
    let result = attempts(call, sources, claims, &mut timings).await;
    Timed { result, timings }
}

async fn attempts<C: Attempt>(call: &C, sources: &Sources, claims: SessionClaims, timings: &mut Timings) -> Result<C::Answer, C::Error> {
    let policy = call.policy();
    let deadline = clock::deadline(limits::ATTEMPT_TIMEOUT);
    let mut freshness = policy.first_look;
    for _ in 0..limits::ATTEMPTS_MAX {
        let found = timings.time(Stage::Facts, call.look(sources, claims, freshness, deadline)).await?;
        match consider(call, sources, claims, &found, timings) {
            Ok(Considered::Answer(answer)) => return Ok(answer),
            Ok(Considered::Commit(plan, permit)) => {
                match timings.time(Stage::Commit, call.commit(sources, permit, &found.facts, plan, deadline)).await {
                    Ok(Outcome::Recorded(answer)) => return Ok(answer),
                    Ok(Outcome::Refused(error)) => return Err(error),
                    // Something was changed, or the id is known: the next look finds out.
                    Ok(Outcome::Moved) | Err(LedgerError::Moved) => {}
                    Err(LedgerError::Unavailable) if policy.lost_commit == LostCommit::LooksAgain => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(Considered::Refuse(refusal, caller)) if found.freshness != Freshness::Nearest => {
                return Ok(call.refuse(sources, &caller, &found.facts, refusal));
            }
            Ok(Considered::Refuse(..)) if timings.time(Stage::Facts, call.confirm(sources, &found, deadline)).await? => {
                freshness = Freshness::Confirmed;
                continue;
            }
            Err(refused) if found.freshness == Freshness::Fresh => return Err(refused),
            Ok(Considered::Refuse(..)) | Err(_) => {}
        }
        if policy.gives_up == GivesUp::AtDeadline && clock::is_past(deadline) {
            break;
        }
        freshness = Freshness::Fresh;
    }
    Err(LedgerError::Busy.into())
}

enum Considered<C: Attempt> {
    Answer(C::Answer),
    Commit(C::Plan, C::Permit),
    Refuse(C::Refusal, Caller),
}

/// Authenticates, authorises, decides. It waits for nothing.
fn consider<C: Attempt>(
    call: &C,
    sources: &Sources,
    claims: SessionClaims,
    found: &Found<C::Facts>,
    timings: &mut Timings,
) -> Result<Considered<C>, C::Error> {
    let caller = timings.measure(Stage::Authenticate, || sources.authenticator.admit(found.authority.clone(), claims))?;
    if let Some(answer) = call.replay(&caller, &found.facts)? {
        return Ok(Considered::Answer(answer));
    }
    let now = sources.authenticator.clock.now();
    let permit = timings.measure(Stage::Authorise, || call.authorise(&caller, &found.facts, now))?;
    Ok(match timings.measure(Stage::Decide, || call.decide(&permit, &found.facts, now))? {
        Decision::Commit(plan) => Considered::Commit(plan, permit),
        Decision::Refuse(refusal) => Considered::Refuse(refusal, caller),
        Decision::Answer(answer) => Considered::Answer(answer),
    })
}

/// A stage of the corridor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Facts,
    Authenticate,
    Authorise,
    Decide,
    Commit,
}

/// The time that one request spent in each stage.
#[derive(Clone, Debug, Default)]
pub struct Timings {
    pub facts: Duration,
    pub authenticate: Duration,
    pub authorise: Duration,
    pub decide: Duration,
    pub commit: Duration,
}

impl Timings {
    async fn time<T>(&mut self, stage: Stage, work: impl Future<Output = T>) -> T {
        let begun = clock::mark();
        let done = work.await;
        self.add(stage, clock::since(begun));
        done
    }

    fn measure<T>(&mut self, stage: Stage, work: impl FnOnce() -> T) -> T {
        let begun = clock::mark();
        let done = work();
        self.add(stage, clock::since(begun));
        done
    }

    /// Each stage by its name, with its time.
    pub fn each(&self) -> [(&'static str, Duration); 5] {
        [
            ("facts", self.facts),
            ("authenticate", self.authenticate),
            ("authorise", self.authorise),
            ("decide", self.decide),
            ("commit", self.commit),
        ]
    }

    fn add(&mut self, stage: Stage, time: Duration) {
        let total = match stage {
            Stage::Facts => &mut self.facts,
            Stage::Authenticate => &mut self.authenticate,
            Stage::Authorise => &mut self.authorise,
            Stage::Decide => &mut self.decide,
            Stage::Commit => &mut self.commit,
        };
        *total += time;
    }
}

/// A short digest of what a request means: the same request sent again has the same.
pub fn fingerprint(meaning: &impl Serialize) -> String {
    // The meaning of a request is a plain struct, which JSON can always write.
    match serde_json::to_vec(meaning) {
        Ok(bytes) => data_encoding::HEXLOWER.encode(Sha256::digest(&bytes).get(..16).unwrap_or_default()),
        Err(error) => {
            tracing::error!(%error, "the meaning of a request cannot be written as JSON");
            // Equal to no other digest, so the request is never taken for a repetition of another one.
            Uuid::new_v4().to_string()
        }
    }
}
