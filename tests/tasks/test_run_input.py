"""Which run an execution is for, by its input alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.runs.input import for_the_same_run, run_id_of

TIMED = {"schedule": "hourly", "scheduledTime": "2026-11-23T06:05:00Z"}
EVENT = {"detail-type": "Scheduled Event", "source": "aws.events", "time": "2026-11-23T06:05:00Z", "detail": {}}


@pytest.mark.parametrize(
    ("document", "run_id"),
    [
        ({}, "name"),
        ({"runId": "july", **TIMED}, "july"),
        (TIMED, "hourly-20261123T060500Z"),
        ({"schedule": "hourly"}, "name"),
        (EVENT, "name"),
        (EVENT | {"detail": {"schedule": "hourly"}}, "hourly-20261123T060500Z"),
        (EVENT | {"detail": {"runId": "july"}}, "july"),
        ({"detail": {"runId": "july"}}, "name"),  # no event, and refused
        ({"runId": 7, "schedule": [], "scheduledTime": None}, "name"),
        (EVENT | {"detail": None}, "name"),
        (["no object"], "name"),
        (None, "name"),
    ],
)
def test_a_run_is_named_by_its_input_or_else_by_the_execution(document, run_id):
    assert run_id_of(document, "name") == run_id


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"runId": "name"}),
        ({"Comment": "Insert your JSON here"}, {"runId": "name"}),
        ({"runId": "july", "concurrency": 3}, {"runId": "july", "concurrency": 3}),
        (TIMED, TIMED | {"runId": "hourly-20261123T060500Z"}),
        (EVENT | {"detail": {"shardRows": 9_000}}, EVENT | {"detail": {"shardRows": 9_000, "runId": "name"}}),
        (["no object"], ["no object"]),
    ],
)
def test_the_input_of_another_execution_of_a_run_names_the_run(before, after):
    assert for_the_same_run(before, "name") == after


requests = st.fixed_dictionaries(
    {}, optional={"runId": st.just("july"), **{key: st.just(value) for key, value in TIMED.items()}}
)


@given(requests | requests.map(lambda request: EVENT | {"detail": request}))
def test_another_execution_of_a_run_is_for_the_same_run_whatever_was_given(document):
    again = for_the_same_run(document, "first")

    assert run_id_of(again, "first-replay-1") == run_id_of(document, "first")
    assert for_the_same_run(again, "first-replay-1") == again
