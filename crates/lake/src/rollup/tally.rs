//! What charges sum to by day, counted while they are written.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Int32Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use billing::money::Amount;

use super::{AMOUNTS, DIMENSIONS, SPLIT, TOLD_APART};
use crate::calendar::Unit;
use crate::intern::Interner;
use crate::table::START_COLUMN;

/// A day in microseconds.
const DAY: i64 = 86_400_000_000;
/// What stands in a key: a number for each dimension, the day, and which amounts are missing.
const FIELDS: usize = DIMENSIONS.len() + 2;
const KEY_BYTES: usize = FIELDS * 4;
/// The most memory that one tally may take, about, in bytes.
const MOST_BYTES: usize = 96 << 20;
/// Stands for a text that was not looked up yet.
const UNKNOWN: u32 = u32::MAX;

/// The sums of some charges, by the dimensions of a rollup and the day.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    dimensions: [Texts; DIMENSIONS.len()],
    /// The keys, each once, numbered as their sums are.
    keys: Interner,
    sums: Vec<Sums>,
    /// Set where there is no rollup to be had of these charges.
    refused: Option<Refusal>,
}

/// Why charges have no rollup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("a rollup would have too many rows")]
    TooMany,
    #[error("a sum of a rollup is too large")]
    Overflow,
}

/// The sums of one key; `None` of amounts that no charge had.
pub(super) type Sums = [Option<Amount>; AMOUNTS.len()];

/// The texts of one dimension; 0 stands for none.
#[derive(Debug, Default)]
struct Texts {
    known: Interner,
    /// The values of the last batch's dictionary, and the numbers of those that were used: they often come again.
    values: Option<ArrayRef>,
    numbers: Vec<u32>,
}

/// The numbers of one key.
pub(super) type Key = [u32; FIELDS];

fn bytes_of(key: Key) -> [u8; KEY_BYTES] {
    let mut bytes = [0; KEY_BYTES];
    for (bytes, number) in bytes.chunks_exact_mut(4).zip(key) {
        bytes.copy_from_slice(&number.to_le_bytes());
    }
    bytes
}

fn key_of(bytes: &[u8]) -> Key {
    let mut key = [0; FIELDS];
    for (number, bytes) in key.iter_mut().zip(bytes.chunks_exact(4)) {
        *number = u32::from_le_bytes(bytes.try_into().unwrap_or_default());
    }
    key
}

/// The columns of a batch that are counted.
struct Columns<'a> {
    starts: &'a [i64],
    split: &'a BooleanArray,
    amounts: Vec<&'a Decimal128Array>,
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, ArrowError> {
    batch.column_by_name(name).ok_or_else(|| ArrowError::SchemaError(format!("charges without {name}")))
}

