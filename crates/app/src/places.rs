//! Places to check in: each check asks AWS a dozen questions and more, so one org's requests take turns, and starve no other's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use billing::names::OrgId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::App;
use crate::error::AppError;

/// How many requests of one org are checked side by side.
const AT_ONCE: usize = 4;
/// How many more of them may wait.
const WAITING: usize = 16;

/// The places of every org that has somebody in one.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<HashMap<OrgId, OrgPlaces>>);

/// One org's places.
#[derive(Debug, Clone)]
struct OrgPlaces {
    /// Places to check in or to wait in.
    room: Arc<Semaphore>,
    /// Places to check in.
    checking: Arc<Semaphore>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place(#[expect(dead_code, reason = "held, not read")] (OwnedSemaphorePermit, OwnedSemaphorePermit));

impl Places {
    fn of(&self, org: OrgId) -> OrgPlaces {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever has nobody in it is forgotten: permits hold on to their semaphore.
        all.retain(|_, places| Arc::strong_count(&places.room) > 1);
        let new = || OrgPlaces {
            room: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
            checking: Arc::new(Semaphore::new(AT_ONCE)),
        };
        all.entry(org).or_insert_with(new).clone()
    }

    /// A place for a request of `org`, which waits for one of those before it; none where too many wait already.
    pub(crate) async fn take(&self, org: OrgId) -> Result<Place, AppError> {
        let OrgPlaces { room, checking } = self.of(org);
        let room = room.try_acquire_owned().map_err(|_| AppError::Busy)?;
        let checking = checking.acquire_owned().await.map_err(|_| AppError::Busy)?;
        Ok(Place((room, checking)))
    }
}

impl App {
    /// A place to check in for a request of `org`.
    pub(crate) async fn place_to_check(&self, org: OrgId) -> Result<Place, AppError> {
        self.places.take(org).await
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn an_orgs_requests_take_turns_and_no_other_org_waits() {
        let places = Places::default();
        let (acme, other) = ("123456".parse().unwrap(), "123457".parse().unwrap());
        let mut held = Vec::new();
        for _ in 0..AT_ONCE {
            held.push(places.take(acme).now_or_never().unwrap().unwrap());
        }
        let mut waiting: Vec<_> = (0..WAITING).map(|_| Box::pin(places.take(acme))).collect();
        assert!(waiting.iter_mut().all(|place| place.now_or_never().is_none()));
        assert!(matches!(places.take(acme).now_or_never(), Some(Err(AppError::Busy))));
        assert!(places.take(other).now_or_never().unwrap().is_ok());
        held.pop();
        assert!(waiting[0].as_mut().now_or_never().unwrap().is_ok());
        drop((held, waiting));
        assert!(places.take(acme).now_or_never().unwrap().is_ok());
        assert_eq!(places.0.lock().unwrap().len(), 1, "whoever has nobody in a place is forgotten");
    }
}
