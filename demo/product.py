"""billconnect as the demo uses it: the binary on the command line, the server over HTTP, and curl."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

READY_WITHIN_SECONDS = 60


class ProductError(RuntimeError):
    """billconnect refused or failed; the message says what was asked and what it said."""


def exact(text: str) -> Any:
    """JSON with every digit of every number."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


class Product:
    """The binary with its data folder and the operator's AWS environment."""

    def __init__(self, binary: Path, data: Path, environment: dict[str, str]) -> None:
        self.binary = binary
        self.data = data
        self._environment = environment

    def run(self, *arguments: str) -> str:
        """What a command prints on stdout."""
        return self._run(arguments, subprocess.PIPE) or ""

    def show(self, *arguments: str) -> None:
        """Runs a command that prints to the terminal itself, so that its tables fit there."""
        sys.stdout.flush()
        self._run(arguments, None)

    def _run(self, arguments: tuple[str, ...], stdout: int | None) -> str | None:
        command = [str(self.binary), "--data", str(self.data), *arguments]
        done = subprocess.run(
            command, env=self._environment, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
        )
        if done.returncode != 0:
            asked = f"billconnect {' '.join(arguments)}"
            raise ProductError(f"`{asked}` ended with {done.returncode}:\n{done.stderr.strip()}")
        return done.stdout

    def ask(self, *arguments: str) -> Any:
        """What a command answers with `--json`."""
        return exact(self.run(*arguments, "--json"))

    def serve(self, log: Path) -> Server:
        """Starts the server on a free port, which it says itself."""
        serve = ["serve", "--listen", "127.0.0.1:0", "--poll-interval", "2s"]
        command = [str(self.binary), "--data", str(self.data), *serve]
        with log.open("wb") as out:
            process = subprocess.Popen(command, env=self._environment, stdout=out, stderr=subprocess.STDOUT)
        return Server(process, log)


class Server:
    """A running server; a context that ends with it. Inside, `url` is where it answers."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.url = ""
        self._process = process
        self._log = log

    def __enter__(self) -> Server:
        try:
            self.url = self._announced()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Asks it to end, and insists after a while."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def check(self) -> None:
        """Fails when it has ended."""
        if self._process.poll() is not None:
            words = self._log.read_text(errors="replace")[-2000:]
            raise ProductError(f"the server ended with {self._process.returncode}:\n{words}")

    def wait(self) -> None:
        """Until it ends."""
        self._process.wait()
        self.check()

    def _announced(self) -> str:
        """Where it says that it answers."""
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while time.monotonic() < deadline:
            self.check()
            if found := re.search(r"^listening on (\S+)$", self._log.read_text(errors="replace"), re.MULTILINE):
                return found[1]
            time.sleep(0.05)
        raise ProductError(f"the server did not say where it listens within {READY_WITHIN_SECONDS} s; see {self._log}")


def curl(*arguments: str) -> tuple[int, str]:
    """Plain curl with these arguments: status and body."""
    if shutil.which("curl") is None:
        raise ProductError("`curl` is not installed, and the published request is sent with it")
    command = ["curl", "--silent", "--show-error", "--write-out", "\n%{http_code}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ProductError(f"curl ended with {done.returncode}: {done.stderr.strip()}")
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


class Caller:
    """Someone with an access token of one org."""

    def __init__(self, url: str, org: str, token: str) -> None:
        self._url = url
        self.org = org
        self._bearer = f"Authorization: Bearer {token}"

    def get(self, path: str) -> Any:
        """What a GET answers; `{org}` in the path is this org."""
        return self._answer("GET", path, *curl("-H", self._bearer, self._url + path.format(org=self.org)))

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """What a POST answers."""
        url = self._url + path.format(org=self.org)
        return self._answer("POST", path, *curl("-X", "POST", "-H", self._bearer, url, "-d", json.dumps(body)))

    @staticmethod
    def _answer(method: str, path: str, status: int, body: str) -> Any:
        if status >= 300:
            raise ProductError(f"{method} {path} answered {status}:\n{body}")
        return exact(body)
