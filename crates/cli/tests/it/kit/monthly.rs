//! Small bills of any month: one file of a legacy report that AWS overwrites.

use billing::period::BillingPeriod;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::bill::{HEADER, gzip};
use super::world::World;

/// One month's bill of a report below the customer's path.
#[derive(Debug, Clone)]
pub struct Monthly {
    /// The report's name.
    pub report: &'static str,
    /// The month.
    pub period: BillingPeriod,
    /// Its lines: cost and invoice.
    pub lines: Vec<(&'static str, &'static str)>,
}

/// The month that so many months passed since.
pub fn months_ago(count: i32) -> BillingPeriod {
    let today = OffsetDateTime::now_utc().date();
    let months = today.year() * 12 + i32::from(u8::from(today.month())) - 1 - count;
    let month = u8::try_from(months % 12).expect("less than 12") + 1;
    BillingPeriod::new(months / 12, month).expect("a month of this century")
}

impl Monthly {
    /// A bill of one line of report `R`.
    pub fn of(period: BillingPeriod, cost: &'static str, invoice: &'static str) -> Self {
        Self { report: "R", period, lines: vec![(cost, invoice)] }
    }

    /// The month's folder.
    pub fn folder(&self) -> String {
        let day = |period: BillingPeriod| format!("{:04}{:02}01", period.year(), period.month());
        format!("bills/{}/{}-{}", self.report, day(self.period), day(self.period.next()))
    }

    /// The key of its file.
    pub fn key(&self) -> String {
        format!("{}/{}-00001.csv.gz", self.folder(), self.report)
    }

    /// The key of its manifest.
    pub fn manifest_key(&self) -> String {
        format!("{}/{}-Manifest.json", self.folder(), self.report)
    }

    /// Its file, packed.
    pub fn file(&self, payer: &str) -> Vec<u8> {
        let instant = |period: BillingPeriod| format!("{period}-01T00:00:00Z");
        let (start, end) = (instant(self.period), instant(self.period.next()));
        let mut text = HEADER.join(",") + "\n";
        for (number, (cost, invoice)) in self.lines.iter().enumerate() {
            let id = format!("line{number}");
            let hour = format!("{}-01T01:00:00Z", self.period);
            let row: [&str; 14] = [
                &id,
                invoice,
                "AWS",
                "Anniversary",
                payer,
                &start,
                &end,
                payer,
                "Usage",
                &start,
                &hour,
                "AmazonS3",
                "USD",
                cost,
            ];
            text.push_str(&(row.join(",") + "\n"));
        }
        gzip(text.as_bytes())
    }

    /// Its manifest, as AWS writes it.
    pub fn manifest(&self, payer: &str) -> Value {
        let columns = HEADER.map(|column| {
            let (category, name) = column.split_once('/').expect("each column has a category");
            json!({ "category": category, "name": name })
        });
        let day = |period: BillingPeriod| format!("{:04}{:02}01T000000.000Z", period.year(), period.month());
        json!({
            "assemblyId": "overwritten", "account": payer, "columns": columns, "charset": "UTF-8", "compression": "GZIP",
            "contentType": "text/csv", "reportId": "1", "reportName": self.report, "bucket": "bucket",
            "billingPeriod": { "start": day(self.period), "end": day(self.period.next()) },
            "reportKeys": [self.key()], "additionalArtifactKeys": [],
        })
    }

    /// Puts the file into the customer's bucket, and then the manifest, as AWS does.
    pub async fn put(&self, world: &World) {
        let payer = world.candidate.account.as_ref();
        world.bucket.put(&self.key(), self.file(payer)).await;
        world.bucket.put(&self.manifest_key(), self.manifest(payer).to_string()).await;
    }
}
