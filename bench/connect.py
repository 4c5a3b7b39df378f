"""The bench of onboarding: how long a connect takes when AWS is far away.

`make bench` runs it. Every call to AWS is held for 100 ms (`DELAY_MS`) on its way to the emulator, so that the time tells how
many calls come one after the other; the same connect without the delay tells what is our own work and the emulator's.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "kit"))
sys.path.insert(0, str(ROOT / "demo"))
sys.path.insert(0, str(ROOT / "bench"))

from customer import Customer, Principal, make_operator  # noqa: E402
from emulator import Emulator  # noqa: E402
from ingest import FOLDER, BenchError, note, release_binary  # noqa: E402
from product import Product, ProductError, curl  # noqa: E402

DELAY_MS = int(os.environ.get("DELAY_MS", "100"))
ROUNDS = int(os.environ.get("ROUNDS", "2"))
# What a connect may take at the most.
MOST_DELAYS = 6


class FarAway:
    """A way to the emulator on which every request is held for a while. A context; inside, `url` is where it begins."""

    def __init__(self, endpoint: str, delay: float) -> None:
        self._upstream = endpoint.removeprefix("http://").split(":")
        self._delay = delay
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.url = ""
        self.requests = 0

    def __enter__(self) -> FarAway:
        self._thread.start()
        starting = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._pass, "127.0.0.1", 0), self._loop)
        address = starting.result(timeout=10).sockets[0].getsockname()
        self.url = f"http://127.0.0.1:{address[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._give_up(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)

    async def _give_up(self) -> None:
        """Ends what is still on its way: connections that were opened ahead of need."""
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _pass(self, client: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        """One request a connection: the end of the answer is then the end of the stream."""
        try:
            head = await client.readuntil(b"\r\n\r\n")
            length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
            body = await client.readexactly(int(length[1])) if length else b""
            self.requests += 1
            await asyncio.sleep(self._delay)
            host, port = self._upstream
            upstream, request = await asyncio.open_connection(host, int(port))
            request.write(head.replace(b"\r\n", b"\r\nconnection: close\r\n", 1) + body)
            while piece := await upstream.read(1 << 16):
                answer.write(piece)
            await answer.drain()
            request.close()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            # A connection that was opened ahead of need, or given up in the end.
            pass
        finally:
            answer.close()


def main() -> None:
    """The table of contents."""
    FOLDER.mkdir(exist_ok=True)
    binary = release_binary()
    sample = FOLDER / "sample-connect"
    shutil.rmtree(sample, ignore_errors=True)
    Product(binary, FOLDER / "unused", dict(os.environ)).run(
        "sample-bill", "--out", str(sample), "--months", "3", "--rows", "300", "--parts", "2"
    )
    totals: dict[str, Any] = json.loads((sample / "totals.json").read_text())
    with Emulator(FOLDER / "emulator.log") as aws:
        operator = make_operator(aws.endpoint)
        customer = Customer(aws.endpoint, totals["payer_account"])
        customer.make_organization()
        customer.make_bucket(totals["bucket"])
        customer.upload(sample / "bucket", totals["bucket"])
        near = min(connect(binary, (aws.endpoint, 0.0), operator, (customer, totals))[0] for _ in range(ROUNDS))
        runs = [connect(binary, (aws.endpoint, DELAY_MS / 1000), operator, (customer, totals)) for _ in range(ROUNDS)]
    far, requests = min(runs)
    delays = (far - near) / (DELAY_MS / 1000)
    print(f"\na connect, {requests} calls to AWS, best of {ROUNDS}\n")
    print(f"{'calls answered at once':34} {near:>6.2f} s")
    print(f"{f'every call delayed by {DELAY_MS} ms':34} {far:>6.2f} s   {delays:.1f} delays; at most {MOST_DELAYS} are meant")


def connect(
    binary: Path, way: tuple[str, float], operator: Principal, whom: tuple[Customer, dict[str, Any]]
) -> tuple[float, int]:
    """Connects a fresh org to the customer's bill; how long the request took, and how many calls it made."""
    (endpoint, delay), (customer, totals) = way, whom
    data = FOLDER / "connect-data"
    shutil.rmtree(data, ignore_errors=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BILLCONNECT_"))}
    with FarAway(endpoint, delay) as far:
        product = Product(binary, data, kept | operator.environment(far.url))
        org = str(product.ask("org", "create", "--name", "Bench")["id"])
        who = ("--org", org, "--bucket", totals["bucket"], "--operator-principal", operator.arn)
        setup = product.ask("setup", "aws", *who)
        role = customer.make_role(f"billconnect-{org}", setup["trust_policy"], setup["permission_policy"])
        refresh = product.ask("token", "create", "--org", org, "--role", "admin")["refresh_token"]
        body = {
            "aws_bill_account_id": totals["payer_account"],
            "aws_bucket_name": totals["bucket"],
            "aws_bucket_path": totals["path_prefix"],
            "aws_sts_role_arn": role,
        }
        with product.serve(FOLDER / "serve-connect.log") as server:
            _, answer = curl(
                "-X", "POST", f"{server.url}/oidc/token", "-d", f"grant_type=refresh_token&refresh_token={refresh}"
            )
            bearer = f"Authorization: Bearer {json.loads(answer)['access_token']}"
            url = f"{server.url}/api/onboarding/orgs/{org}/bill_connects/aws/iam_role"
            before, started = far.requests, time.monotonic()
            status, answer = curl("-X", "POST", "-H", bearer, url, "-d", json.dumps(body))
            seconds, requests = time.monotonic() - started, far.requests - before
    if status != 201:
        raise BenchError(f"connecting answered {status}: {answer}")
    note(f"connected in {seconds:.2f} s, {requests} calls, each delayed by {delay * 1000:.0f} ms")
    return seconds, requests


if __name__ == "__main__":
    try:
        main()
    except (BenchError, ProductError) as error:
        note(f"The bench failed. {error}")
        sys.exit(1)
