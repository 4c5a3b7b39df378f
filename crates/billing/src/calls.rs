//! Calls to AWS as an operator counts them.

/// What came of a call, as far as an operator cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallOutcome {
    /// An answer.
    Ok,
    /// AWS says that it may not be.
    Denied,
    /// AWS asks to slow down.
    Throttled,
    /// AWS refuses for another reason.
    Refused,
    /// A fault on AWS's side.
    Fault,
    /// No answer, or none that could be read.
    Unanswered,
}

impl CallOutcome {
    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::Refused => "refused",
            Self::Fault => "fault",
            Self::Unanswered => "unanswered",
        }
    }
}

/// How often an operation came to the same outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallCount {
    /// AWS's name of the service.
    pub service: String,
    /// AWS's name of the operation.
    pub operation: String,
    /// What came of it.
    pub outcome: CallOutcome,
    /// How often.
    pub count: u64,
}
