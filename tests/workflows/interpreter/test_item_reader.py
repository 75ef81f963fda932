import gzip
import io
import json
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.workflows.interpreter.stage import failing, machine, play, task
from workflows.interpreter import StatesError

CSV = {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}


def reading(resource="getObject", config=None, **fields):
    reader = {
        "Resource": f"arn:aws:states:::s3:{resource}",
        "Parameters": {"Bucket.$": "$.bucket", "Key": "list"},
        **({} if config is None else {"ReaderConfig": config}),
    }
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}}
    processor |= machine(Work=task("work"))
    return machine(Each={"Type": "Map", "ItemReader": reader, "ItemProcessor": processor, "End": True, **fields})


def items_in(body, config, **fields):
    """Read an object and give the items, or the error and its cause."""
    seen = play(reading(config=config, **fields), {"bucket": "b", "most": 2}, getObject=lambda _: {"Body": body})
    if seen.outcome.status == "SUCCEEDED":
        assert seen.tasks.arguments("getObject") == [{"Bucket": "b", "Key": "list"}]
        return seen.outcome.output
    return seen.outcome.error, seen.outcome.cause


@pytest.mark.parametrize(
    ("body", "config", "items"),
    [
        ('[1, {"a": 2}]', {"InputType": "JSON"}, [1, {"a": 2}]),
        (b"[1]", {"InputType": "JSON"}, [1]),
        ('{"a/b": {"c": [1, 2]}}', {"InputType": "JSON", "ItemsPointer": "/a~1b/c"}, [1, 2]),
        ('{"n":1}\n\n{"n":2}\n', {"InputType": "JSONL"}, [{"n": 1}, {"n": 2}]),
        (gzip.compress(b'{"n":1}\n', mtime=0), {"InputType": "JSONL"}, [{"n": 1}]),
        ("a,b\n1,2\n3,4", CSV, [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]),
        ("\ufeffa\n1", CSV, [{"a": "1"}]),
        ('a,b\n"x, ""y""",\n', CSV, [{"a": 'x, "y"', "b": ""}]),
        ("1,2\n", {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a", "b"]}, [{"a": "1", "b": "2"}]),
        ("a|b\n1|2\n", {**CSV, "CSVDelimiter": "PIPE"}, [{"a": "1", "b": "2"}]),
        ("a\tb\n1\t2\n", {**CSV, "CSVDelimiter": "TAB"}, [{"a": "1", "b": "2"}]),
        ("a,b\n1\n1,2,3\n", CSV, [{"a": "1", "b": ""}, {"a": "1", "b": "2"}]),
        ("", CSV, []),
        ("[1,2,3]", {"InputType": "JSON", "MaxItems": 2}, [1, 2]),
        ("[1,2,3]", {"InputType": "JSON", "MaxItemsPath": "$.most"}, [1, 2]),
        ("1\n2\n3\n", {"InputType": "JSONL", "MaxItems": 1}, [1]),
        ("1\n2\n3\n", {"InputType": "JSONL", "MaxItems": 0}, [1, 2, 3]),
    ],
)
def test_items_are_read_as_the_configuration_says(body, config, items):
    assert items_in(body, config) == items


@pytest.mark.parametrize(
    ("body", "config", "cause"),
    [
        ('{"a": 1}', {"InputType": "JSON"}, "Attempting to map over non-iterable node."),
        ("a,a\n1,2\n", CSV, "CSV headers cannot contain duplicates."),
        ("[1", {"InputType": "JSON"}, "invalid JSON"),
        ('{"n":1}\n{"n"\n', {"InputType": "JSONL"}, "Line 2"),
        ('{"a": []}', {"InputType": "JSON", "ItemsPointer": "/b"}, "/b"),
        ("not a manifest", {"InputType": "MANIFEST"}, "manifest"),
        (b"not parquet", {"InputType": "PARQUET"}, "Parquet"),
        (b"\xff\xfe", {"InputType": "JSONL"}, "JSONL"),
        (gzip.compress(b"1\n2\n", mtime=0)[:-9], {"InputType": "JSONL"}, "JSONL"),
        (b"\x1f\x8bnot gzip", CSV, "CSV"),
    ],
)
def test_what_cannot_be_understood_fails_the_map_run_and_says_why(body, config, cause):
    error, told = items_in(body, config)
    assert error == "States.ItemReaderFailed"
    assert cause in told


def test_the_history_tells_that_the_reader_failed():
    seen = play(reading(config={"InputType": "JSON"}), {"bucket": "b"}, getObject=failing("S3.NoSuchKey", "No key."))
    assert seen.types[1:] == [
        "MapStateEntered",
        "MapStateStarted",
        "MapRunStarted",
        "MapRunFailed",
        "MapStateFailed",
        "ExecutionFailed",
    ]
    assert seen.details("MapStateStarted") == [{"length": 0}]
    assert seen.details("MapRunFailed") == [{"error": "States.ItemReaderFailed", "cause": "No key."}]


@pytest.mark.parametrize(
    ("most", "types", "error", "cause"),
    [
        (
            -1,
            ["MapRunStarted", "MapRunFailed", "MapStateFailed", "ExecutionFailed"],
            "States.ItemReaderFailed",
            "field MaxItems must be positive",
        ),
        (
            1.5,
            ["ExecutionFailed"],
            "States.Runtime",
            (
                "An error occurred while executing the state 'Each' (entered at the event id #2). "
                'The MaxItemsPath field refers to value "1.5" which is not a valid integer: $.most'
            ),
        ),
    ],
)
def test_how_many_items_to_read_must_be_a_number_that_makes_sense(most, types, error, cause):
    config = {"InputType": "JSON", "MaxItemsPath": "$.most"}
    seen = play(reading(config=config), {"bucket": "b", "most": most}, getObject=lambda _: {"Body": "[1]"})
    assert seen.types[3:] == types
    assert (seen.outcome.error, seen.outcome.cause) == (error, cause)


def test_parquet_rows_are_items():
    table = pa.table({"n": [1, 2], "s": ["a", None]})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    assert items_in(sink.getvalue(), {"InputType": "PARQUET"}) == [{"n": 1, "s": "a"}, {"n": 2, "s": None}]


def test_an_inventory_lists_objects_in_compressed_files():
    manifest = {"fileSchema": "Bucket, Key, Size", "files": [{"key": "one.csv.gz"}, {"key": "two.csv.gz"}]}
    objects = {
        "list": json.dumps(manifest),
        "one.csv.gz": gzip.compress(b'"b","x","1"\n"b","y","2"\n'),
        "two.csv.gz": gzip.compress(b'"b","z","3"\n'),
    }
    seen = play(
        reading(config={"InputType": "MANIFEST"}),
        {"bucket": "b"},
        getObject=lambda call: {"Body": objects[call.arguments["Key"]]},
    )
    assert [item["Key"] for item in seen.outcome.output] == ["x", "y", "z"]
    assert seen.outcome.output[0] == {"Bucket": "b", "Key": "x", "Size": "1"}


def test_a_listing_is_read_page_by_page():
    def page(call):
        if "ContinuationToken" not in call.arguments:
            changed = datetime(2030, 1, 1, tzinfo=UTC)
            first = {"Key": "x", "ETag": '"e"', "Size": 3, "LastModified": changed, "StorageClass": "STANDARD"}
            return {"Contents": [first], "NextContinuationToken": "next"}
        return {"Contents": [{"Key": "y", "ETag": '"f"', "Size": 4, "LastModified": 7}]}

    seen = play(reading("listObjectsV2"), {"bucket": "b"}, listObjectsV2=page)
    first, second = seen.outcome.output
    assert first == {
        "Etag": '"e"',
        "Key": "x",
        "LastModified": datetime(2030, 1, 1, tzinfo=UTC).timestamp(),
        "Size": 3,
        "StorageClass": "STANDARD",
    }
    assert second["Key"] == "y"
    assert seen.tasks.arguments("listObjectsV2")[1]["ContinuationToken"] == "next"


def test_an_empty_listing_is_no_error():
    assert play(reading("listObjectsV2"), {"bucket": "b"}, listObjectsV2=lambda _: {}).outcome.output == []


def test_the_source_of_an_item_is_the_object_it_came_from():
    definition = reading(config={"InputType": "JSON"}, ItemSelector={"from.$": "$$.Map.Item.Source"})
    seen = play(definition, {"bucket": "b"}, getObject=lambda _: {"Body": "[1]"})
    assert seen.outcome.output == [{"from": "S3://b/list"}]


def test_a_reader_that_failed_can_be_retried():
    answers = [StatesError("S3.SlowDown"), {"Body": "[1]"}]

    def read(call):
        answer = answers.pop(0)
        if isinstance(answer, StatesError):
            raise answer
        return answer

    definition = reading(config={"InputType": "JSON"}, Retry=[{"ErrorEquals": ["States.ItemReaderFailed"]}])
    assert play(definition, {"bucket": "b"}, getObject=read).outcome.output == [1]


def test_a_reader_without_a_key_cannot_be_started():
    definition = reading(config={"InputType": "JSON"})
    definition["States"]["Each"]["ItemReader"]["Parameters"] = {"Bucket": "b"}
    seen = play(definition)
    assert seen.outcome.error == "States.Runtime"
    assert "The field 'Key' is required but was missing" in seen.outcome.cause
