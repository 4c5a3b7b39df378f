//! Random bills: small ones, in which anything goes that AWS delivers. Whoever reads them right is found by an independent
//! reader of the files, not by totals: amounts are respelled, and have digits added, after the model is done with them.

mod lines;
mod respell;

use std::path::Path;

use crate::column::Col;
use crate::error::SampleError;
use crate::layout::{Delivery, bystanders, path_of, put};
use crate::part::PartWriter;
use crate::rng::Rng;
use crate::spec::Spec;
use lines::Lines;

/// The columns without which a report says too little to be read.
const KEPT: [Col; 5] =
    [Col::LineItemType, Col::UnblendedCost, Col::UsageStartDate, Col::UsageEndDate, Col::UsageAccountId];

/// One delivery of a month, as its seed draws it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Determines the lines, in which files they are, and which columns each file has.
    pub seed: u64,
    /// Which delivery of the month it is, from 1 on: it names the assembly.
    pub number: u32,
    /// About so many lines.
    pub rows: u64,
    /// Files with lines in them; at least 1.
    pub parts: u32,
    /// Files after those that have a header and no lines: overwriting with fewer empties the surplus.
    pub surplus: u32,
}

/// What was written, by key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// The files, in the order in which the manifest lists them.
    pub parts: Vec<String>,
    /// Every place of the manifest; the month's own is last.
    pub manifests: Vec<String>,
    /// What else lies there.
    pub others: Vec<String>,
}

/// Writes one delivery of the specification's first month below `<out>/bucket`. Of the specification, its place, its format and
/// its payer count; how much there is, the draw says.
pub fn draw(spec: &Spec, draw: &Draw, out: &Path) -> Result<Drawn, SampleError> {
    spec.check_place()?;
    let bucket = out.join("bucket");
    let delivery = Delivery::numbered(spec, spec.first_month, u64::from(draw.number));
    let mut rng = Rng::new(draw.seed, 1);
    let month = columns(&mut rng);
    let keys: Vec<String> = (1..=draw.parts + draw.surplus).map(|number| delivery.part_key(number)).collect();
    let mut files = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        let mut file = PartWriter::create(path_of(&bucket, key), spec.format, &of_part(&month, &mut rng))?;
        if at % 2 == 1 {
            // The header is a gzip member of its own.
            file.next_member()?;
        }
        files.push(file);
    }
    let filled = files.len() - usize::try_from(draw.surplus).unwrap_or_default();
    let mut lines = Lines::new(spec, draw.seed);
    while lines.written < draw.rows {
        lines.write(&mut |entry| {
            let file = rng.index(filled);
            files[file].row(entry).map(drop)
        })?;
    }
    files.into_iter().try_for_each(PartWriter::finish)?;
    let mut listed: Vec<u32> = (1..=draw.parts + draw.surplus).collect();
    shuffle(&mut listed, &mut rng);
    let manifest = delivery.manifest(&month, &listed);
    let manifests = delivery.manifest_keys();
    for key in &manifests {
        put(&bucket, key, &manifest)?;
    }
    let others: Vec<(String, &str)> = delivery.companions().into_iter().chain(bystanders(spec)).collect();
    for (key, text) in &others {
        put(&bucket, key, text.as_bytes())?;
    }
    Ok(Drawn {
        parts: listed.into_iter().map(|number| delivery.part_key(number)).collect(),
        manifests,
        others: others.into_iter().map(|(key, _)| key).collect(),
    })
}

/// The columns of a month: what is needed, and most of the others.
fn columns(rng: &mut Rng) -> Vec<Col> {
    let mostly = 3 + rng.below(12);
    Col::all().filter(|col| KEPT.contains(col) || !rng.once_in(mostly)).collect()
}

/// The columns of one file: now and then all of the month's as they are, else fewer and in another order.
fn of_part(month: &[Col], rng: &mut Rng) -> Vec<Col> {
    if rng.once_in(2) {
        return month.to_vec();
    }
    let mut columns: Vec<Col> = month.iter().copied().filter(|col| KEPT.contains(col) || !rng.once_in(15)).collect();
    shuffle(&mut columns, rng);
    columns
}

fn shuffle<T>(all: &mut [T], rng: &mut Rng) {
    for at in (1..all.len()).rev() {
        all.swap(at, rng.index(at + 1));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::format::Format;
    use crate::spec::Mode;
    use crate::write::tests::{files, scratch};

    fn drawn(format: Format, seed: u64) -> (BTreeMap<std::path::PathBuf, Vec<u8>>, Drawn) {
        let spec = Spec { format, mode: Mode::CreateNew, ..Spec::default() };
        let wish = Draw { seed, number: 1, rows: 80, parts: 3, surplus: 1 };
        let out = scratch(&format!("draw-{format:?}-{seed}"));
        let drawn = draw(&spec, &wish, &out).expect("written");
        (files(&out.join("bucket")), drawn)
    }

    #[test]
    fn every_format_can_be_drawn_and_equal_seeds_are_equal_bytes() {
        for format in Format::ALL {
            let (first, drawn_first) = drawn(format, 5);
            assert_eq!(drawn_first.parts.len(), 4);
            assert_eq!(first.len(), drawn_first.parts.len() + drawn_first.manifests.len() + drawn_first.others.len());
            assert!(first == drawn(format, 5).0, "{format:?}");
            assert!(first != drawn(format, 6).0, "{format:?}");
        }
    }

    #[test]
    fn many_draws_have_every_line_item_type_and_columns_that_come_and_go() {
        let (mut types, mut headers) = (BTreeMap::<String, u64>::new(), std::collections::BTreeSet::new());
        for seed in 0..20 {
            let (files, drawn) = drawn(Format::LegacyCsvGz, seed);
            for key in &drawn.parts {
                let bytes = files[Path::new(key)].as_slice();
                let mut csv = csv::Reader::from_reader(flate2::read::MultiGzDecoder::new(bytes));
                let header = csv.headers().expect("a header").clone();
                let at = header.iter().position(|name| name == "lineItem/LineItemType").expect("it is kept");
                for row in csv.records() {
                    *types.entry(row.expect("as many cells as the header")[at].to_owned()).or_default() += 1;
                }
                headers.insert(header.iter().map(str::to_owned).collect::<Vec<_>>());
            }
        }
        assert_eq!(types.len(), 17, "{types:?}");
        assert!(headers.len() > 40, "{}", headers.len());
    }
}
