import pytest

from tests.workflows.interpreter.stage import Play, failing, in_turn, machine, play, taking, task
from workflows.interpreter import StatesError

AFTER = {"Type": "Pass", "End": True}


def retried(**retrier):
    return machine(Work=task("work", Retry=[{"ErrorEquals": ["States.ALL"], **retrier}]))


def caught(*names, **fields):
    catch = {"ErrorEquals": list(names), "Next": "After", **fields}
    return machine(Work=task("work", Catch=[catch]), After=AFTER)


def test_by_default_three_retries_follow_after_one_two_and_four_seconds():
    seen = play(retried(), work=failing("Flaky"))
    assert seen.tasks.times == [0, 1, 3, 7]
    assert seen.outcome.error == "Flaky"


def test_delays_grow_by_the_backoff_rate_up_to_the_longest_delay():
    seen = play(retried(IntervalSeconds=3, BackoffRate=3.0, MaxAttempts=4, MaxDelaySeconds=20), work=failing("Flaky"))
    assert seen.tasks.times == [0, 3, 3 + 9, 3 + 9 + 20, 3 + 9 + 20 + 20]


def test_a_huge_backoff_is_cut_at_the_longest_delay():
    seen = play(retried(MaxAttempts=1100, MaxDelaySeconds=1, BackoffRate=10), work=failing("Flaky"))
    assert len(seen.tasks.calls) == 1101
    assert seen.seconds == 1100


def test_full_jitter_stays_below_the_delay_and_is_the_same_for_the_same_seed():
    definition = retried(MaxAttempts=8, IntervalSeconds=10, BackoffRate=1, JitterStrategy="FULL")

    def times(seed):
        return Play(definition, {}, {"work": failing("Flaky")}, seed).run().tasks.times

    waits = [after - before for before, after in zip(times(1), times(1)[1:], strict=False)]
    assert all(0 <= wait <= 10 for wait in waits)
    assert len(set(waits)) == len(waits)
    assert times(1) == times(1)
    assert times(1) != times(2)


def test_zero_attempts_mean_no_retry():
    assert len(play(retried(MaxAttempts=0), work=failing("Flaky")).tasks.calls) == 1


def test_each_retrier_counts_its_own_attempts():
    definition = machine(
        Work=task(
            "work",
            Retry=[
                {"ErrorEquals": ["A"], "MaxAttempts": 1, "IntervalSeconds": 10},
                {"ErrorEquals": ["B"], "MaxAttempts": 1, "IntervalSeconds": 100},
            ],
        )
    )
    seen = play(definition, work=in_turn(StatesError("A"), StatesError("B"), StatesError("A")))
    assert seen.tasks.times == [0, 10, 110]


def test_a_used_up_retrier_is_not_followed_by_a_later_one_that_matches_too():
    definition = machine(
        Work=task(
            "work",
            Retry=[
                {"ErrorEquals": ["A"], "MaxAttempts": 1},
                {"ErrorEquals": ["States.ALL"], "MaxAttempts": 5},
            ],
        )
    )
    assert len(play(definition, work=failing("A")).tasks.calls) == 2


def test_a_retry_that_succeeds_leaves_no_trace_in_the_output():
    seen = play(retried(), work=in_turn(StatesError("Flaky"), {"ok": True}))
    assert seen.outcome.output == {"ok": True}
    assert seen.types[2:8] == [
        "TaskScheduled",
        "TaskStarted",
        "TaskFailed",
        "TaskScheduled",
        "TaskStarted",
        "TaskSucceeded",
    ]


def test_parameters_see_the_number_of_the_retry():
    definition = machine(
        Work=task("work", Parameters={"n.$": "$$.State.RetryCount"}, Retry=[{"ErrorEquals": ["Flaky"]}])
    )
    seen = play(definition, work=failing("Flaky"))
    assert [call["n"] for call in seen.tasks.arguments("work")] == [0, 1, 2, 3]


def test_context_handed_out_by_an_attempt_does_not_change_with_later_attempts():
    definition = machine(
        Work=task("work", Parameters={"all.$": "$$"}, Retry=[{"ErrorEquals": ["Flaky"], "MaxAttempts": 1}])
    )
    first, second = play(definition, work=failing("Flaky")).tasks.arguments("work")
    assert first["all"]["State"]["RetryCount"] == 0
    assert second["all"]["State"]["RetryCount"] == 1


def test_a_caught_error_becomes_the_output():
    seen = play(caught("Broken"), {"kept": 1}, work=failing("Broken", "for good"))
    assert seen.outcome.output == {"Error": "Broken", "Cause": "for good"}
    assert seen.types[4:7] == ["TaskFailed", "TaskStateExited", "PassStateEntered"]


