//! What the HTTP server needs to be told.

use std::time::Duration;

use crate::limits::LimitSettings;

/// Limits of single requests.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The most bytes that a request's body may have.
    pub body_limit: usize,
    /// How long a client may take to send its body.
    pub body_within: Duration,
    /// How long an answer may take. Connecting asks AWS a dozen questions, so this is no matter of milliseconds.
    pub answer_within: Duration,
    /// How many failures to authenticate are too many.
    pub limits: LimitSettings,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            body_limit: 1024 * 1024,
            body_within: Duration::from_secs(30),
            answer_within: Duration::from_mins(2),
            limits: LimitSettings::default(),
        }
    }
}
