"""A crawler catalogs Parquet in Hive-style folders, and fails by name on anything else."""

import datetime as dt
import io
import time
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.crawler.layout import CrawlError, table_layout, target_of
from infra.local.crawler.schema import hive_type

KEYS = [
    "p/day=2013-07-01/run_id=b/1.parquet",
    "p/day=2013-07-01/run_id=a/0.parquet",
    "p/day=2013-07-01/run_id=a/1.parquet",
]


def test_folders_are_partitions_and_the_last_folder_of_the_prefix_is_the_table() -> None:
    layout = table_layout("bucket", "p/", [*KEYS, "p/_SUCCESS", "p/day=x/"])

    assert layout is not None
    assert (layout.name, layout.location, layout.partition_keys) == ("p", "s3://bucket/p/", ("day", "run_id"))
    assert [(partition.values, partition.first_key) for partition in layout.partitions] == [
        (("2013-07-01", "a"), KEYS[1]),
        (("2013-07-01", "b"), KEYS[0]),
    ]
    assert layout.partitions[0].location == "s3://bucket/p/day=2013-07-01/run_id=a/"


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        (["p/a.csv"], "p/a.csv is not a Parquet object"),
        (["p/plain/a.parquet"], "does not lie in name=value folders"),
        (["p/day=1/a.parquet", "p/run=1/a.parquet"], r"is partitioned by \['run'\], others are by \['day'\]"),
    ],
)
def test_other_layouts_are_refused_by_name(keys: list[str], reason: str) -> None:
    with pytest.raises(CrawlError, match=reason):
        table_layout("bucket", "p/", keys)


def test_excluded_and_hidden_objects_are_no_data() -> None:
    assert table_layout("bucket", "p/", ["p/_tmp.csv", "p/.crc", "p/old.csv"], exclusions=["old*"]) is None


names = st.text("abcxyz", min_size=1, max_size=4)
values = st.text("abc019-_ %", min_size=1, max_size=6)


@given(st.lists(st.tuples(values, values), min_size=1, max_size=20), names, names)
def test_every_object_is_in_exactly_one_partition(folders: list[tuple[str, str]], outer: str, inner: str) -> None:
    keys = [f"p/{outer}={a}/{inner}={b}/{i}.parquet" for i, (a, b) in enumerate(folders)]

    layout = table_layout("bucket", "p/", keys)

    assert layout is not None
    for key in keys:
        assert sum(f"s3://bucket/{key}".startswith(partition.location) for partition in layout.partitions) == 1


@pytest.mark.parametrize(
    ("path", "target"), [("s3://b/p", ("b", "p/")), ("s3://b/p/", ("b", "p/")), ("s3://b", ("b", ""))]
)
def test_a_target_is_a_bucket_and_a_folder(path: str, target: tuple[str, str]) -> None:
    assert target_of(path) == target


@pytest.mark.parametrize(
    ("arrow", "hive"),
    [
        (pa.string(), "string"),
        (pa.dictionary(pa.int32(), pa.string()), "string"),
        (pa.float64(), "double"),
        (pa.timestamp("us", "UTC"), "timestamp"),
        (pa.decimal128(10, 2), "decimal(10,2)"),
        (pa.list_(pa.struct([("a", pa.int64())])), "array<struct<a:bigint>>"),
    ],
)
def test_arrow_types_have_hive_names(arrow: pa.DataType, hive: str) -> None:
    assert hive_type(arrow) == hive


def test_a_type_without_a_hive_counterpart_is_refused_by_name() -> None:
    with pytest.raises(CrawlError, match="month_day_nano_interval"):
        hive_type(pa.month_day_nano_interval())


def parquet(**columns: list[Any]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


class Crawler:
    def __init__(self, glue: Any, s3: Any, name: str) -> None:
        self.glue, self.s3, self.name = glue, s3, name

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=self.name, Key=f"predictions/{key}", Body=body)

    def run(self) -> dict[str, Any]:
        self.glue.start_crawler(Name=self.name)
        return self.wait()

    def wait(self) -> dict[str, Any]:
        deadline = time.monotonic() + 30
        while (found := self.glue.get_crawler(Name=self.name)["Crawler"])["State"] != "READY":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        last: dict[str, Any] = found["LastCrawl"]
        return last

    def table(self) -> dict[str, Any]:
        found: dict[str, Any] = self.glue.get_table(DatabaseName=self.name, Name="predictions")["Table"]
        return found

    def partitions(self) -> list[list[str]]:
        found = self.glue.get_partitions(DatabaseName=self.name, TableName="predictions")["Partitions"]
        return sorted(partition["Values"] for partition in found)


