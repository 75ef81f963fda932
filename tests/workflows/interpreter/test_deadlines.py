import asyncio

import pytest

from tests.workflows.interpreter.stage import machine, play, taking, task
from workflows.interpreter import StatesError


def limited(**fields):
    return machine(Work=task("work", **fields))


def test_a_task_that_takes_too_long_is_cancelled_and_times_out():
    seen = play(limited(TimeoutSeconds=5), work=taking(6))
    assert seen.outcome.status == "FAILED"
    assert seen.outcome.error == "States.Timeout"
    assert seen.types[-3:] == ["TaskStarted", "TaskTimedOut", "ExecutionFailed"]
    assert seen.details("TaskTimedOut") == [{"error": "States.Timeout", "resource": "work", "resourceType": "stub"}]
    assert seen.details("ExecutionFailed") == [{"error": "States.Timeout"}]
    assert seen.seconds == 5
    assert len(seen.tasks.cancelled) == 1


def test_a_task_that_is_just_in_time_succeeds():
    assert play(limited(TimeoutSeconds=5), work=taking(4.999)).outcome.status == "SUCCEEDED"


def test_the_timeout_may_come_from_the_input():
    seen = play(limited(TimeoutSecondsPath="$.most"), {"most": 3}, work=taking(60))
    assert seen.seconds == 3


@pytest.mark.parametrize(("every", "status"), [(9, "SUCCEEDED"), (11, "FAILED")])
def test_a_worker_must_beat_within_the_heartbeat(every, status):
    async def work(call):
        for _ in range(5):
            await asyncio.sleep(every)
            call.beat()
        return "done"

    seen = play(limited(HeartbeatSeconds=10), work=work)
    assert seen.outcome.status == status
    if status == "FAILED":
        assert seen.outcome.error == "States.Timeout"
        assert seen.seconds == 10


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("States.HeartbeatTimeout", "HeartbeatSeconds"),
        ("States.Timeout", "HeartbeatSeconds"),
        ("States.Timeout", "TimeoutSeconds"),
    ],
)
def test_silence_and_slowness_are_caught_by_their_names(name, limit):
    definition = machine(
        Work=task("work", **{limit: 5}, Catch=[{"ErrorEquals": [name], "Next": "After"}]),
        After={"Type": "Pass", "End": True},
    )
    assert play(definition, work=taking(60)).outcome.output["Error"] == "States.Timeout"


def test_slowness_is_not_caught_as_silence():
    definition = machine(
        Work=task("work", TimeoutSeconds=5, Catch=[{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "After"}]),
        After={"Type": "Pass", "End": True},
    )
    assert play(definition, work=taking(60)).outcome.status == "FAILED"


def test_each_attempt_has_the_whole_time():
    seen = play(limited(TimeoutSeconds=5, Retry=[{"ErrorEquals": ["States.Timeout"]}]), work=taking(60))
    assert seen.tasks.times == [0, 6, 13, 22]


def test_a_machine_that_takes_too_long_is_timed_out_and_its_tasks_are_cancelled():
    seen = play({**limited(), "TimeoutSeconds": 30}, work=taking(60))
    assert seen.outcome.status == "TIMED_OUT"
    assert seen.types[-1] == "ExecutionTimedOut"
    assert seen.seconds == 30
    assert len(seen.tasks.cancelled) == 1


def test_a_task_that_times_out_inside_a_machine_with_a_limit_fails_the_execution():
    seen = play({**limited(TimeoutSeconds=2), "TimeoutSeconds": 30}, work=taking(60))
    assert seen.outcome.status == "FAILED"


def test_a_loop_without_tasks_is_timed_out_too():
    looping = machine(Wait={"Type": "Wait", "Seconds": 1, "Next": "Round"}, Round={"Type": "Pass", "Next": "Wait"})
    assert play({**looping, "TimeoutSeconds": 10}).seconds == 10


def test_a_stopped_execution_is_aborted_with_error_and_cause():
    seen = play(limited(), work=taking(60), stop_after=7)
    assert seen.outcome.status == "ABORTED"
    assert (seen.outcome.error, seen.outcome.cause) == ("Stopped", "by hand")
    assert seen.types[-1] == "ExecutionAborted"
    assert seen.details("ExecutionAborted") == [{"error": "Stopped", "cause": "by hand"}]
    assert seen.seconds == 7
    assert len(seen.tasks.cancelled) == 1


def test_a_stopped_execution_waits_until_its_tasks_have_cleaned_up():
    cleaned = []

    async def work(call):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(3)
            cleaned.append(True)
            raise

    assert play(limited(), work=work, stop_after=7).seconds == 10
    assert cleaned == [True]


def test_a_task_that_fails_while_it_is_cancelled_does_not_hide_the_timeout():
    async def work(call):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise StatesError("CleanUpFailed") from None

    assert play(limited(TimeoutSeconds=5), work=work).outcome.error == "States.Timeout"
