//! Lines that a month has once: fees, credits, refunds, discounts, a flat-rate subscription, a seller's contract.

use crate::account::Bill;
use crate::catalogue::REGIONS;
use crate::column::Col;
use crate::dec::Dec;
use crate::desk::{Desk, Head};
use crate::error::SampleError;
use crate::line::{LineType, Money};
use crate::product::{CLOUDFRONT, COMPUTE_PLANS, EC2, LAMBDA, MARKETPLACE_LOGS, Product, RDS, REGISTRAR, S3, SUPPORT};

/// At most so many lines a month come from here and from commitments apart from their slots.
pub(crate) const MOST_LINES: u64 = 24;

/// A line with an amount of its own.
struct OneOff {
    line_type: LineType,
    product: &'static Product,
    bill: Bill,
    usage: [&'static str; 4],
    amount: Dec,
    sign: Sign,
    description: &'static str,
}

/// Amounts are written as people say them; this says which way they count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Charge,
    Relief,
}

const fn charge(line_type: LineType, product: &'static Product, amount: &str, description: &'static str) -> OneOff {
    let usage = ["", "", "", ""];
    OneOff { line_type, product, bill: Bill::Monthly, usage, amount: Dec::of(amount), sign: Sign::Charge, description }
}

const fn relief(line_type: LineType, product: &'static Product, amount: &str, description: &'static str) -> OneOff {
    OneOff { sign: Sign::Relief, ..charge(line_type, product, amount, description) }
}

/// Spread over the accounts in turn. The small and the long amounts test that nothing is rounded.
const ONE_OFFS: [OneOff; 12] = [
    OneOff {
        usage: ["BusinessSupport", "Support", "Dollar", ""],
        ..charge(LineType::Fee, &SUPPORT, "412.7731", "10% of monthly AWS usage for the first $0-$10K, \"Business\"")
    },
    charge(LineType::Fee, &REGISTRAR, "14", "Renewal of example.com, one year"),
    OneOff {
        bill: Bill::Marketplace,
        usage: ["MP:annual-contract", "Contract", "Units", "SaaS"],
        ..charge(LineType::Fee, &MARKETPLACE_LOGS, "1200", "AWS Marketplace contract,\nfirst instalment")
    },
    OneOff {
        bill: Bill::Marketplace,
        ..charge(LineType::Tax, &MARKETPLACE_LOGS, "99.05", "US Sales Tax for product code 6nvx1nrndstz2zbxg7s3v3z6p")
    },
    relief(LineType::Credit, &EC2, "250", "AWS Activate: \"Founders\" credit, 1 of 4"),
    relief(LineType::Credit, &LAMBDA, "0.0000000181", "=1+1 rounding credit"),
    OneOff { bill: Bill::Refund, ..relief(LineType::Refund, &S3, "3.1415926535", "Refund of requests charged twice") },
    OneOff {
        bill: Bill::Refund,
        ..relief(LineType::Refund, &COMPUTE_PLANS, "18.25", "Refund of a returned savings plan")
    },
    relief(LineType::Discount, &RDS, "20.5", "Migration discount, agreed 2026-07-01"),
    relief(LineType::BundledDiscount, &CLOUDFRONT, "7.33", "Bundled with CloudFront: security savings bundle"),
    relief(LineType::BundledDiscount, &S3, "0.0042", "Bundled with CloudFront: origin transfer"),
    OneOff {
        usage: ["Global-FlatRatePlan-Pro", "FlatRate", "Plan", "Flat rate"],
        ..charge(LineType::FlatRateSubscription, &CLOUDFRONT, "15", "CloudFront flat-rate plan Pro")
    },
];

/// One line for each, over the whole month as AWS states them.
pub(crate) fn write(desk: &mut Desk<'_>) -> Result<(), SampleError> {
    for (at, one_off) in ONE_OFFS.iter().enumerate() {
        let account = desk.turn(at);
        let hours = desk.scene.whole_month();
        let head = Head { line_type: one_off.line_type, account, product: one_off.product, bill: one_off.bill, hours };
        desk.begin(&head);
        // Credits and most fees have no usage type, unit or region.
        if !one_off.usage[0].is_empty() {
            desk.place(&REGIONS[0], one_off.usage);
            desk.cells.set_amount(Col::UsageAmount, Dec::whole(1));
        }
        if one_off.line_type == LineType::Tax {
            desk.cells.set(Col::TaxType, "USSalesTax");
        }
        desk.cells.set(Col::LineItemDescription, one_off.description);
        let unblended = if one_off.sign == Sign::Relief { -one_off.amount } else { one_off.amount };
        // Credits and refunds leave the blended cost blank.
        let blended = (one_off.sign == Sign::Charge).then_some(unblended);
        desk.emit(&head, &Money { unblended, blended, ..Money::default() })?;
    }
    Ok(())
}
