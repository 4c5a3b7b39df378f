"""Questions about costs, and their answers by DuckDB straight from the Parquet files in the lake.

    python rollup_questions.py ask FOLDER_OF_CHARGES SEED COUNT      prints COUNT request bodies as a JSON array
    python rollup_questions.py compare FOLDER_OF_CHARGES ANSWERS     reads [[body, answer], …], prints what differs
    python rollup_questions.py forge FOLDER_OF_AN_ORG                adds 1 to every amount of the rollups, and has the records say so

Only for a lake in which each month was published once: then every file in the folder of charges is current.
"""

import csv
import json
import random
import sys
import zlib
from decimal import Decimal
from pathlib import Path

import duckdb

RULES = Path(__file__).resolve().parents[3] / "billing/data/category-rules-aws.csv"
AMOUNTS = ("BilledCost", "EffectiveCost", "ListCost", "x_UnblendedCost", "x_BlendedCost")
# Names of accounts are not here: they come from Organizations, which DuckDB does not know.
COLUMNS = {
    "vendor_account": "SubAccountId",
    "billing_account": "BillingAccountId",
    "bill_entity": "x_BillingEntity",
    "bill_source": "x_BillConnectId",
    "invoice_id": "InvoiceId",
    "service": "x_ServiceCode",
    "region": "coalesce(x_ProductLocation, RegionId)",
    "availability_zone": "AvailabilityZone",
    "usage_type": "CASE WHEN x_LineItemType IN ('DiscountedUsage', 'Fee', 'Tax')"
    " THEN coalesce(x_UsageType || ':' || x_LineItemType, x_LineItemType) ELSE x_UsageType END",
    "usage_unit": "coalesce(PricingUnit, ConsumedUnit)",
    "resource_type": "x_ProductFamily",
    "instance_type": "x_InstanceType",
    "instance_type_family": "x_InstanceTypeFamily",
    "operating_system": "x_OperatingSystem",
    "database_engine": "x_DatabaseEngine",
    "license_model": "x_LicenseModel",
    "deployment_option": "x_DeploymentOption",
    "line_item_type": "x_LineItemType",
    "purchase_option": "x_PurchaseOption",
    "commitment_id": "CommitmentDiscountId",
    "commitment_name": "CommitmentDiscountName",
    "service_family": "ServiceCategory",
    "manufacturer_name": "PublisherName",
    # Only single charges have these.
    "description": "ChargeDescription",
    "resource_id": "ResourceId",
}
CHARGES_ONLY = ["description", "resource_id", "tag_team", "tag_Name", "tag_user:env"]
COMMITTED = (
    "(CommitmentDiscountId IS NOT NULL OR x_LineItemType IN ('DiscountedUsage', 'RIFee', 'SavingsPlanCoveredUsage',"
    " 'SavingsPlanNegation', 'SavingsPlanRecurringFee', 'SavingsPlanUpfrontFee'))"
)
UNBLENDED = "sum(coalesce(x_UnblendedCost, BilledCost))"
LIST_AMORTIZED = f"sum(CASE WHEN {COMMITTED} AND ChargeCategory = 'Purchase' THEN 0 ELSE ListCost END)"
METRICS = {
    "cost_nonamortized_unblended_adj": UNBLENDED,
    "cost_amortized_unblended_adj": "sum(EffectiveCost)",
    "cost_nonamortized_blended_adj": "sum(coalesce(x_BlendedCost, BilledCost))",
    "cost_amortized_blended_adj": f"sum(CASE WHEN {COMMITTED} THEN EffectiveCost ELSE coalesce(x_BlendedCost, EffectiveCost) END)",
    "list_price_nonamortized_adj": "sum(ListCost)",
    "list_price_amortized_adj": LIST_AMORTIZED,
    "savings_rate_reduction_nonamortized_adj": f"sum(ListCost) - {UNBLENDED}",
    "savings_rate_reduction_amortized_adj": f"{LIST_AMORTIZED} - sum(EffectiveCost)",
    "usage_amount": "sum(x_UsageAmount)",
}

database = duckdb.connect()
database.execute("SET TimeZone = 'UTC'")


def text(value):
    return "'" + value.replace("'", "''") + "'"


