//! Months without a manifest, as copied buckets have them: which files of a folder are the newest whole delivery, if that can be told.

use std::collections::BTreeMap;

use time::{Date, Duration, Month, OffsetDateTime, Time};

use crate::delivery::PartHead;
use crate::formats::Format;
use crate::layout::is_data;
use crate::probe::ObjectHead;

/// How long a copy must have been quiet before its files count as whole: longer than a copying job rests between two files of
/// one delivery, and than AWS between a report's first file and the manifest that is still to come.
pub const SETTLED_AFTER: Duration = Duration::hours(1);

/// The newest whole delivery of a month that has no manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The data files, by key.
    pub parts: Vec<PartHead>,
    /// When AWS made it, where the name of its folder says so; else when the newest of its files was written.
    pub made_at: OffsetDateTime,
    /// The format that the names of its files promise.
    pub format: &'static Format,
}

/// Why no delivery can be read from a folder without a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{folder}` has no manifest, and {fault}")]
pub struct ListingError {
    /// The month's folder, ending in `/`.
    pub folder: String,
    /// What keeps it from being read.
    pub fault: ListingFault,
}

impl ListingError {
    /// Whether the month is just not there yet.
    pub fn passes(&self) -> bool {
        matches!(self.fault, ListingFault::Empty | ListingFault::Settling { .. })
    }

    /// The newest file, where it is what others are waited for with.
    pub fn newest(&self) -> Option<(&str, OffsetDateTime)> {
        match &self.fault {
            ListingFault::Settling { key, written, .. } => Some((key, *written)),
            _ => None,
        }
    }
}

/// What keeps a month without a manifest from being read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListingFault {
    /// There is no data.
    #[error("no file of data lies in it")]
    Empty,
    /// A file came too short a time ago for all to be there.
    #[error("its newest file `{key}` is from {written}: it is read when nothing has come for {} minutes", wait.whole_minutes())]
    Settling {
        /// The newest file.
        key: String,
        /// When it was written.
        written: OffsetDateTime,
        /// How long nothing must come.
        wait: Duration,
    },
    /// AWS numbers files from 1 without a gap, and there is one.
    #[error(
        "the file number {missing} between the others is not there (`{beside}` is): copy it too, or copy the manifest, which says what there must be"
    )]
    Gap {
        /// The number that no file has.
        missing: u32,
        /// A file with a higher one.
        beside: String,
    },
    /// The files are not of one report, or not in one format.
    #[error(
        "files of several reports lie in it (`{first}`, `{second}`), so that a sum would mix them: copy each report into a folder of its own"
    )]
    Mixed {
        /// A file.
        first: String,
        /// One that is not of the same report.
        second: String,
    },
    /// Two deliveries came at the same time under names that tell no time.
    #[error(
        "which of the deliveries in `{first}` and `{second}` is the newer can't be told: copy the month's manifest too, or the newest delivery alone"
    )]
    Ambiguous {
        /// A delivery's folder.
        first: String,
        /// Another's.
        second: String,
    },
}

/// When a folder is looked at, and how long it must have been quiet.
#[derive(Debug, Clone, Copy)]
pub struct Quiet {
    /// Now.
    pub now: OffsetDateTime,
    /// How long nothing must have come.
    pub wait: Duration,
}

impl Listing {
    /// The newest whole delivery in the month's `folder` (ending in `/`), of which these are all objects.
    ///
    /// Each folder in it is a delivery of its own, as are the files that lie in it directly: two are never mixed. One that is
    /// still growing is waited for, and the one before it stands meanwhile.
    pub fn newest(folder: &str, objects: &[ObjectHead], quiet: Quiet) -> Result<Self, ListingError> {
        newest(folder, objects, quiet).map_err(|fault| ListingError { folder: folder.to_owned(), fault })
    }
}

fn newest(folder: &str, objects: &[ObjectHead], quiet: Quiet) -> Result<Listing, ListingFault> {
    let mut deliveries = deliveries(folder, objects);
    deliveries.sort_by_key(|delivery| std::cmp::Reverse(delivery.made_at()));
    let mut first_fault = ListingFault::Empty;
    for (place, delivery) in deliveries.iter().enumerate() {
        match delivery.settled(quiet) {
            Ok(()) => {}
            Err(fault) => {
                if place == 0 {
                    first_fault = fault;
                }
                continue;
            }
        }
        if let Some(rival) = deliveries.get(place + 1).filter(|rival| delivery.may_be_older_than(rival, quiet.wait)) {
            let named = |name: &str| format!("{folder}{name}");
            return Err(ListingFault::Ambiguous { first: named(delivery.name), second: named(rival.name) });
        }
        return delivery.whole();
    }
    Err(first_fault)
}

/// The data files of one delivery.
struct Delivery<'a> {
    /// Its folder below the month's; empty for files that lie in the month's folder itself.
    name: &'a str,
    /// Its files, by key.
    files: Vec<&'a ObjectHead>,
}

