//! Money: one exact decimal type that carries every amount, quantity and price from the first byte to the last.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

/// Digits after the point that an [`Amount`] keeps.
pub const SCALE: u8 = 18;
/// Digits in all that an [`Amount`] keeps: twenty before the point, eighteen after it.
pub const PRECISION: u8 = 38;

/// The first integer that needs more than [`PRECISION`] digits.
const LIMIT: u128 = 10_u128.pow(PRECISION as u32);

/// Powers of ten that lift a number with `n` decimals to [`SCALE`]: `LIFT[n]` is 10^(18 − n).
const LIFT: [i128; SCALE as usize + 1] = lifts();

const fn lifts() -> [i128; SCALE as usize + 1] {
    let mut lifts = [1; SCALE as usize + 1];
    let mut decimals = SCALE as usize;
    while decimals > 0 {
        decimals -= 1;
        lifts[decimals] = lifts[decimals + 1] * 10;
    }
    lifts
}

/// A decimal number, exact, held as its value × 10^18. It has no currency: that is a column of its own.
///
/// Nothing here rounds but [`per`](Amount::per), which makes a price and never a cost. A text that needs more than 18
/// decimals or 20 digits before the point is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(i128);

/// Why a text or a sum is not an [`Amount`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// The text is no decimal number, plain or scientific.
    #[error("not a decimal number")]
    NotANumber,
    /// Rounding it would lose digits, and we never round in silence.
    #[error("more than {SCALE} digits after the point")]
    TooFine,
    /// It does not fit a Decimal(38, 18).
    #[error("more than {} digits before the point", PRECISION - SCALE)]
    TooLarge,
}

impl Amount {
    /// Nothing at all.
    pub const ZERO: Amount = Amount(0);

    /// The amount whose value × 10^18 is `unscaled`, as a Decimal128(38, 18) array stores it.
    pub const fn from_unscaled(unscaled: i128) -> Amount {
        Amount(unscaled)
    }

    /// The value × 10^18.
    pub const fn unscaled(self) -> i128 {
        self.0
    }

    /// Whether this is exactly nothing.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Reads a plain (`-12.50`) or scientific (`1.81E-8`) number; zeros beyond the 18th decimal are no loss.
    pub fn parse(text: &[u8]) -> Result<Amount, AmountError> {
        match parse_short(text) {
            Some(amount) => Ok(amount),
            None => parse_any(text),
        }
    }

    /// The exact sum, or `None` where it needs more than 38 digits.
    pub fn checked_add(self, other: Amount) -> Option<Amount> {
        self.0.checked_add(other.0).and_then(within_precision)
    }

    /// The exact difference, or `None` where it needs more than 38 digits.
    pub fn checked_sub(self, other: Amount) -> Option<Amount> {
        self.0.checked_sub(other.0).and_then(within_precision)
    }

    /// The amount with its sign turned, or `None` where it needs more than 38 digits.
    pub fn checked_neg(self) -> Option<Amount> {
        self.0.checked_neg().and_then(within_precision)
    }

    /// The price of one unit where `self` is the cost of `quantity` of them, to the nearest of 18 decimals.
    ///
    /// `None` where there is no such price: of nothing, below zero, or of more than 38 digits.
    pub fn per(self, quantity: Amount) -> Option<Amount> {
        let (cost, units) = (self.0.unsigned_abs(), quantity.0.unsigned_abs());
        if units == 0 || (self.0 < 0) != (quantity.0 < 0) && cost != 0 {
            return None;
        }
        // Long division: 18 digits more than the whole quotient, and one to round by.
        let (mut price, mut rest) = (cost / units, cost % units);
        for _ in 0..SCALE {
            rest = rest.checked_mul(10)?;
            price = price.checked_mul(10)?.checked_add(rest / units)?;
            rest %= units;
        }
        let rounded = price.checked_add(u128::from(rest >= units - rest))?;
        i128::try_from(rounded).ok().and_then(within_precision)
    }
}

fn within_precision(unscaled: i128) -> Option<Amount> {
    (unscaled.unsigned_abs() < LIMIT).then_some(Amount(unscaled))
}

/// The way of nearly every cell of a bill: at most 18 plain digits, summed up in one machine word.
fn parse_short(text: &[u8]) -> Option<Amount> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    // 18 digits and a point: the mantissa cannot leave a u64, and the lifted value cannot leave 38 digits.
    if digits.len() > 19 {
        return None;
    }
    let mut mantissa = 0_u64;
    let mut point = None;
    for (at, byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            mantissa = mantissa * 10 + u64::from(digit);
        } else if *byte == b'.' && point.is_none() {
            point = Some(at);
        } else {
            return None;
        }
    }
    let decimals = point.map_or(0, |at| digits.len() - at - 1);
    let count = digits.len() - usize::from(point.is_some());
    if count == 0 || count > usize::from(SCALE) {
        return None;
    }
    let unscaled = i128::from(mantissa) * LIFT[decimals];
    Some(Amount(if negative { -unscaled } else { unscaled }))
}

