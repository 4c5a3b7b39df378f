//! Postgres's protocol in, rows out: any Postgres client reads an org's charges with an access token as its password.
//!
//! *Invariant:* a session authenticates, and reaches its org only through a `Viewer` (`access`), which proves the token anew for
//! each statement. Nothing here plans or reads anything: statements about the session are answered by it, all others by the app.
//! A token crosses in clear text only where nobody else listens: on loopback.

mod access;
mod connection;
mod encode;
mod extended;
mod message;
mod reply;
mod session;
mod start;
mod tls;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use app::App;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio_rustls::TlsAcceptor;

pub use tls::{Tls, TlsError};

use crate::access::Door;

/// What the listener is told.
pub struct WireSettings {
    /// What it proves itself with; without it, only loopback is let in.
    pub tls: Option<Tls>,
    /// How many sessions there may be at once.
    pub sessions: usize,
    /// How long a session may say nothing.
    pub idle: Duration,
}

impl Default for WireSettings {
    fn default() -> Self {
        Self { tls: None, sessions: 100, idle: Duration::from_hours(1) }
    }
}

/// Why nothing is listened to.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Tokens would cross a network in clear text.
    #[error(
        "`{0}` is not loopback, and tokens would cross the network in clear text: give a certificate and its key, or listen on 127.0.0.1"
    )]
    ClearText(IpAddr),
    /// The system says nothing of the listener.
    #[error("the listener can't be used: {0}")]
    Listener(#[from] std::io::Error),
}

/// What every session shares.
pub(crate) struct Shared {
    pub(crate) door: Door,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) idle: Duration,
    running: Mutex<HashMap<i32, (i32, Arc<Notify>)>>,
    next: AtomicI32,
}

impl Shared {
    /// A number for a session, and the secret by which another connection may stop its statement.
    pub(crate) fn register(&self, stop: &Arc<Notify>) -> (i32, i32) {
        let process = self.next.fetch_add(1, Ordering::Relaxed);
        // Without random bytes nobody can stop anything; sessions go on.
        let secret = getrandom::u32().map_or(0, u32::cast_signed);
        self.lock().insert(process, (secret, Arc::clone(stop)));
        (process, secret)
    }

    pub(crate) fn forget(&self, process: i32) {
        self.lock().remove(&process);
    }

    /// Stops the statement of whoever has this number and secret.
    pub(crate) fn stop(&self, process: i32, secret: i32) {
        if let Some((known, stop)) = self.lock().get(&process)
            && secret != 0
            && *known == secret
        {
            stop.notify_waiters();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<i32, (i32, Arc<Notify>)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WireSettings {
    /// [`WireError::ClearText`] where clients could come from elsewhere to this address and there is no certificate.
    pub fn check(&self, address: IpAddr) -> Result<(), WireError> {
        if self.tls.is_none() && !address.is_loopback() { Err(WireError::ClearText(address)) } else { Ok(()) }
    }
}

/// Answers clients until it is dropped; ends by itself only where it may not begin.
pub async fn serve(listener: TcpListener, app: Arc<App>, settings: WireSettings) -> Result<(), WireError> {
    settings.check(listener.local_addr()?.ip())?;
    let shared = Arc::new(Shared {
        door: Door::new(app),
        tls: settings.tls.map(Tls::acceptor),
        idle: settings.idle,
        running: Mutex::default(),
        next: AtomicI32::new(1),
    });
    let places = Arc::new(Semaphore::new(settings.sessions));
    // Dropped with this, and with it every session.
    let mut sessions = tokio::task::JoinSet::new();
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            // Out of file descriptors, most likely: some will be free again.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        while sessions.try_join_next().is_some() {}
        let shared = Arc::clone(&shared);
        let place = Arc::clone(&places).try_acquire_owned().ok();
        sessions.spawn(async move { start::begin(stream, peer.ip(), (shared, place)).await });
    }
}
