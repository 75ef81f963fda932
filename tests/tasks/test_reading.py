"""Objects of every format to rows, odd ones included."""

import csv
import gzip
import io
import json
import math
import tempfile
from itertools import islice
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import UnreadableObject
from tasks.reading.csv_rows import read_csv
from tasks.reading.json_lines import read_json_lines
from tasks.reading.lines import LONGEST_LINE_BYTES, CutOffError, Lost, gunzip, whole_lines
from tasks.reading.parquet_rows import _batches
from tasks.records.check import check
from tests.tasks.conftest import GOOD, SIGNATURE

HEADER = b"distance,wind,origin\n"
ROW = b"300,5,JFK\n"


def outcome(batches):
    """Row numbers of good rows with their values, and reasons of bad rows by number."""
    good, bad = {}, {}
    for rows in batches:
        checked = check(rows, SIGNATURE)
        values = [column.to_pylist() for column in checked.columns]
        good |= dict(zip(checked.numbers.tolist(), zip(*values, strict=True), strict=True))
        bad |= {row.row: row.reason for row in checked.bad}
    return good, bad


def from_csv(*pieces):
    return outcome(read_csv(pieces, SIGNATURE))


def from_json(*pieces):
    return outcome(read_json_lines(pieces, SIGNATURE))


def test_csv_numbers_are_read_from_text_and_empty_cells_are_missing():
    good, bad = from_csv(HEADER, b'300,,JFK\n"1e3", 7.5 ,LGA\n')

    assert good == {1: (300.0, None, "JFK"), 2: (1000.0, 7.5, "LGA")}
    assert bad == {}


def test_csv_columns_may_come_in_any_order_and_with_others():
    good, _ = from_csv(b"\xef\xbb\xbforigin,tail,wind,distance\r\nJFK,N1,5,300\r\n")

    assert good == {1: (300.0, 5.0, "JFK")}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"abc,5,JFK\n", 'distance: "abc" is not a number'),
        (b"nan,5,JFK\n", "distance: NaN is not a finite number"),
        (b"300,-inf,JFK\n", "wind: -inf is not a finite number"),
        (b"300,1e999,JFK\n", "wind: inf is not a finite number"),
        (b",5,JFK\n", "distance: no value, and the model needs one"),
        (b"300,5,\n", "origin: no value, and the model needs one"),
        (b"300,5,SFO\n", 'origin: the model does not know "SFO"; it knows EWR, JFK, LGA'),
        (b"true,5,JFK\n", 'distance: "true" is not a number'),
        (b"300,5\n", "2 fields, and the header names 3"),
        (b"300,5,JFK,x\n", "4 fields, and the header names 3"),
        (b"300,5,J\xff\n", "the line is not UTF-8: invalid start byte at byte 8"),
        (b'300,5,"JFK\n', "a quote is opened and never closed"),
        (b'x,y,"J"FK\n', "the line is not CSV: ',' expected after '\"'"),
    ],
)
def test_a_bad_csv_row_stands_alone_with_its_number_and_reason(line, reason):
    good, bad = from_csv(HEADER + ROW + ROW + line + ROW * 200)

    assert bad == {3: reason}
    assert sorted(good) == [1, 2, *range(4, 204)]


def test_a_row_with_several_flaws_names_them_all():
    _, bad = from_csv(HEADER, b"abc,nan,SFO\n")

    assert bad[1].count(";") >= 2
    assert all(name in bad[1] for name in ("distance:", "wind:", "origin:"))


def test_a_quoted_line_break_is_part_of_its_row_even_between_two_pieces():
    good, bad = from_csv(b"distance,note,wind,origin\n", b'300,"first\n', b'second",5,JFK\n', b"400,,6,LGA\n")

    assert (good, bad) == ({1: (300.0, 5.0, "JFK"), 2: (400.0, 6.0, "LGA")}, {})


def test_blank_lines_are_no_rows():
    assert sorted(from_csv(b"\n", HEADER, ROW, b"\n\r\n", ROW)[0]) == [1, 2]
    record = orjson.dumps(GOOD) + b"\n"
    assert sorted(from_json(b"\n", record, b"  \n", record)[0]) == [1, 2]


