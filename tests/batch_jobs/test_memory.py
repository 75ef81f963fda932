"""A shard of any size is scored in the same memory."""

import gzip
import json
import subprocess
import sys

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.models.artifact import Artifact, pack
from tests.tasks.conftest import GOOD, MODEL_TEXT, SIGNATURE

#: Megabytes that scoring may take with this tiny model; the files are larger. 400 are allowed with a real one.
LIMIT = 200
PADDING = "x" * 1_000


def write_csv(file):
    line = b"300,5,JFK," + PADDING.encode() + b"\n"
    with file.open("wb") as out:
        out.write(b"distance,wind,origin,note\n")
        for _ in range(300):
            out.write(line * 1_000)
    return 300_000


def write_json_lines(file):
    line = orjson.dumps(GOOD | {"note": PADDING}) + b"\n"
    with file.open("wb") as out:
        for _ in range(300):
            out.write(line * 999 + b'{"broken": \n')
    return 300_000


def write_json_lines_that_compress_well(file):
    with gzip.open(file, "wb", compresslevel=1) as out:
        for _ in range(200):
            out.write((orjson.dumps(GOOD | {"note": PADDING}) + b"\n") * 1_000)
    return 200_000


def write_one_endless_line(file):
    with file.open("wb") as out:
        out.write(orjson.dumps(GOOD) + b"\n" + b'{"distance": "')
        for _ in range(500):
            out.write(b"x" * 1_000_000)
    return 2


def write_parquet_of_one_row_group(file):
    noise = np.random.default_rng(1)
    rows = 6_000_000
    origins = pa.DictionaryArray.from_arrays(pa.array(noise.integers(0, 3, rows, np.int8)), ["EWR", "JFK", "LGA"])
    columns = {
        "distance": noise.random(rows),
        "wind": noise.random(rows),
        "other": noise.random(rows),
        "origin": origins,
    }
    pq.write_table(pa.table(columns), file, row_group_size=rows)
    return rows


@pytest.mark.parametrize(
    ("key", "write"),
    [
        ("a.csv", write_csv),
        ("a.jsonl", write_json_lines),
        ("a.jsonl.gz", write_json_lines_that_compress_well),
        ("line.jsonl", write_one_endless_line),
        ("a.parquet", write_parquet_of_one_row_group),
    ],
)
def test_a_shard_larger_than_the_memory_is_scored(tmp_path, key, write):
    (tmp_path / "data").mkdir()
    (tmp_path / "model").write_bytes(pack(Artifact(MODEL_TEXT, SIGNATURE, [])))
    rows = write(tmp_path / "data" / key)

    command = [sys.executable, "-m", "tests.batch_jobs.score_local_file", str(tmp_path), key, str(tmp_path / "model")]
    scored = subprocess.run(command, capture_output=True, text=True, timeout=200)

    assert scored.returncode == 0, scored.stderr
    marker = json.loads(scored.stdout)
    assert marker["rows"] == rows
    assert marker["predictions"] + marker["quarantined"] == rows
    assert marker["peakMegabytes"] < LIMIT
    for file in tmp_path.glob("data/*"):
        file.unlink()
