//! Judges what the deliveries themselves show: are they fresh, how fine are they, are closed months delivered again.

use time::Duration;

use crate::checks::judge::{Subject, undecided};
use crate::checks::report::CheckResult;
use crate::checks::spec::Check;
use crate::choice::choose;
use crate::manifest::Manifest;
use crate::probe::{Evidence, FoundReport, Probe};

/// How old the newest delivery may be. AWS delivers up to three times a day, and at least once.
const FRESH: Duration = Duration::hours(48);

/// How long after a month's end AWS still corrects it by itself.
const CORRECTIONS: Duration = Duration::days(15);

pub(super) fn report_fresh(subject: Subject<'_>, evidence: &Evidence) -> CheckResult {
    let check = Check::ReportFresh;
    let Some(report) = the_report(subject, evidence) else { return no_report(check) };
    let Some((period, head)) = report.deliveries.first() else {
        return CheckResult::skipped(check, "no month of the report has a manifest yet");
    };
    let age = subject.now - head.modified;
    let found = format!("the newest delivery, of {period}, is {} old", hours(age));
    if age < FRESH {
        CheckResult::passed(check, found)
    } else {
        CheckResult::failed(check, found, check.spec().remediation)
    }
}

pub(super) fn report_has_resource_ids(subject: Subject<'_>, evidence: &Evidence) -> CheckResult {
    let check = Check::ReportHasResourceIds;
    let manifest = match manifest(check, subject, evidence) {
        Ok(manifest) => manifest,
        Err(line) => return *line,
    };
    match manifest.resource_ids() {
        Some(column) => CheckResult::passed(check, format!("the manifest lists `{column}`")),
        None => CheckResult::failed(check, "the manifest lists no column of resource ids", check.spec().remediation),
    }
}

pub(super) fn report_hourly(subject: Subject<'_>, evidence: &Evidence) -> CheckResult {
    let check = Check::ReportHourly;
    match manifest(check, subject, evidence).map(|manifest| manifest.coarse()) {
        Ok(Some(word)) => {
            CheckResult::failed(check, format!("the report is `{word}` by its name"), check.spec().remediation)
        }
        Ok(None) => {
            CheckResult::skipped(check, "AWS's manifests do not say how fine their lines are, nor does the name")
        }
        Err(line) => *line,
    }
}

pub(super) fn report_refreshes_closed_months(subject: Subject<'_>, evidence: &Evidence) -> CheckResult {
    let check = Check::ReportRefreshesClosedMonths;
    let Some(report) = the_report(subject, evidence) else { return no_report(check) };
    if report.copied.is_some() {
        return CheckResult::skipped(check, "the files are a copy, whose times are its own and not AWS's");
    }
    let mut closed = report.deliveries.iter().filter(|(period, _)| period.end() <= subject.now).peekable();
    if closed.peek().is_none() {
        return CheckResult::skipped(check, "no closed month was delivered yet");
    }
    let late = closed.find(|(period, head)| head.modified - period.end() > CORRECTIONS);
    match late {
        Some((period, head)) => CheckResult::passed(
            check,
            format!("{period} was delivered again {} after its end", hours(head.modified - period.end())),
        ),
        None => CheckResult::skipped(
            check,
            "no closed month was delivered later than 15 days after its end: either nothing changed, or AWS does not refresh it",
        ),
    }
}

/// The report that the connection keeps to, if there is one.
fn the_report<'a>(subject: Subject<'_>, evidence: &'a Evidence) -> Option<&'a FoundReport> {
    choose(evidence.reports.granted().map(Vec::as_slice).unwrap_or_default(), subject.candidate)
}

fn no_report(check: Check) -> CheckResult {
    CheckResult::skipped(check, "there is no one report to look at: see `report-found`")
}

