//! Whose bill it is: by the manifest, or else by every row.

use super::*;

/// Reads a file of a delivery that no manifest describes.
fn read_listed(text: &str) -> Result<PartTotals, IngestError> {
    let head = DeliveryHead { manifest_key: "P/R/data/BILLING_PERIOD=2026-09/".to_owned(), ..head() };
    let packed = gzip(text.as_bytes());
    Normaliser::new(&head, std::env::temp_dir(), Limits::default())
        .read_part(&part(), packed.as_slice(), &mut |_| Ok(()))
}

#[test]
fn without_a_manifest_every_row_must_name_the_payer() {
    let rows = |payers: &[&str]| {
        let lines: Vec<_> = payers.iter().map(|payer| ("Usage", "1", *payer)).collect();
        text("bill/PayerAccountId", &lines)
    };
    assert_eq!(read_listed(&rows(&["123456789012", "123456789012"])).unwrap().sums.rows, 2);
    let error = read_listed(&rows(&["123456789012", "210987654321"])).unwrap_err().to_string();
    assert_eq!(
        error,
        "row 2, column `bill/PayerAccountId` of `report-00001.csv.gz`: `210987654321` is not the payer account that the connection is for"
    );
    assert!(read_listed(&rows(&[""])).unwrap_err().to_string().contains("row 1"), "nothing is not the payer either");
    assert!(read("bill/PayerAccountId", &[("Usage", "1", "210987654321")]).totals.sums.rows == 1, "a manifest said it");
}

#[test]
fn without_a_manifest_the_column_of_the_payer_must_be_there() {
    let error = read_listed(&text("", &[("Usage", "1", "")])).unwrap_err();
    assert!(error.to_string().contains("no column `bill/PayerAccountId`"), "{error}");
    let focus = "BilledCost,EffectiveCost,ListCost,ContractedCost,BillingCurrency,ChargeCategory,ChargePeriodStart,ChargePeriodEnd,SubAccountId\n";
    let error = read_listed(focus).unwrap_err();
    assert!(error.to_string().contains("`BillingAccountId`"), "{error}");
}
