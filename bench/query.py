"""The bench of questions: how long costs take to ask through the API, beside DuckDB over the same Parquet files.

`make bench` runs it. A year of charges is brought in over HTTP from the AWS emulator, as any bill is; then each question is
asked again and again, of billconnect over HTTP and of DuckDB in this process, on as many threads, and both must answer the
same to the last digit. In the end 50 clients ask at once. `CHARGES` (10000000) and `MONTHS` (12) change how much there is;
`QUERY_DATA` names the data of an earlier run, which is then asked again; `BILLCONNECT_BIN` names a binary to use instead of
building one in release mode. Everything that it writes is in `.bench/`.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
from ingest import FOLDER, PARTS, BenchError, connect, note, release_binary

from customer import Customer, make_operator
from emulator import Emulator
from product import Product, ProductError, curl, exact

CHARGES = int(os.environ.get("CHARGES", "10000000"))
MONTHS = int(os.environ.get("MONTHS", "12"))
CLIENTS = 50
THREADS = 2
# How often a question is asked of each.
TIMES, TIMES_RAW, EACH_CLIENT = 100, 10, 20
METRIC = "cost_nonamortized_unblended_adj"


@dataclass(frozen=True)
class Question:
    """The same question in both languages."""

    name: str
    body: dict[str, Any]
    sql: str
    times: int


def main() -> None:
    """The table of contents."""
    FOLDER.mkdir(exist_ok=True)
    binary = release_binary()
    data, org, span = bring_in(binary)
    lake = data / "lake" / "orgs" / org
    database = duckdb_over(lake / "charges")
    print(f"\n{described(lake, database)}, {os.cpu_count()} cores\n")
    questions = [by_service(span), by_tag(span)]
    with serving(binary, data, org) as clients:
        print(f"{'':34} {'p50 ms':>8} {'p99 ms':>8} {'DuckDB ms':>10} {'ours is faster by':>18}")
        for question in questions:
            compare(question, clients, database)
    with serving(binary, data, org) as clients:
        crowd(clients, span)


def by_service(span: tuple[str, str]) -> Question:
    select = f"SELECT {MONTH}, coalesce(x_ServiceCode, 'None'), {SUM} {CHARGED}"
    return Question("by service and month", body(span, ["service"]), f"{select} GROUP BY 1, 2 ORDER BY 1, 2", TIMES)


def by_tag(span: tuple[str, str]) -> Question:
    where = "AND coalesce(nullif(json_extract_string(Tags, '$.team'), ''), 'None') = 'None'"
    select = f"SELECT {MONTH}, coalesce(x_ServiceCode, 'None'), {SUM} {CHARGED} {where}"
    wanted = {"filter": {"type": "equal", "dimension": "tag_team", "value": "None"}}
    asked = body(span, ["service"]) | wanted
    return Question("the same of one tag's value, raw", asked, f"{select} GROUP BY 1, 2 ORDER BY 1, 2", TIMES_RAW)


# The quickest of the ways to say it.
MONTH = "date_trunc('month', make_timestamp(epoch_us(ChargePeriodStart)))"
# What the metric is. The span is all that there is, so that DuckDB need not look at it.
SUM = "sum(coalesce(x_UnblendedCost, BilledCost))"
CHARGED = "FROM charges WHERE NOT x_IsSplitCost"


def body(span: tuple[str, str], dimensions: list[str]) -> dict[str, Any]:
    start, end = span
    asked = {"billing_center_ids": ["unallocated"], "metrics": [METRIC], "dimensions": dimensions}
    return asked | {"start_at": start, "end_at": end, "granularity": "month"}


def bring_in(binary: Path) -> tuple[Path, str, tuple[str, str]]:
    """A data folder with the year in it, its org, and the year's first month and the first one after it."""
    if given := os.environ.get("QUERY_DATA"):
        told = json.loads((Path(given) / "bench.json").read_text())
        return Path(given), told["org"], tuple(told["span"])
    data, folder = FOLDER / "query-data", FOLDER / "query-bill"
    shutil.rmtree(data, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    writer = Product(binary, FOLDER / "unused", dict(os.environ))
    shape = ("--months", str(MONTHS), "--rows", str(CHARGES // MONTHS), "--parts", str(PARTS))
    note(f"writing a bill of {CHARGES} lines over {MONTHS} months")
    writer.run("sample-bill", "--out", str(folder), *shape, "--format", "legacy-csv-gz")
    totals = json.loads((folder / "totals.json").read_text())
    with Emulator(FOLDER / "emulator.log") as aws:
        operator = make_operator(aws.endpoint)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BILLCONNECT_"))}
        product = Product(binary, data, kept | operator.environment(aws.endpoint))
        customer = Customer(aws.endpoint, totals["payer_account"])
        customer.make_organization()
        customer.make_bucket(totals["bucket"])
        org = str(product.ask("org", "create", "--name", "Bench")["id"])
        who = ("--org", org, "--bucket", totals["bucket"], "--operator-principal", operator.arn)
        setup = product.ask("setup", "aws", *who)
        role = customer.make_role("billconnect", setup["trust_policy"], setup["permission_policy"])
        place = {"aws_bill_account_id": totals["payer_account"], "aws_bucket_name": totals["bucket"], "aws_bucket_path": ""}
        connect(product, org, place | {"aws_sts_role_arn": role})
        customer.upload(folder / "bucket", totals["bucket"])
        shutil.rmtree(folder)
        started = time.monotonic()
        months = product.ask("ingest", "--org", org)
        note(f"brought in by one command in {time.monotonic() - started:.0f} s")
    if [month["status"] for month in months] != ["published"] * MONTHS:
        raise BenchError(f"not every month was published: {str(months)[:2000]}")
    periods = sorted(path.name.partition("=")[2] for path in (data / "lake" / "orgs" / org / "charges").glob("*/*=*"))
    year, month = map(int, periods[-1].split("-"))
    span = (periods[0], f"{year + month // 12}-{month % 12 + 1:02}")
    (data / "bench.json").write_text(json.dumps({"org": org, "span": span}))
    return data, org, span


def duckdb_over(charges: Path) -> duckdb.DuckDBPyConnection:
    """DuckDB with the same files. Each month was published once, so all of them are current."""
    database = duckdb.connect()
    database.execute(f"SET threads = {THREADS}")
    database.execute("SET TimeZone = 'UTC'")
    database.execute("SET parquet_metadata_cache = true")
    database.execute(f"CREATE VIEW charges AS SELECT * FROM read_parquet('{charges}/**/*.parquet', hive_partitioning = false)")
    return database


def described(lake: Path, database: duckdb.DuckDBPyConnection) -> str:
    def size(folder: str) -> float:
        return sum(path.stat().st_size for path in (lake / folder).rglob("*.parquet")) / 2**20

    ((charges,),) = database.execute("SELECT count(*) FROM charges").fetchall()
    ((rows,),) = database.execute(f"SELECT count(*) FROM read_parquet('{lake}/rollups/**/*.parquet')").fetchall()
    return f"{charges} charges in {size('charges'):.0f} MiB, rolled up to {rows} rows in {size('rollups'):.1f} MiB"


# Asks one thing and gives the answer's text; and what makes such, each with a connection of its own.
Ask = Callable[[dict[str, Any]], str]
Clients = Callable[[], Ask]


@contextmanager
def serving(binary: Path, data: Path, org: str) -> Iterator[Clients]:
    """A server over the data, and what makes its clients."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BILLCONNECT_"))}
    # Nothing answers there: the year is in, and nobody looks for more while questions are timed.
    product = Product(binary, data, kept | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "BILLCONNECT_POLL_INTERVAL": "1d"})
    refresh = product.ask("token", "create", "--org", org, "--role", "viewer")["refresh_token"]
    with product.serve(FOLDER / "serve.log") as server:
        _, answer = curl("-X", "POST", f"{server.url}/oidc/token", "-d", f"grant_type=refresh_token&refresh_token={refresh}")
        headers = {"Authorization": f"Bearer {json.loads(answer)['access_token']}", "Content-Type": "application/json"}
        path = f"/bill-analysis/orgs/{org}/costs/aggregated"

        def client() -> Ask:
            connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=120)

            def ask(asked: dict[str, Any]) -> str:
                connection.request("POST", path, json.dumps(asked), headers)
                response = connection.getresponse()
                text = response.read().decode()
                if response.status != 200:
                    raise BenchError(f"a question was answered {response.status}: {text[:500]}")
                return text

            return ask

        yield client


def compare(question: Question, clients: Clients, database: duckdb.DuckDBPyConnection) -> None:
    ask = clients()
    ours = rows_of(ask(question.body), question.body)
    theirs = [(at.strftime("%Y-%m-%dT%H:%M:%SZ"), *rest) for at, *rest in database.execute(question.sql).fetchall()]
    if ours != theirs:
        raise BenchError(f"`{question.name}` is answered differently: {len(ours)} and {len(theirs)} rows")
    times = [timed(lambda: ask(question.body)) for _ in range(question.times)]
    duck = [timed(lambda: database.execute(question.sql).fetchall()) for _ in range(min(question.times, 20))]
    ratio = middle(duck) / middle(times)
    print(f"{question.name:34} {middle(times):>8.1f} {worst(times):>8.1f} {middle(duck):>10.1f} {ratio:>17.1f}×")


def rows_of(text: str, asked: dict[str, Any]) -> list[tuple[Any, ...]]:
    def row(of: dict[str, Any]) -> tuple[Any, ...]:
        return (of["timestamp"], *(of["dimensions"][name] for name in asked["dimensions"]), Decimal(of["metrics"][METRIC]))

    return [row(of) for of in exact(text)["rows"]]


def crowd(clients: Clients, span: tuple[str, str]) -> None:
    """All at once, each asking one thing after the other; none may fail."""
    dimensions = ["service", "vendor_account", "region", "category", "line_item_type", "usage_type", "instance_type"]
    times: list[float] = []
    failures: list[str] = []

    def run(number: int) -> None:
        chance, ask = random.Random(number), clients()
        for _ in range(EACH_CLIENT):
            asked = body(span, chance.sample(dimensions, chance.randint(1, 3)))
            try:
                times.append(timed(lambda asked=asked: ask(asked)))
            except (BenchError, OSError) as error:
                failures.append(str(error))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(CLIENTS)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - started
    print(f"\n{CLIENTS} clients at once, {len(times)} questions, one to three dimensions each: {len(times) / seconds:.0f} a second,")
    print(f"p50 {middle(times):.0f} ms, p99 {worst(times):.0f} ms, {len(failures)} errors")
    if failures:
        raise BenchError(f"{len(failures)} questions failed, the first with: {failures[0]}")


def timed(run: Callable[[], Any]) -> float:
    """Milliseconds."""
    started = time.perf_counter()
    run()
    return (time.perf_counter() - started) * 1000


def middle(times: list[float]) -> float:
    return sorted(times)[len(times) // 2]


def worst(times: list[float]) -> float:
    """The 99th of a hundred."""
    return sorted(times)[min(len(times) - 1, len(times) * 99 // 100)]


if __name__ == "__main__":
    try:
        main()
    except (BenchError, ProductError) as error:
        note(f"The bench failed. {error}")
        sys.exit(1)