/// Every other text: scientific notation, long numbers, a plus sign, and what is no number at all.
fn parse_any(text: &[u8]) -> Result<Amount, AmountError> {
    let (negative, rest) = split_sign(text);
    let (digits, exponent) = match rest.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&rest[..at], parse_exponent(&rest[at + 1..])?),
        None => (rest, 0),
    };
    let (mantissa, power) = parse_mantissa(digits)?;
    if mantissa == 0 {
        return Ok(Amount::ZERO);
    }
    let lift = power.saturating_add(exponent).saturating_add(i64::from(SCALE));
    // The mantissa's last digit is not zero, so a negative lift would drop a digit that counts.
    if lift < 0 {
        return Err(AmountError::TooFine);
    }
    let unscaled = u32::try_from(lift)
        .ok()
        .and_then(|lift| 10_u128.checked_pow(lift))
        .and_then(|lift| mantissa.checked_mul(lift))
        .filter(|unscaled| *unscaled < LIMIT)
        .and_then(|unscaled| i128::try_from(unscaled).ok())
        .ok_or(AmountError::TooLarge)?;
    Ok(Amount(if negative { -unscaled } else { unscaled }))
}

/// Whether `text` begins with a minus, and what follows its sign.
fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    let unsigned = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    (text.starts_with(b"-"), unsigned)
}

/// The digits of `text` as a whole number without its trailing zeros, and the power of ten that it is short of.
fn parse_mantissa(text: &[u8]) -> Result<(u128, i64), AmountError> {
    let mut mantissa = 0_u128;
    // Zeros are held back until a digit follows them: `1.500…0` has two digits however long its tail is.
    let mut zeros = 0_u32;
    let mut decimals = 0_i64;
    let (mut seen_digit, mut seen_point) = (false, false);
    for byte in text {
        match byte {
            b'.' if !seen_point => seen_point = true,
            b'0'..=b'9' => {
                seen_digit = true;
                decimals += i64::from(seen_point);
                if *byte == b'0' {
                    zeros += 1;
                } else {
                    mantissa = append(mantissa, zeros, *byte - b'0').ok_or(if seen_point {
                        AmountError::TooFine
                    } else {
                        AmountError::TooLarge
                    })?;
                    zeros = 0;
                }
            }
            _ => return Err(AmountError::NotANumber),
        }
    }
    if seen_digit { Ok((mantissa, i64::from(zeros) - decimals)) } else { Err(AmountError::NotANumber) }
}

fn append(mantissa: u128, zeros: u32, digit: u8) -> Option<u128> {
    let lifted = if mantissa == 0 { 0 } else { mantissa.checked_mul(10_u128.checked_pow(zeros.checked_add(1)?)?)? };
    lifted.checked_add(u128::from(digit))
}

fn parse_exponent(text: &[u8]) -> Result<i64, AmountError> {
    let (negative, digits) = split_sign(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(AmountError::NotANumber);
    }
    // Beyond a few digits it only matters that it is far too large or far too small.
    let exponent = digits.iter().fold(0_i64, |sum, digit| (sum * 10 + i64::from(digit - b'0')).min(1_000_000));
    Ok(if negative { -exponent } else { exponent })
}

impl fmt::Display for Amount {
    /// The shortest plain decimal that is exactly this amount: `12.5`, `0`, `-0.0000000181`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = LIFT[0].unsigned_abs();
        let (whole, fraction) = (self.0.unsigned_abs() / one, self.0.unsigned_abs() % one);
        let decimals = format!("{fraction:0width$}", width = usize::from(SCALE));
        let decimals = decimals.trim_end_matches('0');
        let point = if decimals.is_empty() { "" } else { "." };
        f.pad_integral(self.0 >= 0, "", &format!("{whole}{point}{decimals}"))
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Amount, AmountError> {
        Amount::parse(text.as_bytes())
    }
}