fn deliveries<'a>(folder: &str, objects: &'a [ObjectHead]) -> Vec<Delivery<'a>> {
    let mut found: BTreeMap<&str, Vec<&ObjectHead>> = BTreeMap::new();
    for object in objects.iter().filter(|object| is_data(&object.key)) {
        let Some(rest) = object.key.strip_prefix(folder) else { continue };
        found.entry(rest.rsplit_once('/').map_or("", |(name, _)| name)).or_default().push(object);
    }
    let sorted = |mut files: Vec<&'a ObjectHead>| {
        files.sort_by(|a, b| a.key.cmp(&b.key));
        files
    };
    found.into_iter().map(|(name, files)| Delivery { name, files: sorted(files) }).collect()
}

impl Delivery<'_> {
    /// The file that was written last.
    fn last(&self) -> &ObjectHead {
        // A delivery is made of at least one file.
        self.files.iter().max_by_key(|file| file.modified).expect("a delivery has a file")
    }

    fn made_at(&self) -> OffsetDateTime {
        stamp(self.name).unwrap_or(self.last().modified)
    }

    fn settled(&self, quiet: Quiet) -> Result<(), ListingFault> {
        let last = self.last();
        if quiet.now - last.modified >= quiet.wait {
            return Ok(());
        }
        Err(ListingFault::Settling { key: last.key.clone(), written: last.modified, wait: quiet.wait })
    }

    /// Whether `other`, which seems to be older, may be the newer one: where names tell no times, those of files do not either
    /// if both were copied in one go.
    fn may_be_older_than(&self, other: &Self, wait: Duration) -> bool {
        let age = self.made_at() - other.made_at();
        let told = stamp(self.name).is_some() && stamp(other.name).is_some();
        if told { age.is_zero() } else { age < wait }
    }

    /// The delivery, if its files are those of one report and none is missing between them.
    fn whole(&self) -> Result<Listing, ListingFault> {
        let mixed = |first: &ObjectHead, second: &ObjectHead| ListingFault::Mixed {
            first: first.key.clone(),
            second: second.key.clone(),
        };
        let first = self.files[0];
        let named = Named::of(&first.key);
        let Some(format) = Format::of_key(&first.key) else { return Err(ListingFault::Empty) };
        let same = |its: &Named<'_>| its.series == named.series && its.number.is_some() == named.number.is_some();
        if let Some(file) = self.files.iter().find(|file| !same(&Named::of(&file.key))) {
            return Err(mixed(first, file));
        }
        let numbers = self.files.iter().filter_map(|file| Some((Named::of(&file.key).number?, file)));
        for (wanted, (number, file)) in (1..).zip(numbers) {
            if number != wanted {
                return Err(ListingFault::Gap { missing: wanted, beside: file.key.clone() });
            }
        }
        let part = |file: &&ObjectHead| PartHead { key: file.key.clone(), etag: file.etag.clone(), size: file.size };
        Ok(Listing { parts: self.files.iter().map(part).collect(), made_at: self.made_at(), format })
    }
}

/// What a file's name says of it.
struct Named<'a> {
    /// What all files of the delivery share: the name without its number, and the format.
    series: (&'a str, Option<&'static str>),
    /// Its number, where it has one: `R-00001.csv.gz`.
    number: Option<u32>,
}

impl<'a> Named<'a> {
    fn of(key: &'a str) -> Self {
        let name = key.rsplit('/').next().unwrap_or(key);
        let suffix = Format::of_key(key).map(|format| format.suffix);
        let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
        let numbered = stem.rsplit_once('-').filter(|(_, number)| {
            // AWS writes five digits; what another tool writes (a hash, a date) is no number of a file.
            number.len() == 5 && number.bytes().all(|byte| byte.is_ascii_digit())
        });
        match numbered.and_then(|(series, number)| Some((series, number.parse().ok()?))) {
            Some((series, number)) => Self { series: (series, suffix), number: Some(number) },
            // Without numbers, files are told apart by nothing: all of one format are taken for one report's.
            None => Self { series: ("", suffix), number: None },
        }
    }
}

