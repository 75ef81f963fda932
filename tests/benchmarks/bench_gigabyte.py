"""Peak memory, and CPU a row, of a job that scores a file of 1 GB in each format."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq

from tests.benchmarks.example_shard import example_model, flights_to_score, score
from tests.benchmarks.figure import Figure, print_figures

GIGABYTE = 1 << 30
BLOCK_ROWS = 100_000


def figures() -> Iterator[Figure]:
    """One file after the other: only one of them is there at a time."""
    artifact, rows = example_model(), flights_to_score(BLOCK_ROWS)
    writers: dict[str, Callable[[Path, pa.Table], None]] = {
        "rows.jsonl": write_json_lines,
        "rows.parquet": write_one_row_group,
        "rows.csv": write_csv,
    }
    with tempfile.TemporaryDirectory(prefix="ml-pipeline-bench-") as directory:
        root = Path(directory)
        (root / "data").mkdir()
        for key, write in writers.items():
            file = root / "data" / key
            write(file, rows)
            size = file.stat().st_size / GIGABYTE
            found = score(root, key, artifact).json()
            file.unlink()
            what = f"{key}, {size:.2f} GB, {found['rows']:,} rows"
            yield Figure(f"{what}: peak memory", found["peakMegabytes"], "MB", at_most=400)
            yield Figure(f"{what}: cost", found["cpuSeconds"] / found["rows"] * 1e6, "us CPU/row")


def write_json_lines(file: Path, rows: pa.Table) -> None:
    """Write a gigabyte of records."""
    repeat(file, b"", b"".join(orjson.dumps(record) + b"\n" for record in rows.to_pylist()))


def write_csv(file: Path, rows: pa.Table) -> None:
    """Write a gigabyte of lines below a header."""
    text = io.BytesIO()
    pv.write_csv(rows, text)
    header, _, lines = text.getvalue().partition(b"\n")
    repeat(file, header + b"\n", lines)


def write_one_row_group(file: Path, rows: pa.Table) -> None:
    """Write a gigabyte as one row group without compression: the worst case for a reader."""
    file_bytes = 0.9 * rows.nbytes  # in memory, Arrow pads and counts what a file leaves out
    many = pa.concat_tables([rows] * int(GIGABYTE / file_bytes + 1))
    pq.write_table(many, file, row_group_size=many.num_rows, compression="none", use_dictionary=False)


def repeat(file: Path, start: bytes, block: bytes) -> None:
    """Write the block until there is a gigabyte."""
    with file.open("wb") as out:
        out.write(start)
        while out.tell() < GIGABYTE:
            out.write(block)


if __name__ == "__main__":
    print_figures(figures())
