import asyncio
import itertools
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflows.interpreter.stage import Play, failing, machine, play, taking, task
from workflows.interpreter import MapRun, StatesError

WORK = machine(Work=task("work"))


def each(kind="STANDARD", processor=WORK, **fields):
    config = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind}}
    return machine(
        Each={"Type": "Map", "Label": "each", "ItemProcessor": {**config, **processor}, "End": True, **fields}
    )


def failing_for(*bad):
    def work(call):
        if call.arguments in bad:
            raise StatesError("BadItem", str(call.arguments))
        return call.arguments

    return work


def counts(map_run, of="executionCounts"):
    """Give the counts by what became of the children, those that are not zero."""
    return {key: value for key, value in map_run.describe()[of].items() if value and key != "resultsWritten"}


def test_results_stand_in_the_order_of_the_items():
    async def longer_for_earlier(call):
        await asyncio.sleep(10 - call.arguments)
        return call.arguments * 10

    assert play(each(), [1, 2, 3], work=longer_for_earlier).outcome.output == [10, 20, 30]


def test_members_of_an_object_are_items():
    seen = play(
        each(processor=machine(Keep={"Type": "Pass", "End": True}), ItemBatcher={"MaxItemsPerBatch": 2}),
        {"a": 1, "b": 2},
    )
    assert seen.outcome.output == [{"Items": [{"Key": "a", "Value": 1}, {"Key": "b", "Value": 2}]}]


@pytest.mark.parametrize(("kind", "word"), [("STANDARD", "execution"), ("EXPRESS", "express")])
def test_map_run_and_children_have_arns_with_machine_and_label(kind, word):
    (map_run,) = play(each(kind), [1]).map_runs
    (child,) = map_run.children
    head = "arn:aws:states:us-east-1:000000000000"
    assert map_run.arn == f"{head}:mapRun:play/each:{map_run.id}"
    assert map_run.state_machine_arn == f"{head}:stateMachine:play/each"
    assert child.arn.startswith(f"{head}:{word}:play/each:{child.name}")


def test_a_child_is_an_execution_of_its_own():
    look = machine(Look={"Type": "Pass", "Parameters": {"e.$": "$$.Execution", "m.$": "$$.StateMachine"}, "End": True})
    seen = play(each(processor=look), ["item"])
    (child,) = seen.map_runs[0].children
    ((output),) = seen.outcome.output
    assert output["e"]["Id"] == child.arn
    assert output["e"]["Input"] == "item"
    assert output["m"] == {"Id": seen.map_runs[0].state_machine_arn, "Name": "play/each"}


def test_a_description_has_the_shape_of_the_api():
    definition = each(MaxConcurrency=2, ToleratedFailurePercentage=50, ToleratedFailureCount=3)
    seen = play(definition, [1, 2, 3], work=failing_for(2))
    description = seen.map_runs[0].describe()
    assert description["status"] == "SUCCEEDED"
    assert description["maxConcurrency"] == 2
    assert description["toleratedFailurePercentage"] == 50.0
    assert description["toleratedFailureCount"] == 3
    assert description["executionCounts"]["total"] == 3
    assert description["executionCounts"]["resultsWritten"] == description["itemCounts"]["resultsWritten"] == 3
    assert description["itemCounts"]["failed"] == 1
    assert description["startDate"] <= description["stopDate"]


def test_no_more_children_run_than_may():
    seen = play(each(MaxConcurrency=4), list(range(10)), work=taking(1))
    assert seen.tasks.most_running == 4
    assert seen.seconds == 3


def test_a_thousand_children_run_at_the_same_time_when_nothing_else_is_said():
    assert play(each("EXPRESS"), list(range(1000)), work=taking(1)).seconds == 1


@dataclass
class Tolerance:
    fields: dict
    items: int
    failures: int
    succeeds: bool


