//! Doubles of Parquet files as exact amounts: the shortest decimal that is read back as the same double.

use billing::money::{Amount, SCALE};

/// A decimal of at most so many digits is the only one of them that a double stands for.
const DIGITS: u32 = 15;

/// Below how much (as a power of ten), and how many digits behind the point are tried: together they are [`DIGITS`].
const TRIED: [(u32, u32); 3] = [(3, 12), (6, 9), (9, 6)];

/// The amount that a double stands for, without a way over its text; `None` where that may have more than 15 digits.
///
/// A number of at most 15 digits that is divided to the same double is the shortest decimal there is: of those, no two are
/// read as one double, so any shorter one would be the same number.
#[expect(clippy::float_cmp, reason = "the same double is what is asked for, to the last bit")]
pub(super) fn short(value: f64) -> Option<Amount> {
    if value == 0.0 {
        return Some(Amount::ZERO);
    }
    let (_, decimals) = TRIED.into_iter().find(|(below, _)| value.abs() < power(*below))?;
    let digits = (value * power(decimals)).round();
    // Both numbers are whole and exact, and so their quotient is the double nearest to the decimal.
    if digits / power(decimals) != value || digits.abs() >= power(DIGITS) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and has at most 15 digits")]
    let unscaled = i128::from(digits as i64) * 10_i128.pow(u32::from(SCALE) - decimals);
    Some(Amount::from_unscaled(unscaled))
}

fn power(exponent: u32) -> f64 {
    [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15][exponent as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the text of a double says.
    fn by_text(value: f64) -> Option<Amount> {
        value.to_string().parse().ok()
    }

    #[test]
    fn the_short_way_is_the_texts() {
        for value in
            [0.0, -0.0, 1.5, -2.25, 0.1, 1.81e-8, 999.999_999_999_999, 123_456.789, 1e8, 0.3, 1e-12, 0.000_000_123_456]
        {
            assert_eq!(short(value), by_text(value), "{value}");
        }
    }

    #[test]
    fn what_it_does_not_know_it_leaves_to_the_text() {
        for value in [0.1 + 0.2, f64::NAN, f64::INFINITY, 1e300, 1e-300, f64::MIN_POSITIVE, 1e9, 1e-13, 5e-324] {
            assert_eq!(short(value), None, "{value}");
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "any double will do")]
    #[test]
    fn many_doubles_are_what_their_texts_say() {
        let mut state = 7_u64;
        let mut known = 0;
        for _ in 0..300_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Any bits, and decimals of any length.
            let decimals = (state >> 60) as i32;
            let digits = (state >> 12) % 10_u64.pow((state % 17) as u32 + 1);
            for value in [f64::from_bits(state), digits as f64 / 10_f64.powi(decimals), -(digits as f64) * 1e-9] {
                if let Some(amount) = short(value) {
                    known += 1;
                    assert_eq!(Some(amount), by_text(value), "{value}");
                }
            }
        }
        assert!(known > 100_000, "the short way is gone for {known} only");
    }
}