@pytest.fixture
def crawler(client: Any, role: Callable[..., str], name: str) -> Crawler:
    glue, s3 = client("glue"), client("s3")
    s3.create_bucket(Bucket=name)
    glue.create_database(DatabaseInput={"Name": name})
    place = "us-east-1:000000000000"
    arn = role(
        "glue.amazonaws.com",
        {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": f"arn:aws:s3:::{name}"},
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": f"arn:aws:s3:::{name}/predictions/*"},
        {
            "Effect": "Allow",
            "Action": ["glue:*Table", "glue:*Partition*"],
            "Resource": [
                f"arn:aws:glue:{place}:catalog",
                f"arn:aws:glue:{place}:database/{name}",
                f"arn:aws:glue:{place}:table/{name}/predictions",
            ],
        },
    )
    targets = {"S3Targets": [{"Path": f"s3://{name}/predictions/"}]}
    glue.create_crawler(Name=name, Role=arn, DatabaseName=name, Targets=targets)
    return Crawler(glue, s3, name)


def test_a_crawl_catalogs_tables_and_partitions_and_the_next_one_adds_what_is_new(crawler: Crawler) -> None:
    rows = parquet(prediction_id=["a"], score=[0.5], prediction=[True])
    crawler.put("day=2013-07-01/run_id=a/0.parquet", rows)
    started = dt.datetime.now(dt.UTC)

    last = crawler.run()

    assert last["Status"] == "SUCCEEDED", last
    assert last["StartTime"] >= started.replace(microsecond=0)
    table = crawler.table()
    assert {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]} == {
        "prediction_id": "string",
        "score": "double",
        "prediction": "boolean",
    }
    assert [key["Name"] for key in table["PartitionKeys"]] == ["day", "run_id"]
    assert table["StorageDescriptor"]["Location"] == f"s3://{crawler.name}/predictions/"
    assert crawler.partitions() == [["2013-07-01", "a"]]

    crawler.put("day=2013-07-02/run_id=a/0.parquet", rows)
    assert crawler.run()["Status"] == "SUCCEEDED"
    assert crawler.run()["Status"] == "SUCCEEDED"
    assert crawler.partitions() == [["2013-07-01", "a"], ["2013-07-02", "a"]]


def test_a_prefix_without_objects_succeeds_and_makes_no_table(crawler: Crawler) -> None:
    assert crawler.run()["Status"] == "SUCCEEDED"
    with pytest.raises(crawler.glue.exceptions.EntityNotFoundException):
        crawler.table()


@pytest.mark.parametrize(
    ("objects", "reason"),
    [
        ({"day=1/a.csv": b"x"}, "is not a Parquet object"),
        ({"day=1/a.parquet": b"no parquet at all, not even long"}, "cannot be read as Parquet"),
        ({"day=1/a.parquet": parquet(a=[1]), "day=2/a.parquet": parquet(b=[1])}, "tables whose partitions differ"),
    ],
)
def test_what_cannot_be_crawled_fails_with_the_reason(
    crawler: Crawler, client: Any, objects: dict[str, bytes], reason: str
) -> None:
    for key, body in objects.items():
        crawler.put(key, body)

    last = crawler.run()

    assert last["Status"] == "FAILED"
    assert reason in last["ErrorMessage"]
    events = client("logs").get_log_events(logGroupName=last["LogGroup"], logStreamName=last["LogStream"])["events"]
    assert reason in events[-1]["message"]


def test_a_role_that_may_not_read_fails_the_crawl(crawler: Crawler, client: Any, name: str) -> None:
    crawler.put("day=1/a.parquet", parquet(a=[1]))
    client("iam").delete_role_policy(RoleName=f"{name}-glue", PolicyName="own")

    last = crawler.run()

    assert last["Status"] == "FAILED"
    assert "not authorized to perform: s3:ListBucket" in last["ErrorMessage"]


def test_a_crawler_that_runs_cannot_be_started_again(crawler: Crawler) -> None:
    for number in range(40):
        crawler.put(f"day={number}/a.parquet", parquet(a=[1]))
    crawler.glue.start_crawler(Name=crawler.name)

    with pytest.raises(crawler.glue.exceptions.CrawlerRunningException):
        crawler.glue.start_crawler(Name=crawler.name)
    assert crawler.wait()["Status"] == "SUCCEEDED"
    with pytest.raises(crawler.glue.exceptions.CrawlerNotRunningException):
        crawler.glue.stop_crawler(Name=crawler.name)


def test_a_crawler_that_does_not_exist_cannot_be_started(client: Any) -> None:
    glue = client("glue")

    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.start_crawler(Name="nobody")
