import gzip
import io
import json
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflows.interpreter.stage import failing, machine, play, task
from workflows.interpreter import StatesError, json_text

CSV = {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}


def zstd(body):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(body)
    return sink.getvalue().to_pybytes()


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
        ('{"a": 1, "b": {"c": 2}}', {"InputType": "JSON"}, [{"Key": "a", "Value": 1}, {"Key": "b", "Value": {"c": 2}}]),
        ('{"a": [{"b": {"c": 1}}]}', {"InputType": "JSON", "ItemsPointer": "/a/0/b"}, [{"Key": "c", "Value": 1}]),
        ("{}", {"InputType": "JSON"}, []),
        ("\ufeff[1]", {"InputType": "JSON"}, [1]),
        (gzip.compress(b"[1]", mtime=0), {"InputType": "JSON"}, [1]),
        (zstd(b"1\n2\n"), {"InputType": "JSONL"}, [1, 2]),
        (zstd(b"a\n1\n"), CSV, [{"a": "1"}]),
        ('"x\u2028y"\n"p\u0085q"\n"\u2029"\r\n', {"InputType": "JSONL"}, ["x\u2028y", "p\u0085q", "\u2029"]),
        ("a,b\n\u2028,2\r\n", CSV, [{"a": "\u2028", "b": "2"}]),
        ('a,b\n"two\nlines",2\n', CSV, [{"a": "two\nlines", "b": "2"}]),
        ("a,b\nC:\\\\x\\,y,\\z\n", CSV, [{"a": r"C:\x,y", "b": "z"}]),
        ("a\n" + "x" * 200_000, CSV, [{"a": "x" * 200_000}]),
    ],
)
def test_items_are_read_as_the_configuration_says(body, config, items):
    assert items_in(body, config) == items


@pytest.mark.parametrize(
    ("body", "config", "cause"),
    [
        ('"text"', {"InputType": "JSON"}, "Attempting to map over non-iterable node."),
        ('{"a": [1]}', {"InputType": "JSON", "ItemsPointer": "/a/1"}, "/a/1"),
        ('[{"a": NaN}]', {"InputType": "JSON"}, "Non-standard token 'NaN'"),
        ("1\n-Infinity\n", {"InputType": "JSONL"}, "Line 2"),
        ("[1e400]", {"InputType": "JSON"}, "out of range of double"),
        ('["\\ud800"]', {"InputType": "JSON"}, "surrogate"),
        ("[" + "9" * 5000 + "]", {"InputType": "JSON"}, "Number value length"),
        ("[" * 100_000 + "]" * 100_000, {"InputType": "JSON"}, "nesting depth"),
        (zstd(b"1\n2\n")[:-3], {"InputType": "JSONL"}, "JSONL"),
        ("a" * 10_241 + "\n1", CSV, "10240 bytes"),
        (json.dumps(["x" * (8 * 1024 * 1024)]), {"InputType": "JSON"}, "8388608 bytes"),
        ("[1]", {}, "InputType"),
        ('{"fileSchema": 1, "files": []}', {"ManifestType": "S3_INVENTORY"}, "manifest"),
        ('{"fileSchema": "Key", "files": [], "fileFormat": "ORC"}', {"ManifestType": "S3_INVENTORY"}, "ORC"),
        ("https://x/y\n", {"ManifestType": "ATHENA_DATA", "InputType": "JSONL"}, "Athena"),
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


def parquet(**columns):
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def test_parquet_rows_are_items():
    body = parquet(n=[1, 2], s=["a", None])
    assert items_in(body, {"InputType": "PARQUET"}) == [{"n": 1, "s": "a"}, {"n": 2, "s": None}]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (datetime.fromisoformat("2030-01-02T03:04:05"), "2030-01-02T03:04:05"),
        (datetime(2030, 1, 2, tzinfo=UTC), "2030-01-02T00:00:00+00:00"),
        (date(2030, 1, 2), "2030-01-02"),
        (time(3, 4), "03:04:00"),
        (Decimal("1.50"), "1.50"),
        (b"ab", "ab"),
        (b"\xff", "/w=="),
        (True, True),
        ([{"a": [1.5, None]}], [{"a": [1.5, None]}]),
    ],
)
def test_values_of_parquet_that_json_has_no_form_for_are_text(value, shown):
    assert items_in(parquet(v=[value]), {"InputType": "PARQUET"}) == [{"v": shown}]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_a_number_of_parquet_that_json_does_not_have_fails_the_reader(value):
    error, told = items_in(parquet(v=[value]), {"InputType": "PARQUET"})
    assert (error, "JSON has no number for" in told) == ("States.ItemReaderFailed", True)


