//! Three-valued truth: yes, no, or not known from the documents, with what it would depend on.

/// What is known of a statement about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Truth {
    Yes,
    No,
    /// Neither, and what decides it.
    Open(String),
}

impl Truth {
    pub(super) fn and(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::No => Self::No,
            Self::Yes => other(),
            Self::Open(why) => match other() {
                Self::No => Self::No,
                _ => Self::Open(why),
            },
        }
    }

    pub(super) fn or(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Yes => Self::Yes,
            Self::No => other(),
            Self::Open(why) => match other() {
                Self::Yes => Self::Yes,
                _ => Self::Open(why),
            },
        }
    }

    pub(super) fn negate(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            open @ Self::Open(_) => open,
        }
    }

    /// Whether any of them holds.
    pub(super) fn any(all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter().fold(Self::No, |so_far, next| so_far.or(|| next))
    }
}

impl From<bool> for Truth {
    fn from(known: bool) -> Self {
        if known { Self::Yes } else { Self::No }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_stays_open_unless_the_rest_decides() {
        let open = || Truth::Open("x".into());
        assert_eq!(open().and(|| Truth::No), Truth::No);
        assert_eq!(open().or(|| Truth::Yes), Truth::Yes);
        assert_eq!(Truth::Yes.and(open), open());
        assert_eq!(Truth::No.or(open), open());
        assert_eq!(open().negate(), open());
        assert_eq!(Truth::any([Truth::No, Truth::No]), Truth::No);
    }
}
