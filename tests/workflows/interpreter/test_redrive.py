import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workflows.interpreter.stage import Play, in_turn, machine, name_of, taking, task
from workflows.interpreter import StatesError

RETRY_ONCE = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]


def distributed(kind, processor, **fields):
    config = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind}}
    return {"Type": "Map", "Label": "each", "ItemProcessor": {**config, **processor}, "End": True, **fields}


class Troubles:
    """Tasks that fail for the pairs of task and arguments that are told, until they are mended."""

    def __init__(self, *broken):
        self.broken = set(broken)
        self.succeeded = []

    def __call__(self, call):
        key = (name_of(call), json.dumps(call.arguments))
        if key in self.broken or key[0] in self.broken:
            raise StatesError("Broken", key[0])
        self.succeeded.append(key)
        return call.arguments

    def mend(self):
        self.broken = set()


def broken_play(definition, given, *broken, names=("one", "two", "three")):
    troubles = Troubles(*broken)
    seen = Play(definition, given, dict.fromkeys(names, troubles)).run()
    assert seen.outcome.status == "FAILED"
    troubles.mend()
    return seen, troubles


def line(*names, **last):
    states = {
        name: task(name, **({"Next": following} if following else last))
        for name, following in zip(names, [*names[1:], None], strict=True)
    }
    return machine(**states)


def test_a_redrive_goes_on_at_the_failed_task_with_its_input():
    seen, troubles = broken_play(line("one", "two", "three"), {"n": 1}, "two")
    seen.redrive()
    assert seen.outcome.status == "SUCCEEDED"
    assert seen.outcome.output == {"n": 1}
    assert [name for name, _ in troubles.succeeded] == ["one", "two", "three"]


def test_the_history_goes_on_where_it_ended():
    seen, _ = broken_play(line("one", "two"), {}, "two")
    ended = len(seen.journal)
    seen.redrive()
    assert seen.journal.events[ended - 1].type == "ExecutionFailed"
    assert [(event.id, event.previous_id, event.type) for event in seen.journal.events[ended:]] == [
        (ended + 1, ended, "ExecutionRedriven"),
        (ended + 2, ended + 1, "TaskScheduled"),
        (ended + 3, ended + 2, "TaskStarted"),
        (ended + 4, ended + 3, "TaskSucceeded"),
        (ended + 5, ended + 4, "TaskStateExited"),
        (ended + 6, ended + 5, "ExecutionSucceeded"),
    ]
    assert seen.details("ExecutionRedriven") == [{"redriveCount": 1}]


def test_the_context_tells_of_the_redrive():
    definition = machine(Look=task("one", Parameters={"e.$": "$$.Execution"}))
    seen, _ = broken_play(definition, {}, "one")
    execution = seen.redrive().outcome.output["e"]
    assert execution["RedriveCount"] == 1
    assert execution["RedriveTime"] == "2030-01-01T00:00:00.000Z"
    assert "RedriveTime" not in seen.tasks.arguments("one")[0]["e"]


def test_retries_begin_anew():
    seen = Play(line("one", Retry=RETRY_ONCE), {}, {"one": in_turn(*[StatesError("Broken")] * 3, "done")}).run()
    assert len(seen.tasks.calls) == 2
    assert seen.redrive().outcome.output == "done"
    assert len(seen.tasks.calls) == 4


def test_the_time_limit_of_the_machine_begins_anew():
    definition = {**line("one"), "TimeoutSeconds": 10}
    seen = Play(definition, {}, {"one": taking(60)}).run()
    assert (seen.outcome.status, seen.seconds) == ("TIMED_OUT", 10)
    seen.tasks.behaviours["one"] = taking(9, "in time")
    assert seen.redrive().outcome.output == "in time"


def test_a_stopped_execution_can_be_redriven():
    seen = Play(line("one", "two"), {}, {"two": taking(60)}, stop_after=5).run()
    seen.stop_after = None
    seen.tasks.behaviours["two"] = taking(1, "done")
    assert seen.redrive().outcome.output == "done"
    assert len(seen.tasks.arguments("one")) == 1


def test_a_fail_state_is_entered_again_and_fails_again():
    seen = Play(machine(Stop={"Type": "Fail", "Error": "No"})).run()
    assert seen.redrive().outcome.error == "No"
    assert seen.types.count("FailStateEntered") == 2


def test_a_wait_for_a_time_that_is_over_by_then_is_left_at_once():
    definition = machine(Wait={"Type": "Wait", "Timestamp": "2030-01-01T00:01:00Z", "End": True})
    seen = Play(definition, stop_after=5).run()
    seen.stop_after = None
    assert seen.redrive(later=3600).outcome.status == "SUCCEEDED"
    assert seen.seconds == 0


def test_a_choice_is_decided_again():
    choices = [{"Variable": "$.n", "IsPresent": False, "Next": "Other"}]
    definition = machine(Choose={"Type": "Choice", "Choices": choices}, Other={"Type": "Succeed"})
    seen = Play(definition, {"n": 1}).run()
    assert seen.redrive().outcome.error == "States.NoChoiceMatched"
    assert seen.types.count("ChoiceStateEntered") == 1


