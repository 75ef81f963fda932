"""One shard from its object to its marker."""

import gzip
import io
import math

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.errors import InputChanged, NoSpaceForResults, ServiceUnavailable, TotalsDisagree, UnreadableObject
from tasks.records.check import Checked
from tasks.scoring import shard as scoring
from tasks.storage import Location
from tests.tasks.conftest import GOOD, RUN, World

PREDICTIONS = "predictions/day=2026-11-23/run_id=nightly/00000.parquet"
QUARANTINE = "quarantine/day=2026-11-23/run_id=nightly/00000.jsonl"
MARKER = "runs/nightly/markers/00000.json"


def predicted(world: World) -> pa.Table:
    return pq.read_table(io.BytesIO(world.results(PREDICTIONS) or b""))


def quarantined(world: World) -> list[dict]:
    return [orjson.loads(line) for line in (world.results(QUARANTINE) or b"").splitlines()]


def test_good_rows_are_scored_and_bad_ones_set_aside_with_row_and_reason(world, json_lines):
    records = [
        GOOD,
        GOOD | {"origin": "SFO"},
        GOOD | {"wind": None},
        GOOD | {"distance": "far"},
        {"wind": 5.0, "origin": "JFK"},
    ]
    world.upload("input/a.jsonl", json_lines(*records))

    marker = world.score(world.shard("input/a.jsonl"))

    assert predicted(world)["row"].to_pylist() == [1, 3]
    assert predicted(world)["score"].to_pylist() == pytest.approx([1 / (1 + math.e)] * 2)
    assert [(bad["row"], bad["reason"]) for bad in quarantined(world)] == [
        (2, 'origin: the model does not know "SFO"; it knows EWR, JFK, LGA'),
        (4, 'distance: "far" is not a number'),
        (5, "distance: no value, and the model needs one"),
    ]
    assert quarantined(world)[0]["record"] == GOOD | {"origin": "SFO"}
    assert (marker["rows"], marker["predictions"], marker["quarantined"]) == (5, 2, 3)
    assert marker["reasons"] == {"missing value": 1, "unknown category": 1, "wrong type": 1}
    assert sum(marker["histogram"]) == 2


def test_items_hold_the_prediction_and_expire_30_days_after_the_start_of_the_run(world, json_lines):
    world.upload("input/a.jsonl", json_lines(GOOD, GOOD | {"distance": 900, "wind": 50}))

    world.score(world.shard("input/a.jsonl"))

    first, second = world.items()
    table = predicted(world)
    assert [first["predictionId"]["S"], second["predictionId"]["S"]] == table["prediction_id"].to_pylist()
    assert float(first["score"]["N"]) == table["score"][0].as_py()
    assert (first["prediction"]["BOOL"], second["prediction"]["BOOL"]) == (False, True)
    assert int(first["createdAt"]["N"]) == RUN.started_epoch
    assert int(first["expirationTime"]["N"]) == RUN.started_epoch + 30 * 24 * 3600
    assert first["source"]["S"] == "input/a.jsonl"
    assert (first["row"]["N"], second["row"]["N"]) == ("1", "2")
    assert (first["runId"]["S"], first["modelVersion"]["S"]) == ("nightly", "v1")


def test_a_finished_shard_is_left_alone(world, json_lines):
    world.upload("input/a.jsonl", json_lines(GOOD))
    shard = world.shard("input/a.jsonl")
    before = world.score(shard)

    def never():
        raise AssertionError("a finished shard was scored again")

    assert world.score(shard, model=never) == before


def test_a_shard_whose_results_are_gone_is_scored_again_to_the_same_bytes(world, json_lines):
    world.upload("input/a.jsonl", json_lines(*[GOOD] * 50))
    shard = world.shard("input/a.jsonl")
    world.score(shard)
    bytes_before, items_before = world.results(PREDICTIONS), world.items()
    world.storage.delete(Location("results", PREDICTIONS))

    world.score(shard)

    assert world.results(PREDICTIONS) == bytes_before
    assert world.items() == items_before


def test_the_bytes_do_not_depend_on_the_run(world, json_lines):
    from dataclasses import replace

    world.upload("input/a.jsonl", json_lines(*[GOOD] * 50))
    shard = world.shard("input/a.jsonl")
    world.score(shard)
    world.score(shard, replace(RUN, run_id="again", started_at="2027-01-01T00:00:00.000Z"))

    assert world.results(PREDICTIONS.replace("nightly", "again")) == world.results(PREDICTIONS)


