//! Verifying: what is published is summed anew from its Parquet files, and neither a receipt nor the log is believed.

use billing::history::AsOf;
use billing::names::BillConnectId;
use billing::period::BillingPeriod;
use billing::receipt::Receipt;
use billing::reconcile::LakeSums;
use futures::FutureExt;
use object_store::ObjectStoreExt;

use crate::error::LakeError;
use crate::held::Held;
use crate::table::{ChargesFile, Month, OrgLake};

/// A published month, summed anew.
#[derive(Debug)]
pub struct Summed {
    /// What was proven when it was published.
    pub receipt: Receipt,
    /// What its files hold now; `None` where one can't be read.
    pub sums: Option<LakeSums>,
    /// What is wrong with the files themselves, with their names.
    pub problems: Vec<String>,
}

/// How often a month is read anew that was replaced while it was read.
const ATTEMPTS: usize = 3;

/// What a scan of a month's files found.
struct Scan {
    attempt: String,
    sums: Option<LakeSums>,
    problems: Vec<String>,
}

impl OrgLake {
    /// Reads every file of a published month and sums its charges; `None` where the lake does not hold the month.
    pub async fn sum_anew(&self, connect: &BillConnectId, period: BillingPeriod) -> Result<Option<Summed>, LakeError> {
        let month = Month { connect: connect.clone(), period };
        let counts = |file: &ChargesFile| file.month == month;
        for attempts_left in (0..ATTEMPTS).rev() {
            let Some(scan) = self.ask(&AsOf::NOW, &counts, |held| self.scan(held).boxed()).await? else {
                return Ok(None);
            };
            let Scan { attempt, sums, problems } = scan;
            // Replaced, and perhaps removed, while it was read: then nothing is wrong, and there is another to read.
            let snapshot = self.snapshot().await?;
            let is_current = snapshot.is_some_and(|snapshot| snapshot.attempt(&month) == Some(&attempt));
            if problems.is_empty() || is_current || attempts_left == 0 {
                let receipt = self.read_receipt(&month, &attempt).await?;
                return Ok(Some(Summed { receipt, sums, problems }));
            }
        }
        Ok(None)
    }

    async fn scan(&self, held: Held) -> Result<Option<Scan>, LakeError> {
        let Some(attempt) = held.files.first().map(|file| file.attempt.clone()) else {
            return Ok(None);
        };
        let (mut files, mut problems) = (held.files, Vec::new());
        for file in &mut files {
            let name = file.path.filename().unwrap_or_default();
            match self.shared.store.head(&file.path).await {
                Ok(found) if found.size == file.size => {}
                Ok(found) => {
                    let (is, was) = (found.size, file.size);
                    problems.push(format!("file `{name}` has {is} bytes, but was published with {was}"));
                    // Read as it is, so that its sums tell what has become of it.
                    file.size = is;
                }
                Err(object_store::Error::NotFound { .. }) => problems.push(format!("file `{name}` is missing")),
                Err(error) => return Err(error.into()),
            }
        }
        let sums = match self.sums_of(files).await {
            Ok(sums) => Some(sums),
            Err(error @ (LakeError::Query(_) | LakeError::Parquet(_))) => {
                // The engine's words name places on this machine, which are the operator's to know.
                tracing::error!(table = %self.table_url(), %error, "a published month can't be read");
                problems.push("its files can't be read; the log says why".to_owned());
                None
            }
            Err(error) => return Err(error),
        };
        Ok(Some(Scan { attempt, sums, problems }))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use billing::reconcile::SumKey;

    use super::*;
    use crate::testkit::{Charge, TestLake, batch, head, usage};

    async fn lake() -> (TestLake, OrgLake, PathBuf) {
        let test = TestLake::new();
        let lake = test.org(100_001);
        lake.bring_in(&head("old"), &[usage("7")]).await;
        lake.bring_in(&head("a"), &[usage("1.5"), Charge { account: "222", ..usage("2") }]).await;
        let file = lake.snapshot().await.unwrap().unwrap().files[0].path.clone();
        (test, lake, PathBuf::from("/").join(file.as_ref()))
    }

    async fn summed(lake: &OrgLake) -> Summed {
        lake.sum_anew(&head("a").connect, head("a").period).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn a_published_month_sums_to_what_its_receipt_says() {
        let (_test, lake, _) = lake().await;
        let summed = summed(&lake).await;
        let sums = summed.sums.unwrap();
        assert_eq!((sums.charges, sums.effective), (2, summed.receipt.effective_in_lake));
        assert_eq!((summed.problems, summed.receipt.delivery_id), (Vec::new(), head("a").delivery_id));
        assert!(lake.sum_anew(&head("a").connect, "2026-08".parse().unwrap()).await.unwrap().is_none());
        assert!(TestLake::new().org(100_001).sum_anew(&head("a").connect, head("a").period).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_file_that_was_changed_on_disk_is_summed_as_it_is_and_named() {
        let (_test, lake, file) = lake().await;
        let charges = batch(&[usage("1.5"), Charge { account: "222", ..usage("2.000000000000000001") }]);
        let mut writer = parquet::arrow::ArrowWriter::try_new(Vec::new(), charges.schema(), None).unwrap();
        writer.write(&charges).unwrap();
        std::fs::write(&file, writer.into_inner().unwrap()).unwrap();
        let summed = summed(&lake).await;
        let key = SumKey { line_item_type: "Usage".into(), usage_account: "222".into(), invoice_id: "I1".into() };
        assert_eq!(summed.sums.unwrap().by_key[&key].billed.to_string(), "2.000000000000000001");
        assert_eq!(summed.receipt.billed_in_lake.to_string(), "3.5");
        assert!(summed.problems[0].contains("but was published with"), "{:?}", summed.problems);
    }

    #[tokio::test]
    async fn files_that_are_broken_or_gone_are_named() {
        let (_test, lake, file) = lake().await;
        let size = std::fs::metadata(&file).unwrap().len();
        std::fs::write(&file, vec![0; usize::try_from(size).unwrap()]).unwrap();
        let broken = summed(&lake).await;
        assert!(broken.sums.is_none() && broken.problems[0].contains("can't be read"), "{:?}", broken.problems);
        std::fs::remove_file(&file).unwrap();
        let gone = summed(&lake).await;
        assert!(gone.sums.is_none() && gone.problems[0].ends_with(".parquet` is missing"), "{:?}", gone.problems);
    }
}
