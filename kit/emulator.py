"""The AWS emulator: started for a demo, a bench or a test on a free port of this machine, and gone when they are.

    with Emulator() as aws:
        ... aws.endpoint ...

`python kit/emulator.py [port]` runs one until Ctrl-C.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

HOST = "127.0.0.1"
READY_WITHIN_SECONDS = 60
# How an emulator knows that it is a child: see `_serve`.
CHILD = "--until-stdin-ends"


class EmulatorError(RuntimeError):
    """The emulator did not start; the message says what it printed last."""


class Emulator:
    """A running emulator that checks signatures, trust policies and permissions as AWS does."""

    def __init__(self, log: Path | None = None) -> None:
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.endpoint = ""

    def __enter__(self) -> Emulator:
        port = free_port()
        self.endpoint = f"http://{HOST}:{port}"
        with open(self._log or os.devnull, "wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__).resolve()), CHILD, str(port)],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=_environment(port),
                # Ctrl-C in a terminal goes to the whole group; the parent decides when the emulator ends.
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the emulator; twice does nothing more."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin:
            process.stdin.close()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise EmulatorError(f"the AWS emulator ended while starting: {self._last_words()}")
            try:
                with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise EmulatorError(f"the AWS emulator was not ready after {READY_WITHIN_SECONDS} s: {self._last_words()}")

    def _last_words(self) -> str:
        if self._log is None:
            return "nothing was kept; give it a log file"
        return self._log.read_text(errors="replace")[-2000:]


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _environment(port: int) -> dict[str, str]:
    # Without BIND_HOST it would listen on every interface. The caller's own AWS settings are none of its business.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {"AUTH": "true", "BIND_HOST": HOST, "GATEWAY_PORT": str(port), "LOG_LEVEL": "WARNING"}


def _serve(port: int, die_with_parent: bool) -> None:
    """Runs the emulator in this process."""
    if die_with_parent:
        # The parent holds the other end: however it dies, the pipe ends with it.
        threading.Thread(target=_exit_when_stdin_ends, daemon=True).start()
    os.environ.update(_environment(port))
    sys.argv = ["ministack"]
    from ministack.app import main  # After the environment: it is read on import.

    main()


def _exit_when_stdin_ends() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1:2] == [CHILD]:
        _serve(int(sys.argv[2]), die_with_parent=True)
    else:
        chosen = int(sys.argv[1]) if len(sys.argv) > 1 else free_port()
        print(f"export AWS_ENDPOINT_URL=http://{HOST}:{chosen}", flush=True)
        _serve(chosen, die_with_parent=False)
