"""From a prefix to the manifests."""

import gzip
import io
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import AccessRefused, InputChanged, NoInputFound, RunIdConflict, UnsupportedObject
from tasks.reading.shards import from_manifest, to_manifest
from tasks.runs import planning
from tasks.runs.inventory import cut, estimated_rows
from tasks.runs.layout import RunFolder
from tasks.runs.planning import plan_shards
from tasks.runs.served_versions import ServedVersions
from tests.tasks.conftest import GOOD, RUN, World

FOLDER = RunFolder.of(RUN, "results")
NOTHING_SERVED = ServedVersions("")


def parquet(rows, row_group_size=None):
    file = io.BytesIO()
    table = pa.Table.from_pylist([GOOD] * rows, pa.schema([("distance", pa.float64()), ("origin", pa.string())]))
    pq.write_table(table, file, row_group_size=row_group_size)
    return file.getvalue()


def plan(world: World, run=RUN, served=NOTHING_SERVED):
    return plan_shards(run, FOLDER, world.storage, served)


def manifest(world, name):
    return from_manifest(world.storage.read(FOLDER.manifest(name)) or b"")


def test_objects_become_shards_in_key_order_in_the_lane_of_their_size(world, json_lines):
    world.upload("input/b/large.csv", b"distance,wind,origin\n" + b"300,5,JFK\n" * 500)
    world.upload("input/a.jsonl.gz", gzip.compress(json_lines(GOOD, GOOD)))
    world.upload("input/c.parquet", parquet(50))

    planned = plan(world)

    assert [(s.shard_id, s.key, s.lane, s.format, s.compression, s.rows) for s in planned.shards] == [
        ("00000", "input/a.jsonl.gz", "small", "jsonl", "gzip", None),
        ("00001", "input/b/large.csv", "large", "csv", None, None),
        ("00002", "input/c.parquet", "small", "parquet", None, 50),
    ]
    assert planned.to_state() == {
        "bucket": "results",
        "period": None,
        "rows": None,
        "shards": 3,
        "small": {"shards": 2, "key": "runs/nightly/manifest/small.jsonl"},
        "large": {"shards": 1, "key": "runs/nightly/manifest/large.jsonl"},
    }
    assert manifest(world, "all") == planned.shards
    assert [shard.shard_id for shard in manifest(world, "large")] == ["00001"]


def test_a_large_parquet_object_is_cut_at_row_groups(world):
    world.upload("input/a.parquet", parquet(2_050, row_group_size=500))

    shards = plan(world).shards

    assert [(s.row_groups, s.first_row, s.rows, s.lane) for s in shards] == [
        ((0, 2), 1, 1000, "large"),
        ((2, 4), 1001, 1000, "large"),
        ((4, 5), 2001, 50, "small"),
    ]


def test_the_container_scorer_sends_all_to_the_large_lane(world):
    world.upload("input/a.parquet", parquet(5))

    assert plan(world, replace(RUN, scorer="container")).shards[0].lane == "large"


def test_folder_markers_and_hidden_names_are_left_out(world):
    for key in ("input/", "input/_SUCCESS", "input/_tmp/a.csv", "input/.a.csv", "input/a.csv", "inputs.csv"):
        world.upload(key, b"")

    assert [shard.key for shard in plan(world).shards] == ["input/a.csv"]


def test_an_empty_object_that_a_tool_left_to_mark_a_folder_is_no_data(world, json_lines):
    for key in ("input/05/", "input/05_$folder$", "input/_SUCCESS"):
        world.upload(key, b"")
    with pytest.raises(NoInputFound, match="nothing to score below"):
        plan(world)
    world.upload("input/05/a.jsonl", json_lines(GOOD))

    assert [shard.key for shard in plan(world).shards] == ["input/05/a.jsonl"]


def test_a_hidden_folder_may_be_asked_for(world):
    world.upload("_staging/a.csv", b"")

    assert [s.key for s in plan(world, replace(RUN, input="s3://data/_staging/")).shards] == ["_staging/a.csv"]


@pytest.mark.parametrize(
    ("source", "message"),
    [("s3://data/nothing/", "nothing to score below s3://data/nothing/"), ("s3://nowhere/x", "no bucket nowhere")],
)
def test_no_input_is_an_error_that_says_what_is_missing(world, source, message):
    with pytest.raises(NoInputFound, match=message):
        plan(world, replace(RUN, input=source))


def test_a_run_that_a_schedule_starts_on_nothing_has_an_empty_plan(world):
    run = replace(RUN, scheduled_time="2026-11-23T06:05:00Z")

    assert plan(world, run).to_state()["shards"] == 0
    assert plan(world, run).shards == manifest(world, "all") == []


@pytest.mark.parametrize("bucket", ["nowhere", "not-ours"])
def test_a_schedule_s_bucket_that_cannot_be_listed_is_an_error_all_the_same(world, monkeypatch, bucket):
    def refuse(place, **_):
        raise AccessRefused(f"not allowed to list {place}")

    if bucket == "not-ours":
        monkeypatch.setattr(world.storage, "list", refuse)
    with pytest.raises(NoInputFound, match=bucket):
        plan(world, replace(RUN, scheduled_time="2026-11-23T06:05:00Z", input=f"s3://{bucket}/x/"))


