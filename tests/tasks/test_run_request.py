"""What a run may ask."""

from dataclasses import replace
from datetime import UTC, datetime

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import InvalidRunRequest, NoSuchVersion, RunIdConflict, SettingsError
from tasks.runs.layout import RunFolder
from tasks.runs.normalising import normalise
from tasks.runs.periods import DAY, HOUR, Period
from tasks.runs.request import SCHEMA, RunRequest, parse_user_input
from tasks.settings import Settings
from tests.tasks.conftest import RUN

SCHEDULED = {"version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}


def normalised(world, document, name="execution-1", started_at="2026-11-23T23:59:59.5Z"):
    return normalise(
        document,
        execution_name=name,
        started_at=started_at,
        settings=Settings.from_environment(),
        storage=world.storage,
        registry=world.registry,
    )


@pytest.mark.parametrize("document", [{}, {"Comment": "Insert your JSON here"}, SCHEDULED])
def test_the_empty_the_console_s_and_the_scheduler_s_input_ask_for_the_defaults(world, document):
    request = normalised(world, document)

    assert request.to_json() == {
        "runId": "execution-1",
        "input": "s3://data/input/",
        "modelVersion": "v1",
        "scorer": "auto",
        "shardRows": 200_000,
        "smallShardRows": 5_000,
        "toleratedFailurePercentage": 0,
        "concurrency": 10,
        "day": "2026-11-23",
        "startedAt": "2026-11-23T23:59:59.500Z",
        "framework": "lightgbm",
        "endpointRecords": 500,
        "endpointCallsPerSecond": 10,
        "schedule": None,
        "scheduledTime": None,
        "period": None,
        "inputPattern": None,
        "latePeriods": 0,
    }


def test_a_scheduled_event_may_ask_in_its_detail(world):
    assert normalised(world, SCHEDULED | {"detail": {"concurrency": 3}}).concurrency == 3


def test_a_schedule_s_run_is_named_for_its_time_and_reads_the_folder_of_the_hour_before(world):
    asked = {"schedule": "hourly", "scheduledTime": "2026-11-23T06:05:00Z", "input": "s3://data/in/{date}/{hour}/"}

    twice = [normalised(world, asked, name=name) for name in ("delivered", "delivered-again")]

    assert {request.run_id for request in twice} == {"hourly-20261123T060500Z"}
    assert {request.input for request in twice} == {"s3://data/in/2026-11-23/05/"}
    assert {request.period for request in twice} == {"2026-11-23T05"}


def test_an_input_with_a_place_for_a_time_needs_one(world):
    with pytest.raises(InvalidRunRequest, match=r"input has \{date\}, so scheduledTime must say of when"):
        normalised(world, {"input": "s3://data/in/{date}/"})


@pytest.mark.parametrize(
    ("pattern", "time", "folder", "period"),
    [
        ("in/{date}/{hour}/", "2026-11-23T00:05:00Z", "in/2026-11-22/23/", "2026-11-22T23"),
        ("in/{date}/{hour}/", "2027-01-01T00:00:00Z", "in/2026-12-31/23/", "2026-12-31T23"),
        ("in/{hour}/of/{date}/{hour}", "2026-11-23T23:59:59Z", "in/22/of/2026-11-23/22", "2026-11-23T22"),
        ("in/{date}/", "2026-11-23T06:00:00Z", "in/2026-11-22/", "2026-11-22"),
        ("in/{date}/", "2028-03-01T00:00:00Z", "in/2028-02-29/", "2028-02-29"),
        ("in/{date}/", "2026-11-23T23:59:59Z", "in/2026-11-22/", "2026-11-22"),
        ("in/{hour}/", "2026-11-23T00:05:00Z", "in/23/", "2026-11-22T23"),
        ("in/", "2026-11-23T06:00:00Z", "in/", None),
    ],
)
def test_what_is_scored_is_the_last_period_that_had_ended(world, pattern, time, folder, period):
    request = normalised(world, {"scheduledTime": time, "input": f"s3://data/{pattern}"})

    assert (request.input, request.period) == (f"s3://data/{folder}", period)


times = st.integers(1, 32_472_144_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(times, st.sampled_from(["{date}/", "{date}/{hour}/", "{hour}/{date}"]))
def test_a_period_had_ended_when_it_is_scored_and_the_next_one_had_not(time, pattern):
    period = Period.ended_by(time, pattern)
    end = period.start + period.length

    assert end <= time < end + period.length
    assert Period.named(period.name) == period
    assert period.length == (HOUR if "{hour}" in pattern else DAY)


@given(times, st.sampled_from(["{date}/", "{date}/{hour}/"]), st.integers(1, 200))
def test_each_of_the_periods_before_has_a_folder_of_its_own_in_the_order_of_time(time, pattern, many):
    own = Period.ended_by(time, pattern)
    before = [own.before(number) for number in range(many)]

    assert [each.start - each.length for each in before[:-1]] == [each.start for each in before[1:]]
    assert len({each.folder(pattern) for each in before}) == many
    names = [each.name for each in before]
    assert names == sorted(names, reverse=True)


def test_a_rule_s_event_says_when_its_schedule_was_due(world):
    event = SCHEDULED | {"time": "2026-11-23T06:05:00Z", "detail": {"input": "s3://data/{date}/", "schedule": "rule"}}

    request = normalised(world, event)

    assert (request.run_id, request.input) == ("rule-20261123T060500Z", "s3://data/2026-11-22/")
    assert normalised(world, SCHEDULED | {"time": "1970-01-01T00:00:00Z"}).run_id == "execution-1"


LATE = {"schedule": "s", "scheduledTime": "2026-11-23T06:05:00Z", "input": "s3://data/{date}/", "latePeriods": 2}


def test_a_run_looks_into_its_own_folder_and_then_into_those_before(world):
    assert normalised(world, LATE).folders == {
        "2026-11-22": "s3://data/2026-11-22/",
        "2026-11-21": "s3://data/2026-11-21/",
        "2026-11-20": "s3://data/2026-11-20/",
    }


def test_a_run_of_no_schedule_shares_its_folder_with_none(world):
    assert normalised(world, {"scheduledTime": LATE["scheduledTime"], "input": LATE["input"]}).folders == {}
    assert normalised(world, LATE | {"input": "s3://data/", "latePeriods": 0}).folders == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schedule": None}, "latePeriods is 2, so there must be a schedule, a scheduledTime, and {date} in input"),
        ({"scheduledTime": None, "input": None}, "latePeriods is 2, so there must be a schedule"),
        ({"scheduledTime": None}, "input has {date}, so scheduledTime must say of when"),
        ({"input": "s3://data/"}, "latePeriods is 2, so there must be a schedule"),
        ({"input": "s3://data/{hour}/"}, "latePeriods is 2, so there must be a schedule"),
        ({"latePeriods": 8}, "latePeriods is 8; without {hour} in input these are days, of at most 7"),
        ({"latePeriods": -1}, "latePeriods is -1; it must be a whole number from 0 to 168"),
        ({"latePeriods": 169}, "latePeriods is 169; it must be a whole number from 0 to 168"),
        ({"latePeriods": "24"}, "a whole number"),
        ({"scheduledTime": "2026-02-30T06:00:00Z"}, "scheduledTime is 2026-02-30T06:00:00Z; there is no such day"),
    ],
)
def test_lateness_that_makes_no_sense_is_refused_with_what_would(world, changes, message):
    asked = {key: value for key, value in (LATE | changes).items() if value is not None}

    with pytest.raises(InvalidRunRequest) as refusal:
        normalised(world, asked)
    assert message in str(refusal.value)


