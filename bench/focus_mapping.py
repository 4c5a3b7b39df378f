"""The mapping of a Parquet Cost and Usage Report to FOCUS, as a DuckDB query: what billconnect does with the same files.

Decimals throughout: a double becomes the shortest decimal that stands for it, as in billconnect. The types' rules are those of
docs/mapping.md. Left out, to DuckDB's advantage: keys of objects whose cells are empty, the tables of regions and resource types,
errors by row and column, and the sums by account, invoice and line item type that billconnect holds against the files.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

AMOUNT = "DECIMAL(38, 18)"
SERVICES = Path(__file__).resolve().parent.parent / "crates" / "billing" / "data" / "services-aws.csv"
OBJECTS = {
    "Tags": "resource_tags_",
    "SkuPriceDetails": "product_",
    "x_CostCategories": "cost_category_",
    "x_Discounts": "discount_",
}
TYPE = "line_item_line_item_type"


def query(columns: list[str]) -> str:
    """The SELECT over the table `lines`, which has these columns."""
    there = set(columns)
    read: set[str] = set()

    def text(*names: str) -> str:
        read.update(names)
        cells = [f"nullif({name}, '')" for name in names if name in there]
        return f"coalesce({', '.join(cells)})" if len(cells) > 1 else (cells or ["NULL::VARCHAR"])[0]

    def amount(name: str) -> str:
        read.add(name)
        return f"try_cast({name}::VARCHAR AS {AMOUNT})" if name in there else f"NULL::{AMOUNT}"

    def instant(name: str) -> str:
        read.add(name)
        return name

    def number(name: str) -> str:
        return f"coalesce({amount(name)}, 0)"

    unblended = number("line_item_unblended_cost")
    usage = amount("line_item_usage_amount")
    public = amount("pricing_public_on_demand_cost")
    listed = f"""CASE WHEN {TYPE} IN ('RIFee', 'SavingsPlanRecurringFee', 'SavingsPlanUpfrontFee') THEN {unblended}
        WHEN {TYPE} IN ('SavingsPlanNegation', 'Discount', 'BundledDiscount', 'EdpDiscount', 'PrivateRateDiscount') THEN coalesce({public}, 0)
        ELSE coalesce({public}, {unblended}) END"""
    arn = text("reservation_reservation_a_r_n")
    plan = text("savings_plan_savings_plan_a_r_n")
    covered = f"{TYPE} = 'SavingsPlanCoveredUsage'"
    committed = f"{TYPE} IN ('DiscountedUsage', 'SavingsPlanCoveredUsage')"
    bought = f"({TYPE} IN ('RIFee', 'SavingsPlanRecurringFee', 'SavingsPlanUpfrontFee') OR {TYPE} = 'Fee' AND {arn} IS NOT NULL)"
    category = f"""CASE WHEN {TYPE} IN ('Usage', 'DiscountedUsage', 'SavingsPlanCoveredUsage') THEN 'Usage'
        WHEN {TYPE} IN ('RIFee', 'SavingsPlanRecurringFee', 'SavingsPlanUpfrontFee', 'Fee', 'FlatRateSubscription') THEN 'Purchase'
        WHEN {TYPE} IN ('Credit', 'Refund') THEN 'Credit' WHEN {TYPE} = 'Tax' THEN 'Tax' ELSE 'Adjustment' END"""
    quantity = f"CASE WHEN {category} IN ('Usage', 'Purchase') THEN {usage} END"
    effective = f"""CASE WHEN {TYPE} = 'DiscountedUsage' THEN {number("reservation_effective_cost")}
        WHEN {covered} THEN {number("savings_plan_savings_plan_effective_cost")}
        WHEN {TYPE} = 'SavingsPlanNegation' OR {bought} THEN 0::{AMOUNT} ELSE {unblended} END"""
    price = f"coalesce(try_cast({text('pricing_public_on_demand_rate')} AS {AMOUNT}), (({listed})::DOUBLE / nullif({usage}::DOUBLE, 0))::{AMOUNT})"
    contracted_price = f"coalesce(try_cast({text('line_item_unblended_rate')} AS {AMOUNT}), ({unblended}::DOUBLE / nullif({usage}::DOUBLE, 0))::{AMOUNT})"
    selected = {
        "AvailabilityZone": text("line_item_availability_zone"),
        "BilledCost": f"CASE WHEN {TYPE} IN ('SavingsPlanCoveredUsage', 'SavingsPlanNegation') THEN 0::{AMOUNT} ELSE {unblended} END",
        "BillingAccountId": text("bill_payer_account_id"),
        "BillingAccountType": "'Payer Account'",
        "BillingCurrency": text("line_item_currency_code", "pricing_currency"),
        "BillingPeriodEnd": instant("bill_billing_period_end_date"),
        "BillingPeriodStart": instant("bill_billing_period_start_date"),
        "ChargeCategory": category,
        "ChargeClass": f"CASE WHEN {TYPE} = 'Refund' THEN 'Correction' END",
        "ChargeDescription": text("line_item_line_item_description"),
        "ChargeFrequency": f"CASE WHEN {category} = 'Usage' THEN 'Usage-Based' WHEN {TYPE} IN ('RIFee', 'SavingsPlanRecurringFee', 'FlatRateSubscription') THEN 'Recurring' ELSE 'One-Time' END",
        "ChargePeriodEnd": instant("line_item_usage_end_date"),
        "ChargePeriodStart": instant("line_item_usage_start_date"),
        "CommitmentDiscountCategory": f"CASE WHEN {arn} IS NOT NULL THEN 'Usage' WHEN {plan} IS NOT NULL THEN 'Spend' END",
        "CommitmentDiscountId": f"coalesce({arn}, {plan})",
        "CommitmentDiscountQuantity": f"CASE WHEN {TYPE} = 'DiscountedUsage' THEN {usage} WHEN {covered} THEN {number('savings_plan_savings_plan_effective_cost')} END",
        "CommitmentDiscountStatus": f"CASE WHEN {committed} THEN 'Used' END",
        "CommitmentDiscountType": f"CASE WHEN {arn} IS NOT NULL THEN 'Reserved Instance' WHEN {plan} IS NOT NULL THEN 'Savings Plan' END",
        "ConsumedQuantity": f"CASE WHEN {category} = 'Usage' THEN {usage} END",
        "ConsumedUnit": f"CASE WHEN {category} = 'Usage' THEN coalesce({text('pricing_unit')}, 'Units') END",
        "ContractedCost": f"CASE WHEN {committed} THEN {listed} WHEN {TYPE} = 'SavingsPlanNegation' THEN 0::{AMOUNT} ELSE {unblended} END",
        "ContractedUnitPrice": contracted_price,
        "EffectiveCost": effective,
        "InvoiceId": text("bill_invoice_id"),
        "InvoiceIssuerName": text("bill_invoicing_entity", "line_item_legal_entity"),
        "ListCost": listed,
        "ListUnitPrice": price,
        "PricingCategory": f"CASE WHEN {committed} THEN 'Committed' WHEN {TYPE} = 'Tax' THEN NULL WHEN {category} IN ('Usage', 'Purchase') THEN 'Standard' ELSE 'Other' END",
        "PricingCurrency": text("pricing_currency", "line_item_currency_code"),
        "PricingCurrencyContractedUnitPrice": contracted_price,
        "PricingCurrencyEffectiveCost": effective,
        "PricingCurrencyListUnitPrice": price,
        "PricingQuantity": quantity,
        "PricingUnit": f"CASE WHEN {quantity} IS NOT NULL THEN coalesce({text('pricing_unit')}, 'Units') END",
        "ProviderName": "'AWS'",
        "PublisherName": text("line_item_legal_entity"),
        "RegionId": text("product_region_code", "product_region"),
        "RegionName": text("product_location", "product_region_code"),
        "ResourceId": text("line_item_resource_id"),
        "ResourceType": text("product_product_family"),
        "ServiceCategory": "coalesce(services.category, 'Other')",
        "ServiceName": f"coalesce({text('product_product_name')}, services.name, {text('line_item_product_code')})",
        "ServiceSubcategory": "coalesce(services.subcategory, 'Other')",
        "SkuId": text("product_sku"),
        "SkuMeter": text("product_usagetype"),
        "SkuPriceId": text("pricing_rate_code"),
        "SubAccountId": text("line_item_usage_account_id"),
        "SubAccountType": "'Usage Account'",
        "x_UnblendedCost": amount("line_item_unblended_cost"),
        "x_BlendedCost": amount("line_item_blended_cost"),
        "x_NetUnblendedCost": amount("line_item_net_unblended_cost"),
        "x_NetEffectiveCost": amount("reservation_net_effective_cost"),
        "x_LineItemType": text(TYPE),
        "x_IsSplitCost": f"{text('split_line_item_parent_resource_id')} IS NOT NULL",
    }
    for name, prefix in OBJECTS.items():
        selected[name] = packed(column for column in columns if column.startswith(prefix) and column not in read)
        read.update(column for column in columns if column.startswith(prefix))
    selected["x_Other"] = packed(column for column in columns if column not in read)
    listing = ",\n".join(f"{value} AS {name}" for name, value in selected.items())
    unused = (
        f"{number('reservation_unused_amortized_upfront_fee_for_billing_period')} + {number('reservation_unused_recurring_fee')}"
    )
    spare = f"{number('savings_plan_total_commitment_to_date')} - {number('savings_plan_used_commitment')}"
    return f"""WITH services AS (SELECT code, any_value(name) AS name, any_value(category) AS category, any_value(subcategory) AS subcategory
                      FROM read_csv('{SERVICES}', header = true, all_varchar = true) GROUP BY code),
    charges AS (SELECT {listing}, CASE WHEN {TYPE} = 'RIFee' THEN {unused} WHEN {TYPE} = 'SavingsPlanRecurringFee' THEN {spare} END AS unused
                FROM lines LEFT JOIN services ON line_item_product_code = services.code)
    SELECT * EXCLUDE (unused) FROM charges UNION ALL BY NAME
    SELECT * EXCLUDE (unused) REPLACE (0::{AMOUNT} AS BilledCost, unused AS EffectiveCost, 'Usage' AS ChargeCategory, 'Unused' AS CommitmentDiscountStatus, 0::{AMOUNT} AS ListCost,
                                       0::{AMOUNT} AS x_UnblendedCost)
    FROM charges WHERE unused <> 0"""


def packed(columns: Iterable[str]) -> str:
    """These cells as one JSON object."""
    members = ", ".join(f"'{column}', {column}" for column in columns)
    return f"json_object({members})::VARCHAR" if members else "NULL::VARCHAR"
