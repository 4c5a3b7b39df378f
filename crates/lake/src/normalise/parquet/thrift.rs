//! Thrift's compact protocol, as far as it takes to look at a Parquet file before a decoder believes it.

/// How deep structures may nest; Parquet's own nest less than half as deep.
const DEPTH: u8 = 16;

/// Reads from the start of some bytes. Everything gives `None` where they end early or make no sense, and nothing
/// allocates.
pub(super) struct Thrift<'a> {
    rest: &'a [u8],
}

/// The type of a field, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind(u8);

impl Kind {
    const TRUE: Self = Self(1);
    const FALSE: Self = Self(2);
    const BYTE: Self = Self(3);
    const INTS: [Self; 3] = [Self(4), Self(5), Self(6)];
    const DOUBLE: Self = Self(7);
    const BINARY: Self = Self(8);
    const LISTS: [Self; 2] = [Self(9), Self(10)];
    const MAP: Self = Self(11);
    const STRUCT: Self = Self(12);
}

impl<'a> Thrift<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Reads a structure: `visit` is told each field's number and type, and reads it or skips it.
    pub(super) fn fields(&mut self, mut visit: impl FnMut(&mut Self, i64, Kind) -> Option<()>) -> Option<()> {
        let mut id = 0_i64;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(());
            }
            id = match head >> 4 {
                0 => self.zigzag()?,
                more => id.checked_add(i64::from(more))?,
            };
            visit(self, id, Kind(head & 15))?;
        }
    }

    /// Reads a whole number.
    pub(super) fn int(&mut self, kind: Kind) -> Option<i64> {
        if Kind::INTS.contains(&kind) { self.zigzag() } else { None }
    }

    /// Reads a number that must not be negative.
    pub(super) fn count(&mut self, kind: Kind) -> Option<u64> {
        u64::try_from(self.int(kind)?).ok()
    }

    /// Reads the head of a list: how many structures it says it has.
    pub(super) fn structs(&mut self, kind: Kind) -> Option<u64> {
        let (count, inner) = self.list(kind)?;
        (inner == Kind::STRUCT).then_some(count)
    }

    /// Passes over a field.
    pub(super) fn skip(&mut self, kind: Kind) -> Option<()> {
        self.skip_within(kind, DEPTH)
    }

    fn skip_within(&mut self, kind: Kind, depth: u8) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            Kind::TRUE | Kind::FALSE => Some(()),
            Kind::BYTE => self.byte().map(drop),
            Kind::DOUBLE => self.take(8),
            Kind::BINARY => {
                let length = self.varint()?;
                self.take(length)
            }
            Kind::STRUCT => self.fields(|thrift, _, kind| thrift.skip_within(kind, depth)),
            Kind::MAP => self.skip_map(depth),
            kind if Kind::INTS.contains(&kind) => self.varint().map(drop),
            kind => {
                let (count, inner) = self.list(kind)?;
                (0..count).try_for_each(|_| self.skip_element(inner, depth))
            }
        }
    }

    fn skip_map(&mut self, depth: u8) -> Option<()> {
        let count = self.varint()?;
        if count == 0 {
            return Some(());
        }
        let kinds = self.byte()?;
        (0..count).try_for_each(|_| {
            self.skip_element(Kind(kinds >> 4), depth)?;
            self.skip_element(Kind(kinds & 15), depth)
        })
    }

    /// In lists and maps, a truth value has a byte of its own.
    fn skip_element(&mut self, kind: Kind, depth: u8) -> Option<()> {
        match kind {
            Kind::TRUE | Kind::FALSE => self.byte().map(drop),
            kind => self.skip_within(kind, depth),
        }
    }

    /// The head of a list: its length and the type of what it holds. Each element has at least one byte.
    fn list(&mut self, kind: Kind) -> Option<(u64, Kind)> {
        if !Kind::LISTS.contains(&kind) {
            return None;
        }
        let head = self.byte()?;
        let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
        (count <= self.rest.len() as u64).then_some((count, Kind(head & 15)))
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    fn take(&mut self, count: u64) -> Option<()> {
        self.rest = self.rest.get(usize::try_from(count).ok()?..)?;
        Some(())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Some(value);
            }
        }
        None
    }

    fn zigzag(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A structure with a number, a text, a list of two structures and a map.
    const SAMPLE: &[u8] =
        &[0x15, 0x03, 0x18, 2, b'h', b'i', 0x19, 0x2c, 0x15, 2, 0, 0, 0x1b, 1, 0x85, 1, b'k', 4, 0x00];

    #[test]
    fn a_structure_is_read_field_by_field() {
        let mut seen = Vec::new();
        let mut thrift = Thrift::new(SAMPLE);
        let read = thrift.fields(|thrift, id, kind| {
            if id == 1 {
                seen.push(thrift.int(kind)?);
            } else if id == 3 {
                let count = thrift.structs(kind)?;
                seen.push(count.cast_signed());
                (0..count).try_for_each(|_| thrift.fields(|thrift, _, kind| thrift.skip(kind)))?;
            } else {
                thrift.skip(kind)?;
            }
            Some(())
        });
        assert_eq!((read, seen, thrift.left()), (Some(()), vec![-2, 2], 0));
    }

    #[test]
    fn what_ends_early_lies_or_nests_forever_is_nothing() {
        let skips = |bytes: &[u8]| Thrift::new(bytes).fields(|thrift, _, kind| thrift.skip(kind)).is_some();
        for end in 0..SAMPLE.len() {
            assert!(!skips(&SAMPLE[..end]), "cut off after {end} bytes");
        }
        assert!(skips(SAMPLE));
        assert!(!skips(&[0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]), "a list of four billion");
        assert!(!skips(&[0x18, 0xff, 0xff, 0xff, 0xff, 0x0f]), "a text of four billion");
        assert!(!skips(&vec![0x1c; 100_000]), "structures within structures");
        assert!(
            !skips(&[0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]),
            "an endless number"
        );
    }
}
