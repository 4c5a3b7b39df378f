//! The money of every line item type, worked out by hand.

use super::*;

const COSTS: [&str; 5] = ["x_UnblendedCost", "BilledCost", "EffectiveCost", "ListCost", "ContractedCost"];

/// One line's charges: its five costs each, in the order of [`COSTS`].
#[track_caller]
fn costs(columns: &str, line: (&str, &str, &str), expect: &[[&str; 5]]) -> Read {
    let read = read(columns, &[line]);
    let found: Vec<Vec<String>> = COSTS.iter().map(|name| read.column(name)).collect();
    let found: Vec<Vec<&str>> =
        (0..read.charges.num_rows()).map(|row| found.iter().map(|c| c[row].as_str()).collect()).collect();
    assert_eq!(found, expect, "{line:?}");
    read
}

#[track_caller]
fn facts(read: &Read, names: &[&str], expect: &[&[&str]]) {
    for (name, expect) in names.iter().zip(expect) {
        assert_eq!(&read.column(name), expect, "{name}");
    }
}

#[test]
fn usage_is_billed_and_worth_what_it_costs() {
    let on_demand = "pricing/publicOnDemandCost";
    costs(on_demand, ("Usage", "1.25", "2.5"), &[["1.25", "1.25", "1.25", "2.5", "1.25"]]);
    costs(on_demand, ("Usage", "1.81E-8", ""), &[["0.0000000181"; 5]]);
    costs("", ("Usage", "3", ""), &[["3"; 5]]);
    costs(on_demand, ("Usage", "", ""), &[["-", "0", "0", "0", "0"]]);
}

#[test]
fn what_a_reservation_covers_is_worth_its_share_of_the_reservation() {
    let columns = "reservation/EffectiveCost,pricing/publicOnDemandCost,reservation/ReservationARN,pricing/unit,\
                   lineItem/UsageAmount,reservation/NetEffectiveCost,pricing/publicOnDemandRate";
    let line = ("DiscountedUsage", "0", "0.6,1.0,arn:ri,Hrs,1,0.55,0.096");
    let read = costs(columns, line, &[["0", "0", "0.6", "1", "1"]]);
    facts(
        &read,
        &[
            "ChargeCategory",
            "PricingCategory",
            "CommitmentDiscountStatus",
            "CommitmentDiscountId",
            "CommitmentDiscountType",
        ],
        &[&["Usage"], &["Committed"], &["Used"], &["arn:ri"], &["Reserved Instance"]],
    );
    facts(
        &read,
        &["CommitmentDiscountCategory", "CommitmentDiscountQuantity", "CommitmentDiscountUnit", "x_NetEffectiveCost"],
        &[&["Usage"], &["1"], &["Hrs"], &["0.55"]],
    );
    facts(&read, &["ContractedUnitPrice", "ListUnitPrice", "ConsumedQuantity"], &[&["0.096"], &["0.096"], &["1"]]);
}

#[test]
fn what_a_savings_plan_covers_bills_nothing_and_is_worth_its_share_of_the_plan() {
    let columns = "savingsPlan/SavingsPlanEffectiveCost,pricing/publicOnDemandCost,savingsPlan/SavingsPlanARN,\
                   lineItem/CurrencyCode,savingsPlan/NetSavingsPlanEffectiveCost";
    let line = ("SavingsPlanCoveredUsage", "2.0", "1.3,2.0,arn:sp,EUR,1.2");
    let read = costs(columns, line, &[["2", "0", "1.3", "2", "2"]]);
    facts(
        &read,
        &["CommitmentDiscountStatus", "CommitmentDiscountCategory", "CommitmentDiscountType", "CommitmentDiscountUnit"],
        &[&["Used"], &["Spend"], &["Savings Plan"], &["EUR"]],
    );
    facts(&read, &["CommitmentDiscountQuantity", "x_NetEffectiveCost"], &[&["1.3"], &["1.2"]]);
    let read = costs(columns, ("SavingsPlanNegation", "-2.0", ",,arn:sp,EUR,"), &[["-2", "0", "0", "0", "0"]]);
    facts(
        &read,
        &["ChargeCategory", "CommitmentDiscountStatus", "x_NetEffectiveCost"],
        &[&["Adjustment"], &["-"], &["-"]],
    );
}

const RESERVATION: &str = "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod,reservation/UnusedRecurringFee,\
     reservation/ReservationARN,reservation/TotalReservedUnits,reservation/UnusedQuantity,pricing/publicOnDemandCost,\
     lineItem/UsageAmount,lineItem/BlendedCost";

