"""Answers questions about costs with DuckDB's decimals, straight from the Parquet files in the lake.

    python questions.py FOLDER_OF_CHARGES CATEGORY_RULES < questions.json

Each question is an object; the answer is a list of [[timestamp, [value, ...], other], [sum, ...]] a question. Only for a lake in
which each month was published once: then every file in the folder is current.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import defaultdict
from decimal import Decimal, getcontext

import duckdb

getcontext().prec = 60
folder, rules = sys.argv[1:]
connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
files = f"read_parquet('{folder}/**/*.parquet', hive_partitioning=true, hive_types_autocast=false)"
connection.execute(f"CREATE TABLE charges AS SELECT * FROM {files} WHERE NOT x_IsSplitCost")

COMMITTED = """(CommitmentDiscountId IS NOT NULL OR coalesce(x_LineItemType IN ('DiscountedUsage', 'RIFee',
    'SavingsPlanCoveredUsage', 'SavingsPlanNegation', 'SavingsPlanRecurringFee', 'SavingsPlanUpfrontFee'), false))"""
UNBLENDED = "coalesce(x_UnblendedCost, BilledCost)"
LIST_AMORTIZED = f"CASE WHEN {COMMITTED} AND ChargeCategory = 'Purchase' THEN 0 ELSE ListCost END"
METRICS = {
    "cost_nonamortized_unblended_adj": [UNBLENDED],
    "cost_amortized_unblended_adj": ["EffectiveCost"],
    "cost_nonamortized_blended_adj": ["coalesce(x_BlendedCost, BilledCost)"],
    "cost_amortized_blended_adj": [
        f"CASE WHEN {COMMITTED} THEN EffectiveCost ELSE coalesce(x_BlendedCost, EffectiveCost) END"
    ],
    "list_price_nonamortized_adj": ["ListCost"],
    "list_price_amortized_adj": [LIST_AMORTIZED],
    "savings_rate_reduction_nonamortized_adj": ["ListCost", UNBLENDED],
    "savings_rate_reduction_amortized_adj": [LIST_AMORTIZED, "EffectiveCost"],
}


def text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def category() -> str:
    columns = {
        "product_code": "x_ServiceCode",
        "product_family": "x_ProductFamily",
        "usage_type": "x_UsageType",
        "line_item_type": "x_LineItemType",
    }
    cases = []
    with open(rules, encoding="utf-8") as lines:
        for rule in sorted(csv.DictReader(lines), key=lambda rule: int(rule["priority"])):
            conditions = ["true"]
            for cell, column in columns.items():
                if rule[cell].endswith("*"):
                    conditions.append(f"coalesce(starts_with({column}, {text(rule[cell][:-1])}), false)")
                elif rule[cell]:
                    conditions.append(f"coalesce({column} = {text(rule[cell])}, false)")
            cases.append(f"WHEN {' AND '.join(conditions)} THEN {text(rule['category'])}")
    return f"CASE {' '.join(cases)} END"


DIMENSIONS = {
    "vendor_account": "SubAccountId",
    "service": "x_ServiceCode",
    "region": "coalesce(x_ProductLocation, RegionId)",
    "usage_type": """CASE WHEN x_LineItemType IN ('DiscountedUsage', 'Fee', 'Tax')
        THEN coalesce(x_UsageType || ':' || x_LineItemType, x_LineItemType) ELSE x_UsageType END""",
    "usage_unit": "coalesce(PricingUnit, ConsumedUnit)",
    "line_item_type": "x_LineItemType",
    "invoice_id": "InvoiceId",
    "purchase_option": "x_PurchaseOption",
    "commitment_id": "CommitmentDiscountId",
    "category": category(),
    "bill_source": "x_BillConnectId",
    "tag_team": "nullif(json_extract_string(Tags, '$.team'), '')",
    "resource_id": "ResourceId",
}


def condition(of: dict) -> str:
    raw = f"({DIMENSIONS[of['dimension']]})"
    value = f"coalesce({raw}, 'None')"
    values = [text(one) for one in of["values"]]
    comparisons = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    functions = {"co": "contains", "sw": "starts_with", "ew": "suffix"}
    operator = of["operator"]
    if operator == "null":
        holds = f"{raw} IS NULL"
    elif operator in comparisons:
        holds = f"{value} {comparisons[operator]} {values[0]}"
    elif operator in functions:
        holds = f"{functions[operator]}({value}, {values[0]})"
    else:
        holds = f"{value} {'NOT ' if operator == 'nin' else ''}IN ({', '.join(values)})"
    return f"NOT ({holds})" if of["not"] else f"({holds})"


def day(of: str) -> str:
    return of if len(of) == 10 else of + "-01"


def answer(question: dict) -> list:
    grain, by_charge = question["granularity"], question["period"] == "charge_period"
    start, end = (f"TIMESTAMP '{day(question[name])}'" for name in ("start", "end"))
    charged = "(ChargePeriodStart AT TIME ZONE 'UTC')"
    if by_charge or grain in ("day", "hour"):
        moment = charged
    else:
        moment = "strptime(x_BillingPeriod, '%Y-%m')"
    time = start if grain == "total" else f"date_trunc('{grain}', {moment})"
    where = [f"{moment} >= {start}", f"{moment} < {end}"]
    if question["conditions"]:
        where.append("(" + f" {question['join']} ".join(map(condition, question["conditions"])) + ")")
    values = [f"coalesce({DIMENSIONS[name]}, 'None')" for name in question["dimensions"]]
    parts = [part for name in question["metrics"] for part in METRICS[name]]
    columns = [f"strftime({time}, '%Y-%m-%dT%H:%M:%SZ')", *values, *(f"sum({part})" for part in parts)]
    groups = ", ".join(str(at + 1) for at in range(1 + len(values)))
    query = f"SELECT {', '.join(columns)} FROM charges WHERE {' AND '.join(where)} GROUP BY {groups}"
    rows = []
    for timestamp, *rest in connection.execute(query).fetchall():
        cells, sums = tuple(rest[: len(values)]), iter(rest[len(values) :])
        metrics = []
        for name in question["metrics"]:
            amounts = [next(sums) or Decimal(0) for _ in METRICS[name]]
            metrics.append(amounts[0] - (amounts[1] if len(amounts) > 1 else 0))
        rows.append((timestamp, cells, metrics))
    return kept(question, rows)


def kept(question: dict, rows: list) -> list:
    """The rows, with those of all groups but the top ones summed up."""
    best = None
    if question["top"]:
        totals = defaultdict(Decimal)
        for _, cells, metrics in rows:
            totals[cells] += metrics[0]
        order = sorted(totals, key=lambda cells: (-totals[cells], [cell.encode() for cell in cells]))
        best = set(order[: question["top"]])
    sums = defaultdict(lambda: [Decimal(0)] * len(question["metrics"]))
    for timestamp, cells, metrics in rows:
        other = best is not None and cells not in best
        key = (timestamp, tuple("Other" for _ in cells) if other else cells, other)
        sums[key] = [known + more for known, more in zip(sums[key], metrics)]
    return [
        [[timestamp, list(cells), other], [format(amount, "f") for amount in metrics]]
        for (timestamp, cells, other), metrics in sums.items()
    ]


json.dump([answer(question) for question in json.load(sys.stdin)], sys.stdout)