def test_only_the_failed_branches_run_again():
    definition = machine(Both={"Type": "Parallel", "Branches": [line("one"), line("two", "three")], "End": True})
    seen, troubles = broken_play(definition, 7, "three")
    seen.redrive()
    assert seen.outcome.output == [7, 7]
    assert sorted(name for name, _ in troubles.succeeded) == ["one", "three", "two"]
    assert seen.types.count("ParallelStateEntered") == seen.types.count("ParallelStateStarted") == 1


def test_an_aborted_branch_runs_again_from_the_state_it_was_in():
    definition = machine(Both={"Type": "Parallel", "Branches": [line("one", "slow"), line("two")], "End": True})

    async def late_failure(call):
        await asyncio.sleep(5)
        raise StatesError("Broken")

    seen = Play(definition, 7, {"slow": taking(60), "two": late_failure}).run()
    seen.tasks.behaviours["two"] = taking(1, "b")
    assert seen.redrive().outcome.output == [7, "b"]
    assert len(seen.tasks.arguments("one")) == 1
    assert len(seen.tasks.arguments("slow")) == 2


def test_only_the_failed_iterations_run_again():
    definition = machine(Each={"Type": "Map", "MaxConcurrency": 1, "ItemProcessor": line("one", "two"), "End": True})
    seen, troubles = broken_play(definition, [1, 2, 3], ("two", "2"))
    seen.redrive()
    assert seen.outcome.output == [1, 2, 3]
    assert sorted(troubles.succeeded) == sorted((name, str(n)) for name in ("one", "two") for n in (1, 2, 3))
    started = [details["index"] for details in seen.details("MapIterationStarted")]
    assert started == [0, 1, 1, 2]


@pytest.mark.parametrize(("kind", "ones"), [("STANDARD", 3), ("EXPRESS", 4)])
def test_failed_children_go_on_if_standard_and_run_again_whole_if_express(kind, ones):
    definition = machine(Each=distributed(kind, line("one", "two")))
    seen, _ = broken_play(definition, [1, 2, 3], ("two", "2"))
    seen.redrive()
    assert seen.outcome.output == [1, 2, 3]
    assert len(seen.tasks.arguments("one")) == ones
    assert sorted(seen.tasks.arguments("two")) == [1, 2, 2, 3]


def test_a_redriven_map_run_stays_the_same_and_tells_of_its_redrive():
    definition = machine(Each=distributed("STANDARD", line("one"), MaxConcurrency=1))
    seen, _ = broken_play(definition, [1, 2, 3], ("one", "2"))
    arn = seen.map_runs[0].arn
    ended = len(seen.journal)
    seen.redrive()
    map_run = seen.map_runs[-1]
    assert map_run.arn == arn
    assert map_run.describe()["redriveCount"] == 1
    assert map_run.describe()["executionCounts"]["succeeded"] == 3
    assert [child.redrives for child in map_run.children] == [0, 1, 0]
    assert map_run.children[1].journal.types()[-6:] == [
        "ExecutionRedriven",
        "TaskScheduled",
        "TaskStarted",
        "TaskSucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ]
    assert seen.types[ended:] == [
        "ExecutionRedriven",
        "MapRunRedriven",
        "MapRunSucceeded",
        "MapStateSucceeded",
        "MapStateExited",
        "ExecutionSucceeded",
    ]
    assert seen.details("MapRunRedriven") == [{"mapRunArn": arn, "redriveCount": 1}]


def test_children_that_never_started_start_on_the_redrive():
    definition = machine(Each=distributed("EXPRESS", line("one"), MaxConcurrency=1))
    seen, troubles = broken_play(definition, [1, 2, 3], ("one", "1"))
    assert troubles.succeeded == []
    assert seen.redrive().outcome.output == [1, 2, 3]


def test_a_map_run_whose_items_could_not_be_read_reads_them_on_the_redrive():
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSON"},
        "Parameters": {"Bucket": "b", "Key": "k"},
    }
    definition = machine(Each=distributed("STANDARD", line("one"), ItemReader=reader))
    read = in_turn(StatesError("S3.AccessDenied"), {"Body": "[1,2]"})
    seen = Play(definition, {}, {"getObject": read}).run()
    assert seen.outcome.error == "States.ItemReaderFailed"
    assert seen.redrive().outcome.output == [1, 2]


def test_a_map_run_whose_results_could_not_be_written_writes_them_on_the_redrive():
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "p"}}
    definition = machine(Each=distributed("STANDARD", line("one"), ResultWriter=writer))
    put = in_turn(StatesError("S3.AccessDenied"), {})
    seen = Play(definition, [1, 2], {"putObject": put}).run()
    assert seen.outcome.error == "States.ResultWriterFailed"
    assert "ResultWriterDetails" in seen.redrive().outcome.output
    assert len(seen.tasks.arguments("one")) == 2