def test_a_catcher_can_put_the_error_beside_the_input():
    seen = play(caught("Broken", ResultPath="$.problem"), {"kept": 1}, work=failing("Broken"))
    assert seen.outcome.output == {"kept": 1, "problem": {"Error": "Broken", "Cause": None}}


def test_a_caught_timeout_has_an_empty_cause():
    definition = caught("States.ALL")
    definition["States"]["Work"]["TimeoutSeconds"] = 5
    assert play(definition, work=taking(60)).outcome.output == {"Error": "States.Timeout", "Cause": ""}


def test_a_failure_of_which_nothing_is_told_is_caught_as_nulls():
    assert play(caught("States.ALL"), work=failing(None)).outcome.output == {"Error": None, "Cause": None}


def test_a_catcher_can_drop_the_error():
    assert play(caught("Broken", ResultPath=None), {"kept": 1}, work=failing("Broken")).outcome.output == {"kept": 1}


def test_retries_come_before_the_catch():
    definition = caught("States.ALL")
    definition["States"]["Work"]["Retry"] = [{"ErrorEquals": ["Broken"], "MaxAttempts": 2}]
    seen = play(definition, work=failing("Broken"))
    assert len(seen.tasks.calls) == 3
    assert seen.outcome.status == "SUCCEEDED"


@pytest.mark.parametrize(
    ("names", "error", "is_caught"),
    [
        (["Broken"], "Broken", True),
        (["Broken"], "Other", False),
        (["States.ALL"], "Other", True),
        (["States.TaskFailed"], "Other", True),
        (["States.TaskFailed"], "Lambda.Unknown", True),
        (["States.TaskFailed"], "States.Timeout", False),
        (["States.Timeout"], "States.Timeout", True),
        (["States.ALL"], "States.Timeout", True),
        (["States.ALL"], "States.DataLimitExceeded", True),
        (["States.ALL"], "States.Runtime", False),
        (["States.Runtime"], "States.Runtime", False),
        (["States.ALL"], None, True),
        (["Broken"], None, False),
    ],
)
def test_which_names_catch_which_errors(names, error, is_caught):
    seen = play(caught(*names), work=failing(error))
    assert seen.outcome.status == ("SUCCEEDED" if is_caught else "FAILED")
    assert seen.outcome.error == (None if is_caught else error)


def test_a_failure_of_the_output_path_is_not_caught_and_says_where_it_was():
    definition = caught("States.ALL")
    definition["States"]["Work"]["OutputPath"] = "$.missing"
    seen = play(definition, {"x": 1})
    assert seen.outcome.status == "FAILED"
    assert seen.outcome.error == "States.Runtime"
    assert seen.outcome.cause.startswith(
        "An error occurred while executing the state 'Work' (entered at the event id #2). "
    )


def test_too_large_a_result_fails_the_task_with_a_named_error():
    seen = play(machine(Work=task("work")), work=in_turn("x" * 262_143))
    assert seen.outcome.error == "States.DataLimitExceeded"
    assert seen.outcome.cause == (
        "The state/task 'stub' returned a result with a size exceeding the maximum number of bytes service limit."
    )
    assert seen.types[-2:] == ["TaskFailed", "ExecutionFailed"]


def test_the_largest_result_is_no_problem():
    # Two quotation marks are part of the payload.
    assert play(machine(Work=task("work")), work=in_turn("x" * 262_142)).outcome.status == "SUCCEEDED"


def test_the_size_of_a_result_is_measured_in_bytes():
    assert play(machine(Work=task("work")), work=in_turn("ö" * 131_072)).outcome.status == "FAILED"


def test_a_parallel_is_retried_as_a_whole():
    definition = machine(
        Both={
            "Type": "Parallel",
            "Branches": [machine(Good=task("good")), machine(Bad=task("bad"))],
            "Retry": [{"ErrorEquals": ["Flaky"], "IntervalSeconds": 5}],
            "End": True,
        }
    )
    seen = play(definition, good=taking(1, "g"), bad=in_turn(StatesError("Flaky"), "b"))
    assert seen.outcome.output == ["g", "b"]
    assert len(seen.tasks.arguments("good")) == 2
    assert seen.types.count("ParallelStateStarted") == 2
    assert "ParallelStateFailed" not in seen.types


@pytest.mark.parametrize("name", ["Broken", "States.BranchFailed", "States.TaskFailed"])
def test_a_failed_branch_is_caught_by_its_own_error_and_as_a_failed_branch(name):
    definition = machine(
        Both={
            "Type": "Parallel",
            "Branches": [machine(Bad=task("bad"))],
            "Catch": [{"ErrorEquals": [name], "Next": "After"}],
            "End": True,
        },
        After=AFTER,
    )
    assert play(definition, bad=failing("Broken", "why")).outcome.output == {"Error": "Broken", "Cause": "why"}
