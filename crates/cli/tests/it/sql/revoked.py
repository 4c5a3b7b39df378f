"""Asks, waits until its stdin ends, and must not be answered again: port, org, token."""

import sys

import psycopg

port, org, token = sys.argv[1:]
connection = psycopg.connect(host="127.0.0.1", port=int(port), user="me", password=token, dbname=org, autocommit=True)
assert connection.execute("SELECT count(*) FROM charges").fetchone() == (2,)
print("asked once", flush=True)
sys.stdin.read()
try:
    connection.execute("SELECT count(*) FROM charges")
except psycopg.OperationalError as error:
    assert "the password must be an access token" in str(error), error
else:
    raise SystemExit("it was answered")
