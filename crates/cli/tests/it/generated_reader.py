"""Reads generated bills with DuckDB's decimals, straight from the delivered files, and compares with what the lake and the API say.

    python generated_reader.py INDEX.json

INDEX names for each bill its family (`cur` or `focus`), month, files, folder of charges and bill connect, and the API's answers. The rules are those
of the FinOps documentation, not billconnect's code: a charge that a commitment covers bills 0, purchases are amortised,
what is unused is a charge of its own, shares of an instance's cost are in no sum. Prints a JSON array of differences.
"""

import csv
import gzip
import io
import json
import sys
import urllib.parse
import zipfile
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import duckdb

D = "DECIMAL(38, 18)"
CUR = {
    "account": "lineItem/UsageAccountId",
    "type": "lineItem/LineItemType",
    "start": "lineItem/UsageStartDate",
    "service": "lineItem/ProductCode",
    "invoice": "bill/InvoiceId",
    "reservation": "reservation/ReservationARN",
    "parent": "splitLineItem/ParentResourceId",
    "unblended": "lineItem/UnblendedCost",
    "on_demand": "pricing/publicOnDemandCost",
    "reserved": "reservation/EffectiveCost",
    "unused_upfront": "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod",
    "unused_recurring": "reservation/UnusedRecurringFee",
    "planned": "savingsPlan/SavingsPlanEffectiveCost",
    "committed": "savingsPlan/TotalCommitmentToDate",
    "used": "savingsPlan/UsedCommitment",
}
# FOCUS states charges: its costs are taken as they stand.
FOCUS = {
    "account": "SubAccountId",
    "type": "ChargeCategory",
    "start": "ChargePeriodStart",
    "service": "x_ServiceCode",
    "invoice": "InvoiceId",
    "unblended": "BilledCost",
    "reserved": "EffectiveCost",
    "on_demand": "ListCost",
}
NAMES = list(CUR)

database = duckdb.connect()
database.execute("SET TimeZone = 'UTC'")


def snake(name):
    out = ""
    for letter in name:
        if (letter.isupper() or not letter.isalnum()) and out and not out.endswith("_"):
            out += "_"
        if letter.isalnum():
            out += letter.lower()
    return out


def spelled(family, columns):
    """What a file with these columns calls each of ours."""
    if family == "focus":
        return FOCUS
    return {name: snake(theirs) for name, theirs in CUR.items()} if "line_item_unblended_cost" in columns else CUR


def texts(path):
    if path.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            return archive.read(archive.namelist()[0]).decode()
    return gzip.open(path).read().decode()


def csv_lines(bill, number):
    for path in bill["files"]:
        if path.endswith(".parquet"):
            continue
        rows = csv.reader(io.StringIO(texts(path), newline=""))
        header = next(rows)
        names = spelled(bill["family"], header)
        places = [header.index(names[name]) if names.get(name) in header else None for name in NAMES]
        for row in rows:
            assert len(row) == len(header), (path, rows.line_num)
            yield [number, bill["family"]] + [None if at is None else row[at] or None for at in places]


