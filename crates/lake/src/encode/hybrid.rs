//! Parquet's hybrid of runs and bit-packed groups, in which it keeps the numbers of a dictionary's values, and levels.

/// The bits that the numbers below `count` take, at least one.
pub(super) fn width(count: usize) -> u8 {
    let largest = count.saturating_sub(1).max(1);
    u8::try_from(usize::BITS - largest.leading_zeros()).unwrap_or(u8::MAX)
}

/// Appends `values` of `width` bits each (at most 32): stretches of eight or more the same as runs, the rest packed.
pub(super) fn append(out: &mut Vec<u8>, values: &[u32], width: u8) {
    // Everything between `packed` and `at` waits to be packed; both stay a multiple of eight apart.
    let (mut packed, mut at) = (0, 0);
    while at < values.len() {
        let rest = &values[at..];
        let first = rest[0];
        if rest.len() >= 8 && rest[..8].iter().all(|value| *value == first) {
            let run = rest.iter().position(|value| *value != first).unwrap_or(rest.len());
            append_packed(out, &values[packed..at], width);
            append_run(out, (run, first), width);
            at += run;
            packed = at;
        } else {
            at += rest.len().min(8);
        }
    }
    append_packed(out, &values[packed..], width);
}

/// Appends a run of `count` times one value.
pub(super) fn append_run(out: &mut Vec<u8>, (count, value): (usize, u32), width: u8) {
    append_varint(out, count << 1);
    out.extend_from_slice(&value.to_le_bytes()[..usize::from(width.div_ceil(8))]);
}

/// Appends bits that are packed already, as one stretch; `bits` of them count.
pub(super) fn append_bits(out: &mut Vec<u8>, packed: &[u8], bits: usize) {
    let groups = bits.div_ceil(8);
    append_varint(out, groups << 1 | 1);
    out.extend_from_slice(&packed[..groups]);
}

fn append_packed(out: &mut Vec<u8>, values: &[u32], width: u8) {
    if values.is_empty() {
        return;
    }
    let groups = values.len().div_ceil(8);
    append_varint(out, groups << 1 | 1);
    let end = out.len() + groups * usize::from(width);
    let (mut bits, mut count) = (0_u64, 0);
    for value in values {
        bits |= u64::from(*value) << count;
        count += u32::from(width);
        if count >= 32 {
            out.extend_from_slice(&bits.to_le_bytes()[..4]);
            bits >>= 32;
            count -= 32;
        }
    }
    out.extend_from_slice(&bits.to_le_bytes()[..count.div_ceil(8) as usize]);
    // A last group that is not full is filled up with zeros.
    out.resize(end, 0);
}

fn append_varint(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads back what [`append`] wrote, by the words of the specification.
    fn read(mut bytes: &[u8], count: usize, width: u8) -> Vec<u32> {
        let mut values = Vec::new();
        while values.len() < count {
            let (mut header, mut shift) = (0_usize, 0);
            loop {
                let byte = bytes[0];
                bytes = &bytes[1..];
                header |= usize::from(byte & 0x7f) << shift;
                shift += 7;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            if header & 1 == 0 {
                let size = usize::from(width.div_ceil(8));
                let value = bytes[..size].iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte));
                bytes = &bytes[size..];
                values.extend(std::iter::repeat_n(value, header >> 1));
            } else {
                let size = (header >> 1) * usize::from(width);
                let bit = |at: usize| u32::from(bytes[at / 8] >> (at % 8) & 1);
                for value in 0..(header >> 1) * 8 {
                    let bits = (0..usize::from(width)).rev();
                    values.push(bits.fold(0, |number, at| number << 1 | bit(value * usize::from(width) + at)));
                }
                bytes = &bytes[size..];
            }
        }
        assert!(bytes.is_empty(), "{} bytes too many", bytes.len());
        values.truncate(count);
        values
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut seed = 1_u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u32::try_from(seed >> 33).unwrap()
        };
        for bits in 1..=32_u8 {
            for length in [0, 1, 7, 8, 9, 31, 64, 1000] {
                let mut values = Vec::new();
                while values.len() < length {
                    let run = if random() % 3 == 0 { random() % 40 + 1 } else { 1 };
                    let value = u32::try_from(u64::from(random()) << 1 & ((1 << bits) - 1)).unwrap();
                    values.extend(std::iter::repeat_n(value, run as usize));
                }
                values.truncate(length);
                let mut out = Vec::new();
                append(&mut out, &values, bits);
                assert_eq!(read(&out, length, bits), values, "{length} values of {bits} bits");
            }
        }
    }

    #[test]
    fn widths_are_the_bits_of_the_largest_number() {
        assert_eq!([0, 1, 2, 3, 4, 5, 256, 257, 65_536].map(width), [1, 1, 1, 2, 2, 3, 8, 9, 16]);
    }

    #[test]
    fn a_run_is_short() {
        let mut out = Vec::new();
        append(&mut out, &vec![3; 16_384], 2);
        assert_eq!(out, [0x80, 0x80, 0x02, 3]);
    }
}
