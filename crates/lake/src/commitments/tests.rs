//! What commitments bought, used and covered, on hand-made charges.

use billing::commitment::{CommitmentKind, Measure};
use time::macros::{date, datetime};

use super::*;
use crate::testkit::{Charge, TestLake, head, usage};

const RESERVATION: &str = "arn:aws:ec2:eu-west-1:123456789012:reserved-instances/ri-1";
const PLAN: &str = "arn:aws:savingsplans::123456789012:savingsplan/sp-1";

/// A charge of a commitment: the columns that make it one, and more.
fn of(kind: &'static str, id: &'static str, more: &[(&'static str, &'static str)]) -> Charge {
    let (type_, category) = if id == PLAN { ("Savings Plan", "Spend") } else { ("Reserved Instance", "Usage") };
    let mut all = vec![
        ("CommitmentDiscountId", id),
        ("CommitmentDiscountType", type_),
        ("CommitmentDiscountCategory", category),
        ("x_ServiceCode", "AmazonEC2"),
        ("RegionId", "eu-west-1"),
    ];
    all.extend_from_slice(more);
    Charge { kind, more: all, billed: "0", ..usage("0") }
}

fn used(id: &'static str, hours: [&'static str; 2], cost: &'static str) -> Charge {
    let more = [
        ("ChargeCategory", "Usage"),
        ("CommitmentDiscountStatus", "Used"),
        ("CommitmentDiscountQuantity", hours[0]),
        ("x_NormalizedUsageAmount", hours[1]),
        ("x_UsageType", "BoxUsage:m5.xlarge"),
        ("PricingCategory", "Committed"),
    ];
    Charge { effective: cost, list: "10", ..of("DiscountedUsage", id, &more) }
}

/// September: a reservation of 720 hours of `m5.large` of which an `m5.xlarge` used 300 hours (150 of its own), a savings plan of 20
/// that was used for 15, and usage on demand.
fn bill() -> Vec<Charge> {
    let first = datetime!(2026-09-01 0:00 UTC);
    let other = r#"{"reservation/NormalizedUnitsPerReservation":"4.0","reservation/NumberOfReservations":"1","reservation/StartTime":"2026-01-15T00:00:00.000Z"}"#;
    let fee = |id, quantity| {
        let more = [
            ("ChargeCategory", "Purchase"),
            ("ChargeFrequency", "Recurring"),
            ("ChargePeriodEnd", "2026-10-01T00:00:00Z"),
            ("CommitmentDiscountQuantity", quantity),
            ("x_UsageType", "HeavyUsage:m5.large"),
            ("x_Other", if id == RESERVATION { other } else { "{}" }),
        ];
        Charge { start: first, unblended: "72", billed: "72", effective: "0", ..of("RIFee", id, &more) }
    };
    let unused = |id, quantity, cost| {
        let more = [
            ("ChargeCategory", "Usage"),
            ("CommitmentDiscountStatus", "Unused"),
            ("CommitmentDiscountQuantity", quantity),
        ];
        Charge { start: first, effective: cost, ..of("RIFee", id, &more) }
    };
    let on_demand = |usage_type, pricing, list| Charge {
        list,
        more: vec![
            ("ChargeCategory", "Usage"),
            ("x_ServiceCode", "AmazonEC2"),
            ("RegionId", "eu-west-1"),
            ("PricingCategory", pricing),
            ("x_UsageType", usage_type),
        ],
        ..usage("1")
    };
    vec![
        fee(RESERVATION, "720"),
        unused(RESERVATION, "420", "42"),
        used(RESERVATION, ["100", "800"], "20"),
        Charge { start: datetime!(2026-09-20 0:00 UTC), ..used(RESERVATION, ["50", "400"], "10") },
        fee(PLAN, "20"),
        unused(PLAN, "5", "5"),
        used(PLAN, ["15", "0"], "15"),
        on_demand("BoxUsage:m5.2xlarge", "Standard", "30"),
        on_demand("SpotUsage:m5.2xlarge", "Dynamic", "1000"),
        on_demand("EBS:VolumeUsage", "Standard", "1000"),
        Charge { split: true, ..used(RESERVATION, ["9", "9"], "9") },
    ]
}

fn measure(used: &str, unused: &str) -> Measure {
    let [used, unused] = [used, unused].map(|text| text.parse::<billing::money::Amount>().unwrap());
    Measure { bought: used.checked_add(unused).unwrap(), used, unused }
}

#[tokio::test]
async fn a_month_is_what_its_charges_say() {
    let test = TestLake::new();
    let lake = test.org(100_001);
    assert_eq!(
        lake.commitments(Days::of("2026-09".parse().unwrap()), &AsOf::NOW).await.unwrap(),
        BilledCommitments::default()
    );
    lake.bring_in(&head("september"), &bill()).await;
    let found = lake.commitments(Days::of("2026-09".parse().unwrap()), &AsOf::NOW).await.unwrap();
    assert_eq!(found.deliveries.len(), 1);
    let [reservation, plan] = found.used.commitments.try_into().unwrap();
    assert_eq!((reservation.id.as_str(), reservation.kind), (RESERVATION, CommitmentKind::Reservation));
    assert_eq!(reservation.quantity, Some(measure("300", "420")), "in hours of its own size");
    assert_eq!(reservation.cost, measure("30", "42"));
    assert_eq!(reservation.facts.instance_type.as_deref(), Some("m5.large"), "from the fee's usage type");
    assert_eq!(reservation.facts.starts.as_deref(), Some("2026-01-15T00:00:00.000Z"));
    assert_eq!(reservation.billed, "72".parse().unwrap());
    // Covered 20 at list price, of its family also 10 that the plan covered and 30 on demand.
    assert_eq!(reservation.coverage().unwrap().to_string(), "33.333333333333333333");
    assert_eq!((plan.kind, plan.quantity), (CommitmentKind::SavingsPlan, Some(measure("15", "5"))));
    assert_eq!(plan.utilization(), Some("75".parse().unwrap()));
    assert_eq!(plan.coverage(), Some("25".parse().unwrap()), "of what reservations left");
    let coverable: Vec<_> = found.used.coverage.iter().map(|row| row.coverable().unwrap().to_string()).collect();
    assert_eq!(coverable, ["30", "30"], "by instance type; neither spot nor storage");
}

#[tokio::test]
async fn days_have_their_share_of_the_months_fee() {
    let test = TestLake::new();
    let lake = test.org(100_001);
    lake.bring_in(&head("september"), &bill()).await;
    let days = Days { from: date!(2026 - 09 - 15), until: date!(2026 - 09 - 22) };
    let found = lake.commitments(days, &AsOf::NOW).await.unwrap();
    let [reservation, plan] = found.used.commitments.try_into().unwrap();
    assert_eq!(reservation.quantity, Some(measure("100", "68")), "168 of the 720 hours");
    assert_eq!(reservation.cost, measure("10", "6.8"), "seven thirtieths of 72");
    assert_eq!(plan.quantity, Some(measure("0", "4.666666666666666667")));
    let after = Days { from: date!(2026 - 10 - 01), until: date!(2026 - 10 - 08) };
    assert_eq!(lake.commitments(after, &AsOf::NOW).await.unwrap(), BilledCommitments::default());
}