def test_the_day_is_the_utc_day_of_the_start(world):
    assert normalised(world, {}, started_at="2026-11-24T01:00:00+02:00").day == "2026-11-23"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "the input must be a JSON object, not []"),
        ({"shards": 1}, "'shards' is not a key of the input; allowed are Comment, concurrency, endpointCalls"),
        ({"shardRows": -5}, "shardRows is -5; it must be a whole number from 1000 to 5000000"),
        ({"shardRows": 1000.5}, "it must be a whole number"),
        ({"shardRows": True}, "shardRows is true"),
        ({"concurrency": "10"}, 'concurrency is "10"'),
        ({"toleratedFailurePercentage": 101}, "a number from 0 to 100"),
        ({"toleratedFailurePercentage": float("nan")}, "a number from 0 to 100"),
        ({"scorer": "gpu"}, 'scorer is "gpu"; it must be one of auto, container, endpoint'),
        ({"scorer": None}, "scorer is null"),
        ({"runId": "a b"}, "1 to 80 characters"),
        ({"runId": ""}, "1 to 80 characters"),
        ({"runId": "x" * 81}, "1 to 80 characters"),
        ({"runId": "-nightly"}, "beginning with a letter or digit"),
        ({"runId": "_nightly"}, "beginning with a letter or digit"),
        ({"input": "data/july"}, "s3://bucket/prefix"),
        ({"modelVersion": "v1/../v2"}, "modelVersion is"),
        ({"schedule": "every day"}, "1 to 40 characters"),
        ({"scheduledTime": "<aws.scheduler.scheduled-time>"}, "a time in UTC such as 2026-11-23T06:00:00Z"),
    ],
)
def test_a_bad_input_is_refused_with_what_is_wrong_and_what_is_allowed(document, message):
    with pytest.raises(InvalidRunRequest) as refusal:
        parse_user_input(document)
    assert message in str(refusal.value)