def category():
    cases = []
    for rule in sorted(csv.DictReader(RULES.open()), key=lambda rule: int(rule["priority"])):
        cells = {"x_ServiceCode": "product_code", "x_ProductFamily": "product_family", "x_UsageType": "usage_type", "x_LineItemType": "line_item_type"}
        matches = [
            f"starts_with({column}, {text(rule[cell][:-1])})" if rule[cell].endswith("*") else f"{column} = {text(rule[cell])}"
            for column, cell in cells.items()
            if rule[cell]
        ]
        cases.append(f"WHEN {' AND '.join(matches) or 'true'} THEN {text(rule['category'])}")
    return f"CASE {' '.join(cases)} END"


def value(dimension):
    fixed = {"vendor": "'AWS'", "billing_center_id": "'unallocated'"}
    if dimension in fixed:
        return fixed[dimension]
    if dimension == "category":
        return f"coalesce({category()}, 'None')"
    if dimension.startswith("tag_"):
        key = dimension.removeprefix("tag_")
        keys = [key, key.removeprefix("user:")]
        found = ", ".join(f"nullif(json_extract_string(Tags, {text('$.' + json.dumps(key))}), '')" for key in keys)
        return f"coalesce({found}, 'None')"
    return f"coalesce({COLUMNS[dimension]}, 'None')"


def condition(given):
    kind = given["type"]
    if kind == "equal":
        return f"{value(given['dimension'])} = {text(given['value'])}"
    if kind == "substring":
        return f"contains({value(given['dimension'])}, {text(given['substring'])})"
    if kind == "not":
        return f"NOT ({condition(given['expression'])})"
    joined = f" {kind.upper()} ".join(f"({condition(inner)})" for inner in given["expressions"])
    return joined or ("true" if kind == "and" else "false")


def day(date):
    return date if len(date) == 10 else f"{date}-01"


def query(body):
    by_month = body["granularity"] == "month"
    by_bill = by_month and body["period_type"] == "billing_period"
    start = "strptime(x_BillingPeriod || '-01', '%Y-%m-%d')" if by_bill else "(ChargePeriodStart AT TIME ZONE 'UTC')"
    groups = [f"date_trunc('{body['granularity']}', {start})", *map(value, body["dimensions"])]
    sums = [f"coalesce({METRICS[metric]}, 0)" for metric in body["metrics"]]
    limits = [f"{start} >= '{day(body['start_at'])}'::TIMESTAMP", f"{start} < '{day(body['end_at'])}'::TIMESTAMP", "NOT x_IsSplitCost"]
    if "filter" in body:
        limits.append(condition(body["filter"]))
    places = ", ".join(str(at + 1) for at in range(len(groups)))
    where = " AND ".join(f"({limit})" for limit in limits)
    return f"SELECT {', '.join(groups + sums)} FROM charges WHERE {where} GROUP BY {places} ORDER BY {places}"


def expected(body):
    count = 1 + len(body["dimensions"])
    rows = [(row[0].strftime("%Y-%m-%dT%H:%M:%SZ"), *row[1:count], *map(Decimal, row[count:])) for row in database.execute(query(body)).fetchall()]
    limit = body.get("limit", len(rows))
    return rows[:limit], len(rows) > limit


def answered(body, answer):
    def row(of):
        metrics = [Decimal(of["metrics"][metric]) for metric in body["metrics"]]
        return (of["timestamp"], *(of["dimensions"][dimension] for dimension in body["dimensions"]), *metrics)

    return [row(of) for of in answer["rows"]], answer["rowsTruncated"]


def compare(answers):
    differences = []
    for body, answer in json.loads(Path(answers).read_text(), parse_float=Decimal, parse_int=Decimal):
        body = json.loads(json.dumps(body, default=int))
        if answered(body, answer) != expected(body):
            differences.append({"question": body, "query": query(body)})
    return differences


