//! Amounts for people: rounded to cents for a table, never for a program.

use billing::money::{Amount, SCALE};

/// The amount to two decimals, half away from zero, with thousands apart: `-1,234.57`.
pub fn cents(amount: Amount) -> String {
    let unit = 10_i128.pow(u32::from(SCALE) - 2);
    let magnitude = amount.unscaled().unsigned_abs();
    let rounded = (magnitude + unit.unsigned_abs() / 2) / unit.unsigned_abs();
    let sign = if amount.unscaled() < 0 && rounded > 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", thousands(rounded / 100), rounded % 100)
}

/// The same for a change: with its sign, `+1.00`, and nothing where nothing changed.
pub fn signed_cents(amount: Amount) -> String {
    match amount.unscaled() {
        0 => String::new(),
        unscaled if unscaled > 0 => format!("+{}", cents(amount)),
        _ => cents(amount),
    }
}

/// A whole number with thousands apart: `1,234,567`.
pub fn thousands(number: u128) -> String {
    let digits = number.to_string();
    let mut apart = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            apart.push(',');
        }
        apart.push(digit);
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_rounded_to_cents_for_people() {
        for (exact, shown) in [
            ("0", "0.00"),
            ("0.004999999999999999", "0.00"),
            ("-0.004", "0.00"),
            ("0.005", "0.01"),
            ("-1234.565", "-1,234.57"),
            ("1234567.1", "1,234,567.10"),
            ("999.999", "1,000.00"),
        ] {
            assert_eq!(cents(exact.parse().unwrap()), shown, "{exact}");
        }
    }

    #[test]
    fn changes_have_a_sign() {
        for (exact, shown) in [("0", ""), ("1.5", "+1.50"), ("-1.5", "-1.50"), ("0.000000000000000001", "+0.00")] {
            assert_eq!(signed_cents(exact.parse().unwrap()), shown, "{exact}");
        }
    }
}
