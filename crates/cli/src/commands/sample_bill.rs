//! `billconnect sample-bill`: writes a bill to try things on.

use std::path::PathBuf;
use std::process::ExitCode;

use billing::bucket::BucketName;
use billing::names::AccountId;
use billing::period::BillingPeriod;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use sample::{Format, Mode, Month, Spec};

use crate::{money, out};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  billconnect sample-bill --out /tmp/bill --first-month 2026-08 --months 3 --rows 20000\n\nThe same arguments give the same bytes."
)]
pub struct Args {
    /// The folder to write to: `bucket/` as AWS lays it out, and `totals.json`.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Changes ids, quantities and choices.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The first month.
    #[arg(long, default_value = "2026-08", value_name = "YYYY-MM")]
    first_month: BillingPeriod,
    /// How many months; the last one is open.
    #[arg(long, default_value_t = 3)]
    months: u32,
    /// Rows a month.
    #[arg(long, default_value_t = 20_000)]
    rows: u64,
    /// Usage accounts, the payer among them.
    #[arg(long, default_value_t = 4)]
    accounts: u32,
    /// Files a month.
    #[arg(long, default_value_t = 2)]
    parts: u32,
    /// How the report is delivered.
    #[arg(long, default_value = "create-new")]
    mode: Delivery,
    /// What the files are.
    #[arg(long, default_value = "legacy-csv-gz")]
    format: FileFormat,
    /// The payer account.
    #[arg(long, default_value = "123456789012")]
    payer: AccountId,
    /// The bucket that the manifests name.
    #[arg(long, default_value = "example-billing")]
    bucket: BucketName,
    /// The path in the bucket.
    #[arg(long, default_value = "billing/cur")]
    path: String,
    /// The report's name.
    #[arg(long, default_value = "hourly-cost")]
    report: String,
    /// Print the totals as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Delivery {
    CreateNew,
    Overwrite,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FileFormat {
    LegacyCsvGz,
    LegacyCsvZip,
    /// Always overwritten, as AWS does.
    LegacyParquet,
    Cur2CsvGz,
    Cur2Parquet,
    #[value(name = "focus-1.0-csv-gz")]
    Focus10CsvGz,
    #[value(name = "focus-1.0-parquet")]
    Focus10Parquet,
    #[value(name = "focus-1.2-csv-gz")]
    Focus12CsvGz,
    #[value(name = "focus-1.2-parquet")]
    Focus12Parquet,
}

impl From<FileFormat> for Format {
    fn from(format: FileFormat) -> Self {
        match format {
            FileFormat::LegacyCsvGz => Self::LegacyCsvGz,
            FileFormat::LegacyCsvZip => Self::LegacyCsvZip,
            FileFormat::LegacyParquet => Self::LegacyParquet,
            FileFormat::Cur2CsvGz => Self::Cur2CsvGz,
            FileFormat::Cur2Parquet => Self::Cur2Parquet,
            FileFormat::Focus10CsvGz => Self::Focus10CsvGz,
            FileFormat::Focus10Parquet => Self::Focus10Parquet,
            FileFormat::Focus12CsvGz => Self::Focus12CsvGz,
            FileFormat::Focus12Parquet => Self::Focus12Parquet,
        }
    }
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let first_month = Month { year: u16::try_from(args.first_month.year())?, month: args.first_month.month() };
    let spec = Spec {
        seed: args.seed,
        first_month,
        months: args.months,
        rows_per_month: args.rows,
        accounts: args.accounts,
        parts: args.parts,
        mode: match args.mode {
            Delivery::CreateNew => Mode::CreateNew,
            Delivery::Overwrite => Mode::Overwrite,
        },
        format: args.format.into(),
        report_name: args.report,
        path_prefix: args.path,
        payer_account: args.payer.into(),
        bucket: args.bucket.into(),
    };
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} rows {eta}")?;
    let bar = ProgressBar::new(args.rows.saturating_mul(args.months.into())).with_style(style);
    let totals = sample::write(&spec, &args.out, &mut |progress| bar.set_position(progress.rows))?;
    bar.finish_and_clear();
    let rows = money::thousands(totals.overall.sums.rows.into());
    if args.json {
        out::json(&totals)?;
    }
    out::talk(&format!("{rows} rows in `{}`; what a right reader must find is in totals.json", args.out.display()));
    Ok(ExitCode::SUCCESS)
}