@pytest.mark.parametrize("kind", ["Parallel", "Map", "DISTRIBUTED"])
def test_after_too_large_an_output_everything_runs_again(kind):
    state = {
        "Parallel": {"Type": "Parallel", "Branches": [line("one")] * 3, "End": True},
        "Map": {"Type": "Map", "ItemProcessor": line("one"), "End": True},
        "DISTRIBUTED": distributed("STANDARD", line("one")),
    }[kind]
    seen = Play(machine(Large=state), [1, 2, 3], {"one": in_turn(*["x" * 100_000] * 3, "s")}).run()
    assert seen.outcome.error == "States.DataLimitExceeded"
    assert seen.redrive().outcome.output == ["s", "s", "s"]
    assert len(seen.tasks.calls) == 6


def test_a_failure_that_was_caught_is_not_redriven():
    definition = machine(
        Try=task("one", Catch=[{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "Then"}]),
        Then=task("two"),
    )
    seen, troubles = broken_play(definition, 7, "one", "two")
    assert seen.redrive().outcome.output == 7
    assert [name for name, _ in troubles.succeeded] == ["two"]


def test_an_execution_can_be_redriven_many_times():
    seen = Play(line("one", "two"), {}, {"two": in_turn(*[StatesError("Broken")] * 5, "done")}).run()
    for _ in range(5):
        assert seen.outcome.status == "FAILED"
        seen.redrive()
    assert seen.outcome.output == "done"
    assert len(seen.tasks.arguments("one")) == 1
    assert [details["redriveCount"] for details in seen.details("ExecutionRedriven")] == [1, 2, 3, 4, 5]


# Generated graphs: whatever fails, a redrive must end as a run without failures, and no success may be repeated.


@st.composite
def graphs(draw, depth=2):
    """Make a machine of tasks with distinct names, with parallels and maps in one another."""
    count = iter(range(1000))
    kinds = ("task", "pass", "parallel", "map", "standard")

    def one_machine(level):
        length = draw(st.integers(1, 3))
        names = [f"s{next(count)}" for _ in range(length)]
        states = {}
        for name, following in zip(names, [*names[1:], None], strict=True):
            kind = draw(st.sampled_from(kinds if level else kinds[:2]))
            states[name] = {**one_state(kind, name, level), **({"Next": following} if following else {"End": True})}
            if following:
                states[name].pop("End", None)
        return {"StartAt": names[0], "States": states}

    def one_state(kind, name, level):
        if kind == "task":
            return {"Type": "Task", "Resource": f"arn:aws:states:::stub:{name}"}
        if kind == "pass":
            return {"Type": "Pass"}
        if kind == "parallel":
            branches = [one_machine(level - 1) for _ in range(draw(st.integers(1, 3)))]
            return {"Type": "Parallel", "Branches": branches, "ResultPath": f"$.{name}"}
        processor = one_machine(level - 1)
        if kind == "standard":
            processor["ProcessorConfig"] = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
        selector = {"id.$": "States.Format('{}/{}', $.id, $$.Map.Item.Value)", "items.$": "$.items"}
        return {
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemSelector": selector,
            "ItemProcessor": processor,
            "MaxConcurrency": draw(st.integers(0, 2)),
            "ResultPath": f"$.{name}",
        }

    return one_machine(depth)


class Fate:
    """Every task takes a while that depends on its name, and fails the first time if the draw says so."""

    def __init__(self, modulus):
        self.modulus = modulus
        self.met = set()
        self.succeeded = []

    async def __call__(self, call):
        key = f"{name_of(call)}@{call.arguments['id']}"
        await asyncio.sleep(sum(map(ord, key)) % 5)
        unlucky = self.modulus and sum(map(ord, key)) % self.modulus == 0
        if unlucky and key not in self.met:
            self.met.add(key)
            raise StatesError("Unlucky", key)
        self.succeeded.append(key)
        return call.arguments


class Everything(dict):
    """Behaviours that are the same for every task."""

    def __init__(self, behaviour):
        self.behaviour = behaviour

    def get(self, name, default=None):
        return self.behaviour


def played(definition, modulus):
    seen = Play(definition, {"id": "r", "items": [1, 2]})
    fate = Fate(modulus)
    seen.tasks.behaviours = Everything(fate)
    return seen, fate


@settings(max_examples=60, deadline=None)
@given(definition=graphs(), modulus=st.integers(2, 5))
def test_redrives_of_any_graph_end_as_a_clean_run_and_repeat_no_success(definition, modulus):
    clean, clean_fate = played(definition, 0)
    assert clean.run().outcome.status == "SUCCEEDED"

    seen, fate = played(definition, modulus)
    seen.run()
    for _ in range(100):
        if seen.outcome.status == "SUCCEEDED":
            break
        assert seen.outcome.error in ("Unlucky", "States.ExceedToleratedFailureThreshold")
        seen.redrive()

    assert seen.outcome.output == clean.outcome.output
    assert sorted(fate.succeeded) == sorted(clean_fate.succeeded)
