"""Reads a legacy Cost and Usage Report with DuckDB's decimals: what BilledCost and EffectiveCost must add up to.

    python independent_reader.py FILE.csv

Prints one JSON object: the sums as exact decimal texts, overall and by product code. Follows the rules of the FinOps
documentation, not billconnect's code: a charge that a commitment covers bills 0, purchases are amortised.
"""

import json
import sys

import duckdb

D = "DECIMAL(38, 18)"

connection = duckdb.connect()
connection.execute(
    "CREATE TABLE bill AS SELECT * FROM read_csv(?, all_varchar = true, header = true, quote = '\"', escape = '\"')", [sys.argv[1]]
)
columns = {row[0] for row in connection.execute("DESCRIBE bill").fetchall()}


def column(name):
    return f"coalesce(nullif(\"{name}\", '')::{D}, 0)" if name in columns else f"0::{D}"


TYPE = '"lineItem/LineItemType"'
UNBLENDED = column("lineItem/UnblendedCost")
BILLED = f"CASE WHEN {TYPE} IN ('SavingsPlanCoveredUsage', 'SavingsPlanNegation') THEN 0::{D} ELSE {UNBLENDED} END"
PURCHASE = f"{TYPE} = 'Fee' AND coalesce(\"reservation/ReservationARN\", '') <> ''" if "reservation/ReservationARN" in columns else "false"
EFFECTIVE = f"""CASE
    WHEN {TYPE} = 'DiscountedUsage' THEN {column("reservation/EffectiveCost")}
    WHEN {TYPE} = 'SavingsPlanCoveredUsage' THEN {column("savingsPlan/SavingsPlanEffectiveCost")}
    WHEN {TYPE} = 'SavingsPlanNegation' THEN 0::{D}
    WHEN {TYPE} = 'SavingsPlanUpfrontFee' THEN 0::{D}
    WHEN {TYPE} = 'SavingsPlanRecurringFee' THEN {column("savingsPlan/TotalCommitmentToDate")} - {column("savingsPlan/UsedCommitment")}
    WHEN {TYPE} = 'RIFee' THEN {column("reservation/UnusedAmortizedUpfrontFeeForBillingPeriod")} + {column("reservation/UnusedRecurringFee")}
    WHEN {PURCHASE} THEN 0::{D}
    ELSE {UNBLENDED} END"""

SUMS = f"count(*), sum({UNBLENDED})::{D}, sum({BILLED})::{D}, sum({EFFECTIVE})::{D}"


def named(rows, unblended, billed, effective):
    plain = lambda amount: format(amount.normalize(), "f")
    return {"rows": rows, "unblended": plain(unblended), "billed": plain(billed), "effective": plain(effective)}


answer = named(*connection.execute(f"SELECT {SUMS} FROM bill").fetchone())
by_product = connection.execute(f'SELECT "lineItem/ProductCode", {SUMS} FROM bill GROUP BY 1').fetchall()
answer["by_product"] = {row[0]: named(*row[1:]) for row in by_product}
json.dump(answer, sys.stdout)
