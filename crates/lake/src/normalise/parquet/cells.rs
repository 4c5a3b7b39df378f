//! How long the cells of a column get that is told by a dictionary or holds maps: few bytes may mean very many.

use std::fs::File;
use std::sync::Arc;

use parquet::basic::{Encoding, Type};
use parquet::column::page::{Page, PageReader};
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;

use super::super::unpack::Marks;
use super::Refused;
use crate::limits::Limit;

/// The longest cell of a column whose pages are sound: its longest value, as often as the fullest map repeats it.
pub(super) fn longest(
    file: &Arc<File>,
    (group, chunk): (&RowGroupMetaData, &ColumnChunkMetaData),
    marks: &Marks,
) -> Result<u64, Refused> {
    let rows = usize::try_from(group.num_rows()).unwrap_or_default();
    let mut pages = SerializedPageReader::new(Arc::clone(file), chunk, rows, None)?;
    let is_map = chunk.column_descr().max_rep_level() > 0;
    let mut value = 0;
    let mut entries = Entries::default();
    while let Some(page) = pages.get_next_page()? {
        if let Page::DictionaryPage { buf, .. } = &page {
            if chunk.column_type() == Type::BYTE_ARRAY {
                value = longest_text(buf).ok_or(Refused::Damaged("its dictionary is cut off"))?;
                marks.meter.check(Limit::FieldBytes, value)?;
            }
            if !is_map {
                break;
            }
        } else {
            let levels = levels(&page).ok_or(Refused::Damaged("the lengths of its maps make no sense"))?;
            entries.read(levels, page.num_values()).ok_or(Refused::Damaged("the lengths of its maps make no sense"))?;
        }
    }
    let cell = if is_map { value.max(1).saturating_mul(entries.most) } else { value };
    marks.meter.check(Limit::FieldBytes, cell)?;
    Ok(cell)
}

/// The longest of texts that stand one after the other, each behind its length.
fn longest_text(mut texts: &[u8]) -> Option<u64> {
    let mut longest = 0;
    while !texts.is_empty() {
        let (length, rest) = texts.split_at_checked(4)?;
        let length = u32::from_le_bytes(length.try_into().ok()?);
        texts = rest.get(length as usize..)?;
        longest = longest.max(u64::from(length));
    }
    Some(longest)
}

/// The part of a page that says where maps begin.
fn levels(page: &Page) -> Option<&[u8]> {
    match page {
        Page::DataPage { buf, rep_level_encoding: Encoding::RLE, .. } => {
            let (length, rest) = buf.split_at_checked(4)?;
            rest.get(..u32::from_le_bytes(length.try_into().ok()?) as usize)
        }
        Page::DataPageV2 { buf, rep_levels_byte_len, .. } => buf.get(..*rep_levels_byte_len as usize),
        _ => None,
    }
}

/// How many entries maps have: each begins with a 0 and goes on with as many 1s, written in runs and in bits.
#[derive(Default)]
struct Entries {
    now: u64,
    most: u64,
}

impl Entries {
    fn read(&mut self, mut levels: &[u8], values: u32) -> Option<()> {
        let mut left = u64::from(values);
        while left > 0 {
            let (head, rest) = number(levels)?;
            levels = rest;
            if head < 2 {
                return None;
            }
            if head & 1 == 0 {
                let (level, rest) = levels.split_first()?;
                levels = rest;
                let count = (head >> 1).min(left);
                self.run(*level, count);
                left -= count;
            } else {
                let bytes = levels.get(..usize::try_from(head >> 1).ok()?)?;
                levels = &levels[bytes.len()..];
                for bit in 0..(bytes.len() as u64 * 8).min(left) {
                    let byte = bytes[usize::try_from(bit / 8).ok()?];
                    self.run(byte >> (bit % 8) & 1, 1);
                }
                left = left.saturating_sub(bytes.len() as u64 * 8);
            }
        }
        Some(())
    }

    fn run(&mut self, level: u8, count: u64) {
        if level == 0 {
            self.now = 1;
        } else {
            self.now += count;
        }
        self.most = self.most.max(self.now);
    }
}

/// A number of seven bits a byte.
fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate().take(9) {
        value |= u64::from(byte & 127) << (7 * at);
        if *byte < 128 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn most(pages: &[(&[u8], u32)]) -> Option<u64> {
        let mut entries = Entries::default();
        pages.iter().try_for_each(|(levels, values)| entries.read(levels, *values))?;
        Some(entries.most)
    }

    #[test]
    fn the_fullest_map_is_found_in_runs_and_bits_and_across_pages() {
        assert_eq!(most(&[(&[20, 0], 10)]), Some(1));
        assert_eq!(most(&[(&[2, 0, 18, 1], 10)]), Some(10));
        // 0 1 1 0 1 0 0 0, of which seven count.
        assert_eq!(most(&[(&[3, 0b0001_0110], 7)]), Some(3));
        assert_eq!(most(&[(&[2, 0, 4, 1], 3), (&[8, 1], 4)]), Some(7));
        assert_eq!(most(&[(&[2, 0, 0xfe, 0xff, 0xff, 0xff, 0x0f, 1], 1_000_000_000)]), Some(1_000_000_000));
    }

    #[test]
    fn levels_that_end_early_or_never_are_nothing() {
        for levels in [&[][..], &[20], &[3], &[0, 0], &[1], &[0xff; 20]] {
            assert_eq!(most(&[(levels, 10)]), None, "{levels:?}");
        }
    }

    #[test]
    fn the_longest_text_is_found_or_the_lie() {
        assert_eq!(longest_text(&[1, 0, 0, 0, b'a', 3, 0, 0, 0, b'b', b'c', b'd', 0, 0, 0, 0]), Some(3));
        assert_eq!(longest_text(&[]), Some(0));
        assert_eq!(longest_text(&[9, 0, 0, 0, b'a']), None);
        assert_eq!(longest_text(&[9, 0, 0]), None);
        assert_eq!(longest_text(&[0xff, 0xff, 0xff, 0xff, 0]), None);
    }
}
