"""Builds the optimised binary and says how far it is."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
from pathlib import Path
from typing import Any

import talk

PROFILE = "demo"


class BuildError(RuntimeError):
    """The build failed; the message holds the compiler's words."""


def binary(root: Path, log: Path) -> Path:
    """The `billconnect` to run: the one that `BILLCONNECT_BIN` names, or one built now."""
    given = os.environ.get("BILLCONNECT_BIN")
    if given:
        talk.say(f"using {given}, which BILLCONNECT_BIN names")
        return Path(given).resolve()
    if shutil.which("cargo") is None:
        raise BuildError("`cargo` is not installed; https://rustup.rs tells how")
    total = _crates(root)
    talk.say(f"{total} crates; about 20 minutes from nothing on two cores, seconds when they are built already")
    with talk.line() as line:
        built = _build(root, log, (total, line))
        talk.say(f"built in {talk.clock(line.elapsed)}: {built.stat().st_size / 2**20:.0f} MiB")
    return built


def _crates(root: Path) -> int:
    which = ["--locked", "-p", "billconnect", "-e", "normal,build"]
    command = ["cargo", "tree", *which, "--prefix", "none", "--format", "{p}"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildError(f"`cargo tree` failed:\n{done.stderr.strip()}")
    return len({line.removesuffix(" (*)") for line in done.stdout.splitlines() if line})


def _build(root: Path, log: Path, shown: tuple[int, talk.Line]) -> Path:
    command = ["cargo", "build", "--profile", PROFILE, "--locked", "-p", "billconnect", "--message-format", "json"]
    seen = _Seen(*shown)
    with log.open("w+") as errors:
        process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=errors)
        try:
            seen.follow(process)
        except BaseException:
            process.terminate()
            process.wait()
            raise
        if process.wait() != 0:
            errors.seek(0)
            raise BuildError("\n".join(seen.problems) or errors.read()[-3000:])
    if seen.executable is None:
        raise BuildError("cargo named no executable")
    return seen.executable


class _Seen:
    """What cargo has told so far."""

    def __init__(self, total: int, line: talk.Line) -> None:
        self._total = total
        self._line = line
        self._done: set[str] = set()
        self._last = "dependencies"
        self.problems: list[str] = []
        self.executable: Path | None = None

    def follow(self, process: subprocess.Popen[bytes]) -> None:
        """Reads messages till the last, and keeps the line moving between them."""
        assert process.stdout is not None
        rest = b""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while True:
                if selector.select(timeout=0.2):
                    piece = os.read(process.stdout.fileno(), 1 << 16)
                    if not piece:
                        return
                    *whole, rest = (rest + piece).split(b"\n")
                    for message in whole:
                        self._take(json.loads(message))
                count = min(len(self._done), self._total)
                self._line.show(f"{count} of {self._total} crates, last {self._last}")

    def _take(self, message: dict[str, Any]) -> None:
        if message["reason"] == "compiler-artifact" and "custom-build" not in message["target"]["kind"]:
            self._done.add(message["package_id"])
            self._last = message["target"]["name"]
            if message.get("executable") and self._last == "billconnect":
                self.executable = Path(message["executable"])
        elif message["reason"] == "compiler-message" and message["message"]["level"] == "error":
            self.problems.append(message["message"]["rendered"])
