//! Exact decimals with 12 digits after the point: the generator's own money, apart from the reader's on purpose.

use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub};

const DIGITS: usize = 12;
const ONE: i128 = 1_000_000_000_000;

/// An amount of money or a quantity, in whole numbers of 10⁻¹². Its text is the shortest exact plain decimal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dec(i128);

impl Dec {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Reads a literal such as `0.096`, when the program is built.
    pub(crate) const fn of(literal: &str) -> Self {
        let bytes = literal.as_bytes();
        let mut value: i128 = 0;
        let mut places = 0;
        let mut after_point = false;
        let mut i = 0;
        while i < bytes.len() {
            if bytes[i] == b'.' {
                after_point = true;
            } else {
                assert!(bytes[i].is_ascii_digit(), "a literal holds digits and a point");
                value = value * 10 + (bytes[i] - b'0') as i128;
                places += after_point as usize;
            }
            i += 1;
        }
        assert!(places <= DIGITS, "a literal has at most 12 digits after the point");
        while places < DIGITS {
            value *= 10;
            places += 1;
        }
        Self(value)
    }

    pub(crate) fn whole(number: u64) -> Self {
        Self(i128::from(number) * ONE)
    }

    /// `units` × 10⁻`places`, for at most 12 places.
    pub(crate) fn scaled(units: u64, places: u32) -> Self {
        Self(i128::from(units) * ONE / 10_i128.pow(places))
    }

    /// The product to ten digits after the point, half away from zero: what AWS prints.
    pub(crate) fn times(self, other: Self) -> Self {
        // Ten digits of the product are the multiples of 100 of ours.
        let product = self.0 * other.0;
        let step = ONE * 100;
        let half = if product < 0 { -step / 2 } else { step / 2 };
        Self((product + half) / step * 100)
    }

    pub(crate) fn times_whole(self, number: u64) -> Self {
        Self(self.0 * i128::from(number))
    }

    /// To whole cents, towards zero.
    pub(crate) fn to_cents(self) -> Self {
        Self(self.0 / (ONE / 100) * (ONE / 100))
    }

    pub(crate) fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Appends the amount the way a legacy bill prints it: `0.0`, `1.5`, and below a thousandth `1.81E-8`.
    pub(crate) fn write_as_bill(self, out: &mut Vec<u8>) {
        let magnitude = self.0.unsigned_abs();
        if self.0 < 0 {
            out.push(b'-');
        }
        if magnitude == 0 || magnitude >= ONE.unsigned_abs() / 1000 {
            write_plain(magnitude, 1, out);
        } else {
            write_scientific(magnitude, out);
        }
    }
}

/// At least `least` digits after the point; no point where there are none.
fn write_plain(magnitude: u128, least: usize, out: &mut Vec<u8>) {
    let one = ONE.unsigned_abs();
    write_integer(magnitude / one, out);
    let mut fraction = magnitude % one;
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = digit_of(fraction % 10);
        fraction /= 10;
    }
    let significant = digits.iter().rposition(|&digit| digit != b'0').map_or(0, |at| at + 1).max(least);
    if significant > 0 {
        out.push(b'.');
        out.extend_from_slice(&digits[..significant]);
    }
}

fn write_integer(mut number: u128, out: &mut Vec<u8>) {
    let mut digits = [0; 39];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = digit_of(number % 10);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

fn write_scientific(magnitude: u128, out: &mut Vec<u8>) {
    let mut digits = Vec::with_capacity(DIGITS);
    write_integer(magnitude, &mut digits);
    let exponent = DIGITS + 1 - digits.len();
    while digits.len() > 1 && digits.last() == Some(&b'0') {
        digits.pop();
    }
    out.push(digits[0]);
    out.push(b'.');
    out.extend_from_slice(if digits.len() == 1 { b"0" } else { &digits[1..] });
    out.extend_from_slice(b"E-");
    write_integer(u128::try_from(exponent).expect("an exponent is small"), out);
}

fn digit_of(number: u128) -> u8 {
    b'0' + u8::try_from(number).expect("one decimal digit")
}

impl fmt::Display for Dec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(24);
        if self.0 < 0 {
            text.push(b'-');
        }
        write_plain(self.0.unsigned_abs(), 0, &mut text);
        f.write_str(std::str::from_utf8(&text).expect("digits are text"))
    }
}

/// A string, so that no reader takes it for a binary float.
impl serde::Serialize for Dec {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Add for Dec {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Dec {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Dec {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl AddAssign for Dec {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(amount: Dec, plain: &str, bill: &str) {
        let mut text = Vec::new();
        amount.write_as_bill(&mut text);
        assert_eq!((amount.to_string().as_str(), std::str::from_utf8(&text)), (plain, Ok(bill)));
    }

    #[test]
    fn amounts_print_as_bills_and_as_totals() {
        check(Dec::ZERO, "0", "0.0");
        check(Dec::of("12.50"), "12.5", "12.5");
        check(Dec::of("100"), "100", "100.0");
        check(Dec::of("0.001"), "0.001", "0.001");
        check(Dec::of("0.0000000181"), "0.0000000181", "1.81E-8");
        check(-Dec::of("0.0009"), "-0.0009", "-9.0E-4");
        check(Dec::of("0.000000000001"), "0.000000000001", "1.0E-12");
    }

    #[test]
    fn products_have_ten_digits_half_away_from_zero() {
        assert_eq!(Dec::of("0.00001").times(Dec::of("0.000015")), Dec::of("0.0000000002"));
        assert_eq!((-Dec::of("0.00001")).times(Dec::of("0.000015")), -Dec::of("0.0000000002"));
        assert_eq!(Dec::of("744").times(Dec::of("0.096")), Dec::of("71.424"));
    }

    #[test]
    fn cents_are_cut_towards_zero() {
        assert_eq!(Dec::of("1.239").to_cents(), Dec::of("1.23"));
        assert_eq!((-Dec::of("1.239")).to_cents(), -Dec::of("1.23"));
    }
}
