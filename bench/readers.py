"""The others: turns the same files into Parquet with DuckDB or Polars. Run as a process of its own.

`python bench/readers.py duckdb|polars|duckdb-focus FOLDER PART…` writes to FOLDER and prints the rows read.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

THREADS = 2


def duckdb(folder: Path, parts: list[str]) -> int:
    """`read_csv` with types found by itself and columns matched by name, to one zstd Parquet file."""
    import duckdb as engine

    database = engine.connect()
    database.execute(f"SET threads = {THREADS}")
    # Progress bars cost nothing here, but a terminal shows them between the table's lines.
    database.execute("SET enable_progress_bar = false")
    target = folder / "duckdb.parquet"
    # The parts' columns differ, which is what `union_by_name` is for.
    database.execute(
        "COPY (SELECT * FROM read_csv(?, header = true, union_by_name = true, all_varchar = false))"
        f" TO '{target}' (FORMAT parquet, COMPRESSION zstd)",
        [parts],
    )
    ((rows,),) = database.execute(f"SELECT count(*) FROM '{target}'").fetchall()
    return int(rows)


def polars(folder: Path, parts: list[str]) -> int:
    """`scan_csv` of each part, joined by name, through the streaming engine into one zstd Parquet file."""
    os.environ["POLARS_MAX_THREADS"] = str(THREADS)
    import polars as engine

    target = folder / "polars.parquet"
    # Types from the first rows, as by default but of more of them: a column that starts empty is text otherwise.
    scans = [engine.scan_csv(part, infer_schema_length=10_000, ignore_errors=False) for part in parts]
    engine.concat(scans, how="diagonal_relaxed").sink_parquet(target, compression="zstd", engine="streaming")
    return int(engine.scan_parquet(target).select(engine.len()).collect().item())


def duckdb_focus(folder: Path, parts: list[str]) -> int:
    """Parquet reports mapped to FOCUS by one query, to one zstd Parquet file."""
    import duckdb as engine

    from focus_mapping import query

    database = engine.connect()
    database.execute(f"SET threads = {THREADS}")
    database.execute("SET enable_progress_bar = false")
    files = ", ".join(f"'{part}'" for part in parts)
    database.execute(f"CREATE VIEW lines AS SELECT * FROM read_parquet([{files}], union_by_name = true, hive_partitioning = false)")
    columns = [row[0] for row in database.execute("DESCRIBE lines").fetchall()]
    target = folder / "duckdb-focus.parquet"
    database.execute(f"COPY ({query(columns)}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
    ((rows,),) = database.execute("SELECT count(*) FROM lines").fetchall()
    return int(rows)


READERS: dict[str, Callable[[Path, list[str]], int]] = {"duckdb": duckdb, "polars": polars, "duckdb-focus": duckdb_focus}

if __name__ == "__main__":
    print(READERS[sys.argv[1]](Path(sys.argv[2]), sys.argv[3:]))