impl Serialize for Amount {
    /// A JSON number with every digit.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::Number::from_str(&self.to_string()).map_err(ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Amount {
    /// From a JSON number or from a text that holds one.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
        let text = match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Number(number) => number.to_string(),
            serde_json::Value::String(text) => text,
            other => {
                return Err(de::Error::custom(format!("`{other}` is not a decimal number")));
            }
        };
        text.parse().map_err(|error| de::Error::custom(format!("`{text}`: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(text: &str, expect: &str) {
        let amount = Amount::parse(text.as_bytes()).unwrap_or_else(|error| panic!("`{text}`: {error}"));
        assert_eq!(amount.to_string(), expect, "`{text}`");
        assert_eq!(Amount::parse(expect.as_bytes()), Ok(amount), "`{text}` through its own text");
    }

    #[track_caller]
    fn refuses(text: &str, expect: AmountError) {
        assert_eq!(Amount::parse(text.as_bytes()), Err(expect), "`{text}`");
    }

    #[test]
    fn a_price_times_its_quantity_is_the_cost_again() {
        let amount = |text: &str| text.parse::<Amount>().unwrap();
        for (cost, quantity, price) in [
            ("1259.99", "2", "629.995"),
            ("412.7731", "1", "412.7731"),
            ("1", "3", "0.333333333333333333"),
            ("2", "3", "0.666666666666666667"),
            ("0.000000000000000001", "4", "0"),
            ("0.000000000000000001", "2", "0.000000000000000001"),
            ("99999999999999999999", "1", "99999999999999999999"),
            ("0", "5", "0"),
            ("-6", "-2", "3"),
        ] {
            assert_eq!(amount(cost).per(amount(quantity)), Some(amount(price)), "{cost} / {quantity}");
        }
        for (cost, quantity) in [("1", "0"), ("-1", "2"), ("1", "-2"), ("99999999999999999999", "0.1")] {
            assert_eq!(amount(cost).per(amount(quantity)), None, "{cost} / {quantity}");
        }
    }

    #[test]
    fn plain_numbers() {
        reads("0", "0");
        reads("0.0", "0");
        reads("-0.00", "0");
        reads("12.50", "12.5");
        reads("-12.5", "-12.5");
        reads("+7", "7");
        reads(".5", "0.5");
        reads("5.", "5");
        reads("007.10", "7.1");
        reads("999999999999999999", "999999999999999999");
        reads("0.000000000000000001", "0.000000000000000001");
        reads("123456789012345678.123456789012345678", "123456789012345678.123456789012345678");
        reads("0.1000000000000000000000000000000000000000000000000000000", "0.1");
    }

    #[test]
    fn scientific_numbers() {
        reads("1.81E-8", "0.0000000181");
        reads("-1.81e-8", "-0.0000000181");
        reads("2.5e3", "2500");
        reads("2.5E+3", "2500");
        reads("1E-18", "0.000000000000000001");
        reads("10E-19", "0.000000000000000001");
        reads("0E-400", "0");
        reads("0E99999999999999999999", "0");
    }

    #[test]
    fn the_edges_of_the_range() {
        let largest = "99999999999999999999.999999999999999999";
        reads(largest, largest);
        reads(&format!("-{largest}"), &format!("-{largest}"));
        refuses("100000000000000000000", AmountError::TooLarge);
        refuses("1e20", AmountError::TooLarge);
        refuses("1e999999999999", AmountError::TooLarge);
        refuses(&"9".repeat(60), AmountError::TooLarge);
        refuses("0.0000000000000000001", AmountError::TooFine);
        refuses("1.5E-18", AmountError::TooFine);
        refuses("1E-999999999999", AmountError::TooFine);
        refuses(&format!("0.{}", "9".repeat(60)), AmountError::TooFine);
    }

    #[test]
    fn what_is_no_number() {
        for text in [
            "", "-", "+", ".", "-.", "e5", "1e", "1e+", "1e1.5", "1.2.3", "--1", "1,5", " 1", "1 ", "NaN", "inf",
            "None", "0x10", "١",
        ] {
            refuses(text, AmountError::NotANumber);
        }
    }

    #[test]
    fn the_short_way_and_the_long_way_agree() {
        for text in ["0", "1", "-1", "12.34", "-.000000000000000001", "999999999999999999", ".000000000000000000", "5."]
        {
            assert_eq!(parse_short(text.as_bytes()).map(Ok), Some(parse_any(text.as_bytes())), "`{text}`");
        }
    }

    #[test]
    fn sums_are_exact_and_never_wrap() {
        let tenth: Amount = "0.1".parse().unwrap();
        let sum = (0..10).try_fold(Amount::ZERO, |sum, _| sum.checked_add(tenth));
        assert_eq!(sum, Some("1".parse().unwrap()));
        let largest = Amount::parse(b"99999999999999999999.999999999999999999").unwrap();
        assert_eq!(largest.checked_add(Amount::from_unscaled(1)), None);
        assert_eq!(largest.checked_neg().and_then(|least| least.checked_sub(Amount::from_unscaled(1))), None);
        assert_eq!(largest.checked_sub(largest), Some(Amount::ZERO));
    }

    #[test]
    fn json_keeps_every_digit() {
        let amount: Amount = "12345678901234567890.123456789012345678".parse().unwrap();
        let json = serde_json::to_string(&amount).unwrap();
        assert_eq!(json, "12345678901234567890.123456789012345678");
        assert_eq!(serde_json::from_str::<Amount>(&json).unwrap(), amount);
        assert_eq!(serde_json::from_str::<Amount>("\"1.81E-8\"").unwrap().to_string(), "0.0000000181");
        assert_eq!(serde_json::from_str::<Amount>("1.81E-8").unwrap().to_string(), "0.0000000181");
        assert!(serde_json::from_str::<Amount>("true").is_err());
    }
}