impl Tally {
    /// Counts a batch of charges, whose texts may be dictionaries.
    pub(crate) fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        if self.refused.is_some() {
            return Ok(());
        }
        let mut keys = vec![[0; FIELDS]; batch.num_rows()];
        for (at, name) in DIMENSIONS.into_iter().enumerate() {
            self.dimensions[at].look_up(column(batch, name)?, |row, number| keys[row][at] = number)?;
        }
        let mut amounts = Vec::with_capacity(AMOUNTS.len());
        for name in AMOUNTS {
            let array = column(batch, name)?;
            amounts.push(array.as_primitive_opt().ok_or_else(|| unlike(array))?);
        }
        let starts = column(batch, START_COLUMN)?.as_primitive::<TimestampMicrosecondType>().values();
        let split = column(batch, SPLIT)?.as_boolean();
        let columns = Columns { starts, split, amounts };
        if let Err(refusal) = keys.into_iter().enumerate().try_for_each(|(row, key)| self.count(row, key, &columns)) {
            *self = Self { refused: Some(refusal), ..Self::default() };
        }
        Ok(())
    }

    fn count(&mut self, row: usize, mut key: Key, columns: &Columns<'_>) -> Result<(), Refusal> {
        let Columns { starts, split, amounts } = columns;
        if split.value(row) {
            return Ok(());
        }
        let mut sums: Sums = [None; AMOUNTS.len()];
        for (sum, amount) in sums.iter_mut().zip(amounts) {
            *sum = amount.is_valid(row).then(|| Amount::from_unscaled(amount.value(row)));
        }
        key = with_day(key, starts[row].div_euclid(DAY)).ok_or(Refusal::Overflow)?;
        let told_apart = AMOUNTS.iter().zip(&sums).filter(|(name, _)| TOLD_APART.contains(name));
        key[FIELDS - 1] = told_apart.fold(0, |missing, (_, sum)| missing << 1 | u32::from(sum.is_none()));
        self.put(key, &sums)
    }

    fn put(&mut self, key: Key, more: &Sums) -> Result<(), Refusal> {
        let at = self.keys.intern(&bytes_of(key)) as usize;
        let Some(sums) = self.sums.get_mut(at) else {
            self.sums.push(*more);
            let size = self.keys.size() + size_of_val(&*self.sums);
            return if size > MOST_BYTES { Err(Refusal::TooMany) } else { Ok(()) };
        };
        add(sums, more)
    }

    /// Adds what other charges of the same delivery sum to.
    pub(crate) fn merge(&mut self, other: Self) {
        if self.sums.is_empty() && self.refused.is_none() {
            *self = other;
        } else if let Err(refusal) = other.refused.map_or_else(|| self.put_all(&other), Err) {
            *self = Self { refused: Some(refusal), ..Self::default() };
        }
    }

    fn put_all(&mut self, other: &Self) -> Result<(), Refusal> {
        let mut numbers = Vec::with_capacity(DIMENSIONS.len());
        for (ours, theirs) in self.dimensions.iter_mut().zip(&other.dimensions) {
            let known = theirs.known.values().map(|text| ours.known.intern(text) + 1);
            numbers.push(std::iter::once(0).chain(known).collect::<Vec<_>>());
        }
        for (key, sums) in other.keys.values().zip(&other.sums) {
            let mut key = key_of(key);
            for (number, numbers) in key.iter_mut().zip(&numbers) {
                *number = numbers[*number as usize];
            }
            self.put(key, sums)?;
        }
        Ok(())
    }

    /// The keys in order, and their sums, with days summed to `unit`.
    pub(super) fn sorted(&self, unit: Unit) -> Result<Vec<(Key, Sums)>, Refusal> {
        if let Some(refusal) = self.refused {
            return Err(refusal);
        }
        let ranks = self.dimensions.each_ref().map(Texts::ranks);
        let cut = |key: Key| with_day(key, unit.start(start(&key)) / DAY);
        let keys = self.keys.values().map(|key| cut(key_of(key)).ok_or(Refusal::Overflow));
        let mut rows = keys.zip(&self.sums).map(|(key, sums)| Ok((key?, *sums))).collect::<Result<Vec<_>, _>>()?;
        let order = |key: &Key| {
            let mut order = *key;
            for (number, ranks) in order.iter_mut().zip(&ranks) {
                *number = ranks[*number as usize];
            }
            order
        };
        rows.sort_by_cached_key(|(key, _)| order(key));
        let mut merged: Vec<(Key, Sums)> = Vec::new();
        for (key, sums) in rows {
            match merged.last_mut() {
                Some((last, into)) if *last == key => add(into, &sums)?,
                _ => merged.push((key, sums)),
            }
        }
        Ok(merged)
    }

    /// The text that a number of the dimension at this place stands for.
    pub(super) fn text(&self, dimension: usize, number: u32) -> Option<&[u8]> {
        Some(self.dimensions[dimension].known.get(number.checked_sub(1)?))
    }
}

/// Adds sums of charges that have one key.
fn add(sums: &mut Sums, more: &Sums) -> Result<(), Refusal> {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum = match (*sum, *more) {
            (Some(sum), Some(more)) => Some(sum.checked_add(more).ok_or(Refusal::Overflow)?),
            (sum, more) => sum.or(more),
        };
    }
    Ok(())
}

/// The key with its day, counted from 1970; `None` where no calendar reaches.
fn with_day(mut key: Key, day: i64) -> Option<Key> {
    key[FIELDS - 2] = i32::try_from(day).ok()?.cast_unsigned();
    Some(key)
}

/// The day of a key, in microseconds since 1970.
pub(super) fn start(key: &Key) -> i64 {
    i64::from(key[FIELDS - 2].cast_signed()) * DAY
}

impl Texts {
    /// Tells `take` the number of each row's text.
    fn look_up(&mut self, array: &ArrayRef, mut take: impl FnMut(usize, u32)) -> Result<(), ArrowError> {
        match array.data_type() {
            DataType::Null => {}
            DataType::Utf8 => {
                let texts = array.as_string::<i32>();
                let rows = texts.iter().enumerate().filter_map(|(row, text)| Some((row, text?)));
                rows.for_each(|(row, text)| take(row, self.known.intern(text.as_bytes()) + 1));
            }
            _ => {
                let texts = array.as_dictionary_opt::<Int32Type>().ok_or_else(|| unlike(array))?;
                let values: &StringArray = texts.values().as_string_opt().ok_or_else(|| unlike(array))?;
                if !self.values.as_ref().is_some_and(|known| Arc::ptr_eq(known, texts.values())) {
                    self.values = Some(Arc::clone(texts.values()));
                    self.numbers.clear();
                    self.numbers.resize(values.len(), UNKNOWN);
                }
                for (row, key) in texts.keys().iter().enumerate() {
                    let Some(at) = key.and_then(|key| usize::try_from(key).ok()) else { continue };
                    if self.numbers[at] == UNKNOWN {
                        self.numbers[at] = self.known.intern(values.value(at).as_bytes()) + 1;
                    }
                    take(row, self.numbers[at]);
                }
            }
        }
        Ok(())
    }

