"""Whatever a file holds: checked as records that went through JSON, it has the flaws that the file has."""

import json

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.reading.csv_rows import read_csv
from tasks.reading.json_lines import read_json_lines
from tasks.records.check import check
from tasks.records.cleaning import clean, clean_texts
from tasks.records.raw import raw_records
from tasks.records.rows import Rows
from tests.tasks.conftest import SIGNATURE

NAMES = SIGNATURE.names

numbers = st.one_of(st.none(), st.floats(), st.floats(width=32), st.integers(-(2**63), 2**63 - 1))
texts = st.one_of(
    st.none(), st.sampled_from(["EWR", "JFK", "", " ", "1.5", " 2e3 ", "NaN", "inf", "-0", "x" * 70, "é"])
)
odd = st.one_of(
    st.booleans(), st.lists(st.floats(), max_size=2), st.dictionaries(texts.filter(bool), numbers, max_size=2)
)


def outcome_here(rows):
    checked = check(rows, SIGNATURE)
    good = dict(zip(checked.numbers.tolist(), zip(*(c.to_pylist() for c in checked.columns), strict=True), strict=True))
    bad = {row.row: [(flaw.kind, flaw.field, flaw.complaint) for flaw in row.flaws] for row in checked.bad}
    broken = {row.row for row in rows.broken}
    return good, {row: flaws for row, flaws in bad.items() if row not in broken}


def outcome_there(rows, here):
    """The outcome of what can travel; of the rest that of the check where it was read."""
    raw = raw_records(rows, SIGNATURE)
    sent = [place for place, record in enumerate(raw.records) if record is not None]
    travelled = [json.loads(orjson.dumps(raw.records[place])) for place in sent]
    cleaned = (clean_texts if raw.text else clean)(travelled, SIGNATURE)
    numbers_of = {at: int(rows.numbers[place]) for at, place in enumerate(sent)}
    back = json.loads(json.dumps(cleaned.records))
    good = {
        numbers_of[at]: tuple(record[name] for name in NAMES)
        for at, record in zip(cleaned.positions, back, strict=True)
    }
    bad = {numbers_of[row.row - 1]: [(f.kind, f.field, f.complaint) for f in row.flaws] for row in cleaned.bad}
    kept = {int(rows.numbers[place]) for place, record in enumerate(raw.records) if record is None}
    assert not kept & here[0].keys(), "a good row need not stay"
    return good, bad | {number: here[1][number] for number in kept}


def assert_same(rows):
    here = outcome_here(rows)
    there = outcome_there(rows, here)
    assert repr(sorted(there[0].items())) == repr(sorted(here[0].items())), "same values, to the sign of zero"
    assert there[1] == here[1]


@given(
    st.lists(st.fixed_dictionaries({}, optional={name: st.one_of(numbers, texts, odd) for name in NAMES}), max_size=6)
)
def test_json_lines(records):
    body = "".join(json.dumps(record) + "\n" for record in records).encode()
    for rows in read_json_lines([body], SIGNATURE):
        assert_same(rows)


cells = st.one_of(texts.map(lambda text: text or ""), st.floats().map(repr))


@given(
    st.lists(st.sampled_from([*NAMES, "other"]), min_size=1, max_size=4),
    st.lists(st.lists(cells, min_size=4, max_size=5), max_size=5),
)
def test_csv(header, lines):
    body = "\n".join([",".join(header), *(",".join(line[: len(header)]) for line in lines)]).encode() + b"\n"
    for rows in read_csv([body], SIGNATURE):
        assert_same(rows)


TYPES = [
    (pa.float64(), st.one_of(st.none(), st.floats())),
    (pa.float32(), st.one_of(st.none(), st.floats(width=32))),
    (pa.int64(), st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))),
    (pa.uint64(), st.one_of(st.none(), st.integers(0, 2**64 - 1))),
    (pa.decimal128(20, 3), st.one_of(st.none(), st.decimals(-(10**9), 10**9, places=3))),
    (pa.bool_(), st.one_of(st.none(), st.booleans())),
    (pa.string(), texts),
    (pa.large_string(), texts),
    (pa.dictionary(pa.int8(), pa.string()), texts),
    (pa.dictionary(pa.int8(), pa.float64()), st.one_of(st.none(), st.floats())),
    (pa.binary(), st.one_of(st.none(), st.binary(max_size=3))),
    (pa.timestamp("ns"), st.one_of(st.none(), st.integers(-(2**63) + 1, 2**63 - 1))),
    (pa.date32(), st.one_of(st.none(), st.integers(-1000, 1000))),
    (pa.list_(pa.float64()), st.one_of(st.none(), st.lists(st.floats(), max_size=2))),
    (pa.null(), st.none()),
]


@st.composite
def batches(draw):
    """Columns of any type under the names of features, some of them missing or there twice."""
    count = draw(st.integers(0, 4))
    columns, names = [], []
    for name in draw(st.lists(st.sampled_from([*NAMES, *NAMES, "other"]), max_size=4)) or NAMES:
        kind, values = draw(st.sampled_from(TYPES))
        columns.append(pa.array(draw(st.lists(values, min_size=count, max_size=count)), kind))
        names.append(name)
    return Rows(np.arange(5, 5 + count), pa.RecordBatch.from_arrays(columns, names), text=draw(st.booleans()))


@given(st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=5))
def test_columns_of_text(values):
    columns = [pa.array(column, pa.string()) for column in zip(*values, strict=True)]
    assert_same(Rows(np.arange(len(values)), pa.RecordBatch.from_arrays(columns, NAMES), text=True))


@given(batches())
def test_columns_of_any_type(rows):
    assert_same(rows)


@given(st.lists(st.tuples(st.floats(), st.one_of(st.none(), st.floats()), st.sampled_from(["EWR", "LGA"])), min_size=1))
def test_ordinary_columns(values):
    columns = [pa.array(column) for column in zip(*values, strict=True)]
    columns[1] = columns[1].cast(pa.float64())
    assert_same(Rows(np.arange(len(values)), pa.RecordBatch.from_arrays(columns, NAMES)))


def test_text_that_is_no_utf8_stays_where_it_was_read():
    broken = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")])
    rows = Rows(np.array([1]), pa.RecordBatch.from_arrays([pa.array([1.0]), pa.array([1.0]), broken], NAMES))

    assert raw_records(rows, SIGNATURE).records == [None]


@pytest.mark.parametrize("value", [0.1, 5e-324, 1.7976931348623157e308, -0.0, 2**53 + 1])
def test_a_number_travels_as_the_float64_that_it_is_compared_as(value):
    rows = Rows(
        np.array([1]), pa.RecordBatch.from_arrays([pa.array([value]), pa.array([1.0]), pa.array(["JFK"])], NAMES)
    )
    (record,) = raw_records(rows, SIGNATURE).records

    assert np.float64(json.loads(orjson.dumps(record))["distance"]).tobytes() == np.float64(value).tobytes()