def test_a_header_that_lacks_a_column_makes_every_row_bad():
    good, bad = from_csv(b"distance,wind\n", b"300,5\n400,6\n")

    assert good == {}
    assert bad == dict.fromkeys((1, 2), "origin: the file has no column of that name, and the model needs one")


def test_a_column_that_is_there_twice_makes_every_row_bad():
    good, bad = from_csv(b"distance,wind,origin,wind\n", b"300,5,JFK,6\n")

    assert good == {}
    assert bad == {1: "wind: the file has 2 columns of that name, and the model needs one"}


@pytest.mark.parametrize("pieces", [(), (b"",), (HEADER,), (b"distance,wind,origin",), (b"\n\n",)])
def test_a_csv_without_rows_gives_none(pieces):
    assert from_csv(*pieces) == ({}, {})


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"distance": 1, "wind": 2, "origin": "JFK"\n', "the line is not JSON"),
        (b"[1, 2]\n", "the line is JSON, but not an object"),
        (b'{"distance": "300", "wind": 5, "origin": "JFK"}\n', 'distance: "300" is not a number'),
        (b'{"distance": true, "wind": 5, "origin": "JFK"}\n', "distance: true is not a number"),
        (b'{"distance": NaN, "wind": 5, "origin": "JFK"}\n', "distance: NaN is not a finite number"),
        (b'{"distance": 1e999, "wind": 5, "origin": "JFK"}\n', "distance: inf is not a finite number"),
        (b'{"distance": 300, "wind": 5, "origin": 7}\n', "origin: 7 is not a text"),
        (b'{"distance": 300, "wind": 5}\n', "origin: no value, and the model needs one"),
        (b'{"distance": [1], "wind": 5, "origin": "JFK"}\n', "distance: [1] is not a number"),
        (b'{"distance": 300, "origin": "J\xff"}\n', "the line is not JSON"),
        (b'{"distance": 1}{"distance": 2}\n', "the line is not JSON"),
        (b"[" * 100_000 + b"\n", "the line is not JSON"),
        (
            b'{"distance": 300, "wind": 5, "origin": "\\ud800"}\n',
            "the line holds a value that cannot be stored as JSON",
        ),
        (b'{"distance": ' + b"[" * 300 + b"]" * 300 + b"}\n", "the line holds a value that cannot be stored as JSON"),
        (b'{"distance": ' + b"[" * 1000 + b"]" * 1000 + b"}\n", "the line holds a value that cannot be stored as JSON"),
    ],
)
def test_a_bad_json_line_stands_alone_with_its_number_and_reason(line, reason):
    record = orjson.dumps(GOOD) + b"\n"
    good, bad = from_json(record, line, record)

    assert list(good) == [1, 3]
    assert list(bad) == [2]
    assert bad[2].startswith(reason)


def test_a_field_that_the_model_does_not_read_may_hold_anything():
    odd = (
        b'{"distance": 300, "wind": 5, "origin": "JFK", "note": "\\ud800", "more": ' + b"[" * 300 + b"]" * 300 + b"}\n"
    )

    good, bad = from_json(odd)

    assert (good, bad) == ({1: (300.0, 5.0, "JFK")}, {})


@pytest.mark.parametrize("digits", [400, 5_000])
def test_an_integer_beyond_float64_is_infinite_and_can_be_set_aside(digits):
    line = b'{"distance": 1' + b"0" * digits + b', "wind": [], "origin": "JFK"}\n'

    (row,) = (bad for rows in read_json_lines([line], SIGNATURE) for bad in check(rows, SIGNATURE).bad)

    assert "distance: inf is not a finite number" in row.reason
    assert orjson.loads(orjson.dumps(row.record)) == {"distance": None, "wind": [], "origin": "JFK"}


def test_a_row_of_wrong_width_takes_all_of_its_lines_with_it():
    good, bad = from_csv(HEADER, b'300,"a line\n300,5,JFK\nanother"\n', ROW)

    assert list(good) == [2]
    assert bad == {1: "2 fields, and the header names 3"}


def test_the_last_line_needs_no_line_break():
    assert list(from_json(orjson.dumps(GOOD))[0]) == [1]
    assert list(from_csv(HEADER + ROW.rstrip())[0]) == [1]


