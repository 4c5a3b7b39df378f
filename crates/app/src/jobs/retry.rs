//! Pauses between tries: they double from try to try up to a most, and no two processes pause equally long.

use std::time::Duration;

use super::JobSettings;

impl JobSettings {
    /// The pause after try number `attempts` (from 1 on). `chance` is any number.
    pub(super) fn pause(&self, attempts: u32, chance: u32) -> Duration {
        let doubled = self.retry_after.saturating_mul(1 << attempts.saturating_sub(1).min(20));
        // A quarter of it is left to chance, so that what failed together does not come back together.
        doubled.min(self.retry_at_most) / 1000 * (750 + chance % 251)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_most_and_differ() {
        let settings = JobSettings {
            retry_after: Duration::from_secs(10),
            retry_at_most: Duration::from_mins(1),
            ..JobSettings::default()
        };
        let longest = |attempts| settings.pause(attempts, 250).as_secs();
        assert_eq!([1, 2, 3, 4, 20, u32::MAX].map(longest), [10, 20, 40, 60, 60, 60]);
        assert_eq!(settings.pause(1, 0), Duration::from_millis(7_500));
        assert_ne!(settings.pause(1, 0), settings.pause(1, 1));
    }
}