def ask(seed, count):
    chance = random.Random(seed)
    days = [row[0] for row in database.execute("SELECT DISTINCT strftime(ChargePeriodStart AT TIME ZONE 'UTC', '%Y-%m-%d') FROM charges ORDER BY 1").fetchall()]
    months = sorted({day[:7] for day in days})
    grouped = [*COLUMNS, "vendor", "category", "billing_center_id"]
    grouped.remove("resource_id")
    values = {}

    def some_value(dimension):
        if dimension not in values:
            values[dimension] = [row[0] for row in database.execute(f"SELECT DISTINCT {value(dimension)} FROM charges ORDER BY 1").fetchall()]
        return chance.choice(values[dimension])

    def a_filter(depth):
        kind = chance.choice(["equal", "equal", "substring", "not", "and", "or"] if depth else ["equal", "substring"])
        if kind == "not":
            return {"type": "not", "expression": a_filter(depth - 1)}
        if kind in ("and", "or"):
            return {"type": kind, "expressions": [a_filter(depth - 1) for _ in range(chance.randint(1, 3))]}
        # Most of what is asked is what rollups can tell.
        dimension = chance.choice(CHARGES_ONLY if chance.random() < 0.1 else grouped)
        found = some_value(dimension)
        if kind == "equal":
            return {"type": "equal", "dimension": dimension, "value": found}
        at = chance.randrange(len(found))
        return {"type": "substring", "dimension": dimension, "substring": found[at : at + chance.randint(1, 6)]}

    def a_span(granularity):
        if granularity == "month" and chance.random() < 0.7:
            first, last = sorted((chance.choice(months), chance.choice(months)))
            year, month = map(int, last.split("-"))
            return first, f"{year + month // 12}-{month % 12 + 1:02}"
        at = chance.randrange(len(days) - 1)
        end = min(at + chance.randint(1, 25), len(days) - 1)
        return days[at], days[end]

    def a_question():
        granularity = chance.choice(["month", "month", "day"])
        period_type = chance.choice(["charge_period", "charge_period", "billing_period"])
        dimensions = chance.sample(grouped, chance.choice([0, 1, 1, 2, 2, 3, 5, 10]))
        if chance.random() < 0.1:
            dimensions = [*dimensions[:9], chance.choice(CHARGES_ONLY[2:])]
        metrics = chance.sample(list(METRICS), chance.randint(1, 4))
        if "usage_amount" in metrics and "usage_unit" not in dimensions:
            dimensions = [*dimensions[:9], "usage_unit"]
        start, end = a_span(granularity)
        body = {"billing_center_ids": ["unallocated"], "metrics": metrics, "dimensions": dimensions, "start_at": start, "end_at": end}
        body |= {"granularity": granularity, "period_type": period_type}
        if chance.random() < 0.5:
            body["filter"] = a_filter(2)
        if chance.random() < 0.2:
            body["limit"] = chance.randint(1, 40)
        return body

    return [a_question() for _ in range(count)]


def forge(org):
    """What a wrong rollup would look like, so that the comparison shows that it can tell."""
    forged = 0
    for record in org.glob("receipts/*/*/*.json"):
        told = json.loads(record.read_text())
        for recorded in told.get("rollups", []):
            name = f"{record.stem}-{recorded['unit']}.parquet"
            rollup = org / "rollups" / record.relative_to(org / "receipts").with_name(name)
            wrong = rollup.with_name("wrong")
            amounts = ", ".join(f"({name} + 1)::DECIMAL(38, 18) AS {name}" for name in AMOUNTS)
            database.execute(f"COPY (SELECT * REPLACE ({amounts}) FROM read_parquet('{rollup}')) TO '{wrong}' (FORMAT parquet)")
            wrong.replace(rollup)
            recorded |= {"size": rollup.stat().st_size, "crc": zlib.crc32(rollup.read_bytes())}
            forged += 1
        record.write_text(json.dumps(told))
    return forged


if __name__ == "__main__":
    what, folder, *rest = sys.argv[1:]
    if what != "forge":
        database.execute(f"CREATE VIEW charges AS SELECT * FROM read_parquet('{folder}/**/*.parquet', hive_partitioning = true, hive_types_autocast = false)")
    if what == "ask":
        answer = ask(int(rest[0]), int(rest[1]))
    elif what == "compare":
        answer = compare(rest[0])
    else:
        answer = forge(Path(folder))
    json.dump(answer, sys.stdout)