def test_an_overlong_line_is_set_aside_and_reading_goes_on():
    long = b'{"distance": "' + b"x" * (3 * LONGEST_LINE_BYTES) + b'"}\n'
    record = orjson.dumps(GOOD) + b"\n"
    whole = record + long + record
    pieces = [whole[at : at + 100_000] for at in range(0, len(whole), 100_000)]

    good, bad = from_json(*pieces)

    assert list(good) == [1, 3]
    assert bad == {2: "the line is longer than 1,048,576 bytes, too long for a record"}


@given(st.binary(max_size=400), st.integers(1, 50))
def test_lines_come_back_whole_however_the_bytes_are_cut(content, size):
    pieces = [content[at : at + size] for at in range(0, len(content), size)]

    chunks = list(whole_lines(pieces))

    assert b"".join(chunk for chunk in chunks if isinstance(chunk, bytes)).rstrip(b"\n") == content.rstrip(b"\n")
    assert all(isinstance(chunk, bytes) and chunk.endswith(b"\n") for chunk in chunks)


def test_the_line_that_a_cut_breaks_is_lost_and_those_before_are_kept():
    def broken():
        yield b"one\ntw"
        raise CutOffError("gone")

    kept, lost = whole_lines(broken())

    assert kept == b"one\n"
    assert isinstance(lost, Lost)
    assert (lost.beginning, lost.flaw.text) == ("tw", "gone")


@given(st.lists(st.binary(max_size=300), max_size=4), st.integers(1, 40))
def test_gzip_members_are_joined_however_the_bytes_are_cut(members, size):
    packed = b"".join(gzip.compress(member) for member in members)

    assert b"".join(gunzip(packed[at : at + size] for at in range(0, len(packed), size))) == b"".join(members)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=4), st.integers(1, 40))
def test_zeros_after_a_gzip_member_are_padding_however_the_bytes_are_cut(paddings, size):
    packed = b"".join(gzip.compress(b"row\n") + b"\0" * zeros for zeros in paddings)

    assert b"".join(gunzip(packed[at : at + size] for at in range(0, len(packed), size))) == b"row\n" * len(paddings)


@pytest.mark.parametrize("size", [1 << 20, 100])
def test_what_stands_before_the_damage_of_gzip_data_is_kept(size):
    text = b"".join(b"row %d\n" % number for number in range(5_000))
    packed = bytearray(gzip.compress(text))
    packed[-8] ^= 0xFF  # the checksum

    pieces = gunzip(bytes(packed[at : at + size]) for at in range(0, len(packed), size))

    assert b"".join(islice(pieces, len(packed) // size + 1)) == text
    with pytest.raises(CutOffError, match="damaged"):
        next(pieces)


def test_what_is_no_gzip_data_is_refused():
    with pytest.raises(UnreadableObject, match="is no gzip data"):
        list(gunzip([b"distance,wind,origin\n"]))


def test_a_csv_with_line_ends_that_no_one_writes_any_more_is_refused():
    with pytest.raises(UnreadableObject, match="first line is no CSV header"):
        from_csv((HEADER + ROW).replace(b"\n", b"\r"))


def test_a_gzip_bomb_comes_out_in_small_pieces():
    packed = gzip.compress(b"\n" * 50_000_000)

    assert max(len(piece) for piece in gunzip([packed])) <= 1 << 20
    assert sum(len(piece) for piece in gunzip([packed])) == 50_000_000


numbers = st.one_of(
    st.none(),
    st.floats(),
    st.integers(-(10**20), 10**20),
    st.sampled_from(["", "7", "abc", "NaN", "-inf", " 1.5 ", True, [1], {"a": 1}]),
)
texts = st.one_of(st.none(), st.sampled_from(["JFK", "EWR", "SFO", "", 'a"b', "x\ny", 3, False]), st.text(max_size=4))
records = st.fixed_dictionaries({}, optional={"distance": numbers, "wind": numbers, "origin": texts, "note": texts})


def is_good(record):
    """What the check promises, said once more for single values."""

    def is_number(value):
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        return math.isfinite(value)

    wind = record.get("wind")
    known = isinstance(record.get("origin"), str) and record["origin"] in ("EWR", "JFK", "LGA")
    return is_number(record.get("distance")) and (wind is None or is_number(wind)) and known


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(records, st.binary(max_size=20)), max_size=12), st.integers(1, 200))
def test_json_lines_are_each_good_or_bad_and_none_is_lost(lines, size):
    raw = [json.dumps(line).encode() if isinstance(line, dict) else b"!" + line.replace(b"\n", b" ") for line in lines]
    content = b"\n".join(raw)
    pieces = [content[at : at + size] for at in range(0, len(content), size)]

    good, bad = from_json(*pieces)

    expected = [number for number, line in enumerate(lines, 1) if isinstance(line, dict) and is_good(line)]
    assert sorted(good) == expected
    assert sorted([*good, *bad]) == list(range(1, len(lines) + 1))


