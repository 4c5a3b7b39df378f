//! The story of a bill: connect, check, discover, ingest, query. Each step is one file and can be called twice with the same effect.
//!
//! *Invariant:* nothing here knows HTTP or AWS's SDK, prints, or writes SQL outside `store/`.

pub mod account;
mod check;
pub mod connect;
mod discover;
mod error;
pub mod ingest;
mod poll;
pub mod query;
pub mod store;
pub mod tokens;
mod walk;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use billing::names::{BillConnectId, OrgId};
use lake::Lake;
use tokio::sync::Notify;

pub use account::{AwsAccount, PartStream};
pub use error::AppError;

use crate::store::Store;

/// What the steps need to be told.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The principal that trust policies name; who the operator's credentials are, if absent.
    pub operator_principal: Option<String>,
}

type Turns = HashMap<(OrgId, BillConnectId), Arc<tokio::sync::Mutex<()>>>;

/// Everything the steps work with.
pub struct App {
    store: Store,
    lake: Lake,
    aws: Arc<dyn AwsAccount>,
    settings: Settings,
    wake: Notify,
    turns: Mutex<Turns>,
}

impl App {
    /// Puts the rooms together.
    pub fn new(store: Store, lake: Lake, aws: Arc<dyn AwsAccount>, settings: Settings) -> Self {
        Self { store, lake, aws, settings, wake: Notify::new(), turns: Mutex::default() }
    }

    /// The store, for what the operator does on the command line.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The lock that makes a connection's ingests take turns within this process.
    fn turn(&self, org: OrgId, connect: &BillConnectId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.entry((org, connect.clone())).or_default().clone()
    }
}
