//! The ways in which an amount is spelled: more zeros, more digits, scientific.

use crate::rng::Rng;

/// The most digits after the point that an amount has.
const MOST: usize = 18;

/// Another text for an amount such as `-12.5`; now and then for another amount, with digits after the last. What is scientific
/// already stays.
pub(super) fn respell(text: &str, rng: &mut Rng) -> Option<String> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.')?;
    if !(whole.bytes().chain(fraction.bytes())).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let room = MOST.saturating_sub(fraction.len());
    let more = usize::try_from(rng.below(room as u64 + 1)).unwrap_or_default();
    Some(match rng.below(4) {
        0 => format!("{text}{}", "0".repeat(more)),
        1 => {
            let added: String =
                (0..more).map(|_| char::from(b'0' + u8::try_from(rng.below(10)).unwrap_or_default())).collect();
            format!("{text}{added}")
        }
        2 => scientific(sign, (whole, fraction), rng.pick(&["E", "e", "E+"])),
        _ if fraction == "0" => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{fraction}"),
    })
}

/// `12.5` as `1.25E1`. The mark ends in a sign only where the exponent has none.
fn scientific(sign: &str, (whole, fraction): (&str, &str), mark: &str) -> String {
    let digits = format!("{whole}{fraction}");
    let Some(first) = digits.find(|digit| digit != '0') else { return format!("{sign}0E0") };
    let significant = digits[first..].trim_end_matches('0');
    let point = i64::try_from(whole.len()).unwrap_or_default();
    let exponent = point - 1 - i64::try_from(first).unwrap_or_default();
    let mark = if exponent < 0 { "E" } else { mark };
    let rest = if significant.len() > 1 { &significant[1..] } else { "0" };
    format!("{sign}{}.{rest}{mark}{exponent}", &significant[..1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scientific_amounts_are_the_same_amounts() {
        for (whole, fraction, text) in [
            ("12", "5", "1.25E1"),
            ("0", "0", "0E0"),
            ("100", "0", "1.0E2"),
            ("0", "015", "1.5E-2"),
            ("7", "0", "7.0E0"),
        ] {
            assert_eq!(scientific("", (whole, fraction), "E"), text);
        }
    }

    #[test]
    fn whatever_comes_out_is_an_amount_of_at_most_18_digits_after_the_point() {
        let mut rng = Rng::new(3, 0);
        for _ in 0..2000 {
            let text = respell("-12.0625", &mut rng).expect("an amount");
            let value: f64 = text.parse().expect("a number");
            assert!((value + 12.0625).abs() < 0.0001, "{text}");
            let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
            assert!(fraction.len() <= MOST, "{text}");
        }
        assert_eq!(respell("1.81E-8", &mut rng), None);
        assert_eq!(respell("", &mut rng), None);
    }
}