@pytest.mark.parametrize("config", [{"InputType": "MANIFEST"}, {"ManifestType": "S3_INVENTORY"}])
def test_an_inventory_lists_objects_in_compressed_files(config):
    manifest = {"fileSchema": "Bucket, Key, Size", "files": [{"key": "one.csv.gz"}, {"key": "two.csv.gz"}]}
    objects = {
        "list": json.dumps(manifest),
        "one.csv.gz": gzip.compress(b'"b","x","1"\n"b","y","2"\n'),
        "two.csv.gz": gzip.compress(b'"b","z","3"\n'),
    }
    seen = play(
        reading(config=config),
        {"bucket": "b"},
        getObject=lambda call: {"Body": objects[call.arguments["Key"]]},
    )
    assert [item["Key"] for item in seen.outcome.output] == ["x", "y", "z"]
    assert seen.outcome.output[0] == {"Bucket": "b", "Key": "x", "Size": "1"}


SOURCES = {"item.$": "$$.Map.Item.Value", "from.$": "$$.Map.Item.Source"}


def test_an_athena_manifest_leads_to_the_data_files():
    objects = {
        ("b", "list"): "s3://c/one.gz\ns3://c/dir/two\n",
        ("c", "one.gz"): gzip.compress(b'{"n":1}\n{"n":2}\n', mtime=0),
        ("c", "dir/two"): b'{"n":3}\n{"n":4}\n',
    }
    seen = play(
        reading(config={"ManifestType": "ATHENA_DATA", "InputType": "JSONL", "MaxItems": 3}, ItemSelector=SOURCES),
        {"bucket": "b"},
        getObject=lambda call: {"Body": objects[call.arguments["Bucket"], call.arguments["Key"]]},
    )
    assert seen.outcome.output == [
        {"item": {"n": 1}, "from": "S3://c/one.gz"},
        {"item": {"n": 2}, "from": "S3://c/one.gz"},
        {"item": {"n": 3}, "from": "S3://c/dir/two"},
    ]


def test_a_listing_can_be_read_through_to_the_contents_of_the_objects():
    objects = {"in/a": b'[{"x":1},{"x":2}]', "in/b": b'{"k":3}', "in/c": b"[4,5]"}
    listed = [{"Key": "in/", "Size": 0}, *({"Key": key, "Size": 9} for key in objects)]
    config = {"InputType": "JSON", "Transformation": "LOAD_AND_FLATTEN", "MaxItems": 4}
    seen = play(
        reading("listObjectsV2", config, ItemSelector=SOURCES | {"all.$": "$$.Map.Item"}),
        {"bucket": "b"},
        listObjectsV2=lambda _: {"Contents": listed},
        getObject=lambda call: {"Body": objects[call.arguments["Key"]]},
    )
    assert [(entry["item"], entry["from"]) for entry in seen.outcome.output] == [
        ({"x": 1}, "S3://b/in/a"),
        ({"x": 2}, "S3://b/in/a"),
        (3, "S3://b/in/b"),
        (4, "S3://b/in/c"),
    ]
    assert seen.outcome.output[2]["all"] == {"Index": 2, "Value": 3, "Key": "k", "Source": "S3://b/in/b"}


def test_an_item_too_large_for_a_child_is_read_where_a_selector_makes_it_small():
    body = json.dumps([{"id": 1, "text": "é" * 131_072}])
    assert items_in(body, {"InputType": "JSON"})[0] == "States.DataLimitExceeded"
    assert items_in(body, {"InputType": "JSON"}, ItemSelector={"id.$": "$$.Map.Item.Value.id"}) == [{"id": 1}]


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


BODIES = st.one_of(
    st.binary(max_size=60),
    st.text('[]{}":,\\\\/\n\r 01eE-.NaIu\ud7ff\u2028', max_size=40).map(str.encode),
    st.binary(max_size=20).map(lambda data: gzip.compress(data, mtime=0)),
    st.integers(0, 300).map(lambda cut: PARQUET[:cut] + PARQUET[cut + 1 :]),
)
PARQUET = parquet(n=[1, 2], s=["a", None])
CONFIGS = st.fixed_dictionaries(
    {"InputType": st.sampled_from(["CSV", "JSON", "JSONL", "PARQUET"])},
    optional={
        "CSVDelimiter": st.sampled_from(["COMMA", "TAB"]),
        "CSVHeaderLocation": st.just("FIRST_ROW"),
        "ItemsPointer": st.sampled_from(["", "/", "/0", "/a/b"]),
        "ManifestType": st.sampled_from(["ATHENA_DATA", "S3_INVENTORY"]),
    },
)


@given(BODIES, CONFIGS)
def test_any_bytes_are_items_or_fail_the_reader_by_name(body, config):
    seen = play(reading(config=config), {"bucket": "b"}, getObject=lambda _: {"Body": body})
    if seen.outcome.status == "SUCCEEDED":
        json.loads(json_text.text_of(seen.outcome.output).encode())
    else:
        assert seen.outcome.error == "States.ItemReaderFailed"
        assert seen.outcome.cause
