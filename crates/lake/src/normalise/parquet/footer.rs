//! A Parquet file's footer, looked at before a decoder believes it: it says how much is to be allocated and how deep to go.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::super::limits::Meter;
use super::Refused;
use super::thrift::Thrift;
use crate::limits::Limit;

/// Behind the footer: its length and the magic bytes.
const TAIL: u64 = 8;
/// How deep columns may nest. A map has four levels, the file itself being the first.
const DEPTH: usize = 8;
/// A map's column is as many elements of the schema.
const ELEMENTS: u64 = 4;

/// Checks the footer of a file of `size` bytes; gives where it begins.
pub(super) fn check(file: &File, size: u64, meter: &Meter) -> Result<u64, Refused> {
    let mut tail = [0; 8];
    let start = size.checked_sub(TAIL).ok_or(CUT_OFF)?;
    file.read_exact_at(&mut tail, start)?;
    match &tail[4..] {
        b"PAR1" => {}
        b"PARE" => return Err(ENCRYPTED),
        _ => return Err(CUT_OFF),
    }
    let length = u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]);
    meter.check(Limit::FooterBytes, u64::from(length))?;
    let start = start.checked_sub(u64::from(length)).ok_or(Refused::Damaged("its footer is longer than the file"))?;
    let mut footer = vec![0; length as usize];
    file.read_exact_at(&mut footer, start)?;
    let mut schema = Schema::default();
    let mut encrypted = false;
    let read = Thrift::new(&footer).fields(|thrift, id, kind| match id {
        2 => schema.read(thrift, kind),
        8 => {
            encrypted = true;
            thrift.skip(kind)
        }
        _ => thrift.skip(kind),
    });
    if encrypted {
        return Err(ENCRYPTED);
    }
    meter.check(Limit::Columns, schema.columns.max(schema.elements / ELEMENTS))?;
    if read.is_none() || !schema.open.is_empty() || schema.is_wrong {
        return Err(Refused::Damaged("its footer makes no sense"));
    }
    Ok(start)
}

const CUT_OFF: Refused = Refused::Damaged("it does not end as a Parquet file does, so it is cut off");
const ENCRYPTED: Refused = Refused::Damaged("it is encrypted");

/// What the footer says of columns: a tree, written as a list in which each element says how many of the next are its own.
#[derive(Default)]
struct Schema {
    /// Columns of the file itself.
    columns: u64,
    elements: u64,
    /// Of each group that is open, how many members are still to come.
    open: Vec<u64>,
    is_wrong: bool,
}

impl Schema {
    fn read(&mut self, thrift: &mut Thrift<'_>, kind: super::thrift::Kind) -> Option<()> {
        self.elements = thrift.structs(kind)?;
        for element in 0..self.elements {
            let mut members = 0;
            thrift.fields(|thrift, id, kind| {
                if id == 5 {
                    members = thrift.count(kind)?;
                    return Some(());
                }
                thrift.skip(kind)
            })?;
            if element == 0 {
                self.columns = members;
            }
            self.push(members, element);
            if self.is_wrong {
                return None;
            }
        }
        Some(())
    }

    fn push(&mut self, members: u64, element: u64) {
        if element > 0 {
            match self.open.last_mut() {
                Some(left) => *left -= 1,
                None => self.is_wrong = true,
            }
        }
        if members > 0 {
            self.open.push(members);
        }
        self.is_wrong |= members >= self.elements || self.open.len() > DEPTH;
        while self.open.last() == Some(&0) {
            self.open.pop();
        }
    }
}
