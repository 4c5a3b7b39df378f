//! The choice among several reports of one payer below a path: the connection keeps to the best, and says which.

use std::cmp::Reverse;

use crate::connection::Candidate;
use crate::manifest::{Manifest, Standing};
use crate::probe::FoundReport;

/// The report that the connection keeps to: the only one, or of several the best one of the connection's account that
/// can be read. `None` where none of several is.
///
/// The same reports give the same choice, whatever their order. Whoever wants another connects that report's own path.
pub fn choose<'a>(reports: &'a [FoundReport], candidate: &Candidate) -> Option<&'a FoundReport> {
    if let [only] = reports {
        return Some(only);
    }
    let standings = reports.iter().filter_map(|report| Some((standing(report, candidate)?, report)));
    let best = standings.max_by_key(|(standing, report)| (*standing, Reverse(&report.folder)));
    best.map(|(_, report)| report)
}

fn standing(report: &FoundReport, candidate: &Candidate) -> Option<Standing> {
    let manifest = report.parsed()?;
    let ours = manifest.account == candidate.account.as_ref();
    (ours && manifest.readable(&candidate.bucket, &candidate.path).is_ok()).then(|| manifest.standing())
}

impl FoundReport {
    /// The newest manifest, where it could be read and is one.
    pub fn parsed(&self) -> Option<Manifest> {
        Manifest::parse(&self.manifest_key, self.manifest.granted()?).ok()
    }

    /// The report in a few words: its folder and what kind it is, or why that is not known.
    pub fn told(&self) -> String {
        match self.parsed() {
            Some(manifest) => {
                format!("`{}` ({} of account {})", self.folder, manifest.kind.name(), manifest.account)
            }
            None => format!("`{}` (its manifest can't be read)", self.folder),
        }
    }
}
