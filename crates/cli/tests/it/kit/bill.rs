//! Small bills, written line by line, and delivered to a customer's bucket as AWS delivers them.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::world::World;

/// The columns of the small bills.
pub(super) const HEADER: [&str; 14] = [
    "identity/LineItemId",
    "bill/InvoiceId",
    "bill/BillingEntity",
    "bill/BillType",
    "bill/PayerAccountId",
    "bill/BillingPeriodStartDate",
    "bill/BillingPeriodEndDate",
    "lineItem/UsageAccountId",
    "lineItem/LineItemType",
    "lineItem/UsageStartDate",
    "lineItem/UsageEndDate",
    "lineItem/ProductCode",
    "lineItem/CurrencyCode",
    "lineItem/UnblendedCost",
];

/// One month's delivery of a report named `R` below the customer's path: `bills/R/20260901-20261001/`.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The text of each part, unpacked.
    pub parts: Vec<String>,
    /// The assembly folder; none for a report that AWS overwrites.
    pub assembly: Option<String>,
}

/// The folder of the month that the small bills are for.
pub const MONTH: &str = "bills/R/20260901-20261001";

/// The header and these lines: each a line item type, a product code and an unblended cost.
pub fn part(payer: &str, lines: &[(&str, &str, &str)]) -> String {
    let mut text = HEADER.join(",") + "\n";
    for (number, (line_item_type, product, cost)) in lines.iter().enumerate() {
        let row = [
            &format!("line{number}"),
            "",
            "AWS",
            "Anniversary",
            payer,
            "2026-09-01T00:00:00Z",
            "2026-10-01T00:00:00Z",
            payer,
            line_item_type,
            "2026-09-02T00:00:00Z",
            "2026-09-02T01:00:00Z",
            product,
            "USD",
            cost,
        ];
        text.push_str(&(row.join(",") + "\n"));
    }
    text
}

impl Delivery {
    /// A delivery of one part that AWS overwrites.
    pub fn of(payer: &str, lines: &[(&str, &str, &str)]) -> Self {
        Self { parts: vec![part(payer, lines)], assembly: None }
    }

    /// A bill of 10 in one part that AWS overwrites.
    pub fn good(payer: &str) -> Self {
        Self::of(payer, &[("Usage", "AmazonS3", "7.5"), ("Tax", "AmazonS3", "2.5")])
    }

    /// A later bill of the same month, 20.0000000181 in two parts in an assembly folder.
    pub fn newer(payer: &str) -> Self {
        let parts =
            vec![part(payer, &[("Usage", "AmazonS3", "20")]), part(payer, &[("Usage", "AmazonEC2", "0.0000000181")])];
        Self { parts, assembly: Some("20260903T000000Z".to_owned()) }
    }

    /// The keys of the parts.
    pub fn keys(&self) -> Vec<String> {
        let folder = self.assembly.as_ref().map_or(MONTH.to_owned(), |assembly| format!("{MONTH}/{assembly}"));
        (1..=self.parts.len()).map(|number| format!("{folder}/R-{number:05}.csv.gz")).collect()
    }

    /// The manifest, as AWS writes it.
    pub fn manifest(&self, payer: &str) -> Value {
        let columns = HEADER.map(|column| {
            let (category, name) = column.split_once('/').expect("each column has a category");
            json!({ "category": category, "name": name })
        });
        json!({
            "assemblyId": self.assembly.as_deref().unwrap_or("overwritten"), "account": payer, "columns": columns, "charset": "UTF-8",
            "compression": "GZIP", "contentType": "text/csv", "reportId": "1", "reportName": "R", "bucket": "bucket",
            "billingPeriod": { "start": "20260901T000000.000Z", "end": "20261001T000000.000Z" },
            "reportKeys": self.keys(), "additionalArtifactKeys": [],
        })
    }

    /// Puts the parts into the customer's bucket, and then the manifest, as AWS does.
    pub async fn put(&self, world: &World) {
        for (key, text) in self.keys().iter().zip(&self.parts) {
            world.bucket.put(key, gzip(text.as_bytes())).await;
        }
        self.put_manifest(world, &self.manifest(world.candidate.account.as_ref())).await;
    }

    /// Puts a manifest of this delivery, whatever it says.
    pub async fn put_manifest(&self, world: &World, manifest: &Value) {
        world.bucket.put(&format!("{MONTH}/R-Manifest.json"), manifest.to_string()).await;
    }
}

/// Packs bytes.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).expect("a Vec takes all bytes");
    packed.finish().expect("a Vec takes all bytes")
}
