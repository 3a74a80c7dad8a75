//! The hot copies of sessions, nearest first: memory, then Redis. Who finds none takes a fresh look at the ledger.

use std::sync::Arc;

use quick_cache::sync::Cache;

use super::{copy::Copy, redis::RedisStore};
use crate::{
    clock::Clock,
    ids::{OrganisationId, SessionId},
    ledger::{
        ChangeLog,
        rows::{Authority, OrganisationNames},
    },
    limits,
};

/// The hot store.
pub struct Hot {
    memory: Cache<SessionId, Copy>,
    names: Cache<OrganisationId, Arc<OrganisationNames>>,
    redis: Option<Arc<RedisStore>>,
    log: Arc<ChangeLog>,
    clock: Clock,
}

impl Hot {
    /// A hot store; without Redis the copies of this process are all there are.
    pub fn new(redis: Option<RedisStore>, log: Arc<ChangeLog>, clock: Clock) -> Self {
        let (memory, names) = (Cache::new(limits::HOT_SESSIONS_MAX), Cache::new(limits::HOT_NAMES_MAX));
        Self { memory, names, redis: redis.map(Arc::new), log, clock }
    }

    /// The nearest copy of this session that may be trusted.
    pub async fn nearest(&self, session: SessionId) -> Option<Arc<Authority>> {
        if let Some(copy) = self.memory.get(&session).filter(|copy| self.trusts(copy)) {
            return Some(copy.authority);
        }
        let copy = self.redis.as_ref()?.get(session).await.filter(|copy| self.trusts(copy) && copy.authority.session.id == session)?;
        let copy = self.lean(copy);
        self.memory.insert(session, copy.clone());
        Some(copy.authority)
    }

    /// Keeps what a fresh look has seen, here and in Redis, unless that is known. No request waits for Redis.
    pub fn remember(&self, as_of: i64, authority: &Arc<Authority>) {
        let session = authority.session.id;
        let copy = Copy { as_of, authority: Arc::clone(authority) };
        if self.memory.get(&session).is_some_and(|known| known.versions() == copy.versions() && self.trusts(&known)) {
            return;
        }
        let copy = self.lean(copy);
        self.memory.insert(session, copy.clone());
        if let Some(redis) = self.redis.as_ref().filter(|redis| redis.is_up()) {
            let (redis, clock) = (Arc::clone(redis), self.clock);
            tokio::spawn(async move { redis.put(session, &copy, clock).await });
        }
    }

    /// Whether the shared store answers; none where there is no shared store.
    pub fn redis_is_up(&self) -> Option<bool> {
        self.redis.as_ref().map(|redis| redis.is_up())
    }

    fn trusts(&self, copy: &Copy) -> bool {
        self.log.trusts(copy.as_of, &copy.things())
    }

    /// The copy as it is kept: what the app said of the hardware is as long as everything else together, and no decision rests on it;
    /// what the organisation is called, all its sessions share.
    fn lean(&self, mut copy: Copy) -> Copy {
        let Authority { membership, organisation, device, .. } = Arc::make_mut(&mut copy.authority);
        if let Some(device) = device {
            device.hardware = None;
        }
        match self.names.get(&membership.organisation_id).filter(|names| names == organisation) {
            Some(names) => *organisation = names,
            None => self.names.insert(membership.organisation_id, Arc::clone(organisation)),
        }
        copy
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::{
        authenticate::tests::authority,
        ledger::kinds::{Role, SessionKind},
    };

    fn at(session: u128, name: &str) -> Arc<Authority> {
        let mut authority = authority(SessionKind::Scanner, Role::Scanner);
        authority.session.id = Uuid::from_u128(session).into();
        authority.organisation = Arc::new(OrganisationNames { slug: "arena".to_owned(), name: name.to_owned() });
        authority.device.as_mut().unwrap().hardware = Some(json!({"model": "Zebra TC22"}));
        Arc::new(authority)
    }

    #[tokio::test]
    async fn what_all_sessions_of_an_organisation_have_in_common_is_kept_once() {
        let hot = Hot::new(None, Arc::new(ChangeLog::new(0, true)), Clock::of_this_machine());
        for (session, name) in [(1, "Arena"), (2, "Arena"), (3, "New Arena"), (4, "New Arena")] {
            hot.remember(0, &at(session, name));
        }
        let kept = async |session: u128| hot.nearest(Uuid::from_u128(session).into()).await.unwrap();
        assert!(Arc::ptr_eq(&kept(1).await.organisation, &kept(2).await.organisation));
        assert!(Arc::ptr_eq(&kept(3).await.organisation, &kept(4).await.organisation));
        assert_eq!((kept(2).await.organisation.name.as_str(), kept(4).await.organisation.name.as_str()), ("Arena", "New Arena"));
        assert_eq!(kept(1).await.device.as_ref().unwrap().hardware, None);
    }
}
