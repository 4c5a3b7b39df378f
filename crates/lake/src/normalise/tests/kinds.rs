//! Rows that are worked out once for each kind come out as they do one by one.

use arrow::compute::concat_batches;

use super::*;
use crate::schema::charges_schema;

const COLUMNS: &str = "lineItem/ProductCode,lineItem/UsageType,lineItem/ResourceId,lineItem/UsageAmount,lineItem/LineItemDescription,\
                       product/ProductName,product/productFamily,product/regionCode,product/location,product/instanceType,product/storage,\
                       pricing/unit,pricing/term,reservation/ReservationARN,reservation/EffectiveCost,\
                       reservation/UnusedAmortizedUpfrontFeeForBillingPeriod,savingsPlan/SavingsPlanARN,\
                       resourceTags/user:team,resourceTags/user:id,lineItem/Odd";
/// A file so short is never looked at for kinds.
const PIECE: usize = 500;

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn one_of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[usize::try_from(self.below(texts.len() as u64)).unwrap()]
    }
}

/// A line; `wild` says of how many different things it may be.
fn line(random: &mut Random, at: usize, wild: u64) -> String {
    let kind =
        random.one_of(&["Usage", "Usage", "DiscountedUsage", "RIFee", "SavingsPlanCoveredUsage", "Tax", "Novel"]);
    let product = random.below(wild);
    let [code, name, family] = [
        ["AmazonEC2", "Amazon Elastic Compute Cloud", "Compute Instance"],
        ["AmazonS3", "\"Simple, \"\"Storage\"\"\"", "Storage"],
        ["AmazonEC2", "", "Storage"],
        ["8abc", "", ""],
    ][usize::try_from(product % 4).unwrap()];
    let reserved = kind == "DiscountedUsage" || kind == "RIFee";
    let arn = if reserved { format!("arn:aws:ec2:reserved-instances/{}", product % 3) } else { String::new() };
    let unused = if kind == "RIFee" { "0.5" } else { "" };
    let effective = if reserved { "0.25" } else { "" };
    let plan = if kind == "SavingsPlanCoveredUsage" { "arn:aws:savingsplans::plan" } else { "" };
    let used = if kind == "Tax" { String::new() } else { random.below(wild * 7).to_string() };
    let spot = random.one_of(&["BoxUsage", "EU-SpotUsage", "UnusedBox"]);
    let region = random.one_of(&["eu-west-1", "us-east-1", "", "xx-nowhere-9"]);
    let (team, unit) = (random.one_of(&["", "blue", "\"re\"\"d\""]), random.one_of(&["Hrs", "GB-Mo", ""]));
    format!(
        "{kind},0.{at},{},2026-09-02T{:02}:00:00Z,2026-09-03T00:00:00Z,{code},{spot}:{product},i-{},{used},about {product},\
         {name},{family},{region},{},t{product},,{unit},OnDemand,{arn},{effective},{unused},{plan},{team},{},{}",
        111_111_111_111 + random.below(3),
        at % 24,
        random.below(wild * 50),
        if region.is_empty() { "Any" } else { "" },
        random.below(wild * wild),
        at % 2,
    )
}

fn file(lines: &[String]) -> RecordBatch {
    let text = format!("{HEADER},{COLUMNS}\n{}\n", lines.join("\n"));
    read_packed(&gzip(text.as_bytes())).unwrap_or_else(|error| panic!("{error}")).charges
}

#[test]
fn a_long_file_says_what_its_pieces_say() {
    let mut random = Random(7);
    // Each stretch is unlike the one before it: what was thought to hardly change does, and the other way round.
    let stretches = [(3000, 2), (9000, 4000), (9000, 12), (5000, 100_000), (6000, 5)];
    let wild = stretches.into_iter().flat_map(|(rows, wild)| std::iter::repeat_n(wild, rows));
    let lines: Vec<_> = wild.enumerate().map(|(at, wild)| line(&mut random, at, wild)).collect();
    let pieces: Vec<_> = lines.chunks(PIECE).map(file).collect();
    let (whole, pieces) = (file(&lines), concat_batches(&charges_schema(), &pieces).unwrap());
    assert!(whole.num_rows() > lines.len(), "fees add charges");
    for (column, field) in charges_schema().fields().iter().enumerate() {
        assert!(whole.column(column) == pieces.column(column), "{} differs", field.name());
    }
}

#[test]
fn a_wrong_cell_is_found_however_often_its_column_was_right() {
    let mut random = Random(9);
    let mut lines: Vec<_> = (0..8000).map(|at| line(&mut random, at, 3)).collect();
    lines[7321] = lines[7321].replacen("about ", "\u{fffd}about ", 1);
    let mut text = format!("{HEADER},{COLUMNS}\n{}\n", lines.join("\n")).into_bytes();
    let at = text.windows(3).position(|bytes| bytes == "\u{fffd}".as_bytes()).unwrap();
    text[at] = 0xff;
    let error = read_packed(&gzip(&text)).unwrap_err().to_string();
    assert!(error.contains("7322") && error.contains("lineItem/LineItemDescription"), "{error}");
}