#[test]
fn a_reservations_fee_is_a_purchase_and_what_nobody_used_of_it() {
    let read = costs(
        RESERVATION,
        ("RIFee", "72.0", "10.5,7.5,arn:ri,720,180,95.0,720,72.0"),
        // The on-demand cost on the fee's line is that of the hours it covers, not of the purchase.
        &[["72", "72", "0", "72", "72"], ["0", "0", "18", "0", "0"]],
    );
    facts(
        &read,
        &["ChargeCategory", "CommitmentDiscountStatus", "ChargeFrequency", "PricingCategory", "x_LineItemType"],
        &[
            &["Purchase", "Usage"],
            &["-", "Unused"],
            &["Recurring", "Usage-Based"],
            &["Standard", "Committed"],
            &["RIFee"; 2],
        ],
    );
    facts(
        &read,
        &["CommitmentDiscountQuantity", "CommitmentDiscountId", "PricingQuantity", "ConsumedQuantity", "x_UsageAmount"],
        // The purchase's amounts are not told twice.
        &[&["720", "180"], &["arn:ri"; 2], &["720", "-"], &["-", "-"], &["720", "-"]],
    );
    facts(&read, &["x_BlendedCost", "SubAccountId"], &[&["72", "-"], &["111111111111"; 2]]);
    assert_eq!((read.totals.sums.rows, read.totals.sums.charges_added), (1, 1));
}

#[test]
fn a_reservation_used_up_adds_nothing() {
    for cells in ["0,0.0,arn:ri,720,0,,720,", ",,arn:ri,720,,,720,", "-1,0.5,arn:ri,720,0,,720,"] {
        let read = costs(RESERVATION, ("RIFee", "72", cells), &[["72", "72", "0", "72", "72"]]);
        assert_eq!(read.totals.sums.charges_added, 0);
    }
}

#[test]
fn a_savings_plans_fee_is_a_purchase_and_what_nobody_used_of_it() {
    let columns = "savingsPlan/TotalCommitmentToDate,savingsPlan/UsedCommitment,savingsPlan/SavingsPlanARN,pricing/publicOnDemandCost";
    let line = ("SavingsPlanRecurringFee", "5.0", "8.0,7.75,arn:sp,9");
    let read = costs(columns, line, &[["5", "5", "0", "5", "5"], ["0", "0", "0.25", "0", "0"]]);
    facts(
        &read,
        &["ChargeCategory", "CommitmentDiscountStatus", "CommitmentDiscountQuantity", "CommitmentDiscountType"],
        &[&["Purchase", "Usage"], &["-", "Unused"], &["8", "0.25"], &["Savings Plan"; 2]],
    );
    costs(columns, ("SavingsPlanRecurringFee", "5", "8.0,8.0,arn:sp,"), &[["5", "5", "0", "5", "5"]]);
    costs(columns, ("SavingsPlanRecurringFee", "5", "8.0,8.1,arn:sp,"), &[["5", "5", "0", "5", "5"]]);
    costs(columns, ("SavingsPlanUpfrontFee", "100", ",,arn:sp,"), &[["100", "100", "0", "100", "100"]]);
}

#[test]
fn a_fee_is_worth_itself_unless_it_buys_a_reservation() {
    let columns = "reservation/ReservationARN,pricing/publicOnDemandCost";
    costs(columns, ("Fee", "49", ",50"), &[["49", "49", "49", "50", "49"]]);
    let read = costs(columns, ("Fee", "300", "arn:ri,999"), &[["300", "300", "0", "300", "300"]]);
    facts(&read, &["ChargeCategory", "ChargeFrequency"], &[&["Purchase"], &["One-Time"]]);
    costs("", ("Fee", "49", ""), &[["49"; 5]]);
    costs("", ("FlatRateSubscription", "15", ""), &[["15"; 5]]);
}

#[test]
fn credits_refunds_and_taxes_are_worth_themselves() {
    for (line_item_type, cost, category, class, pricing) in [
        ("Credit", "-5", "Credit", "-", "Other"),
        ("Refund", "-2.5", "Credit", "Correction", "Other"),
        ("Tax", "19", "Tax", "-", "-"),
    ] {
        let read = costs("lineItem/UsageAmount", (line_item_type, cost, "1"), &[[cost; 5]]);
        facts(&read, &["ChargeCategory", "ChargeClass", "PricingCategory"], &[&[category], &[class], &[pricing]]);
        facts(&read, &["ConsumedQuantity", "PricingQuantity", "x_UsageAmount"], &[&["-"], &["-"], &["1"]]);
    }
}

#[test]
fn discounts_have_no_list_cost() {
    for line_item_type in ["Discount", "BundledDiscount", "EdpDiscount", "PrivateRateDiscount"] {
        costs("", (line_item_type, "-3.5", ""), &[["-3.5", "-3.5", "-3.5", "0", "-3.5"]]);
    }
}

#[test]
fn an_unknown_type_is_kept_billed_and_named() {
    let read = costs("", ("SomethingNew", "7", ""), &[["7"; 5]]);
    facts(&read, &["ChargeCategory", "x_LineItemType"], &[&["Adjustment"], &["SomethingNew"]]);
    assert_eq!(read.totals.unknown_line_item_types, ["SomethingNew".to_owned()].into());
    // A type is its exact name.
    assert_eq!(costs("", ("usage", "7", ""), &[["7"; 5]]).totals.unknown_line_item_types, ["usage".to_owned()].into());
}

