"""Sums an org's published charges with DuckDB's decimals, straight from the Parquet files in the lake.

    python lake_sums.py FOLDER_OF_CHARGES

Prints one JSON object: BilledCost, EffectiveCost and ListCost as exact decimal texts, by service, account, day and invoice.
Only for a lake in which each month was published once: then every file in the folder is current.
"""

import json
import sys

import duckdb

KEYS = {
    "by_service": "x_ServiceCode",
    "by_usage_account": "SubAccountId",
    "by_day": "strftime(ChargePeriodStart AT TIME ZONE 'UTC', '%Y-%m-%d')",
    "by_invoice": "coalesce(InvoiceId, '')",
}

connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
charges = f"read_parquet('{sys.argv[1]}/**/*.parquet')"


def plain(amount):
    return format(amount.normalize() if amount else 0, "f")


def sums(key):
    totals = ", ".join(f"sum({cost})" for cost in ("BilledCost", "EffectiveCost", "ListCost"))
    rows = connection.execute(f"SELECT {key}, {totals} FROM {charges} WHERE NOT x_IsSplitCost GROUP BY 1").fetchall()
    return {name: dict(zip(("billed", "effective", "list"), map(plain, amounts))) for name, *amounts in rows}


json.dump({name: sums(key) for name, key in KEYS.items()}, sys.stdout)
