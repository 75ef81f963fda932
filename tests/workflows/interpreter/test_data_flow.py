import pytest

from tests.workflows.interpreter.stage import EXECUTION_ARN, MACHINE_ARN, in_turn, machine, play, task


def test_the_fields_are_applied_in_the_order_of_the_specification():
    definition = machine(
        Work=task(
            "work",
            InputPath="$.inner",
            Parameters={"doubled.$": "States.Array($.n, $.n)"},
            ResultSelector={"picked.$": "$.answer"},
            ResultPath="$.result",
            OutputPath="$.result.picked",
        )
    )
    seen = play(definition, {"inner": {"n": 4}}, work=in_turn({"answer": 42, "noise": 0}))
    assert seen.tasks.arguments("work") == [{"doubled": [4, 4]}]
    assert seen.outcome.output == 42


def test_the_result_is_put_into_the_raw_input_not_into_what_the_input_path_chose():
    definition = machine(Work=task("work", InputPath="$.inner", ResultPath="$.result"))
    seen = play(definition, {"inner": {"n": 4}, "kept": 1}, work=in_turn("r"))
    assert seen.outcome.output == {"inner": {"n": 4}, "kept": 1, "result": "r"}


@pytest.mark.parametrize(
    ("fields", "arguments", "output"),
    [
        ({"InputPath": None}, {}, "r"),
        ({"ResultPath": None}, {"n": 1}, {"n": 1}),
        ({"OutputPath": None}, {"n": 1}, {}),
        ({"ResultPath": "$"}, {"n": 1}, "r"),
        ({"InputPath": "$$.Execution.Name"}, "first-night", "r"),
    ],
)
def test_paths_that_are_null_or_point_to_the_context(fields, arguments, output):
    seen = play(machine(Work=task("work", **fields)), {"n": 1}, work=in_turn("r"))
    assert seen.tasks.arguments("work") == [arguments]
    assert seen.outcome.output == output


def test_a_pass_state_injects_its_result_beside_the_input():
    definition = machine(Set={"Type": "Pass", "Result": [1], "ResultPath": "$.set", "End": True})
    assert play(definition, {"n": 1}).outcome.output == {"n": 1, "set": [1]}


def test_an_input_is_too_large_in_bytes_not_in_characters():
    definition = machine(
        Shape={"Type": "Pass", "Parameters": {"all.$": "$"}, "OutputPath": "$$.Execution.Name", "End": True}
    )
    fitting, too_large = "é" * ((262_144 - 10) // 2), "é" * (262_144 // 2)
    assert play(definition, fitting).outcome.status == "SUCCEEDED"
    seen = play(definition, too_large)
    assert seen.outcome.error == "States.DataLimitExceeded"
    assert "The state/task 'Shape' returned a result with a size exceeding" in seen.outcome.cause


def test_a_pass_state_reshapes_its_input():
    definition = machine(Shape={"Type": "Pass", "Parameters": {"m.$": "$.n"}, "End": True})
    assert play(definition, {"n": 1}).outcome.output == {"m": 1}


def test_the_context_tells_about_execution_machine_and_state():
    definition = machine(Look={"Type": "Pass", "Parameters": {"all.$": "$$"}, "End": True})
    assert play(definition, {"n": 1}).outcome.output["all"] == {
        "Execution": {
            "Id": EXECUTION_ARN,
            "Input": {"n": 1},
            "StartTime": "2030-01-01T00:00:00.000Z",
            "Name": "first-night",
            "RoleArn": "role",
            "RedriveCount": 0,
        },
        "StateMachine": {"Id": MACHINE_ARN, "Name": "play"},
        "State": {"Name": "Look", "EnteredTime": "2030-01-01T00:00:00.000Z"},
    }


def test_the_entered_time_is_that_of_the_state():
    definition = machine(
        Wait={"Type": "Wait", "Seconds": 90, "Next": "Look"},
        Look={"Type": "Pass", "InputPath": "$$.State.EnteredTime", "End": True},
    )
    assert play(definition).outcome.output == "2030-01-01T00:01:30.000Z"