@pytest.mark.parametrize(
    "case",
    [
        Tolerance({}, 10, 0, True),
        Tolerance({}, 10, 1, False),
        Tolerance({"ToleratedFailureCount": 0}, 10, 1, False),
        Tolerance({"ToleratedFailureCount": 2}, 10, 2, True),
        Tolerance({"ToleratedFailureCount": 2}, 10, 3, False),
        Tolerance({"ToleratedFailurePercentage": 20}, 10, 2, True),
        Tolerance({"ToleratedFailurePercentage": 20}, 10, 3, False),
        Tolerance({"ToleratedFailurePercentage": 33.3}, 3, 1, False),
        Tolerance({"ToleratedFailurePercentage": 33.4}, 3, 1, True),
        Tolerance({"ToleratedFailurePercentage": 100}, 3, 3, True),
        Tolerance({"ToleratedFailurePercentage": 100, "ToleratedFailureCount": 1}, 3, 2, False),
        Tolerance({"ToleratedFailurePercentage": 10, "ToleratedFailureCount": 3}, 3, 1, False),
    ],
    ids=str,
)
def test_failures_are_tolerated_up_to_the_threshold_and_not_beyond(case):
    seen = play(each(**case.fields), list(range(case.items)), work=failing_for(*range(case.failures)))
    if case.succeeds:
        assert seen.outcome.status == "SUCCEEDED"
        assert counts(seen.map_runs[0]).get("failed", 0) == case.failures
    else:
        assert seen.outcome.error == "States.ExceedToleratedFailureThreshold"
        assert seen.map_runs[0].status == "FAILED"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("ToleratedFailureCount", {}, 'Path field refers to value "{}" which is not a valid integer: $.t'),
        ("ToleratedFailureCount", -1, "ToleratedFailureCount cannot be negative."),
        ("ToleratedFailurePercentage", "much", 'refers to value "much" which is not a valid float: $.t'),
        ("ToleratedFailurePercentage", -1.1, "ToleratedFailurePercentage must be between 0 and 100."),
        ("ToleratedFailurePercentage", 101, "ToleratedFailurePercentage must be between 0 and 100."),
    ],
)
def test_a_tolerance_that_makes_no_sense_fails_after_the_state_started(field, value, message):
    seen = play(each(ItemsPath="$.items", **{f"{field}Path": "$.t"}), {"items": [0], "t": value})
    assert seen.types == ["ExecutionStarted", "MapStateEntered", "MapStateStarted", "ExecutionFailed"]
    assert seen.outcome.error == "States.Runtime"
    assert seen.outcome.cause.endswith(message)


def test_tolerances_may_come_from_the_input():
    definition = each(ItemsPath="$.items", ToleratedFailurePercentagePath="$.p", ToleratedFailureCountPath="$.c")
    seen = play(definition, {"items": [1, 2], "p": 50, "c": 1}, work=failing_for(1))
    assert seen.outcome.status == "SUCCEEDED"


def test_a_tolerated_failure_stands_in_the_output_with_all_about_it():
    seen = play(each(ToleratedFailureCount=1), [1, 2], work=failing_for(1))
    failed, good = seen.outcome.output
    assert good == 2
    assert (failed["Status"], failed["Error"], failed["Cause"], failed["Input"]) == ("FAILED", "BadItem", "1", "1")


def test_beyond_the_threshold_running_children_are_aborted_and_waiting_ones_never_start():
    async def work(call):
        await asyncio.sleep(5 if call.arguments == 0 else 60)
        if call.arguments == 0:
            raise StatesError("BadItem")

    seen = play(each(MaxConcurrency=3), list(range(6)), work=work)
    assert seen.seconds == 5
    assert counts(seen.map_runs[0]) == {"failed": 1, "aborted": 2, "pending": 3, "total": 6}
    assert len(seen.tasks.calls) == 3
    assert seen.types[-4:] == ["MapRunStarted", "MapRunFailed", "MapStateFailed", "ExecutionFailed"]
    aborted = [child for child in seen.map_runs[0].children if child.status == "ABORTED"]
    assert all(child.journal.types()[-1] == "ExecutionAborted" for child in aborted)


def test_a_child_that_times_out_counts_as_failed():
    seen = play(each(processor={**WORK, "TimeoutSeconds": 5}, ToleratedFailureCount=1), [1], work=taking(60))
    assert seen.outcome.status == "SUCCEEDED"
    assert counts(seen.map_runs[0]) == {"timedOut": 1, "total": 1}


def test_all_items_of_a_failed_batch_count_as_failed():
    def work(call):
        if 0 in call.arguments["Items"]:
            raise StatesError("BadBatch")

    definition = each(ItemBatcher={"MaxItemsPerBatch": 4}, ToleratedFailureCount=3)
    assert play(definition, list(range(10)), work=work).outcome.error == "States.ExceedToleratedFailureThreshold"
    definition = each(ItemBatcher={"MaxItemsPerBatch": 4}, ToleratedFailureCount=4)
    seen = play(definition, list(range(10)), work=work)
    assert seen.outcome.status == "SUCCEEDED"
    assert counts(seen.map_runs[0], "itemCounts") == {"failed": 4, "succeeded": 6, "total": 10}


def test_a_batch_has_the_batch_input_beside_its_items():
    definition = each(
        ItemsPath="$.items", ItemBatcher={"MaxItemsPerBatchPath": "$.most", "BatchInput": {"run.$": "$.run"}}
    )
    seen = play(definition, {"items": [1, 2, 3], "most": 2, "run": "r"})
    assert seen.tasks.arguments("work") == [
        {"BatchInput": {"run": "r"}, "Items": [1, 2]},
        {"BatchInput": {"run": "r"}, "Items": [3]},
    ]


