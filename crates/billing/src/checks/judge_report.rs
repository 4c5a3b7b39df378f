//! Judges what lies at the path: is there one report, and is it one that is read here.

use time::Duration;

use crate::checks::judge::{Subject, undecided};
use crate::checks::report::CheckResult;
use crate::checks::spec::Check;
use crate::choice::choose;
use crate::connection::Candidate;
use crate::copies::{Listing, ListingError, ListingFault};
use crate::layout;
use crate::manifest::Manifest;
use crate::period::BillingPeriod;
use crate::probe::{Evidence, FoundReport, Probe};

/// How long AWS may take to deliver the first report.
const FIRST_DELIVERY: Duration = Duration::hours(24);

/// Whether the path is there to be read but AWS has not delivered anything yet, and may still do so.
pub(super) fn is_waiting(subject: Subject<'_>, evidence: &Evidence) -> bool {
    let may_wait = subject.connected_at.is_none_or(|connected| subject.now - connected < FIRST_DELIVERY);
    may_wait && is_empty(evidence)
}

fn is_empty(evidence: &Evidence) -> bool {
    let empty = evidence.listing.granted().is_some_and(|level| {
        level.folders.is_empty() && level.objects.iter().all(|object| layout::is_not_a_bill(&object.key))
    });
    empty && evidence.reports.granted().is_some_and(Vec::is_empty)
}

pub(super) fn report_found(subject: Subject<'_>, evidence: &Evidence) -> CheckResult {
    let check = Check::ReportFound;
    let reports = match &evidence.reports {
        Probe::Granted(reports) => reports,
        Probe::Refused(refusal) if refusal.kind.may_pass() => return undecided(check, refusal),
        Probe::Refused(_) => {
            return CheckResult::skipped(check, "the path cannot be listed: mend `bucket-listable` first");
        }
        Probe::NotAsked(why) => return CheckResult::skipped(check, *why),
    };
    match reports.as_slice() {
        [] if is_waiting(subject, evidence) => {
            let found = format!(
                "nothing is delivered at {} yet: waiting for the first report (AWS takes up to 24 hours)",
                place(subject)
            );
            CheckResult::skipped(check, found)
        }
        [] if is_empty(evidence) => {
            let found = format!("nothing was delivered at {} within 24 hours of connecting", place(subject));
            let remedy =
                "compare bucket and path with the report's configuration in Billing and Cost Management, Data Exports";
            CheckResult::failed(check, found, remedy)
        }
        [] if evidence.crowded => CheckResult::failed(
            check,
            format!("too many folders lie below {} to look through", place(subject)),
            "send the path of the report itself, report name included",
        ),
        [] => CheckResult::failed(
            check,
            format!("no manifest below the path; instead: {}", seen(evidence)),
            check.spec().remediation,
        ),
        found => match (choose(found, subject.candidate), found) {
            (None, _) => no_choice(subject, found),
            (Some(report), [_]) => one_report(subject, report),
            (Some(report), several) => one_of(subject, (report, several)),
        },
    }
}

/// How another report is chosen, in words.
const CHOOSING: &str =
    "to have another read, name it: `reportName` (first generation: `aws_report_name`, command line: `--report`)";

/// Of several reports, the connection keeps to one; all are told, each with why it is not read.
fn one_of(subject: Subject<'_>, (chosen, reports): (&FoundReport, &[FoundReport])) -> CheckResult {
    let named = subject.candidate.report.is_some();
    let told = |report: &FoundReport| {
        let why = if report.folder == chosen.folder {
            return report.told();
        } else if let Some(flaw) = report.flaw(subject.candidate) {
            flaw
        } else if named {
            "another was chosen".to_owned()
        } else {
            format!("`{}` says more", chosen.folder)
        };
        format!("{}, not read: {why}", report.told())
    };
    let all: Vec<String> = reports.iter().map(told).collect();
    let (count, months, chosen) = (reports.len(), chosen.months.len(), &chosen.folder);
    let found = format!(
        "{count} reports lie below the path: {}; `{chosen}` with {months} months is read; {CHOOSING}",
        all.join("; ")
    );
    CheckResult::passed(Check::ReportFound, found)
}

