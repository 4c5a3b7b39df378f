//! What to write: the few numbers and names that determine a sample bill, byte for byte.

use crate::format::Format;
use crate::month::Month;
use crate::{SampleError, plan::Plan};

/// How the report is delivered (see the table of layouts in the AWS documentation of Cost and Usage Reports).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Each delivery in an assembly folder of its own; the month's manifest names the newest.
    CreateNew,
    /// Each delivery replaces the month's files.
    Overwrite,
}

/// A sample bill. Two equal specifications give the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Changes ids, quantities and choices, not the structure.
    pub seed: u64,
    /// The first month; the last one is open (invoice ids blank).
    pub first_month: Month,
    /// At least 1.
    pub months: u32,
    /// Exactly so many rows each month, over all parts.
    pub rows_per_month: u64,
    /// Usage accounts, the payer among them. At least 1.
    pub accounts: u32,
    /// Files a month. At least 1.
    pub parts: u32,
    /// Create-new or overwrite.
    pub mode: Mode,
    /// What the files are.
    pub format: Format,
    /// The report's name.
    pub report_name: String,
    /// Where in the bucket, without a slash at either end; may be empty.
    pub path_prefix: String,
    /// 12 digits.
    pub payer_account: String,
    /// Named by the manifests.
    pub bucket: String,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            seed: 1,
            first_month: Month { year: 2026, month: 8 },
            months: 3,
            rows_per_month: 20_000,
            accounts: 4,
            parts: 2,
            mode: Mode::CreateNew,
            format: Format::default(),
            report_name: "hourly-cost".to_owned(),
            path_prefix: "billing/cur".to_owned(),
            payer_account: "123456789012".to_owned(),
            bucket: "example-billing".to_owned(),
        }
    }
}

impl Spec {
    /// Whether each delivery replaces the one before. AWS overwrites legacy reports in Parquet whatever is asked for.
    pub(crate) fn overwrites(&self) -> bool {
        self.mode == Mode::Overwrite || self.format == Format::LegacyParquet
    }

    /// The months in order.
    pub fn all_months(&self) -> Vec<Month> {
        let months = usize::try_from(self.months).expect("a count of months fits");
        std::iter::successors(Some(self.first_month), |month| Some(month.next())).take(months).collect()
    }

    /// Whether the bill can lie where it is to lie.
    pub(crate) fn check_place(&self) -> Result<(), SampleError> {
        let refuse = |what: &str| Err(SampleError::Spec(what.to_owned()));
        if self.payer_account.len() != 12 || !self.payer_account.bytes().all(|byte| byte.is_ascii_digit()) {
            return refuse("the payer account must have 12 digits");
        }
        let mut folders = self.path_prefix.split('/');
        if !is_name(&self.report_name) || !(self.path_prefix.is_empty() || folders.all(is_name)) {
            return refuse(
                "the report name and path may hold letters, digits and `!-_.*'()`, the path also single slashes inside",
            );
        }
        Ok(())
    }

    pub(crate) fn check(&self) -> Result<(), SampleError> {
        let refuse = |what: &str| Err(SampleError::Spec(what.to_owned()));
        if self.months == 0 || self.accounts == 0 || self.parts == 0 {
            return refuse("months, accounts and parts must each be at least 1");
        }
        if !(1..=12).contains(&self.first_month.month) || !(2000..=2099).contains(&self.first_month.year) {
            return refuse("the first month must be from 2000-01 to 2099-12");
        }
        if self.months > 240 || self.accounts > 10_000 || self.parts > 10_000 {
            return refuse("at most 240 months, 10000 accounts and 10000 parts can be written");
        }
        self.check_place()?;
        self.all_months().into_iter().try_for_each(|month| Plan::new(self, month).map(|_| ()))
    }
}

/// Whether a report or one folder may be called so: AWS's safe characters, and nothing that leads out of a folder.
fn is_name(text: &str) -> bool {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"!-_.*'()".contains(&byte);
    !matches!(text, "" | "." | "..") && text.bytes().all(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Spec)) -> String {
        let mut spec = Spec::default();
        change(&mut spec);
        spec.check().expect_err("the specification is wrong").to_string()
    }

    #[test]
    fn the_default_is_right_and_mistakes_are_named() {
        Spec::default().check().expect("the default holds");
        assert!(refused(|spec| spec.months = 0).contains("at least 1"));
        assert!(refused(|spec| spec.payer_account = "12".to_owned()).contains("12 digits"));
        assert!(refused(|spec| spec.path_prefix = "../out".to_owned()).contains("path"));
        assert!(refused(|spec| spec.path_prefix = "a//b".to_owned()).contains("path"));
        assert!(refused(|spec| spec.report_name = "a/b".to_owned()).contains("report name"));
        assert!(refused(|spec| spec.rows_per_month = 10).contains("too few"));
    }

    #[test]
    fn months_run_over_the_year() {
        let spec = Spec { first_month: Month { year: 2026, month: 12 }, months: 2, ..Spec::default() };
        let names: Vec<_> = spec.all_months().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["2026-12", "2027-01"]);
    }
}
