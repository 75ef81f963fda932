import asyncio

import pytest

from tests.workflows.interpreter.stage import failing, in_turn, machine, play, taking, task
from workflows.interpreter import StatesError

ECHO = machine(Work={"Type": "Pass", "End": True})


def each(processor=None, **fields):
    return machine(
        Each={"Type": "Map", "ItemProcessor": processor or machine(Work=task("work")), "End": True, **fields}
    )


def test_branches_run_at_the_same_time_and_answer_in_their_order():
    branches = [machine(Slow=task("slow")), machine(Fast=task("fast"))]
    definition = machine(Both={"Type": "Parallel", "Branches": branches, "End": True})
    seen = play(definition, 1, slow=taking(10, "slow"), fast=taking(5, "fast"))
    assert seen.outcome.output == ["slow", "fast"]
    assert seen.seconds == 10


def test_branches_get_the_effective_input():
    definition = machine(Both={"Type": "Parallel", "Branches": [ECHO, ECHO], "Parameters": {"m.$": "$.n"}, "End": True})
    assert play(definition, {"n": 3}).outcome.output == [{"m": 3}, {"m": 3}]


def test_a_parallel_shapes_its_result():
    definition = machine(
        Both={
            "Type": "Parallel",
            "Branches": [ECHO, ECHO],
            "ResultSelector": {"first.$": "$[0]"},
            "ResultPath": "$.r",
            "End": True,
        }
    )
    assert play(definition, {"n": 3}).outcome.output == {"n": 3, "r": {"first": {"n": 3}}}


def test_a_failed_branch_stops_the_others_at_once_and_names_the_error():
    branches = [machine(Slow=task("slow")), machine(Bad=task("bad"))]
    definition = machine(Both={"Type": "Parallel", "Branches": branches, "End": True})

    async def bad(call):
        await asyncio.sleep(5)
        raise StatesError("Broken", "it is")

    seen = play(definition, slow=taking(60), bad=bad)
    assert (seen.outcome.error, seen.outcome.cause) == ("Broken", "it is")
    assert seen.seconds == 5
    assert len(seen.tasks.cancelled) == 1


def test_results_stand_in_the_order_of_the_items():
    async def longer_for_earlier(call):
        await asyncio.sleep(10 - call.arguments)
        return call.arguments * 10

    assert play(each(), [1, 2, 3], work=longer_for_earlier).outcome.output == [10, 20, 30]


@pytest.mark.parametrize(("fields", "most"), [({"MaxConcurrency": 3}, 3), ({"MaxConcurrencyPath": "$.most"}, 2)])
def test_no_more_iterations_run_than_may(fields, most):
    seen = play(each(ItemsPath="$.items", **fields), {"items": list(range(10)), "most": 2}, work=taking(1))
    assert seen.tasks.most_running == most
    assert seen.seconds == -(-10 // most)


def test_forty_iterations_run_at_the_same_time_when_nothing_else_is_said():
    assert play(each(), list(range(100)), work=taking(1)).tasks.most_running == 40


@pytest.mark.parametrize("value", ["NoNumber", {}, 1.5, True])
def test_a_concurrency_that_is_no_number_fails_before_the_map_starts(value):
    seen = play(each(ItemsPath="$.items", MaxConcurrencyPath="$.most"), {"items": [1], "most": value})
    assert seen.types == ["ExecutionStarted", "MapStateEntered", "ExecutionFailed"]
    assert seen.outcome.error == "States.Runtime"
    assert "which is not a valid integer: $.most" in seen.outcome.cause


@pytest.mark.parametrize("field", ["ItemSelector", "Parameters"])
def test_an_item_selector_sees_the_item_its_index_and_the_input_of_the_state(field):
    selector = {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "all.$": "$.all"}
    seen = play(each(ItemsPath="$.items", **{field: selector}), {"items": ["a", "b"], "all": 1})
    assert seen.outcome.output == [{"i": 0, "v": "a", "all": 1}, {"i": 1, "v": "b", "all": 1}]


def test_the_former_name_of_the_processor_works():
    definition = machine(Each={"Type": "Map", "Iterator": ECHO, "End": True})
    assert play(definition, [1, 2]).outcome.output == [1, 2]


def test_a_map_over_an_object_runs_for_each_of_its_members():
    seen = play(each(ECHO, ItemsPath="$.ports"), {"ports": {"web": 80, "ssh": None}})
    assert seen.outcome.output == [{"Key": "web", "Value": 80}, {"Key": "ssh", "Value": None}]
    assert seen.details("MapStateStarted") == [{"length": 2}]


def test_an_item_selector_sees_key_and_value_of_a_member():
    selector = {"of.$": "$$.Map.Item"}
    seen = play(each(ECHO, ItemSelector=selector), {"web": 80})
    assert seen.outcome.output == [{"of": {"Index": 0, "Key": "web", "Value": 80}}]


def test_too_large_an_input_of_an_iteration_fails_the_map():
    seen = play(each(ECHO, ItemSelector={"a.$": "$", "b.$": "$"}), ["é" * 70_000])
    assert seen.outcome.error == "States.DataLimitExceeded"


def test_only_an_array_or_object_can_be_mapped_over():
    seen = play(each(ItemsPath="$.items"), {"items": 7})
    assert seen.outcome.error == "States.Runtime"
    assert "'Each'" in seen.outcome.cause


def test_maps_nest():
    definition = each(each(ECHO))
    assert play(definition, [[1, 2], [], [3]]).outcome.output == [[1, 2], [], [3]]


def test_after_a_failure_no_further_iteration_starts():
    seen = play(each(MaxConcurrency=1), [1, 2, 3], work=failing("Broken"))
    assert len(seen.tasks.calls) == 1


def test_iterations_retry_by_themselves():
    definition = each(machine(Work=task("work", Retry=[{"ErrorEquals": ["Flaky"]}])), MaxConcurrency=1)
    seen = play(definition, [1, 2], work=in_turn(StatesError("Flaky"), "a", "b"))
    assert seen.outcome.output == ["a", "b"]
    assert seen.types.count("MapIterationStarted") == 2


def test_too_large_an_output_fails_the_map_although_all_iterations_succeeded():
    seen = play(each(), list(range(3)), work=in_turn("x" * 100_000))
    assert seen.outcome.error == "States.DataLimitExceeded"
    assert seen.types.count("MapIterationSucceeded") == 3