    /// Where each number stands when texts are in order; none comes first.
    fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<_> = self.known.values().zip(1_u32..).collect();
        order.sort_unstable();
        let mut ranks = vec![0; order.len() + 1];
        for ((_, number), rank) in order.into_iter().zip(1..) {
            ranks[number as usize] = rank;
        }
        ranks
    }
}

fn unlike(array: &ArrayRef) -> ArrowError {
    ArrowError::SchemaError(format!("a rollup of {}", array.data_type()))
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;
    use time::macros::datetime;

    use super::*;
    use crate::testkit::{Charge, batch, usage};

    fn charge(service: &'static str, cost: &'static str) -> Charge {
        Charge { more: vec![("x_ServiceCode", service), ("x_BlendedCost", "2")], ..usage(cost) }
    }

    fn tally(charges: &[Charge]) -> Tally {
        let mut tally = Tally::default();
        // By twos, so that texts come in many dictionaries or in none.
        charges.chunks(2).for_each(|charges| tally.add(&batch(charges)).unwrap());
        tally
    }

    /// Service, day and unblended cost of each row, in order.
    fn rows(tally: &Tally, unit: Unit) -> Vec<(String, i64, String)> {
        let at = DIMENSIONS.iter().position(|name| *name == "x_ServiceCode").unwrap();
        let text = |number| String::from_utf8(tally.text(at, number).unwrap_or(b"-").to_vec()).unwrap();
        let row = |(key, sums): &(Key, Sums)| (text(key[at]), start(key), sums[0].unwrap_or_default().to_string());
        tally.sorted(unit).unwrap().iter().map(row).collect()
    }

    #[test]
    fn parts_that_are_merged_are_one_delivery() {
        let charges =
            [charge("S3", "1"), charge("EC2", "20"), usage("300"), charge("S3", "4000"), charge("Aurora", "50000")];
        let whole = tally(&charges);
        let day = 1_788_307_200_000_000;
        let expect = [("-", "300"), ("Aurora", "50000"), ("EC2", "20"), ("S3", "4001")];
        assert_eq!(rows(&whole, Unit::Day), expect.map(|(service, cost)| (service.to_owned(), day, cost.to_owned())));
        for cut in 0..=charges.len() {
            let mut first = tally(&charges[..cut]);
            first.merge(tally(&charges[cut..]));
            assert_eq!(rows(&first, Unit::Day), rows(&whole, Unit::Day), "cut at {cut}");
        }
    }

    #[test]
    fn a_month_is_the_sum_of_its_days() {
        let at = |start, cost| Charge { start, ..usage(cost) };
        let days = [
            at(datetime!(2026-09-30 23:59 UTC), "1"),
            at(datetime!(2026-09-01 0:00 UTC), "20"),
            at(datetime!(2026-10-01 0:00 UTC), "300"),
        ];
        let micros = |at: OffsetDateTime| at.unix_timestamp() * 1_000_000;
        let month = |start, cost: &str| ("-".to_owned(), micros(start), cost.to_owned());
        let expect = [month(datetime!(2026-09-01 0:00 UTC), "21"), month(datetime!(2026-10-01 0:00 UTC), "300")];
        assert_eq!(rows(&tally(&days), Unit::Month), expect);
        assert_eq!(rows(&tally(&days), Unit::Day).len(), 3);
    }

    #[test]
    fn a_sum_that_does_not_fit_is_refused_in_whole() {
        let most = "99999999999999999999";
        let much = tally(&[usage(most), usage(most)]);
        assert_eq!(much.sorted(Unit::Day).unwrap_err(), Refusal::Overflow);
        let mut one = tally(&[usage(most)]);
        one.merge(tally(&[usage(most)]));
        assert_eq!(one.sorted(Unit::Day).unwrap_err(), Refusal::Overflow);
        one.merge(tally(&[usage("1")]));
        assert_eq!(one.sorted(Unit::Day).unwrap_err(), Refusal::Overflow, "and stays so");
    }
}
