"""Runs MiniStack on a free port of 127.0.0.1 for the tests, prints the port, and ends when its standard input does.

Signatures, trust and permission policies are MiniStack's. One thing that AWS enforces and MiniStack 1.5 does not is added
here: the expected owner of a bucket.
"""

import asyncio
import os
import socket
import sys
import threading


def end_with_parent():
    """The tests hold our standard input open; when they end, in whatever way, so do we."""
    sys.stdin.buffer.read()
    os._exit(0)


def expect_bucket_owner(handlers):
    """AWS refuses a request whose `x-amz-expected-bucket-owner` is not the bucket's owner, after all other permissions."""
    from ministack.services import s3

    serve = handlers["s3"]

    async def handler(method, path, headers, body, query_params):
        expected = headers.get("x-amz-expected-bucket-owner")
        bucket, _ = s3._parse_bucket_key(path, headers)
        owner = s3._bucket_owner_account(bucket)
        if expected and owner and expected != owner:
            return s3._error("AccessDenied", "Access Denied", 403, f"/{bucket}")
        return await serve(method, path, headers, body, query_params)

    handlers["s3"] = handler


def main():
    # MiniStack takes `AWS_ACCESS_KEY_ID` for an administrator of every account, and other variables for its own settings.
    for name in [name for name in os.environ if name.startswith(("AWS_", "MINISTACK_"))]:
        del os.environ[name]
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    port = listener.getsockname()[1]
    os.environ.update(AUTH="true", BIND_HOST="127.0.0.1", GATEWAY_PORT=str(port), LOG_LEVEL="ERROR")

    # Only now: MiniStack reads its settings when it is imported.
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack import app

    expect_bucket_owner(app.SERVICE_HANDLERS)
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.loglevel = "ERROR"
    threading.Thread(target=end_with_parent, daemon=True).start()
    # The socket listens already: a request that comes before the server is up waits for it.
    print(port, flush=True)
    asyncio.run(serve(app.app, config))


main()