def test_no_marker_until_the_items_are_written(world, json_lines):
    world.upload("input/a.jsonl", json_lines(GOOD))

    class Full:
        def put(self, requests):
            raise ServiceUnavailable("throttled")

    with pytest.raises(ServiceUnavailable):
        world.score(world.shard("input/a.jsonl"), items=Full())
    assert world.results(MARKER) is None


def test_a_row_that_goes_missing_on_the_way_publishes_nothing(world, json_lines, monkeypatch):
    world.upload("input/a.jsonl", json_lines(GOOD, GOOD))
    check = scoring.check

    def loses_one(rows, signature):
        checked = check(rows, signature)
        return Checked(checked.numbers[1:], [column[1:] for column in checked.columns], checked.bad)

    monkeypatch.setattr(scoring, "check", loses_one)
    with pytest.raises(TotalsDisagree, match="2 rows were read, but 1 predicted and 0 set aside"):
        world.score(world.shard("input/a.jsonl"))
    assert world.keys() == []


def test_an_object_replaced_after_planning_is_refused(world, json_lines):
    world.upload("input/a.jsonl", json_lines(GOOD))
    shard = world.shard("input/a.jsonl")
    world.upload("input/a.jsonl", json_lines(GOOD, GOOD))

    with pytest.raises(InputChanged, match=r"s3://data/input/a.jsonl was replaced"):
        world.score(shard)
    assert world.keys() == []


def test_an_object_removed_after_planning_is_refused(world, json_lines):
    world.upload("input/a.jsonl", json_lines(GOOD))
    shard = world.shard("input/a.jsonl")
    world.s3.delete_object(Bucket="data", Key="input/a.jsonl")

    with pytest.raises(InputChanged, match="is gone since it was planned"):
        world.score(shard)


@pytest.mark.parametrize("key", ["input/a.parquet", "input/a.csv", "input/a.jsonl.gz"])
def test_an_empty_file_is_a_shard_of_no_rows(world, key):
    world.upload(key, b"")

    marker = world.score(world.shard(key))

    assert (marker["rows"], marker["predictions"], marker["quarantined"]) == (0, 0, 0)
    assert predicted(world).num_rows == 0


def test_rows_before_the_cut_of_a_truncated_gzip_are_scored(world):
    import random

    noise = random.Random(1)
    records = [GOOD | {"distance": noise.uniform(0, 5000)} for _ in range(5_000)]
    whole = gzip.compress(b"".join(orjson.dumps(record) + b"\n" for record in records))
    world.upload("input/a.jsonl.gz", whole[: len(whole) // 2])

    marker = world.score(world.shard("input/a.jsonl.gz"))

    assert 1_000 < marker["predictions"] < 5_000
    (bad,) = quarantined(world)
    assert bad["row"] == marker["predictions"] + 1 == marker["rows"]
    assert bad["reason"] == "the gzip data ends here, in the middle"


def test_what_is_no_gzip_and_no_parquet_fails_its_shard_by_name(world):
    for key in ("input/a.csv.gz", "input/a.parquet"):
        world.upload(key, b"distance,wind,origin\n" * 10)
        with pytest.raises(UnreadableObject):
            world.score(world.shard(key))


def test_a_damaged_parquet_fails_its_shard_by_name(world):
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([GOOD] * 1_000), file, compression="zstd", use_dictionary=False)
    damaged = bytearray(file.getvalue())
    damaged[40:120] = b"\xff" * 80
    world.upload("input/a.parquet", bytes(damaged))

    with pytest.raises(UnreadableObject, match="is damaged"):
        world.score(world.shard("input/a.parquet"))


def test_row_groups_of_one_object_are_shards_whose_rows_and_ids_are_those_of_the_whole(world):
    file = io.BytesIO()
    table = pa.Table.from_pylist([GOOD | {"distance": float(row)} for row in range(100)])
    pq.write_table(table, file, row_group_size=30)
    world.upload("input/a.parquet", file.getvalue())
    world.score(world.shard("input/a.parquet"))
    whole = predicted(world)

    part = world.shard("input/a.parquet", row_groups=(1, 3), first_row=31, rows=60, shard_id="00001")
    world.score(part)

    found = pq.read_table(io.BytesIO(world.results(PREDICTIONS.replace("00000", "00001")) or b""))
    assert found.equals(whole.slice(30, 60))


def test_a_full_disk_has_its_own_name(world, json_lines, monkeypatch):
    world.upload("input/a.jsonl", json_lines(GOOD))
    writer = pq.ParquetWriter
    monkeypatch.setattr(
        "tasks.scoring.results.pq.ParquetWriter", lambda file, *rest, **options: writer("/dev/full", *rest, **options)
    )

    with pytest.raises(NoSpaceForResults, match="ephemeral storage"):
        world.score(world.shard("input/a.jsonl"))
    assert world.keys() == []
