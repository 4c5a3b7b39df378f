"""Sends each statement of a file over the wire, simple and prepared, and prints all that comes back: port, org, token, file."""

import json
import sys

import psycopg

port, org, token, path = sys.argv[1:]
with open(path) as file:
    statements = json.load(file)


def connect():
    return psycopg.connect(host="127.0.0.1", port=int(port), user="me", password=token, dbname=org, autocommit=True)


connection = connect()
for number, statement in enumerate(statements):
    statement = statement.replace("\0", "")
    try:
        cursor = connection.execute(statement.replace("%", "%%"), () if number % 2 else None, prepare=number % 2 == 1)
        print([column.name for column in cursor.description or []], cursor.fetchmany(100) if cursor.description else cursor.statusmessage)
    except psycopg.Error as error:
        # Not `str(error)`, in which the client itself shows the statement's line.
        print(error.diag.message_primary, error.diag.message_detail, error.diag.message_hint)
    if connection.closed:
        raise SystemExit(f"{statement} ended the connection")