def read(bills, folder):
    """Every line of every bill, with the columns that count, as text."""
    table = Path(folder, "lines.csv")
    with open(table, "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["bill", "family"] + NAMES)
        for number, bill in enumerate(bills):
            writer.writerows(csv_lines(bill, number))
    columns = {"bill": "INTEGER", "family": "VARCHAR"} | {name: "VARCHAR" for name in NAMES}
    database.execute(
        f"CREATE TABLE line AS SELECT * FROM read_csv('{table}', header = true, auto_detect = false, columns = {columns}, quote = '\"', escape = '\"')"
    )
    for number, bill in enumerate(bills):
        for path in bill["files"]:
            if path.endswith(".parquet"):
                held = {row[0]: row[1] for row in database.execute(f"DESCRIBE SELECT * FROM read_parquet('{path}')").fetchall()}
                names = spelled(bill["family"], held)
                cells = [f"CAST(\"{names[name]}\" AS VARCHAR)" if names.get(name) in held else "NULL" for name in NAMES]
                database.execute(f"INSERT INTO line SELECT {number}, '{bill['family']}', {', '.join(cells)} FROM read_parquet('{path}')")


def reckon(bills):
    """The charges that the lines are, by the documentation's rules."""
    database.execute("CREATE TABLE month (bill INTEGER, first VARCHAR)")
    database.executemany("INSERT INTO month VALUES (?, ?)", [[number, f"{bill['month']}-01"] for number, bill in enumerate(bills)])
    amounts = ["unblended", "on_demand", "reserved", "unused_upfront", "unused_recurring", "planned", "committed", "used"]
    cast = ", ".join(f"{name}::{D} AS {name}" for name in amounts)
    database.execute(f"CREATE TABLE stated AS SELECT * REPLACE ({cast}, left(start, 10) AS start) FROM line")
    cancelling = "type IN ('SavingsPlanCoveredUsage', 'SavingsPlanNegation')"
    discount = "type IN ('SavingsPlanNegation', 'Discount', 'BundledDiscount', 'EdpDiscount', 'PrivateRateDiscount')"
    bought = "(type IN ('RIFee', 'SavingsPlanRecurringFee', 'SavingsPlanUpfrontFee') OR (type = 'Fee' AND reservation IS NOT NULL))"
    unused = f"""CASE type WHEN 'RIFee' THEN coalesce(unused_upfront, 0::{D}) + coalesce(unused_recurring, 0::{D})
        WHEN 'SavingsPlanRecurringFee' THEN coalesce(committed, 0::{D}) - coalesce(used, 0::{D}) ELSE 0::{D} END"""
    whole = "bill, account, service, start AS day, type"
    database.execute(f"""
        CREATE TABLE known AS
        SELECT {whole}, unblended, unblended AS billed, reserved AS effective, on_demand AS list FROM stated WHERE family = 'focus'
        UNION ALL
        SELECT {whole}, unblended,
            CASE WHEN {cancelling} THEN 0 ELSE unblended END,
            CASE WHEN type = 'DiscountedUsage' THEN coalesce(reserved, 0)
                 WHEN type = 'SavingsPlanCoveredUsage' THEN coalesce(planned, 0)
                 WHEN type = 'SavingsPlanNegation' OR {bought} THEN 0 ELSE unblended END,
            CASE WHEN {bought} THEN unblended WHEN {discount} THEN coalesce(on_demand, 0) ELSE coalesce(on_demand, unblended) END
        FROM stated WHERE family = 'cur' AND parent IS NULL
        UNION ALL
        SELECT {whole}, 0, 0, {unused}, 0 FROM stated WHERE family = 'cur' AND parent IS NULL AND {unused} > 0
        UNION ALL
        SELECT bill, account, NULL, first, 'SavingsPlanNegation', 0, sum(unblended), 0, 0
        FROM stated JOIN month USING (bill) WHERE family = 'cur' AND parent IS NULL AND {cancelling}
        GROUP BY bill, account, invoice, first HAVING sum(unblended) <> 0""")
    database.execute("""
        CREATE TABLE counted AS
        SELECT bill, count(*) FILTER (WHERE family = 'cur' AND parent IS NOT NULL) AS split, count(*) AS rows FROM stated GROUP BY bill""")


def current(folder):
    """The files of each month that the table's log has now."""
    files = {}
    for commit in sorted(Path(folder, "_delta_log").glob("*.json")):
        for line in commit.read_text().splitlines():
            action = json.loads(line)
            for kind in ("add", "remove"):
                if kind in action:
                    path = urllib.parse.unquote(action[kind]["path"])
                    files.pop(path, None)
                    if kind == "add":
                        of = action["add"]["partitionValues"]
                        files[path] = (of["x_BillConnectId"], of["x_BillingPeriod"])
    months = defaultdict(list)
    for path, month in files.items():
        months[month].append(str(Path(folder, path)))
    return months


def look(bills):
    """What the lake holds of each bill."""
    lakes = {folder: current(folder) for folder in {bill["charges"] for bill in bills}}
    owner = {}
    for number, bill in enumerate(bills):
        owner |= {path: number for path in lakes[bill["charges"]].get((bill["connect"], bill["month"]), [])}
    database.execute("CREATE TABLE owner (filename VARCHAR, bill INTEGER)")
    database.executemany("INSERT INTO owner VALUES (?, ?)", list(owner.items()))
    paths = list(owner)
    database.execute(f"""
        CREATE TABLE held AS
        SELECT bill, SubAccountId AS account, x_ServiceCode AS service, strftime(ChargePeriodStart, '%Y-%m-%d') AS day, x_LineItemType AS type,
            coalesce(x_UnblendedCost, BilledCost) AS unblended, BilledCost AS billed, EffectiveCost AS effective, ListCost AS list, x_IsSplitCost AS split
        FROM read_parquet({paths}, filename = true, hive_partitioning = false) JOIN owner USING (filename)""")


KEY = ("bill", "account", "service", "day", "type")
COSTS = ("unblended", "billed", "effective", "list")


def sums(table, key, costs, where):
    names = ", ".join(f"coalesce({name}, 'None') AS {name}" if name != "bill" else name for name in key)
    return f"SELECT {names}, {', '.join(f'sum({cost}) AS {cost}' for cost in costs)} FROM {table} WHERE {where} GROUP BY ALL"


def differences(key, costs, found):
    """Where sums by a key are not what the files say."""
    known = sums("known", key, costs, "true")
    differs = " OR ".join(f"coalesce(k.{cost}, 0) <> coalesce(f.{cost}, 0)" for cost in costs)
    shown = ", ".join(f"coalesce(k.{cost}, 0)::VARCHAR, coalesce(f.{cost}, 0)::VARCHAR" for cost in costs)
    rows = database.execute(f"SELECT {', '.join(key)}, {shown} FROM ({known}) k FULL JOIN ({found}) f USING ({', '.join(key)}) WHERE {differs}").fetchall()
    for row in rows:
        amounts = dict(zip(costs, zip(row[len(key) :: 2], row[len(key) + 1 :: 2])))
        wrong = {cost: {"files": files, "found": found} for cost, (files, found) in amounts.items() if Decimal(files) != Decimal(found)}
        yield {"bill": row[0], "at": list(row[1 : len(key)]), **wrong}


def counts(bills):
    """Charges: rows that are no shares and what was added, and the shares."""
    known = database.execute("SELECT bill, count(*) FROM known GROUP BY 1").fetchall()
    split = dict(database.execute("SELECT bill, split FROM counted").fetchall())
    held = {bill: (charges, shares) for bill, charges, shares in database.execute("SELECT bill, count(*) FILTER (WHERE NOT split), count(*) FILTER (WHERE split) FROM held GROUP BY 1").fetchall()}
    known = dict(known)
    for number in range(len(bills)):
        expected = (known.get(number, 0), split.get(number, 0))
        if held.get(number, (0, 0)) != expected:
            yield {"bill": number, "charges": {"files": expected, "found": held.get(number, (0, 0))}}


def answered(bills, answers):
    """The API's rows as a table."""
    of = {(bill["connect"], bill["month"]): number for number, bill in enumerate(bills)}
    rows = []
    for answer in answers:
        for row in answer["rows"]:
            number = of.get((row["dimensions"]["bill_source"], row["timestamp"][:7]))
            if number is not None:
                amounts = [row["metrics"][name] for name in ("cost_nonamortized_unblended_adj", "cost_amortized_unblended_adj", "list_price_nonamortized_adj")]
                rows.append([number, row["dimensions"]["vendor_account"], row["dimensions"]["line_item_type"], *amounts])
    database.execute(f"CREATE TABLE answered (bill INTEGER, account VARCHAR, type VARCHAR, unblended {D}, effective {D}, list {D})")
    if rows:
        database.executemany("INSERT INTO answered VALUES (?, ?, ?, ?, ?, ?)", rows)


def main():
    index = json.loads(Path(sys.argv[1]).read_text(), parse_float=str, parse_int=str)
    bills = index["bills"]
    read(bills, Path(sys.argv[1]).parent)
    reckon(bills)
    look(bills)
    answered(bills, index["answers"])
    found = list(differences(KEY, COSTS, sums("held", KEY, COSTS, "NOT split")))
    if index["answers"]:
        key, costs = ("bill", "account", "type"), ("unblended", "effective", "list")
        found += differences(key, costs, sums("answered", key, costs, "true"))
    found += counts(bills)
    by_bill = defaultdict(list)
    for difference in found:
        by_bill[difference.pop("bill")].append(difference)
    rows = database.execute("SELECT count(*) FROM line").fetchone()[0]
    types = database.execute("SELECT count(DISTINCT type) FROM line WHERE family = 'cur'").fetchone()[0]
    json.dump({"rows": rows, "types": types, "differences": [{"bill": bill, "found": found[:5]} for bill, found in by_bill.items()]}, sys.stdout)


main()
