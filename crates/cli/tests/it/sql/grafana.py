"""What Grafana's Postgres source sends, its macros expanded: port, org, token."""

import sys
from decimal import Decimal

import psycopg

port, org, token = sys.argv[1:]
with psycopg.connect(host="127.0.0.1", port=int(port), user="grafana", password=token, dbname=org, autocommit=True) as connection:

    def ask(text):
        # One statement without parameters, as the source sends it.
        return connection.execute(text, prepare=False).fetchall()

    assert ask("SELECT 1") == [(1,)]
    assert ask("SELECT current_setting('server_version_num')::int/100 as version") == [(1600,)]
    assert ask("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'") == []
    tables = ask("""select quote_ident(table_name) as "table" from information_schema.tables
    where quote_ident(table_schema) not in ('information_schema',
                             'pg_catalog',
                             '_timescaledb_cache',
                             '_timescaledb_catalog',
                             '_timescaledb_internal',
                             '_timescaledb_config',
                             'timescaledb_information',
                             'timescaledb_experimental')
      and quote_ident(table_schema) IN (
          SELECT
            CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
          FROM
            generate_series(
              array_lower(string_to_array(current_setting('search_path'),','),1),
              array_upper(string_to_array(current_setting('search_path'),','),1)
            ) as i,
            string_to_array(current_setting('search_path'),',') s
          )""")
    assert ("charges",) in tables, tables
    columns = dict(ask("""select quote_ident(column_name) as "column", data_type as "type"
    from information_schema.columns
    where quote_ident(table_name) = 'charges'"""))
    assert columns['"BilledCost"'] == "numeric" and columns['"ChargePeriodStart"'] == "timestamp with time zone", columns

    # $__timeGroupAlias("ChargePeriodStart", '1d') and $__timeFilter("ChargePeriodStart")
    series = ask("""SELECT
  floor(extract(epoch from "ChargePeriodStart")/86400)*86400 AS "time",
  "x_ServiceCode" AS metric,
  sum("BilledCost") AS "value"
FROM charges
WHERE
  "ChargePeriodStart" BETWEEN '2026-09-01T00:00:00Z' AND '2026-09-30T23:59:59.999Z'
GROUP BY 1, 2
ORDER BY 1""")
    assert len(series) == 1, series
    time, metric, value = series[0]
    assert (int(time), metric, value) == (1788307200, "AmazonPlanted", Decimal("7.500000000000000001")), series
    # A variable's values, and a table with a limit.
    assert ask('SELECT DISTINCT "x_ServiceCode" FROM charges ORDER BY 1') == [("AmazonPlanted",)]
    monthly = ask("""SELECT date_trunc('month', "ChargePeriodStart") AS "time", sum("EffectiveCost") FROM charges
WHERE "ChargePeriodStart" >= '2026-09-01T00:00:00Z' GROUP BY 1 ORDER BY 1 LIMIT 50""")
    assert len(monthly) == 1, monthly
