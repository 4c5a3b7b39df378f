"""The AWS emulator: started for a demo, a bench or the tests on a free port of this machine, and gone when they are.

    with Emulator() as aws:
        ... aws.endpoint ...

`python kit/emulator.py [port]` runs one until Ctrl-C; `python kit/emulator.py --until-stdin-ends` one that ends with whoever
holds its standard input. Both print where they listen. Signatures, trust and permission policies are MiniStack's; what AWS
has and MiniStack 1.5 has not is added: the expected owner of a bucket here, one question to Cost Explorer in
`cost_explorer.py`, and how principals compare in `trust.py`.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
READY_WITHIN_SECONDS = 60
# How an emulator knows that it is a child.
CHILD = "--until-stdin-ends"


class EmulatorError(RuntimeError):
    """The emulator did not start; the message says what it printed last."""


class Emulator:
    """A running emulator that checks signatures, trust policies and permissions as AWS does. What it prints goes to `log`."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.endpoint = ""

    def __enter__(self) -> Emulator:
        with self._log.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__).resolve()), CHILD],
                # The child ends when this pipe does, however this process dies.
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                # Ctrl-C in a terminal goes to the whole group; the parent decides when the emulator ends.
                start_new_session=True,
            )
        try:
            self.endpoint = self._announced(self._process)
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

    def _announced(self, process: subprocess.Popen[bytes]) -> str:
        """Where it says that it listens. From then on a request is answered, if only once the server is up."""
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while time.monotonic() < deadline:
            said = self._log.read_text(errors="replace")
            if found := re.search(r"^AWS_ENDPOINT_URL=(\S+)$", said, re.MULTILINE):
                return found[1]
            if process.poll() is not None:
                raise EmulatorError(f"the AWS emulator ended while starting: {said[-2000:]}")
            time.sleep(0.1)
        raise EmulatorError(f"the AWS emulator was not ready after {READY_WITHIN_SECONDS} s; see {self._log}")


def serve(port: int) -> None:
    """Runs the emulator in this process, on a free port where `port` is 0."""
    # It takes `AWS_ACCESS_KEY_ID` for an administrator of every account, and other variables for its own settings.
    for name in [name for name in os.environ if name.startswith(("AWS_", "MINISTACK_"))]:
        del os.environ[name]
    # The socket listens before the server is up, so that nobody else takes the port and no request is refused meanwhile.
    listener = socket.create_server((HOST, port), backlog=1024)
    port = listener.getsockname()[1]
    os.environ.update(AUTH="true", BIND_HOST=HOST, GATEWAY_PORT=str(port), LOG_LEVEL="ERROR")

    # Only now: MiniStack reads its settings when it is imported.
    from hypercorn.asyncio import serve as answer
    from hypercorn.config import Config
    from ministack import app
    from ministack.core import iam_actions, iam_evaluator, router

    from cost_explorer import cost_explorer
    from trust import evaluate_trust_as_aws_does

    expect_bucket_owner(app.SERVICE_HANDLERS)
    evaluate_trust_as_aws_does(iam_evaluator)
    # Routed and named as MiniStack's own services are, so that signatures and permissions are looked at before the handler is.
    router.SERVICE_PATTERNS["ce"] = {
        "target_prefixes": ["AWSInsightsIndexService."],
        "host_patterns": [r"^ce\."],
        "credential_scope": "ce",
    }
    iam_actions.SERVICE_TO_IAM_NAMESPACE["ce"] = "ce"
    app.SERVICE_HANDLERS["ce"] = cost_explorer
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.loglevel = "ERROR"
    config.keep_alive_timeout = 75
    print(f"AWS_ENDPOINT_URL=http://{HOST}:{port}", flush=True)
    asyncio.run(answer(app.app, config))


def expect_bucket_owner(handlers: dict[str, Any]) -> None:
    """AWS refuses a request whose `x-amz-expected-bucket-owner` is not the bucket's owner, after all other permissions."""
    from ministack.services import s3

    ask = handlers["s3"]

    async def handler(method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]) -> Any:
        expected = headers.get("x-amz-expected-bucket-owner")
        bucket, _ = s3._parse_bucket_key(path, headers)
        owner = s3._bucket_owner_account(bucket)
        if expected and owner and expected != owner:
            return s3._error("AccessDenied", "Access Denied", 403, f"/{bucket}")
        return await ask(method, path, headers, body, query_params)

    handlers["s3"] = handler


def exit_when_stdin_ends() -> None:
    """The parent holds the other end: however it dies, the pipe ends with it."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1:] == [CHILD]:
        threading.Thread(target=exit_when_stdin_ends, daemon=True).start()
        serve(0)
    else:
        serve(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