values = st.one_of(st.none(), st.booleans(), st.integers(-10, 10**7), st.floats(), st.text(max_size=5), st.just("auto"))


@given(st.dictionaries(st.one_of(st.sampled_from(sorted(SCHEMA["properties"])), st.text(max_size=3)), values))
def test_parsing_takes_exactly_what_the_published_schema_takes(document):
    validator = jsonschema.Draft202012Validator(SCHEMA)
    # JSON Schema counts 7.0 as an integer and lets NaN pass; a person who writes them has erred.
    odd = any(isinstance(value, float) and (value.is_integer() or value != value) for value in document.values())
    try:
        parse_user_input(document)
        taken = True
    except InvalidRunRequest:
        taken = False
    assert taken == validator.is_valid(document) or odd


def test_an_execution_name_that_cannot_be_a_run_id_is_refused(world):
    with pytest.raises(InvalidRunRequest, match="give runId"):
        normalised(world, {}, name="äöü.1")


def test_an_unknown_version_is_refused_naming_the_known_ones(world):
    with pytest.raises(NoSuchVersion, match="'v9' is not registered; registered are v1"):
        normalised(world, {"modelVersion": "v9"})


def test_a_mistake_in_the_active_version_is_named_with_its_parameter(world):
    name = "/ml-pipeline/models/active-version"
    world.registry._ssm.put_parameter(Name=name, Value="v22", Type="String", Overwrite=True)

    with pytest.raises(NoSuchVersion, match=f"the parameter {name} says 'v22': .* registered are v1"):
        normalised(world, {})
    assert normalised(world, {"modelVersion": "v1"}).model_version == "v1"


def test_a_run_id_used_before_keeps_its_model_its_start_and_its_day(world):
    first = normalised(world, {"runId": "r"})
    world.storage.write_json(RunFolder.of(first, "results").request, first.record())
    world.registry._ssm.put_parameter(
        Name="/ml-pipeline/models/active-version", Value="v2", Type="String", Overwrite=True
    )

    again = normalised(world, {"runId": "r", "concurrency": 5}, started_at="2026-12-01T00:00:00Z")

    assert (again.model_version, again.day, again.started_at) == ("v1", first.day, first.started_at)
    assert again.concurrency == 5


def test_a_run_id_used_before_for_another_request_is_refused(world):
    first = normalised(world, {"runId": "r"})
    world.storage.write_json(RunFolder.of(first, "results").request, first.record())

    with pytest.raises(RunIdConflict, match="run r was started before with shardRows 200000 instead of 5000"):
        normalised(world, {"runId": "r", "shardRows": 5000})


def test_a_request_survives_its_way_through_the_states():
    assert RunRequest.from_json(RUN.to_json()) == RUN


def test_a_run_that_an_earlier_release_normalised_goes_on_without_what_is_new_since() -> None:
    known = {key: value for key, value in RUN.to_json().items() if key not in {"period", "latePeriods", "schedule"}}

    assert RunRequest.from_json(known) == replace(RUN, period=None, late_periods=0, schedule=None)


def test_a_run_without_what_every_run_has_is_refused() -> None:
    with pytest.raises(InvalidRunRequest, match="no 'runId'"):
        RunRequest.from_json({key: value for key, value in RUN.to_json().items() if key != "runId"})


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"ML_PIPELINE_ENVIRONMENT": "test"}, "dev, staging and prod"),
        ({"ML_PIPELINE_RETENTION_DAYS": "0"}, "at least 1"),
    ],
)
def test_a_bad_setting_is_refused(environ, message):
    with pytest.raises(SettingsError, match=message):
        Settings.from_environment(environ)


def test_a_missing_setting_is_named_when_it_is_needed():
    with pytest.raises(SettingsError, match="ML_PIPELINE_RESULTS_BUCKET"):
        Settings.from_environment({}).required("results_bucket")
