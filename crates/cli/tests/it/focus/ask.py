"""Runs the queries of a SQL file over the view `charges` of a file (Parquet or CSV), and prints each one's rows as JSON.

A query begins with a line `-- name:`. More views may be given as NAME=FILE. Decimals are decimals, and leave as text.
"""

from __future__ import annotations

import json
import re
import sys

import duckdb

OPTIONAL = ["reservation/ReservationARN", "splitLineItem/ParentResourceId"]


def main(queries: str, *views: str) -> None:
    base = duckdb.connect()
    for view in views:
        name, _, file = view.partition("=")
        texts = ", all_varchar=true, union_by_name=true" if name.startswith("text_") else ""
        reader = "read_parquet" if file.endswith("parquet") else "read_csv"
        more = f", header=true, quote='\"', escape='\"'{texts}" if reader == "read_csv" else ""
        files = f"{reader}('{file}'{more})"
        there = {row[0] for row in base.execute(f"describe select * from {files}").fetchall()}
        # A bill that has nothing of the kind has no such column.
        absent = [f'null::varchar as "{column}"' for column in OPTIONAL if name == "text_lines" and column not in there]
        base.execute(f"create view {name} as select {', '.join(['*', *absent])} from {files}")
    with open(queries, encoding="utf-8") as text:
        pieces = re.split(r"^-- (.+):$", text.read(), flags=re.MULTILINE)[1:]
    answers = {}
    for name, query in zip(pieces[::2], pieces[1::2]):
        rows = base.execute(query).fetchall()
        answers[name] = [[None if value is None else str(value) for value in row] for row in rows[:1000]]
    print(json.dumps(answers))


main(*sys.argv[1:])
