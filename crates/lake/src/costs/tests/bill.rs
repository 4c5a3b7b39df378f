//! A bill with a bit of everything, to ask questions about.

use time::macros::datetime;

use crate::testkit::{Charge, usage};

/// Usage of EC2, with more columns filled.
fn ec2(unblended: &'static str, more: &[(&'static str, &'static str)]) -> Charge {
    let mut all = vec![("x_ServiceCode", "AmazonEC2"), ("x_UsageType", "BoxUsage:m5"), ("RegionId", "eu-west-1")];
    all.extend_from_slice(more);
    Charge { more: all, ..usage(unblended) }
}

/// A reservation: what was used of it, its fee, and what it left unused.
fn reservation() -> [Charge; 3] {
    [
        // A reservation: its use is billed nothing, its fee is.
        Charge {
            kind: "DiscountedUsage",
            effective: "3",
            list: "5",
            ..ec2(
                "0",
                &[
                    ("CommitmentDiscountId", "arn:r"),
                    ("x_BlendedCost", "0.5"),
                    ("x_UsageAmount", "2"),
                    ("PricingUnit", "Hrs"),
                ],
            )
        },
        Charge {
            kind: "RIFee",
            start: datetime!(2026-09-01 0:00 UTC),
            effective: "0",
            list: "4",
            more: vec![
                ("CommitmentDiscountId", "arn:r"),
                ("ChargeCategory", "Purchase"),
                ("x_ServiceCode", "AmazonEC2"),
            ],
            ..usage("4")
        },
        // What the reservation left unused: added, without an unblended cost of AWS's.
        Charge {
            kind: "RIFee",
            start: datetime!(2026-09-01 0:00 UTC),
            billed: "0",
            effective: "1",
            list: "0",
            more: vec![("CommitmentDiscountId", "arn:r"), ("x_ServiceCode", "AmazonEC2")],
            ..usage("0")
        },
    ]
}

/// A bill with a bit of everything; its hand sums are in the tests.
pub(super) fn bill() -> Vec<Charge> {
    let mut charges = vec![
        ec2(
            "10",
            &[
                ("Tags", r#"{"team":"a","env":"50%"}"#),
                ("x_BlendedCost", "9"),
                ("x_UsageAmount", "4"),
                ("PricingUnit", "Hrs"),
            ],
        ),
        ec2("20.000000000000000001", &[("Tags", r#"{"team":"b"}"#), ("x_ProductLocation", "EU (Ireland)")]),
    ];
    charges.extend(reservation());
    charges.extend([
        Charge {
            kind: "Tax",
            account: "222",
            invoice: None,
            list: "0",
            start: datetime!(2026-09-30 23:59 UTC),
            ..usage("0.1")
        },
        Charge {
            account: "222",
            more: vec![("x_ServiceCode", "AmazonS3"), ("x_UsageAmount", "7"), ("PricingUnit", "GB")],
            ..usage("2")
        },
        // A share of what its instance carries already.
        Charge { split: true, billed: "0", effective: "0", list: "0", ..ec2("1000", &[]) },
    ]);
    charges
}