cells = st.one_of(st.sampled_from(["", "5", "300", "abc", "NaN", "1e5", "JFK", "LGA", "SFO"]), st.text(max_size=5))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(cells, min_size=2, max_size=4), max_size=10), st.integers(1, 200))
def test_csv_rows_are_each_good_or_bad_and_none_is_lost(rows, size):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    rows = [[cell.replace("\x00", "").replace("\r", "") for cell in row] for row in rows]
    rows = [[cell.encode("utf-8", "replace").decode() for cell in row] for row in rows]
    writer.writerows([["distance", "wind", "origin"], *rows])
    content = text.getvalue().encode()
    pieces = [content[at : at + size] for at in range(0, len(content), size)]

    good, bad = from_csv(*pieces)

    assert sorted([*good, *bad]) == list(range(1, len(rows) + 1))
    for number in good:
        assert len(rows[number - 1]) == 3
        assert rows[number - 1][2] in ("EWR", "JFK", "LGA")


def parquet_outcome(table, **options):
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "shard.parquet"
        pq.write_table(table, file, **options)
        footer = pq.read_metadata(file)
        return outcome(_batches(file, footer, range(footer.num_row_groups), 1, SIGNATURE))


def test_parquet_integers_and_decimals_are_numbers_and_dictionaries_are_texts():
    table = pa.table(
        {
            "distance": pa.array([300, 400], pa.int32()),
            "wind": pa.array([1, None], pa.float32()),
            "origin": pa.array(["JFK", "EWR"]).dictionary_encode(),
            "other": pa.array([[1], [2]]),
        }
    )

    assert parquet_outcome(table) == ({1: (300.0, 1.0, "JFK"), 2: (400.0, None, "EWR")}, {})


@pytest.mark.parametrize(
    ("name", "column", "reasons"),
    [
        ("distance", pa.array([True, None]), ["true is not a number", "no value"]),
        ("distance", pa.array(["300", "x"]), ['"300" is not a number', '"x" is not a number']),
        ("distance", pa.array([float("nan"), float("inf")]), ["NaN is not", "inf is not"]),
        ("origin", pa.array([1, 2]), ["1 is not a text", "2 is not a text"]),
        ("origin", pa.nulls(2), ["no value", "no value"]),
        (
            "origin",
            pa.array([b"J\xff", b"K"]).view(pa.string()),
            ['the model does not know "J\ufffd"', "the model does"],
        ),
        ("wind", pa.array([1, 2], pa.timestamp("ns")), ["1970-01-01 00:00:00.000000001 is not", "1970-01-01"]),
        ("origin", pa.array([{"a": 1}, {"a": 2}]), ["{'a': 1} is not a text", "{'a': 2} is not a text"]),
    ],
)
def test_parquet_columns_of_another_type_make_their_rows_bad(name, column, reasons):
    columns = {"distance": pa.array([1.0, 2.0]), "wind": pa.array([1.0, 2.0]), "origin": pa.array(["JFK", "JFK"])}

    good, bad = parquet_outcome(pa.table(columns | {name: column}))

    assert good == {}
    assert [bad[1].startswith(f"{name}: {reasons[0]}"), bad[2].startswith(f"{name}: {reasons[1]}")] == [True, True]


def test_a_parquet_file_with_none_of_the_columns_has_as_many_bad_rows_as_rows():
    good, bad = parquet_outcome(pa.table({"other": [1, 2, 3]}))

    assert good == {}
    assert list(bad) == [1, 2, 3]
