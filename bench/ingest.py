"""The bench: how fast and in how much memory billconnect ingests a month, beside DuckDB, Polars and gunzip.

`make bench` runs it. `ROWS` (2000000), `PARTS` (4) and `ROUNDS` (2) change what is measured; `BILLCONNECT_BIN` names a
binary to use instead of building one in release mode. All read the same files, in turns, each in a process of its own:
a legacy report in csv.gz, then one in Parquet, which DuckDB maps to FOCUS too (`focus_mapping.py`). billconnect reads
them over HTTP from the AWS emulator, which runs on the same cores; the others from disk. Then billconnect reads half as
many rows, to show what memory does. Everything that it writes is in `.bench/`.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "kit"))
sys.path.insert(0, str(ROOT / "demo"))

from customer import Customer, make_operator  # noqa: E402
from emulator import Emulator  # noqa: E402
from product import Product, ProductError, curl  # noqa: E402

FOLDER = ROOT / ".bench"
ROWS = int(os.environ.get("ROWS", "2000000"))
PARTS = int(os.environ.get("PARTS", "4"))
ROUNDS = int(os.environ.get("ROUNDS", "2"))
# Bytes on macOS, KiB elsewhere.
MAXRSS_IN_A_MIB = 2**20 if platform.system() == "Darwin" else 2**10
READERS = ROOT / "bench" / "readers.py"


class BenchError(RuntimeError):
    """A measurement that measured the wrong thing, or nothing."""


@dataclass(frozen=True)
class Run:
    """One process from its start to its end."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


@dataclass(frozen=True)
class Sample:
    """One month of a report on disk."""

    folder: Path
    totals: dict[str, Any]
    parts: list[Path]
    rows: int


OURS = "billconnect ingest"
# How many times faster ours is to be.
GOALS = {"duckdb → parquet": 8, "polars → parquet": 4, "gunzip alone": 1.2, "duckdb → focus": 3}


