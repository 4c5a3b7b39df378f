//! Where a connection stands: whether its bills are read, and if not, why. Worked out here alone, from what is stored.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::checks::{Report, State};

/// Whether a connection's bills are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectionState {
    /// They are.
    Active,
    /// Proven, and AWS has not delivered anything yet; it starts by itself.
    Waiting,
    /// A required claim does not hold; it resumes by itself once that is mended.
    Suspended,
    /// Stopped by hand, until somebody resumes it.
    Paused,
}

impl ConnectionState {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Waiting => "waiting",
            Self::Suspended => "suspended",
            Self::Paused => "paused",
        }
    }

    /// Whether bills may be read.
    pub fn reads(self) -> bool {
        matches!(self, Self::Active | Self::Waiting)
    }
}

/// The newest report that decides: AWS's silence (a throttle, an outage) neither suspends a connection nor resumes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The report. Its state is any but [`State::Undecided`].
    pub report: Report,
    /// Since when the connection's reports have had this state.
    pub since: OffsetDateTime,
}

/// Where a connection stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Whether its bills are read.
    pub state: ConnectionState,
    /// Why not, as short sentences; none where they are.
    pub reasons: Vec<String>,
    /// Since when; unknown where nothing was ever proven.
    pub since: Option<OffsetDateTime>,
}

impl Standing {
    /// What follows from when it was paused, if it is, and from the newest report that decides.
    pub fn of(paused_at: Option<OffsetDateTime>, decided: Option<&Decided>) -> Self {
        if let Some(since) = paused_at {
            let reasons = vec!["paused by hand: nothing is read until it is resumed".to_owned()];
            return Self { state: ConnectionState::Paused, reasons, since: Some(since) };
        }
        let Some(Decided { report, since }) = decided else {
            let reasons = vec!["nothing has been proven yet".to_owned()];
            return Self { state: ConnectionState::Suspended, reasons, since: None };
        };
        let (state, reasons) = match report.state() {
            State::Verified => (ConnectionState::Active, Vec::new()),
            State::Waiting => (ConnectionState::Waiting, report.waits_for().into_iter().collect()),
            State::Refused | State::Undecided => (ConnectionState::Suspended, report.problems()),
        };
        Self { state, reasons, since: Some(*since) }
    }

    /// The reasons in one text; `None` where there are none.
    pub fn reason(&self) -> Option<String> {
        Some(self.reasons.join("; ")).filter(|reason| !reason.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    const THEN: OffsetDateTime = datetime!(2026-10-01 12:00 UTC);

    fn refused() -> Decided {
        let line = json!({ "check": "bucket-listable", "verdict": "failed", "severity": "required", "found": "denied", "remedy": "" });
        let report = json!({ "fingerprint": null, "access": "role", "region": null, "waiting": false, "judged_at": "2026-10-02T12:00:00Z", "checks": [line] });
        Decided { report: serde_json::from_value(report).unwrap(), since: THEN }
    }

    #[test]
    fn a_required_claim_that_fails_suspends_and_is_the_reason() {
        let standing = Standing::of(None, Some(&refused()));
        assert_eq!((standing.state, standing.since), (ConnectionState::Suspended, Some(THEN)));
        assert_eq!(standing.reason().as_deref(), Some("bucket-listable: denied"));
        assert!(!standing.state.reads());
    }

    #[test]
    fn a_pause_comes_before_everything() {
        let standing = Standing::of(Some(THEN), Some(&refused()));
        assert_eq!((standing.state, standing.since), (ConnectionState::Paused, Some(THEN)));
        assert!(!standing.state.reads() && standing.reason().is_some());
    }

    #[test]
    fn what_was_never_proven_is_not_read() {
        let standing = Standing::of(None, None);
        assert_eq!((standing.state, standing.since), (ConnectionState::Suspended, None));
    }
}