#[test]
fn a_share_of_a_cost_that_another_line_carries_costs_nothing_and_is_not_summed() {
    let columns =
        "splitLineItem/ParentResourceId,splitLineItem/SplitCost,splitLineItem/UnusedCost,pricing/publicOnDemandCost";
    let read = read(columns, &[("Usage", "10", ",,,11"), ("Usage", "4", "i-1,3.5,0.5,4.4"), ("Usage", "", "i-1,1,,")]);
    facts(
        &read,
        &[
            "x_IsSplitCost",
            "BilledCost",
            "EffectiveCost",
            "ListCost",
            "ContractedCost",
            "x_UnblendedCost",
            "x_SplitCost",
        ],
        &[
            &["false", "true", "true"],
            &["10", "0", "0"],
            &["10", "0", "0"],
            &["11", "0", "0"],
            &["10", "0", "0"],
            &["10", "4", "-"],
            &["-", "3.5", "1"],
        ],
    );
    let sums: Vec<_> = read.totals.sums.by_key.values().collect();
    assert_eq!((sums.len(), sums[0].rows, sums[0].cost.to_string().as_str()), (1, 3, "10"));
}

#[test]
fn spot_usage_has_a_dynamic_price() {
    let lines = [
        ("Usage", "1", "USE1-SpotUsage:m5.large"),
        ("Usage", "1", "SpotUsage:m5.large"),
        ("Usage", "1", "BoxUsage:m5"),
    ];
    let read = read("lineItem/UsageType", &lines);
    facts(&read, &["PricingCategory"], &[&["Dynamic", "Dynamic", "Standard"]]);
}

#[test]
fn sums_are_kept_by_type_account_and_invoice() {
    let file = format!(
        "{HEADER},bill/InvoiceId\nUsage,1,a,2026-09-01T00:00:00Z,2026-09-01T01:00:00Z,i1\n\
         Usage,2,b,2026-09-01T00:00:00Z,2026-09-01T01:00:00Z,i1\nUsage,0.5,a,2026-09-01T00:00:00Z,2026-09-01T01:00:00Z,i1\n\
         Tax,4,a,2026-09-01T00:00:00Z,2026-09-01T01:00:00Z,\n"
    );
    let sums = read_packed(&gzip(file.as_bytes())).unwrap().totals.sums;
    let found: Vec<_> = sums
        .by_key
        .iter()
        .map(|(key, sum)| (&*key.line_item_type, &*key.usage_account, &*key.invoice_id, sum.rows, sum.cost.to_string()))
        .collect();
    let expect = [("Tax", "a", "", 1, "4"), ("Usage", "a", "i1", 2, "1.5"), ("Usage", "b", "i1", 1, "2")];
    assert_eq!(found, expect.map(|(t, a, i, rows, sum)| (t, a, i, rows, sum.to_owned())));
    assert_eq!(sums.rows, 4);
}

/// What the covered and the negated lines of one account come to, and the one Adjustment that closes the month.
#[test]
fn what_a_negation_does_not_cancel_is_billed_once() {
    let columns = "bill/InvoiceId,savingsPlan/SavingsPlanEffectiveCost,lineItem/CurrencyCode";
    let right = [("SavingsPlanCoveredUsage", "2.5", "i1,1.5,EUR"), ("SavingsPlanNegation", "-2.5", "i1,,EUR")];
    let wrong = [
        ("SavingsPlanCoveredUsage", "2.5", "i2,1.5,EUR"),
        ("SavingsPlanNegation", "-2.25", "i2,,EUR"),
        ("Usage", "1", "i2,,EUR"),
    ];
    let normaliser = Normaliser::new(&head(), std::env::temp_dir(), Limits::default());
    let mut totals = read(columns, &right).totals;
    assert_eq!(normaliser.closing_charges(&totals).unwrap(), None);

    let second = read(columns, &wrong);
    totals.merge(second.totals.clone()).unwrap();
    assert_eq!(totals.sums.rows, 5);
    let closing = normaliser.closing_charges(&totals).unwrap().unwrap();
    for (name, expect) in [
        ("BilledCost", "0.25"),
        ("EffectiveCost", "0"),
        ("ListCost", "0"),
        ("ContractedCost", "0"),
        ("x_UnblendedCost", "0"),
        ("ChargeCategory", "Adjustment"),
        ("SubAccountId", "111111111111"),
        ("InvoiceId", "i2"),
        ("BillingCurrency", "EUR"),
        ("ChargePeriodStart", "2026-09-01T00:00:00Z"),
        ("BillingPeriodEnd", "2026-10-01T00:00:00Z"),
        ("x_LineItemType", "SavingsPlanNegation"),
        ("x_IsSplitCost", "false"),
        ("Tags", "-"),
    ] {
        assert_eq!(column(&closing, name), [expect], "{name}");
    }
    // The file's unblended sum is the lake's billed sum again.
    let billed: Amount = second.sum("BilledCost").parse().unwrap();
    assert_eq!(billed.checked_add("0.25".parse().unwrap()).unwrap().to_string(), second.sum("x_UnblendedCost"));
}