def main() -> None:
    """The table of contents."""
    FOLDER.mkdir(exist_ok=True)
    binary = release_binary()
    csv = write_sample(binary, "legacy-csv-gz", ROWS)
    unpacked = sum(size_unpacked(part) for part in csv.parts)
    others: dict[str, Callable[[], Run]] = {
        "duckdb → parquet": lambda: read("duckdb", csv),
        "polars → parquet": lambda: read("polars", csv),
        "gunzip alone": lambda: measured(["gunzip", "-c", *map(str, csv.parts)], stdout=subprocess.DEVNULL)[0],
    }
    runs = contest(binary, csv, others)
    report(f"{described(csv)}, {unpacked / 2**20:.0f} MiB unpacked", ROWS, runs)
    half = write_sample(binary, "legacy-csv-gz", ROWS // 2)
    halves = contest(binary, half, {})
    peaks = [max(run.peak_mib for run in those[OURS]) for those in (halves, runs)]
    print(f"\nPeak memory at {half.rows} rows: {peaks[0]:,.0f} MiB; at {csv.rows} rows: {peaks[1]:,.0f} MiB")
    parquet = write_sample(binary, "legacy-parquet", ROWS)
    report(described(parquet), ROWS, contest(binary, parquet, {"duckdb → focus": lambda: read("duckdb-focus", parquet)}))


def contest(binary: Path, sample: Sample, others: dict[str, Callable[[], Run]]) -> dict[str, list[Run]]:
    """All of them and billconnect, in turns."""
    with Emulator(FOLDER / "emulator.log") as aws:
        contestants = {OURS: prepare_ingest(binary, aws.endpoint, sample)} | others
        runs: dict[str, list[Run]] = {name: [] for name in contestants}
        for turn in range(ROUNDS):
            for name, run in contestants.items():
                runs[name].append(run())
                note(f"{described(sample)}, round {turn + 1} of {ROUNDS}: {name} {runs[name][-1].seconds:.2f} s")
    return runs


def described(sample: Sample) -> str:
    packed = sum(part.stat().st_size for part in sample.parts)
    return f"{sample.folder.name}: {sample.rows} rows in {len(sample.parts)} files, {packed / 2**20:.0f} MiB"


def release_binary() -> Path:
    given = os.environ.get("BILLCONNECT_BIN")
    if given:
        return Path(given).resolve()
    note("building billconnect in release mode; from nothing on two cores this takes most of an hour")
    subprocess.run(["cargo", "build", "--release", "--locked", "-p", "billconnect"], cwd=ROOT, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / "release" / "billconnect"


def write_sample(binary: Path, form: str, rows: int) -> Sample:
    folder = FOLDER / f"{form}-{rows}"
    shutil.rmtree(folder, ignore_errors=True)
    product = Product(binary, FOLDER / "unused", dict(os.environ))
    shape = ("--months", "1", "--rows", str(rows), "--parts", str(PARTS), "--format", form)
    product.run("sample-bill", "--out", str(folder), *shape)
    totals: dict[str, Any] = json.loads((folder / "totals.json").read_text())
    return Sample(folder, totals, listed_parts(folder, totals), rows)


def listed_parts(folder: Path, totals: dict[str, Any]) -> list[Path]:
    """The files that the month's manifest lists, but for empty ones."""
    bucket = folder / "bucket"
    months = bucket / totals["path_prefix"] / totals["report_name"]
    (manifest,) = months.glob(f"2*/{totals['report_name']}-Manifest.json")
    parts = [bucket / key for key in json.loads(manifest.read_text())["reportKeys"]]
    return [part for part in parts if part.stat().st_size > 0]


def size_unpacked(part: Path) -> int:
    with subprocess.Popen(["gunzip", "-c", str(part)], stdout=subprocess.PIPE) as process:
        out = process.stdout
        assert out is not None
        return sum(len(piece) for piece in iter(lambda: out.read(1 << 20), b""))


def prepare_ingest(binary: Path, endpoint: str, sample: Sample) -> Callable[[], Run]:
    """Connects the bill while the bucket is still empty, so that nothing is read before it is timed."""
    totals = sample.totals
    operator = make_operator(endpoint)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BILLCONNECT_"))}
    environment = kept | operator.environment(endpoint)
    template = FOLDER / "connected"
    shutil.rmtree(template, ignore_errors=True)
    product = Product(binary, template, environment)
    customer = Customer(endpoint, totals["payer_account"])
    customer.make_organization()
    customer.make_bucket(totals["bucket"])
    org = str(product.ask("org", "create", "--name", "Bench")["id"])
    who = ("--org", org, "--bucket", totals["bucket"], "--operator-principal", operator.arn)
    setup = product.ask("setup", "aws", *who)
    role = customer.make_role("billconnect", setup["trust_policy"], setup["permission_policy"])
    place = {"aws_bill_account_id": totals["payer_account"], "aws_bucket_name": totals["bucket"], "aws_bucket_path": ""}
    connect(product, org, place | {"aws_sts_role_arn": role})
    customer.upload(sample.folder / "bucket", totals["bucket"])
    data = FOLDER / "data"

    def run() -> Run:
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(template, data)
        command = [str(binary), "--data", str(data), "ingest", "--org", org, "--json"]
        result, out = measured(command, environment=environment)
        (month,) = json.loads(out)
        if month["status"] != "published" or month["receipt"]["rows_in_files"] != sample.rows:
            raise BenchError(f"billconnect did not publish {sample.rows} rows: {out[:2000]}")
        return result

    return run


def connect(product: Product, org: str, body: dict[str, str]) -> None:
    refresh = product.ask("token", "create", "--org", org, "--role", "admin")["refresh_token"]
    with product.serve(FOLDER / "serve.log") as server:
        grant = f"grant_type=refresh_token&refresh_token={refresh}"
        _, answer = curl("-X", "POST", f"{server.url}/oidc/token", "-d", grant)
        bearer = f"Authorization: Bearer {json.loads(answer)['access_token']}"
        url = f"{server.url}/api/onboarding/orgs/{org}/bill_connects/aws/iam_role"
        status, answer = curl("-X", "POST", "-H", bearer, url, "-d", json.dumps(body))
    if status != 201:
        raise BenchError(f"connecting answered {status}: {answer}")


def read(reader: str, sample: Sample) -> Run:
    target = FOLDER / "others"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    result, out = measured([sys.executable, str(READERS), reader, str(target), *map(str, sample.parts)])
    if int(out) != sample.rows:
        raise BenchError(f"{reader} read {out.strip()} rows instead of {sample.rows}")
    return result


def measured(
    command: list[str], *, environment: dict[str, str] | None = None, stdout: int = subprocess.PIPE
) -> tuple[Run, str]:
    """Runs a process; its wall-clock and CPU time, its own peak memory and what it printed."""
    started = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=stdout, text=True)
    out = process.stdout.read() if process.stdout else ""
    # wait4 tells the memory of this one child, which `resource.getrusage` mixes with all others.
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise BenchError(f"`{' '.join(command[:3])} …` ended with {process.returncode}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / MAXRSS_IN_A_MIB), out


def report(title: str, rows: int, runs: dict[str, list[Run]]) -> None:
    """Each contestant's best times and worst memory; the ratio is our rows a second beside its, by the clock."""
    best = {name: min(run.seconds for run in those) for name, those in runs.items()}
    print(f"\n{title}, {os.cpu_count()} cores, best of {ROUNDS}\n")
    print(f"{'':20} {'seconds':>9} {'cpu':>7} {'rows/s':>11} {'peak MiB':>9} {'ours is faster by':>18} {'goal':>6}")
    for name, those in runs.items():
        seconds, cpu = best[name], min(run.cpu_seconds for run in those)
        peak, goal = max(run.peak_mib for run in those), f"{GOALS[name]}×" if name in GOALS else ""
        line = f"{name:20} {seconds:>9.2f} {cpu:>7.2f} {rows / seconds:>11,.0f} {peak:>9,.0f}"
        print(f"{line} {seconds / best[OURS]:>17.2f}× {goal:>6}")
    floor = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MAXRSS_IN_A_MIB
    print(f"\nPeaks below {floor:.0f} MiB are hidden: a process starts as a fork of this one.")


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except (BenchError, ProductError) as error:
        note(f"The bench failed. {error}")
        sys.exit(1)