@given(
    items=st.lists(st.text(max_size=30), max_size=30),
    most_items=st.integers(1, 10),
    most_bytes=st.integers(150, 600),
)
def test_batches_keep_every_item_in_order_and_hold_both_limits(items, most_items, most_bytes):
    from workflows.interpreter.payload import text_of

    batcher = {"MaxItemsPerBatch": most_items, "MaxInputBytesPerBatch": most_bytes}
    seen = play(each("EXPRESS", ItemBatcher=batcher), items)
    batches = seen.tasks.arguments("work")
    assert [item for batch in batches for item in batch["Items"]] == items
    assert all(1 <= len(batch["Items"]) <= most_items for batch in batches)
    assert all(len(text_of(batch).encode()) <= most_bytes for batch in batches)
    for batch, following in itertools.pairwise(batches):
        fuller = {"Items": [*batch["Items"], following["Items"][0]]}
        assert len(fuller["Items"]) > most_items or len(text_of(fuller).encode()) > most_bytes


def test_an_item_that_fits_into_no_batch_fails_the_map_run():
    seen = play(each(ItemBatcher={"MaxInputBytesPerBatch": 100}), ["x" * 200])
    assert seen.outcome.error == "States.ItemReaderFailed"
    assert "100 bytes" in seen.outcome.cause


def test_item_selector_sees_index_value_and_source():
    selector = {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "s.$": "$$.Map.Item.Source"}
    seen = play(each(ItemSelector=selector), ["a"])
    assert seen.tasks.arguments("work") == [{"i": 0, "v": "a", "s": "STATE_DATA"}]


def test_the_limits_of_a_map_run_can_be_changed_while_it_runs():
    async def work(call):
        if call.arguments == 1:
            raise StatesError("BadItem")
        await asyncio.sleep(1)

    seen = Play(each(MaxConcurrency=1, ToleratedFailureCount=0), list(range(9)), {"work": work})

    async def change(map_run: MapRun):
        await asyncio.sleep(0.5)
        map_run.update(max_concurrency=4, tolerated_failure_count=1)

    changes = []

    def on_map_run(map_run):
        seen.map_runs = [map_run]
        if not changes:
            changes.append(asyncio.get_running_loop().create_task(change(map_run)))

    seen.on_map_run = on_map_run
    seen.run()
    assert seen.outcome.status == "SUCCEEDED"
    assert seen.tasks.most_running == 4
    assert seen.map_runs[0].describe()["maxConcurrency"] == 4


def test_fewer_places_let_running_children_end_first():
    seen = Play(each(MaxConcurrency=4), list(range(8)), {"work": taking(1)})

    def on_child(map_run, child):
        if child.index == 3 and child.status == "RUNNING":
            map_run.update(max_concurrency=1)

    seen.on_child = on_child
    seen.run()
    assert seen.outcome.status == "SUCCEEDED"
    assert seen.seconds == 1 + 4


def test_standard_children_retry_and_nest():
    inner = each("EXPRESS", machine(Deep=task("deep", Retry=[{"ErrorEquals": ["Flaky"]}])))
    seen = play(each(processor=inner), [[1, 2], [3]])
    assert seen.outcome.output == [[1, 2], [3]]
    assert len(seen.map_runs) == 3
    assert {run.execution_arn for run in seen.map_runs[1:]} == {child.arn for child in seen.map_runs[0].children}


def test_a_stopped_execution_aborts_its_children():
    seen = play(each(MaxConcurrency=2), [1, 2, 3], work=taking(60), stop_after=5)
    assert seen.outcome.status == "ABORTED"
    assert seen.map_runs[0].status == "ABORTED"
    assert counts(seen.map_runs[0]) == {"aborted": 2, "pending": 1, "total": 3}
    assert len(seen.tasks.cancelled) == 2


def test_too_large_an_output_asks_for_a_result_writer():
    seen = play(each(), list(range(3)), work=lambda _: "x" * 100_000)
    assert seen.outcome.error == "States.DataLimitExceeded"


def test_a_caught_map_run_lets_the_execution_go_on():
    definition = each(Catch=[{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "After"}])
    definition["States"]["Each"]["ItemsPath"] = "$.items"
    definition["States"]["After"] = {"Type": "Pass", "End": True}
    seen = play(definition, {"items": [1]}, work=failing("BadItem"))
    assert seen.outcome.output["error"]["Error"] == "States.ExceedToleratedFailureThreshold"


def test_a_retried_map_starts_a_map_run_of_its_own():
    definition = each(Retry=[{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}])
    seen = play(definition, [1], work=failing("BadItem"))
    first, second = seen.map_runs
    assert first.arn != second.arn
    assert seen.types.count("MapRunStarted") == 2


def test_a_map_run_comes_back_from_json_as_it_was():
    map_run = play(each(ToleratedFailureCount=1), [1, 2], work=failing_for(1)).map_runs[0]
    copy = MapRun.from_json(map_run.to_json())
    assert copy.describe() == map_run.describe()
    assert copy.to_json() == map_run.to_json()
