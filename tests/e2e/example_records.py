"""Input files for the end-to-end tests: real flights of January, which the model of the tests has learned from."""

from __future__ import annotations

import csv
import functools
import gzip
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from batch_jobs.flights import FEATURES, load_flights


@functools.cache
def january() -> pa.Table:
    return load_flights([1]).select(FEATURES)


def records(count: int, first: int = 0) -> list[dict[str, Any]]:
    return january().slice(first, count).to_pylist()


def json_lines(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def gzipped(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def csv_text(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def parquet(count: int, first: int = 0, row_group_size: int = 2_000) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(january().slice(first, count), buffer, row_group_size=row_group_size)
    return buffer.getvalue()