/// The instant at the start of a delivery's folder, where there is one: `2026-09-28T01:02:03.456Z-…` of an export,
/// `20260928T010203Z` of a legacy report.
fn stamp(name: &str) -> Option<OffsetDateTime> {
    let name = name.rsplit('/').next().unwrap_or(name);
    let (date, rest) = name.split_once('T')?;
    let (clock, _) = rest.split_once('Z')?;
    let digits: String = [date, clock.split('.').next()?].concat().chars().filter(|c| !"-:".contains(*c)).collect();
    if digits.len() != 14 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize, to: usize| digits[from..to].parse::<u8>().ok();
    let month = Month::try_from(number(4, 6)?).ok()?;
    let date = Date::from_calendar_date(digits[..4].parse().ok()?, month, number(6, 8)?).ok()?;
    let time = Time::from_hms(number(8, 10)?, number(10, 12)?, number(12, 14)?).ok()?;
    Some(date.with_time(time).assume_utc())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const MONTH: &str = "P/R/data/BILLING_PERIOD=2026-09/";
    const NOW: OffsetDateTime = datetime!(2026-10-03 12:00 UTC);

    fn object(name: &str, hours_ago: i64) -> ObjectHead {
        let modified = NOW - Duration::hours(hours_ago);
        ObjectHead { key: format!("{MONTH}{name}"), etag: format!("\"{name}\""), size: 1, modified }
    }

    fn read(objects: &[ObjectHead]) -> Result<Listing, ListingFault> {
        let quiet = Quiet { now: NOW, wait: SETTLED_AFTER };
        Listing::newest(MONTH, objects, quiet).map_err(|error| error.fault)
    }

    fn names(listing: &Listing) -> Vec<&str> {
        listing.parts.iter().map(|part| part.key.strip_prefix(MONTH).unwrap()).collect()
    }

    #[test]
    fn files_that_have_settled_are_the_delivery() {
        let objects = [object("R-00002.csv.gz", 5), object("R-00001.csv.gz", 6), object("R-create-table.sql", 0)];
        let listing = read(&objects).unwrap();
        assert_eq!(names(&listing), ["R-00001.csv.gz", "R-00002.csv.gz"]);
        assert_eq!((listing.made_at, listing.format.suffix), (NOW - Duration::hours(5), ".csv.gz"));
        let named_otherwise = [object("part-0-ab.snappy.parquet", 5), object("part-1-cd.snappy.parquet", 5)];
        assert_eq!(read(&named_otherwise).unwrap().parts.len(), 2, "another tool's names");
    }

    #[test]
    fn what_is_not_whole_is_waited_for() {
        let young = read(&[object("R-00001.csv.gz", 6), object("R-00002.csv.gz", 0)]).unwrap_err();
        assert!(young.to_string().contains("R-00002.csv.gz` is from") && young.to_string().contains("60 minutes"));
        let gap = read(&[object("R-00001.csv.gz", 6), object("R-00003.csv.gz", 6)]).unwrap_err();
        assert_eq!(gap, ListingFault::Gap { missing: 2, beside: format!("{MONTH}R-00003.csv.gz") });
        let headless = read(&[object("R-00002.csv.gz", 6)]).unwrap_err();
        assert_eq!(headless, ListingFault::Gap { missing: 1, beside: format!("{MONTH}R-00002.csv.gz") });
        assert_eq!(read(&[object("R-Manifest.txt", 6)]), Err(ListingFault::Empty));
    }

    #[test]
    fn two_reports_are_never_mixed() {
        for other in ["Q-00001.csv.gz", "R-00002.snappy.parquet", "readable.csv.gz"] {
            let mixed = read(&[object("R-00001.csv.gz", 6), object(other, 6)]).unwrap_err();
            assert!(matches!(mixed, ListingFault::Mixed { .. }), "{other}: {mixed}");
        }
    }

    #[test]
    fn of_several_deliveries_the_newest_by_its_name_is_read_whatever_was_copied_last() {
        let (old, new) = ("2026-10-01T01:02:03.456Z-b", "2026-10-02T01:02:03.456Z-a");
        let part = |delivery: &str, number: u32, hours| object(&format!("{delivery}/R-{number:05}.csv.gz"), hours);
        let listing = read(&[part(new, 1, 9), part(new, 2, 9), part(old, 1, 3)]).unwrap();
        assert_eq!(listing.parts.len(), 2);
        assert_eq!(listing.made_at, datetime!(2026-10-02 01:02:03 UTC));
        let growing = read(&[part(new, 1, 0), part(old, 1, 3)]).unwrap();
        assert_eq!(growing.made_at, datetime!(2026-10-01 01:02:03 UTC), "the one before stands meanwhile");
        let incomplete = read(&[part(new, 2, 9), part(old, 1, 3)]).unwrap_err();
        assert!(matches!(incomplete, ListingFault::Gap { .. }), "{incomplete}");
    }

    #[test]
    fn deliveries_that_cannot_be_told_apart_are_not_guessed_about() {
        let part = |delivery: &str, hours| object(&format!("{delivery}/R-00001.csv.gz"), hours);
        let unclear = read(&[part("aaaa", 6), part("bbbb", 6)]).unwrap_err();
        assert!(unclear.to_string().contains("can't be told"), "{unclear}");
        assert_eq!(names(&read(&[part("aaaa", 9), part("bbbb", 6)]).unwrap()), ["bbbb/R-00001.csv.gz"]);
        let twins = read(&[part("20260928T010203Z-a", 6), part("20260928T010203Z-b", 9)]).unwrap_err();
        assert!(matches!(twins, ListingFault::Ambiguous { .. }), "{twins}");
    }

    #[test]
    fn folders_that_begin_with_a_time_tell_it() {
        assert_eq!(stamp("2026-09-28T01:02:03.456Z-0a1b"), Some(datetime!(2026-09-28 01:02:03 UTC)));
        assert_eq!(stamp("20260928T010203Z"), Some(datetime!(2026-09-28 01:02:03 UTC)));
        for none in ["", "0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f", "20261328T010203Z", "T-Z", "2026-09-28"] {
            assert_eq!(stamp(none), None, "{none}");
        }
    }
}
