//! `billconnect export`: a month's charges as a FOCUS 1.2 file.

use std::io::{IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use app::export::Export;
use billing::delivery::DeliveryId;
use billing::export::{ExportFormat, ExportSource};
use billing::names::{BillConnectId, OrgId};
use billing::period::BillingPeriod;
use indicatif::{ProgressBar, ProgressStyle};
use tempfile::NamedTempFile;

use crate::args::Global;
use crate::{money, out, world};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  billconnect export --org 123456789 --month 2026-09 --format parquet --out september.parquet
  billconnect export --org 123456789 --month 2026-09 --connect aws-123456789012 --format csv --out - | gzip > september.csv.gz

All 57 columns of FOCUS 1.2, then ours, which start with `x_`. Parquet has every value as it is. In CSV, a text that a
spreadsheet would run as a formula, and one that begins with an apostrophe, gets an apostrophe in front: take one away from
each text that begins with one, and it is what AWS said. The file appears when it is whole, and not before.")]
pub struct Args {
    /// The org.
    #[arg(long)]
    org: OrgId,
    /// The month, like `2026-09`.
    #[arg(long)]
    month: BillingPeriod,
    /// The bill connect; all of the org's that have the month, if left out.
    #[arg(long, value_name = "ID")]
    connect: Option<BillConnectId>,
    /// An earlier delivery of the month; needs `--connect`.
    #[arg(long, value_name = "ID", requires = "connect")]
    delivery: Option<DeliveryId>,
    /// What the file is: `parquet` or `csv`.
    #[arg(long)]
    format: ExportFormat,
    /// The file to write, or `-` for stdout.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let to_stdout = args.out.as_os_str() == "-";
    if to_stdout && args.format == ExportFormat::Parquet && std::io::stdout().is_terminal() {
        bail!("Parquet is nothing for a terminal; name a file with --out, or pipe it into a program");
    }
    let app = world::open(global).await?;
    world::require_org(&app, args.org).await?;
    let source = ExportSource::new(args.month, args.connect, args.delivery)?;
    let mut export = app.export(args.org, &source, args.format).await?;
    if to_stdout {
        write(&mut export, &mut std::io::stdout().lock()).await?;
    } else {
        to_file(&mut export, &args.out).await?;
        let count = money::thousands(export.rows().into());
        out::talk(&format!("{count} charges of {source} are in `{}`", args.out.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes beside the file, and puts it in its place when it is whole.
async fn to_file(export: &mut Export, path: &Path) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = || format!("`{}` can't be written", path.display());
    let mut file = NamedTempFile::with_prefix_in(".billconnect-export-", folder).with_context(failed)?;
    write(export, &mut file).await.with_context(failed)?;
    file.as_file().sync_all().with_context(failed)?;
    file.persist(path).with_context(failed)?;
    Ok(())
}

async fn write(export: &mut Export, to: &mut impl Write) -> anyhow::Result<()> {
    let bar = bar(export.charges());
    while let Some(piece) = export.next().await {
        to.write_all(&piece?)?;
        bar.set_position(export.rows());
    }
    to.flush()?;
    bar.finish_and_clear();
    Ok(())
}

/// On stderr; nothing where that is no terminal.
fn bar(charges: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} charges {eta}")
        .expect("the template is well formed");
    let bar = ProgressBar::new(charges).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
