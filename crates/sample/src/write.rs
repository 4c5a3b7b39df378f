//! The story: month by month, part by part, then the manifests and the totals.

use std::path::{Path, PathBuf};

use crate::account::{Account, accounts};
use crate::column::{self, Col};
use crate::desk::{Desk, Entry, Scene, Sink};
use crate::error::SampleError;
use crate::format::Format;
use crate::layout::{Delivery, bystanders, path_of, put};
use crate::part::PartWriter;
use crate::spec::Spec;
use crate::totals::{MonthTotals, Stated, Totals};
use crate::{oneoff, reservation, savings_plan, settle, usage};

/// How often progress is told, in rows.
const TELL_EVERY: u64 = 10_000;

/// How far writing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Rows written so far, over all months.
    pub rows: u64,
    /// Rows that will have been written at the end.
    pub rows_total: u64,
}

/// Writes the bill below `<out>/bucket` and its totals to `<out>/totals.json`. Files that are there are replaced;
/// others are left alone. Memory does not grow with the rows.
pub fn write(spec: &Spec, out: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Totals, SampleError> {
    spec.check()?;
    let bucket = out.join("bucket");
    for (key, text) in bystanders(spec) {
        put(&bucket, &key, text.as_bytes())?;
    }
    let mut totals = Totals {
        bucket: spec.bucket.clone(),
        path_prefix: spec.path_prefix.clone(),
        report_name: spec.report_name.clone(),
        payer_account: spec.payer_account.clone(),
        ..Totals::default()
    };
    let accounts = accounts(spec);
    for (index, month) in spec.all_months().into_iter().enumerate() {
        let sums = write_month(spec, &accounts, (index, &bucket), progress)?;
        totals.overall.merge(sums.clone());
        totals.months.insert(month.to_string(), sums);
    }
    let mut json = serde_json::to_vec_pretty(&totals).expect("totals are plain JSON");
    json.push(b'\n');
    put(out, "totals.json", &json)?;
    Ok(totals)
}

fn write_month(
    spec: &Spec,
    accounts: &[Account],
    (index, bucket): (usize, &Path),
    progress: &mut dyn FnMut(Progress),
) -> Result<MonthTotals, SampleError> {
    let scene = Scene::new(spec, index)?;
    let delivery = Delivery::newest(spec, scene.month);
    let columns = column::of_month(index);
    for (key, text) in delivery.companions() {
        put(bucket, &key, text.as_bytes())?;
    }
    let before = spec.rows_per_month * u64::try_from(index).expect("a count of months fits");
    let mut files = MonthFiles::open(spec, (&delivery, bucket), &columns)?;
    files.progress = Some((before, progress));
    write_lines(&mut Desk::new(spec, accounts, &scene, &mut files), spec.rows_per_month)?;
    let totals = files.finish()?;
    let listed = if spec.overwrites() {
        // The delivery before had a part more: overwriting emptied it, and the manifest still lists it.
        let surplus = spec.parts + 1;
        header_only(spec, &path_of(bucket, &delivery.part_key(surplus)), &columns)?;
        surplus
    } else {
        leave_superseded(spec, (&Delivery::superseded(spec, scene.month), bucket), &columns)?;
        spec.parts
    };
    for key in delivery.manifest_keys() {
        put(bucket, &key, &delivery.manifest(&columns, &(1..=listed).collect::<Vec<_>>()))?;
    }
    Ok(totals)
}

/// The order of a month's lines. Ordinary usage fills what is left of the rows, so it comes when all but the closing
/// lines, whose number is known, are written.
fn write_lines(desk: &mut Desk<'_>, rows: u64) -> Result<(), SampleError> {
    oneoff::write(desk)?;
    reservation::write(desk)?;
    savings_plan::write(desk)?;
    let settling = settle::LINES_PER_ACCOUNT * u64::try_from(desk.accounts.len()).expect("few accounts");
    usage::write(desk, rows - desk.written - settling)?;
    settle::write(desk)
}

/// An older assembly with a part of its own: only the folder of the assembly names it.
fn leave_superseded(
    spec: &Spec,
    (delivery, bucket): (&Delivery<'_>, &Path),
    columns: &[Col],
) -> Result<(), SampleError> {
    header_only(spec, &path_of(bucket, &delivery.part_key(1)), columns)?;
    let keys = delivery.manifest_keys();
    put(bucket, &keys[0], &delivery.manifest(columns, &[1]))
}

/// A part with a header and no rows: legal, and found where fewer rows than before were delivered.
fn header_only(spec: &Spec, path: &Path, columns: &[Col]) -> Result<(), SampleError> {
    PartWriter::create(path.to_owned(), spec.format, columns)?.finish()
}

/// The files of one month, taking lines in order.
struct MonthFiles<'a> {
    paths: Vec<PathBuf>,
    columns: &'a [Col],
    format: Format,
    rows_wanted: u64,
    rows: u64,
    /// Index of the open part.
    at: usize,
    part: Option<PartWriter>,
    totals: MonthTotals,
    /// Rows of earlier months and of all months, and whom to tell.
    progress: Option<(u64, &'a mut dyn FnMut(Progress))>,
    rows_total: u64,
}

impl<'a> MonthFiles<'a> {
    fn open(spec: &Spec, (delivery, bucket): (&Delivery<'_>, &Path), columns: &'a [Col]) -> Result<Self, SampleError> {
        let mut files = Self {
            paths: (1..=spec.parts).map(|number| path_of(bucket, &delivery.part_key(number))).collect(),
            columns,
            format: spec.format,
            rows_wanted: spec.rows_per_month,
            rows: 0,
            at: 0,
            part: None,
            totals: MonthTotals::default(),
            progress: None,
            rows_total: spec.rows_per_month * u64::from(spec.months),
        };
        files.part = Some(files.create(0)?);
        Ok(files)
    }

    fn create(&self, at: usize) -> Result<PartWriter, SampleError> {
        let is_last = at > 0 && at + 1 == self.paths.len();
        let columns = if is_last { column::of_last_part(self.columns) } else { self.columns.to_vec() };
        let mut part = PartWriter::create(self.paths[at].clone(), self.format, &columns)?;
        if at % 2 == 1 {
            // The header is a gzip member of its own.
            part.next_member()?;
        }
        Ok(part)
    }

    /// The row at which part `at` ends.
    fn end_of(&self, at: usize) -> u64 {
        let [done, parts] =
            [at + 1, self.paths.len()].map(|count| u128::try_from(count).expect("a count of parts fits"));
        u64::try_from(u128::from(self.rows_wanted) * done / parts).expect("no more than all rows")
    }

    fn part(&mut self) -> Result<&mut PartWriter, SampleError> {
        while self.rows >= self.end_of(self.at) && self.at + 1 < self.paths.len() {
            self.at += 1;
            let next = self.create(self.at)?;
            if let Some(full) = self.part.replace(next) {
                full.finish()?;
            }
        }
        Ok(self.part.as_mut().expect("a part is open until `finish`"))
    }

    fn tell(&mut self) {
        if let Some((before, tell)) = &mut self.progress {
            tell(Progress { rows: *before + self.rows, rows_total: self.rows_total });
        }
    }

    fn finish(mut self) -> Result<MonthTotals, SampleError> {
        self.part()?;
        self.tell();
        if let Some(last) = self.part.take() {
            last.finish()?;
        }
        Ok(self.totals)
    }
}

impl Sink for MonthFiles<'_> {
    fn take(&mut self, entry: &Entry<'_>) -> Result<(), SampleError> {
        let rows = self.part()?.row(entry)?;
        let stated = if self.format.is_focus() { Stated::Charges } else { Stated::Lines };
        self.totals.add(entry, (rows, stated));
        self.rows += 1;
        if self.rows.is_multiple_of(TELL_EVERY) {
            self.tell();
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Dec;
    use crate::spec::Mode;
    use std::collections::{BTreeMap, BTreeSet};

    /// An empty folder of this test's own.
    pub(crate) fn scratch(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("billconnect-sample-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder for temporary files");
        folder
    }

    fn small(mode: Mode) -> Spec {
        Spec { rows_per_month: 1500, parts: 3, mode, ..Spec::default() }
    }

    fn written(spec: &Spec, name: &str) -> (PathBuf, Totals) {
        let out = scratch(name);
        let totals = write(spec, &out, &mut |_| ()).expect("written");
        (out, totals)
    }

    /// Every file below a folder.
    pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut open = vec![folder.to_owned()];
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(std::fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
            } else {
                let name = path.strip_prefix(folder).expect("below the folder").to_owned();
                found.insert(name, std::fs::read(&path).expect("a file"));
            }
        }
        found
    }

    /// The rows of every part that the months' manifests list, by column name.
    fn rows(out: &Path) -> Vec<BTreeMap<String, String>> {
        let all = files(&out.join("bucket"));
        let is_month_manifest =
            |path: &&PathBuf| path.to_string_lossy().ends_with("-Manifest.json") && path.components().count() == 5;
        let mut rows = Vec::new();
        for path in all.keys().filter(is_month_manifest) {
            let manifest: serde_json::Value = serde_json::from_slice(&all[path]).expect("JSON");
            for key in manifest["reportKeys"].as_array().expect("a list") {
                let bytes = &all[Path::new(key.as_str().expect("text"))];
                let mut csv = csv::Reader::from_reader(flate2::read::MultiGzDecoder::new(bytes.as_slice()));
                let header = csv.headers().expect("a header").clone();
                let cells = |row: csv::StringRecord| {
                    header.iter().zip(row.iter()).map(|(name, cell)| (name.to_owned(), cell.to_owned())).collect()
                };
                rows.extend(csv.records().map(|row| cells(row.expect("as many cells as the header"))));
            }
        }
        rows
    }

    #[test]
    fn equal_specifications_give_equal_bytes_and_seeds_differ() {
        let spec = small(Mode::CreateNew);
        let (first, second) = (written(&spec, "same-1").0, written(&spec, "same-2").0);
        assert!(files(&first) == files(&second));
        let other = written(&Spec { seed: 2, ..spec }, "other-seed").0;
        assert!(files(&first) != files(&other));
    }

    #[test]
    fn files_hold_the_stated_rows_and_every_line_item_type() {
        for mode in [Mode::CreateNew, Mode::Overwrite] {
            let (out, totals) = written(&small(mode), "rows");
            let rows = rows(&out);
            assert_eq!(rows.len(), 4500);
            assert_eq!(totals.overall.sums.rows, 4500);
            let types: BTreeMap<&str, u64> = rows.iter().fold(BTreeMap::new(), |mut types, row| {
                *types.entry(row["lineItem/LineItemType"].as_str()).or_default() += 1;
                types
            });
            let expect: BTreeMap<&str, u64> =
                totals.overall.by_line_item_type.iter().map(|(name, sums)| (name.as_str(), sums.rows)).collect();
            assert_eq!(types, expect);
            assert_eq!(types.len(), 16, "{types:?}");
        }
    }

    #[test]
    fn texts_survive_quoting() {
        let rows = rows(&written(&small(Mode::CreateNew), "quoting").0);
        let notes: BTreeSet<&str> =
            rows.iter().filter_map(|row| row.get("resourceTags/user:notes")).map(String::as_str).collect();
        for text in crate::account::HOSTILE {
            assert!(notes.contains(text), "{text:?}");
        }
    }

    #[test]
    fn breakdowns_and_months_add_up_to_the_whole() {
        let totals = written(&small(Mode::Overwrite), "sums").1;
        let add = |mut all: MonthTotals, sums: &crate::Sums| {
            all.merge(MonthTotals { sums: sums.clone(), ..MonthTotals::default() });
            all
        };
        for month in totals.months.values().chain([&totals.overall]) {
            let breakdowns = [
                &month.by_service,
                &month.by_usage_account,
                &month.by_line_item_type,
                &month.by_day,
                &month.by_invoice,
            ];
            for breakdown in breakdowns {
                assert_eq!(breakdown.values().fold(MonthTotals::default(), add).sums, month.sums);
            }
            for (key, sums) in month.by_usage_account.iter().chain(&month.by_invoice) {
                assert_eq!(sums.unblended, sums.billed, "savings plans cancel in {key}");
            }
        }
        let months = totals.months.values().fold(MonthTotals::default(), |all, month| add(all, &month.sums));
        assert_eq!(months.sums, totals.overall.sums);
    }

    #[test]
    fn commitments_used_and_unused_make_up_what_was_bought() {
        let totals = written(&small(Mode::CreateNew), "bought").1;
        for month in totals.months.values() {
            assert!(month.charges_expected_added > 3, "{}", month.charges_expected_added);
            assert!(month.by_line_item_type["RIFee"].effective > Dec::ZERO);
            assert!(month.by_line_item_type["DiscountedUsage"].effective > Dec::ZERO);
        }
        // The no-upfront plan is fully used, so not every fee has an unused charge.
        let fees = &totals.overall.by_line_item_type["SavingsPlanRecurringFee"];
        assert!(totals.overall.charges_expected_added < fees.rows + 12);
    }

    #[test]
    fn only_the_last_month_has_blank_invoices() {
        let totals = written(&small(Mode::CreateNew), "invoices").1;
        let invoices: Vec<Vec<&str>> =
            totals.months.values().map(|month| month.by_invoice.keys().map(String::as_str).collect()).collect();
        assert_eq!(invoices[2], [""]);
        assert_eq!((invoices[0].len(), invoices[1].len()), (5, 4));
        assert!(!invoices[0].contains(&"") && !invoices[1].contains(&""));
    }

    #[test]
    fn progress_ends_at_the_whole() {
        let mut seen = Vec::new();
        write(&small(Mode::CreateNew), &scratch("progress"), &mut |progress| seen.push(progress)).expect("written");
        assert_eq!(seen.last(), Some(&Progress { rows: 4500, rows_total: 4500 }));
    }
}