/// The newest manifest, or the line that says why there is none to look at.
fn manifest(check: Check, subject: Subject<'_>, evidence: &Evidence) -> Result<Manifest, Box<CheckResult>> {
    let line = match the_report(subject, evidence).map(|report| (report, &report.manifest)) {
        None => no_report(check),
        Some((report, _)) if report.copied.is_some() => {
            CheckResult::skipped(check, "there is no manifest, which would tell: the report is a copy")
        }
        Some((report, Probe::Granted(body))) => match Manifest::parse(&report.manifest_key, body) {
            Ok(manifest) => return Ok(manifest),
            Err(_) => {
                CheckResult::skipped(check, "the manifest is not one that is read here: see `report-format-readable`")
            }
        },
        Some((_, Probe::Refused(refusal))) if refusal.kind.may_pass() => undecided(check, refusal),
        Some((_, Probe::Refused(_))) => {
            CheckResult::skipped(check, "the manifest cannot be read: mend `bucket-readable` first")
        }
        Some((_, Probe::NotAsked(why))) => CheckResult::skipped(check, *why),
    };
    Err(Box::new(line))
}

/// A time span for people: in hours up to two days, then in days.
fn hours(span: Duration) -> String {
    match span.whole_hours() {
        ..0 => "0 hours".to_owned(),
        1 => "1 hour".to_owned(),
        hours @ 0..=48 => format!("{hours} hours"),
        hours => format!("{} days", hours / 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::judge::tests::{NOW, delivered, good, judged};
    use crate::checks::report::{State, Verdict};
    use crate::testkit::candidate;

    /// Changes the one good report and gives the line of `check`. What is optional never keeps a connection from being made.
    fn line(check: Check, change: impl FnOnce(&mut FoundReport)) -> CheckResult {
        let mut evidence = good();
        let Probe::Granted(reports) = &mut evidence.reports else { panic!("there is a report") };
        change(&mut reports[0]);
        let report = judged(&candidate(), &evidence);
        assert_eq!(report.state(), State::Verified, "{report:#?}");
        report.checks.into_iter().find(|line| line.check == check).unwrap()
    }

    #[test]
    fn a_delivery_is_fresh_for_two_days() {
        let fresh = |hours| {
            let delivery = delivered("2026-09", NOW - Duration::hours(hours));
            line(Check::ReportFresh, |report| report.deliveries = vec![delivery])
        };
        assert_eq!(fresh(47).verdict, Verdict::Passed);
        let stale = fresh(48);
        assert_eq!(stale.verdict, Verdict::Failed);
        assert!(stale.found.contains("2026-09, is 48 hours old") && !stale.remedy.is_empty(), "{stale:?}");
        assert!(fresh(24 * 9).found.contains("9 days"));
    }

    #[test]
    fn resource_ids_are_seen_in_the_columns() {
        let check = Check::ReportHasResourceIds;
        assert_eq!(line(check, |_| ()).verdict, Verdict::Passed);
        let without = line(check, |report| {
            let text = String::from_utf8(report.manifest.granted().unwrap().clone()).unwrap();
            report.manifest = Probe::Granted(text.replace("ResourceId", "Operation").into_bytes());
        });
        assert_eq!(without.verdict, Verdict::Failed);
        assert!(without.remedy.contains("RESOURCES"), "{}", without.remedy);
    }

    #[test]
    fn a_closed_month_that_comes_again_shows_the_refresh_and_one_that_does_not_shows_nothing() {
        let refreshed = |days| {
            let august = delivered(
                "2026-07",
                "2026-07".parse::<crate::period::BillingPeriod>().unwrap().end() + Duration::days(days),
            );
            line(Check::ReportRefreshesClosedMonths, |report| report.deliveries.push(august))
        };
        assert_eq!(refreshed(16).verdict, Verdict::Passed);
        assert_eq!(refreshed(15).verdict, Verdict::Skipped);
        let young = line(Check::ReportRefreshesClosedMonths, |_| ());
        assert!(young.found.contains("no closed month"), "{}", young.found);
    }
}
