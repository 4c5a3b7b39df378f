"""Reads the AWS rows of a FOCUS 1.0 file with DuckDB's decimals, and writes them apart.

    python focus_reader.py FILE.csv AWS_ROWS.csv

Prints one JSON object: rows, and the sums of the four costs as exact decimal texts, overall and by account. The rows that
it writes are cut out of the file as they stand.
"""

import csv
import json
import sys

import duckdb

COSTS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")

connection = duckdb.connect()
connection.execute("CREATE TABLE bill AS SELECT * FROM read_csv(?, all_varchar = true, header = true)", [sys.argv[1]])
SUMS = "count(*), " + ", ".join(f'sum("{cost}"::DECIMAL(38, 18))' for cost in COSTS)


def named(rows, *amounts):
    texts = (format(amount.normalize() if amount else 0, "f") for amount in amounts)
    return {"rows": rows} | dict(zip(COSTS, texts))


aws = "FROM bill WHERE ProviderName = 'AWS'"
answer = named(*connection.execute(f"SELECT {SUMS} {aws}").fetchone())
by_account = connection.execute(f'SELECT "SubAccountId", {SUMS} {aws} GROUP BY 1').fetchall()
answer["by_account"] = {row[0]: named(*row[1:]) for row in by_account}

with open(sys.argv[1], newline="") as file, open(sys.argv[2], "w", newline="") as out:
    rows = csv.reader(file)
    header = next(rows)
    provider = header.index("ProviderName")
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows(row for row in rows if row[provider] == "AWS")
json.dump(answer, sys.stdout)
