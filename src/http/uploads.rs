//! Large bodies: limits on how many arrive and how many are processed at the same time.
//!
//! A body is received into a file, so a slow client uses no memory; it takes one of its organisation's places for arriving uploads. One of
//! the few places for processing, in memory, is taken when the body is complete.

use std::{
    collections::HashMap,
    fs::File,
    io::Read,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit},
    task::spawn_blocking,
    time::timeout,
};

use super::{body, problem::Problem};
use crate::{ids::OrganisationId, limits};

pub struct Uploads {
    arriving: Arc<Semaphore>,
    of_organisation: Mutex<HashMap<OrganisationId, Weak<Semaphore>>>,
    processing: Semaphore,
}

impl Default for Uploads {
    fn default() -> Self {
        Self {
            arriving: Arc::new(Semaphore::new(limits::UPLOADS_ARRIVING_MAX)),
            of_organisation: Mutex::default(),
            processing: Semaphore::new(limits::UPLOADS_AT_ONCE_MAX),
        }
    }
}

/// A complete upload, and its place among those being processed.
pub struct Upload<'a> {
    file: File,
    _permit: SemaphorePermit<'a>,
}

impl Uploads {
    /// Receives a body, at most `most` bytes and within this time, and waits a moment for earlier uploads to be processed.
    pub async fn receive(&self, organisation: OrganisationId, sent: Body, most: usize, within: Duration) -> Result<Upload<'_>, Problem> {
        let arriving = self.acquire_arriving(organisation).await?;
        let file = body::to_file(sent, most, within).await?;
        drop(arriving);
        let permit = timeout(limits::UPLOAD_WAIT_TIMEOUT, self.processing.acquire()).await;
        Ok(Upload { file, _permit: permit.ok().and_then(Result::ok).ok_or_else(Problem::busy)? })
    }

    async fn acquire_arriving(&self, organisation: OrganisationId) -> Result<[OwnedSemaphorePermit; 2], Problem> {
        let own = self.of_organisation(organisation);
        let permits = timeout(limits::UPLOAD_WAIT_TIMEOUT, async {
            // The organisation's own place first: while waiting for it, no place of the gateway is taken.
            let own = own.acquire_owned().await.ok()?;
            Some([own, Arc::clone(&self.arriving).acquire_owned().await.ok()?])
        });
        permits.await.ok().flatten().ok_or_else(Problem::busy)
    }

    fn of_organisation(&self, organisation: OrganisationId) -> Arc<Semaphore> {
        let mut all = self.of_organisation.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = all.get(&organisation).and_then(Weak::upgrade) {
            return places;
        }
        all.retain(|_, places| places.strong_count() > 0);
        let places = Arc::new(Semaphore::new(limits::UPLOADS_PER_ORGANISATION_MAX));
        all.insert(organisation, Arc::downgrade(&places));
        places
    }
}

impl Upload<'_> {
    /// The file, read from its start; the place for processing stays taken as long as the upload lives.
    pub fn file(&self) -> Result<File, Problem> {
        self.file.try_clone().map_err(|error| body::temporary_file_failed(&error))
    }

    pub async fn bytes(&self) -> Result<Bytes, Problem> {
        let mut file = self.file()?;
        let read = spawn_blocking(move || {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map(|_| bytes)
        });
        let read = read.await.map_err(|_| Problem::internal())?;
        read.map(Bytes::from).map_err(|error| body::temporary_file_failed(&error))
    }
}