@pytest.mark.parametrize("key", ["input/a.txt", "input/a.parquet.gz", "input/a.json", "input/a"])
def test_an_object_of_another_format_is_named(world, key):
    world.upload(key, b"x")

    with pytest.raises(UnsupportedObject, match=f"{key} cannot be scored: its name must end in .parquet, .csv"):
        plan(world)


def test_an_object_that_only_claims_to_be_parquet_is_planned_and_left_to_fail_alone(world):
    world.upload("input/a.parquet", b"not parquet")

    assert [(s.rows, s.lane) for s in plan(world).shards] == [(None, "small")]


def test_finished_shards_are_not_planned_again(world, json_lines):
    world.upload("input/a.jsonl", json_lines(GOOD))
    world.upload("input/b.jsonl", json_lines(GOOD))
    world.score(plan(world).shards[0])

    again = plan(world)

    assert [shard.key for shard in again.outstanding] == ["input/b.jsonl"]
    assert [shard.key for shard in manifest(world, "small")] == ["input/b.jsonl"]
    assert len(manifest(world, "all")) == 2


def test_objects_that_arrive_later_do_not_slip_into_the_run(world, json_lines):
    world.upload("input/b.jsonl", json_lines(GOOD))
    plan(world)
    world.upload("input/a.jsonl", json_lines(GOOD))

    assert [(s.shard_id, s.key) for s in plan(world).shards] == [("00000", "input/b.jsonl")]


def test_executions_that_plan_one_run_at_the_same_time_follow_one_plan(world, json_lines, monkeypatch):
    world.upload("input/b.jsonl", json_lines(GOOD))
    inventory = planning.take_inventory

    def overtaken(objects, request, storage):
        monkeypatch.setattr(planning, "take_inventory", inventory)
        plan(world)
        world.upload("input/a.jsonl", json_lines(GOOD))
        return inventory(planning.objects_to_score(request, FOLDER, storage), request, storage)

    monkeypatch.setattr(planning, "take_inventory", overtaken)

    assert [(s.shard_id, s.key) for s in plan(world).shards] == [("00000", "input/b.jsonl")]


def test_a_mended_object_is_planned_again_under_its_id_and_a_removed_one_is_dropped(world, json_lines):
    for key in ("input/a.parquet", "input/b.parquet", "input/c.parquet"):
        world.upload(key, b"broken")
    before = plan(world).shards
    world.upload("input/b.parquet", parquet(2_000, row_group_size=1_000))
    world.s3.delete_object(Bucket="data", Key="input/c.parquet")

    shards = plan(world).shards

    assert [(s.shard_id, s.key, s.rows) for s in shards] == [
        ("00000", "input/a.parquet", None),
        ("00001", "input/b.parquet", 1000),
        ("00003", "input/b.parquet", 1000),
    ]
    assert shards[0] == before[0]


def test_a_run_whose_objects_were_all_removed_can_be_planned_again_and_again(world):
    world.upload("input/a.parquet", b"broken")
    plan(world)
    world.s3.delete_object(Bucket="data", Key="input/a.parquet")

    assert [plan(world).shards, plan(world).shards] == [[], []]


def test_an_object_replaced_when_half_of_it_is_scored_stops_the_run(world):
    world.upload("input/a.parquet", parquet(2_000, row_group_size=1_000))
    shards = plan(world).shards
    marker = {"digest": shards[0].digest("v1"), "objects": []}
    world.storage.write_json(FOLDER.marker("00000"), marker)
    world.upload("input/a.parquet", parquet(2_000, row_group_size=500))

    with pytest.raises(InputChanged, match="a part of it was scored"):
        plan(world)


def test_the_same_request_again_is_the_same_run_and_another_is_refused(world, json_lines):
    world.upload("input/a.jsonl", json_lines(GOOD))
    first = plan(world)

    assert plan(world, replace(RUN, concurrency=99)).shards == first.shards
    with pytest.raises(RunIdConflict, match="modelVersion 'v1' instead of 'v2'"):
        plan(world, replace(RUN, model_version="v2"))


def test_a_manifest_says_all_of_a_shard(world):
    world.upload("input/a.parquet", parquet(2_500, row_group_size=400))
    shards = plan(world).shards

    assert from_manifest(to_manifest(shards)) == shards


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30), st.integers(1, 100))
def test_a_cut_takes_every_row_group_once_and_keeps_to_the_limit(sizes, most):
    pieces = list(cut(sizes, most))

    assert [number for first, last in pieces for number in range(first, last)] == list(range(len(sizes)))
    for first, last in pieces:
        assert sum(sizes[first:last]) <= most or sum(size > 0 for size in sizes[first:last]) == 1


def test_rows_are_estimated_from_the_first_lines():
    line = b"x" * 99 + b"\n"
    assert estimated_rows(line * 10, 100_000, gzipped=False) == 1_000
    packed = gzip.compress(b"".join(b"%099d\n" % number for number in range(5_000)))
    assert 4_000 < estimated_rows(packed[: len(packed) // 3], len(packed), gzipped=True) < 6_000
