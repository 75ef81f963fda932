"""The SDK's states, extended: what they render and which mistakes they refuse."""

from __future__ import annotations

import pytest

from workflows import states
from workflows.errors import DuplicateState, InvalidState
from workflows.sdk import Chain, ChoiceRule
from workflows.workflow import Workflow, catch_failures


def workflow(start: object) -> Workflow:
    return Workflow("example", "An example", start, 60, {"type": "object"}, "An example.")


def test_a_distributed_map_renders_todays_item_processor() -> None:
    each = states.Pass("Each")
    shards = states.DistributedMap(
        "Shards",
        label="small",
        each=each,
        execution_type="EXPRESS",
        item_reader=states.manifest_reader(bucket="$.bucket", key="$.key"),
        item_selector={"shard.$": "$$.Map.Item.Value"},
        tolerated_failure_percentage_path="$.tolerance",
        max_concurrency_path="$.concurrency",
        result_writer=states.result_writer(bucket="$.bucket", prefix="$.prefix"),
    )

    rendered = states.graph(shards)["States"]["Shards"]

    assert "Iterator" not in rendered
    assert rendered["ItemProcessor"] == {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
        "StartAt": "Each",
        "States": {"Each": {"Type": "Pass", "End": True}},
    }
    assert rendered["ItemReader"]["Parameters"] == {"Bucket.$": "$.bucket", "Key.$": "$.key"}
    assert rendered["ToleratedFailurePercentagePath"] == "$.tolerance"
    assert rendered["ResultWriter"]["Parameters"] == {"Bucket.$": "$.bucket", "Prefix.$": "$.prefix"}


def test_a_transient_error_is_retried_with_full_jitter_and_a_longest_delay() -> None:
    rendered = states.on_transient("Lambda.TooManyRequestsException").to_dict()

    assert rendered["JitterStrategy"] == "FULL"
    assert rendered["MaxDelaySeconds"] == 30
    assert rendered["ErrorEquals"] == ["Lambda.TooManyRequestsException"]


def test_a_lambda_task_names_its_function_by_a_placeholder() -> None:
    plan = states.LambdaTask("Plan", function="PlanShards", payload={"run.$": "$.run"}, timeout_seconds=9)

    rendered = plan.to_dict()

    assert rendered["Resource"] == "arn:aws:states:::lambda:invoke"
    assert rendered["Parameters"] == {"FunctionName": "${PlanShardsFunction}", "Payload": {"run.$": "$.run"}}
    assert rendered["TimeoutSeconds"] == 9


def test_a_mistyped_field_is_refused_when_it_is_given() -> None:
    with pytest.raises(TypeError, match="time_out_seconds"):
        states.Task("Plan", resource="arn:x", time_out_seconds=5)


def test_a_mistyped_attribute_raises_instead_of_being_none() -> None:
    with pytest.raises(AttributeError, match="resorce"):
        _ = states.Task("Plan", resource="arn:x").resorce


def test_a_task_without_a_resource_is_refused() -> None:
    with pytest.raises(InvalidState, match="Plan"):
        states.Task("Plan").to_dict()


def test_a_choice_without_rules_is_refused() -> None:
    with pytest.raises(InvalidState, match="Which way"):
        states.Choice("Which way?", rules=[], default=states.Pass("On"))


def test_two_states_with_one_name_are_refused_even_in_different_branches() -> None:
    start = states.Parallel("Both", branches=[states.Pass("Same"), states.Pass("Same")])

    with pytest.raises(DuplicateState, match="Same"):
        workflow(start).definition()


def test_failures_are_caught_wherever_a_state_can_fail_and_has_no_catcher() -> None:
    own = states.Pass("Own handling")
    tell = states.Task("Tell", resource="arn:x")
    first = states.Task("First", resource="arn:x")
    second = states.Task(
        "Second",
        resource="arn:x",
        catch=states.Catch(error_equals=["Mine"], next_step=own),
    )
    which = states.Choice("Which?", rules=[(ChoiceRule.IsPresent("$.x", True), second)], default=states.Pass("Rest"))
    Chain([first, which])

    catch_failures(first, go_to=tell)
    rendered = workflow(first).definition()["States"]

    assert rendered["First"]["Catch"] == [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "Tell"}]
    assert [catcher["Next"] for catcher in rendered["Second"]["Catch"]] == ["Own handling"]
    assert "Catch" not in rendered["Rest"]
    assert "Catch" not in rendered["Tell"], "what tells of a failure would begin anew for ever"


def test_a_definition_reads_in_order_type_first_transitions_last() -> None:
    fields = list(
        workflow(states.Task("Only", resource="arn:x", result_path="$.r", retry=states.on_transient("E"))).definition()[
            "States"
        ]["Only"]
    )

    assert fields == ["Type", "Resource", "ResultPath", "Retry", "End"]
