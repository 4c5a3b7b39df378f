"""`make FOLDER` makes a certificate for 127.0.0.1; `ask FOLDER PORT ORG TOKEN` asks over TLS, and over clear text from elsewhere."""

import pathlib
import socket
import sys

folder = pathlib.Path(sys.argv[2])
if sys.argv[1] == "make":
    import trustme

    authority = trustme.CA()
    own = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(folder / "authority.pem")
    own.private_key_pem.write_to_path(folder / "key.pem")
    for number, part in enumerate(own.cert_chain_pems):
        part.write_to_path(folder / "certificate.pem", append=number > 0)
    raise SystemExit

import psycopg

port, org, token = sys.argv[3:]
address = dict(port=int(port), user="me", password=token, dbname=org)
verified = dict(sslmode="verify-full", sslrootcert=str(folder / "authority.pem"))
with psycopg.connect(host="127.0.0.1", **address, **verified) as connection:
    assert connection.pgconn.ssl_in_use
    assert connection.execute("SELECT count(*) FROM charges").fetchone() == (0,)

# Whoever comes from elsewhere than loopback must not send its password in clear text. Not every machine has another address.
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
    try:
        probe.connect(("192.0.2.1", 9))
        own = probe.getsockname()[0]
    except OSError:
        raise SystemExit
try:
    psycopg.connect(host=own, sslmode="disable", **address)
    raise SystemExit("a password in clear text was taken")
except psycopg.OperationalError as error:
    assert "sslmode=require" in str(error), error
with psycopg.connect(host=own, sslmode="require", **address) as connection:
    assert connection.execute("SELECT 1").fetchone() == (1,)
