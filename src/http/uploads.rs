//! Large bodies: who may send one, and which are worked on.
//!
//! A body arrives into a file, so that a slow sender holds no memory and nobody's place: only a seat of its own organisation. A place among
//! the few that are worked on at once, in memory, is taken when everything is there.

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

/// The places for uploads of a gateway.
pub struct Uploads {
    arriving: Arc<Semaphore>,
    of_organisation: Mutex<HashMap<OrganisationId, Weak<Semaphore>>>,
    in_work: Semaphore,
}

impl Default for Uploads {
    fn default() -> Self {
        Self {
            arriving: Arc::new(Semaphore::new(limits::UPLOADS_ARRIVING_MAX)),
            of_organisation: Mutex::default(),
            in_work: Semaphore::new(limits::UPLOADS_AT_ONCE_MAX),
        }
    }
}

/// An upload that is there as a whole, and its place among those that are worked on.
pub struct Upload<'a> {
    file: File,
    _place: SemaphorePermit<'a>,
}

impl Uploads {
    /// Takes a body in, at most so many bytes and within so much time, and waits a moment for those before it.
    pub async fn receive(&self, organisation: OrganisationId, sent: Body, most: usize, within: Duration) -> Result<Upload<'_>, Problem> {
        let seat = self.seat(organisation).await?;
        let file = body::to_file(sent, most, within).await?;
        drop(seat);
        let place = timeout(limits::UPLOAD_WAIT_TIMEOUT, self.in_work.acquire()).await;
        Ok(Upload { file, _place: place.ok().and_then(Result::ok).ok_or_else(Problem::busy)? })
    }

    async fn seat(&self, organisation: OrganisationId) -> Result<[OwnedSemaphorePermit; 2], Problem> {
        let own = self.seats_of(organisation);
        let seats = timeout(limits::UPLOAD_WAIT_TIMEOUT, async {
            // One's own first: who waits for that keeps nobody else waiting.
            let own = own.acquire_owned().await.ok()?;
            Some([own, Arc::clone(&self.arriving).acquire_owned().await.ok()?])
        });
        seats.await.ok().flatten().ok_or_else(Problem::busy)
    }

    fn seats_of(&self, organisation: OrganisationId) -> Arc<Semaphore> {
        let mut all = self.of_organisation.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seats) = all.get(&organisation).and_then(Weak::upgrade) {
            return seats;
        }
        all.retain(|_, seats| seats.strong_count() > 0);
        let seats = Arc::new(Semaphore::new(limits::UPLOADS_PER_ORGANISATION_MAX));
        all.insert(organisation, Arc::downgrade(&seats));
        seats
    }
}

impl Upload<'_> {
    /// The file that holds it, read from its start; the place is kept meanwhile.
    pub fn file(&self) -> Result<File, Problem> {
        self.file.try_clone().map_err(|error| body::not_kept(&error))
    }

    /// All its bytes.
    pub async fn bytes(&self) -> Result<Bytes, Problem> {
        let mut file = self.file()?;
        let read = spawn_blocking(move || {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map(|_| bytes)
        });
        let read = read.await.map_err(|_| Problem::internal())?;
        read.map(Bytes::from).map_err(|error| body::not_kept(&error))
    }
}
