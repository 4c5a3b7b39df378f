//! Limits at work: what one delivery may unpack to, watched while its files are read.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::limits::{Limit, Limits};

/// More than a limit allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", limit.breach(*allowed))]
pub(super) struct Breach {
    pub(super) limit: Limit,
    pub(super) allowed: u64,
}

impl Breach {
    /// The breach that made reading fail, if it was one.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

impl From<Breach> for io::Error {
    fn from(breach: Breach) -> Self {
        Self::other(breach)
    }
}

/// The limits, and what the files of one delivery have unpacked to so far. A clone counts the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter {
    limits: Limits,
    delivery: Arc<AtomicU64>,
}

impl Meter {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, delivery: Arc::default() }
    }

    /// What is allowed.
    pub(super) fn of(&self, limit: Limit) -> u64 {
        self.limits.of(limit)
    }

    /// Whether `found` is allowed.
    #[inline]
    pub(super) fn check(&self, limit: Limit, found: u64) -> Result<(), Breach> {
        let allowed = self.of(limit);
        if found > allowed { Err(Breach { limit, allowed }) } else { Ok(()) }
    }

    /// Counts `more` unpacked bytes of a file that now has `unpacked` in all, from `packed` ones.
    pub(super) fn count(&self, more: u64, (unpacked, packed): (u64, u64)) -> Result<(), Breach> {
        let delivery = self.delivery.fetch_add(more, Ordering::Relaxed).saturating_add(more);
        self.check(Limit::DeliveryBytes, delivery)?;
        self.check(Limit::PartBytes, unpacked)?;
        if unpacked > self.of(Limit::RatioFrom) {
            self.check(Limit::Ratio, unpacked.div_ceil(packed.max(1)))?;
        }
        Ok(())
    }
}

/// Whether a map in JSON nests deeper than `allowed`. Text that is no JSON may be called deep or not.
pub(super) fn is_deeper(json: &[u8], allowed: u64) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0_u64, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > allowed {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Setting;

    #[test]
    fn a_breach_is_found_in_the_error_that_it_became() {
        let breach = Breach { limit: Limit::PartRows, allowed: 3 };
        assert_eq!(Breach::of(&io::Error::from(breach)), Some(breach));
        assert_eq!(Breach::of(&io::Error::other("else")), None);
    }

    #[test]
    fn files_of_one_delivery_are_counted_together() {
        let limits = [(Limit::DeliveryBytes, 100), (Limit::PartBytes, 80), (Limit::RatioFrom, 50), (Limit::Ratio, 10)];
        let limits =
            limits.into_iter().fold(Limits::default(), |all, (limit, value)| all.with(Setting::new(limit, value)));
        let meter = Meter::new(limits);
        assert_eq!(meter.count(50, (50, 1)), Ok(()), "small files may repeat themselves");
        assert_eq!(meter.count(1, (51, 5)).unwrap_err().limit, Limit::Ratio);
        assert_eq!(meter.count(1, (81, 80)).unwrap_err().limit, Limit::PartBytes);
        assert_eq!(meter.clone().count(49, (49, 49)).unwrap_err().limit, Limit::DeliveryBytes);
    }

    #[test]
    fn depth_is_counted_outside_of_texts() {
        assert!(!is_deeper(br#"{"a":"{{{{\"{{"}"#, 1));
        assert!(!is_deeper(br#"{"a":{},"b":[]}"#, 2));
        assert!(is_deeper(br#"{"a":{"b":[]}}"#, 2));
        assert!(is_deeper(&b"[".repeat(100_000), 16));
    }
}
