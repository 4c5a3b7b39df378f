"""psycopg and SQLAlchemy against the SQL listener: port, org, token."""

import datetime
import sys
from decimal import Decimal

import psycopg
import sqlalchemy as sa

port, org, token = sys.argv[1:]
total = Decimal("7.500000000000000001")
address = dict(host="127.0.0.1", port=int(port), user="me", password=token, dbname=org)
since = datetime.datetime(2026, 9, 1, tzinfo=datetime.timezone.utc)

with psycopg.connect(**address) as connection:
    for binary in (False, True):
        cursor = connection.cursor(binary=binary)
        cursor.execute(
            'SELECT "x_ServiceCode", sum("BilledCost"), count(*), min("ChargePeriodStart"), true, NULL'
            ' FROM charges WHERE "x_ServiceCode" = %s AND "ChargePeriodStart" >= %s AND "BilledCost" > %s'
            " AND length(\"x_ServiceCode\") > %s GROUP BY 1",
            ("AmazonPlanted", since, Decimal("0"), 3),
            binary=binary,
        )
        row = cursor.fetchone()
        start = datetime.datetime(2026, 9, 2, tzinfo=datetime.timezone.utc)
        assert row == ("AmazonPlanted", total, 2, start, True, None), row
    # Prepared after a few times, and used again.
    for number in range(12):
        assert connection.execute("SELECT %s::bigint + 1", (number,)).fetchone() == (number + 1,)
    many = connection.execute("SELECT a.\"BilledCost\" FROM charges a, charges b, charges c").fetchall()
    assert len(many) == 8
    try:
        connection.execute("SELECT 1 / (SELECT count(*) FROM charges WHERE false)")
        raise SystemExit("a division by zero was answered")
    except psycopg.errors.DataError as error:
        assert "division by zero" in str(error), error
    try:
        connection.execute("SELECT 1")
        raise SystemExit("a failed transaction went on")
    except psycopg.errors.InFailedSqlTransaction:
        connection.rollback()
    for statement in ("DELETE FROM charges", "COPY charges TO STDOUT", "LOCK TABLE charges"):
        try:
            connection.execute(statement)
            raise SystemExit(f"{statement} was answered")
        except (psycopg.errors.FeatureNotSupported, psycopg.errors.SyntaxError):
            connection.rollback()

for wrong in (dict(password="bca_" + "0" * 32), dict(dbname="987654321012345678")):
    try:
        psycopg.connect(**{**address, **wrong})
        raise SystemExit(f"{wrong} was let in")
    except psycopg.OperationalError as error:
        assert "the password must be an access token" in str(error), error

url = sa.URL.create("postgresql+psycopg", "me", token, "127.0.0.1", int(port), org)
engine = sa.create_engine(url)
inspector = sa.inspect(engine)
assert {"charges", "deliveries"} <= set(inspector.get_table_names()), inspector.get_table_names()
assert inspector.get_schema_names() and inspector.get_view_names() == []
columns = {column["name"]: column for column in inspector.get_columns("charges")}
assert isinstance(columns["BilledCost"]["type"], sa.Numeric), columns["BilledCost"]
assert not columns["BilledCost"]["nullable"] and columns["InvoiceId"]["nullable"]
assert inspector.get_pk_constraint("charges")["constrained_columns"] == []
assert inspector.get_foreign_keys("charges") == [] and inspector.get_indexes("charges") == []
assert inspector.get_table_comment("charges")["text"].startswith("What was charged")

charges = sa.Table("charges", sa.MetaData(), autoload_with=engine)
query = (
    sa.select(charges.c.x_ServiceCode, sa.func.sum(charges.c.BilledCost).label("cost"))
    .where(charges.c.ChargePeriodStart >= since, charges.c.x_ServiceCode.in_(["AmazonPlanted", "other"]))
    .group_by(charges.c.x_ServiceCode)
    .order_by(sa.desc("cost"))
    .limit(5)
)
with engine.connect() as connection:
    assert connection.execute(query).all() == [("AmazonPlanted", total)]
