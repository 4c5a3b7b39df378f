"""The bench: how fast and in how much memory billconnect ingests a month, beside DuckDB, Polars and gunzip.

`make bench` runs it. `ROWS` (1000000), `PARTS` (4) and `ROUNDS` (2) change what is measured; `BILLCONNECT_BIN` names a
binary to use instead of building one in release mode. All read the same csv.gz files, in turns, each in a process of
its own. billconnect reads them over HTTP from the AWS emulator, which runs on the same cores; the others from disk.
Everything that it writes is in `.bench/`.
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
ROWS = int(os.environ.get("ROWS", "1000000"))
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
    peak_mib: float


def main() -> None:
    """The table of contents."""
    FOLDER.mkdir(exist_ok=True)
    binary = release_binary()
    totals = write_sample(binary)
    parts = listed_parts(totals)
    unpacked = sum(size_unpacked(part) for part in parts)
    packed = sum(part.stat().st_size for part in parts)
    note(f"{ROWS} rows in {len(parts)} parts: {packed / 2**20:.0f} MiB, unpacked {unpacked / 2**20:.0f} MiB")
    with Emulator(FOLDER / "emulator.log") as aws:
        ingest = prepare_ingest(binary, aws.endpoint, totals)
        ours = "billconnect ingest"
        contestants: dict[str, Callable[[], Run]] = {
            ours: ingest,
            "duckdb → parquet": lambda: read("duckdb", parts),
            "polars → parquet": lambda: read("polars", parts),
            "gunzip alone": lambda: measured(["gunzip", "-c", *map(str, parts)], stdout=subprocess.DEVNULL)[0],
        }
        runs: dict[str, list[Run]] = {name: [] for name in contestants}
        for turn in range(ROUNDS):
            for name, run in contestants.items():
                runs[name].append(run())
                note(f"round {turn + 1} of {ROUNDS}: {name} {runs[name][-1].seconds:.2f} s")
    report(runs, ours, unpacked)


def release_binary() -> Path:
    given = os.environ.get("BILLCONNECT_BIN")
    if given:
        return Path(given).resolve()
    note("building billconnect in release mode; from nothing on two cores this takes most of an hour")
    subprocess.run(["cargo", "build", "--release", "--locked", "-p", "billconnect"], cwd=ROOT, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / "release" / "billconnect"


def write_sample(binary: Path) -> dict[str, Any]:
    sample = FOLDER / "sample"
    shutil.rmtree(sample, ignore_errors=True)
    product = Product(binary, FOLDER / "unused", dict(os.environ))
    product.run("sample-bill", "--out", str(sample), "--months", "1", "--rows", str(ROWS), "--parts", str(PARTS))
    totals: dict[str, Any] = json.loads((sample / "totals.json").read_text())
    return totals


def listed_parts(totals: dict[str, Any]) -> list[Path]:
    """The files that the month's manifest lists."""
    bucket = FOLDER / "sample" / "bucket"
    months = bucket / totals["path_prefix"] / totals["report_name"]
    (manifest,) = months.glob(f"2*/{totals['report_name']}-Manifest.json")
    return [bucket / key for key in json.loads(manifest.read_text())["reportKeys"]]


def size_unpacked(part: Path) -> int:
    with subprocess.Popen(["gunzip", "-c", str(part)], stdout=subprocess.PIPE) as process:
        out = process.stdout
        assert out is not None
        return sum(len(piece) for piece in iter(lambda: out.read(1 << 20), b""))


def prepare_ingest(binary: Path, endpoint: str, totals: dict[str, Any]) -> Callable[[], Run]:
    """Connects the bill while the bucket is still empty, so that nothing is read before it is timed."""
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
    customer.upload(FOLDER / "sample" / "bucket", totals["bucket"])
    data = FOLDER / "data"

    def run() -> Run:
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(template, data)
        command = [str(binary), "--data", str(data), "ingest", "--org", org, "--json"]
        result, out = measured(command, environment=environment)
        (month,) = json.loads(out)
        if month["status"] != "published" or month["receipt"]["rows_in_files"] != ROWS:
            raise BenchError(f"billconnect did not publish {ROWS} rows: {out[:2000]}")
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


def read(reader: str, parts: list[Path]) -> Run:
    target = FOLDER / "others"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    result, out = measured([sys.executable, str(READERS), reader, str(target), *map(str, parts)])
    if int(out) != ROWS:
        raise BenchError(f"{reader} wrote {out.strip()} rows instead of {ROWS}")
    return result


def measured(
    command: list[str], *, environment: dict[str, str] | None = None, stdout: int = subprocess.PIPE
) -> tuple[Run, str]:
    """Runs a process; its wall-clock time, its own peak memory and what it printed."""
    started = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=stdout, text=True)
    out = process.stdout.read() if process.stdout else ""
    # wait4 tells the memory of this one child, which `resource.getrusage` mixes with all others.
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise BenchError(f"`{' '.join(command[:3])} …` ended with {process.returncode}")
    return Run(seconds, usage.ru_maxrss / MAXRSS_IN_A_MIB), out


def report(runs: dict[str, list[Run]], ours: str, unpacked: int) -> None:
    """Each contestant's best time and worst memory; the ratio is its rows a second beside ours."""
    best = {name: min(run.seconds for run in those) for name, those in runs.items()}
    size = f"{ROWS} rows, {PARTS} parts, {unpacked / 2**20:.0f} MiB of csv"
    print(f"\n{size}, {os.cpu_count()} cores, best of {ROUNDS}\n")
    print(f"{'':20} {'seconds':>9} {'rows/s':>11} {'MiB/s csv':>10} {'peak MiB':>9} {'speed, ours = 1':>16}")
    for name, those in runs.items():
        seconds, peak = best[name], max(run.peak_mib for run in those)
        rates = f"{ROWS / seconds:>11,.0f} {unpacked / 2**20 / seconds:>10,.0f}"
        print(f"{name:20} {seconds:>9.2f} {rates} {peak:>9,.0f} {best[ours] / seconds:>16.2f}")
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
