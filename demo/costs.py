"""Costs as the API answers them, beside what the sample bill is known to hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from product import Caller

UNBLENDED = "cost_nonamortized_unblended_adj"
# The API's metrics and the names of the same sums in totals.json.
METRICS = {
    UNBLENDED: "unblended",
    "cost_amortized_unblended_adj": "effective",
    "list_price_nonamortized_adj": "list",
}
# The API's dimensions and the names of the same breakdowns in totals.json.
BREAKDOWNS = {
    None: None,
    "service": "by_service",
    "vendor_account": "by_usage_account",
    "line_item_type": "by_line_item_type",
    "invoice_id": "by_invoice",
}
# How the API says that a charge has no value, such as the invoice id in an open month; the totals say "".
MISSING = "None"

# (month, value of the dimension) → metric → amount
Costs = dict[tuple[str, str], dict[str, Decimal]]


def ask(caller: Caller, months: list[str], dimension: str | None) -> Costs:
    """Monthly costs by one dimension, or in total (the value is then empty)."""
    answer = caller.post("/bill-analysis/orgs/{org}/costs/aggregated", question(months, dimension))
    costs: Costs = {}
    for row in answer["rows"]:
        value = row["dimensions"][dimension] if dimension else ""
        costs[row["timestamp"][:7], value] = {metric: Decimal(row["metrics"][metric]) for metric in METRICS}
    return costs


def question(months: list[str], dimension: str | None) -> dict[str, Any]:
    """The body of the request: from the first of the months to the end of the last."""
    return {
        "billing_center_ids": ["unallocated"],
        "metrics": list(METRICS),
        "dimensions": [dimension] if dimension else [],
        "start_at": months[0],
        "end_at": _after(months[-1]),
        "granularity": "month",
        "period_type": "billing_period",
    }


def _after(month: str) -> str:
    year, number = int(month[:4]), int(month[5:])
    return f"{year + number // 12}-{number % 12 + 1:02}"


def differences(costs: Costs, totals: dict[str, Any], breakdown: str | None) -> Iterator[str]:
    """Where the answer is not what the sample holds, to the last digit; nothing when all is right."""
    known: Costs = {}
    for month, sums in totals["months"].items():
        parts = sums[breakdown] if breakdown else {"": sums}
        for key, part in parts.items():
            value = key or (MISSING if breakdown else "")
            known[month, value] = {metric: Decimal(part[name]) for metric, name in METRICS.items()}
    zero = dict.fromkeys(METRICS, Decimal(0))
    for key in sorted(known.keys() | costs.keys()):
        got, expected = costs.get(key, zero), known.get(key, zero)
        for metric in METRICS:
            if got[metric] != expected[metric]:
                yield f"{' '.join(key)} {metric}: the API says {got[metric]}, the sample holds {expected[metric]}"


def total(costs: Costs, metric: str) -> Decimal:
    """All months and values added up."""
    return sum((amounts[metric] for amounts in costs.values()), Decimal(0))


def by_value(costs: Costs, metric: str) -> dict[str, dict[str, Decimal]]:
    """Value → month → amount, the dearest value first."""
    found: dict[str, dict[str, Decimal]] = defaultdict(dict)
    for (month, value), amounts in costs.items():
        found[value][month] = amounts[metric]
    return dict(sorted(found.items(), key=lambda item: -sum(item[1].values())))


def unequal(receipt: Any) -> Iterator[tuple[str, Decimal]]:
    """Every stated difference between the files and the lake, wherever it stands in a receipt: (where, amount)."""
    if isinstance(receipt, dict):
        for key, value in receipt.items():
            if key == "difference":
                yield from ((key, amount) for amount in _amounts(value))
            else:
                yield from ((f"{key}.{where}", amount) for where, amount in unequal(value))
    elif isinstance(receipt, list):
        for value in receipt:
            yield from unequal(value)


def _amounts(value: Any) -> Iterator[Decimal]:
    if isinstance(value, dict):
        for part in value.values():
            yield from _amounts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _amounts(part)
    else:
        yield Decimal(value)