/// There are reports, but not the one that was named, or none that can be read.
fn no_choice(subject: Subject<'_>, reports: &[FoundReport]) -> CheckResult {
    let check = Check::ReportFound;
    let candidate = subject.candidate;
    let told = |report: &FoundReport| match report.flaw(candidate) {
        Some(flaw) => format!("{}, not read: {flaw}", report.told()),
        None => report.told(),
    };
    let all: Vec<String> = reports.iter().map(told).collect();
    let all = format!("{} reports lie below the path: {}", reports.len(), all.join("; "));
    let Some(name) = &candidate.report else {
        return CheckResult::failed(
            check,
            format!("{all}; none of them is a readable report of account {}", candidate.account),
            "send the path or the name of one of them, to see what stands in its way",
        );
    };
    let several = reports.iter().any(|report| name.names(&report.folder));
    let wrong =
        if several { format!("several of them are called `{name}`") } else { format!("none is called `{name}`") };
    CheckResult::failed(
        check,
        format!("{wrong}: {all}"),
        "name one of them by its folder, as it is told here, or send an empty name to have the best one read",
    )
}

fn one_report(subject: Subject<'_>, report: &FoundReport) -> CheckResult {
    let check = Check::ReportFound;
    let payer = &subject.candidate.account;
    if let Some((_, listing)) = &report.copied {
        let months = report.months.len();
        let found = match listing {
            Ok(_) => format!(
                "{} with {months} months; each is read by the listing of its files, and only if they all bill account {payer}",
                report.told()
            ),
            Err(error) => format!("`{}` with {months} months: {error}", report.folder),
        };
        return CheckResult::passed(check, found);
    }
    match report.parsed() {
        Some(manifest) if manifest.account != payer.as_ref() => CheckResult::failed(
            check,
            format!("the report `{}` bills account {}, not {payer}", report.folder, manifest.account),
            format!("send the path of a report of account {payer}, or connect account {}", manifest.account),
        ),
        Some(_) => CheckResult::passed(check, format!("{} with {} months", report.told(), report.months.len())),
        None => CheckResult::passed(check, format!("`{}` with {} months", report.folder, report.months.len())),
    }
}

pub(super) fn report_format_readable(subject: Subject<'_>, evidence: &Evidence) -> CheckResult {
    let check = Check::ReportFormatReadable;
    let reports = evidence.reports.granted().map(Vec::as_slice).unwrap_or_default();
    let Some(report) = choose(reports, subject.candidate) else {
        return CheckResult::skipped(check, "there is no one report to look at: see `report-found`");
    };
    if let Some((period, listing)) = &report.copied {
        return copy_readable(*period, listing);
    }
    let body = match &report.manifest {
        Probe::Granted(body) => body,
        Probe::Refused(refusal) if refusal.kind.may_pass() => return undecided(check, refusal),
        Probe::Refused(_) => {
            return CheckResult::skipped(check, "the manifest cannot be read: mend `bucket-readable` first");
        }
        Probe::NotAsked(why) => return CheckResult::skipped(check, *why),
    };
    let Candidate { bucket, path, .. } = subject.candidate;
    let manifest = Manifest::parse(&report.manifest_key, body)
        .and_then(|manifest| manifest.readable(bucket, path).map(|()| manifest));
    match manifest {
        Ok(manifest) => {
            let format = manifest.format.as_ref().map_or("", |format| format.name);
            let (kind, columns, files) = (manifest.kind.name(), manifest.columns.len(), manifest.report_keys.len());
            CheckResult::passed(
                check,
                format!("`{}` is a {kind}, {columns} columns, {files} files, {format}", report.name),
            )
        }
        Err(error) => CheckResult::failed(check, error.to_string(), check.spec().remediation),
    }
}

/// What the files of a month without a manifest show: their format by their names.
fn copy_readable(period: BillingPeriod, listing: &Result<Listing, ListingError>) -> CheckResult {
    let check = Check::ReportFormatReadable;
    match listing {
        Ok(listing) => {
            let (files, format) = (listing.parts.len(), listing.format.name);
            CheckResult::passed(check, format!("{period} has {files} files, {format} by their names, and no manifest"))
        }
        Err(error) if matches!(error.fault, ListingFault::Settling { .. }) => {
            // Whatever it turns out to be, it is judged when it is read.
            CheckResult::passed(check, error.to_string())
        }
        Err(error) => CheckResult::failed(check, error.to_string(), check.spec().remediation),
    }
}

/// The bucket and path, for people.
fn place(subject: Subject<'_>) -> String {
    format!("`s3://{}/{}`", subject.candidate.bucket, subject.candidate.path)
}

/// What lies at the path instead of a report, for people.
fn seen(evidence: &Evidence) -> String {
    let Some(level) = evidence.listing.granted() else { return "nothing that could be listed".into() };
    let names: Vec<&str> = level
        .folders
        .iter()
        .map(String::as_str)
        .chain(level.objects.iter().map(|object| object.key.as_str()))
        .collect();
    let shown: Vec<String> = names.iter().take(5).map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => "nothing".into(),
        count if count > 5 => format!("{} and {} more", shown.join(", "), count - 5),
        _ => shown.join(", "),
    }
}
