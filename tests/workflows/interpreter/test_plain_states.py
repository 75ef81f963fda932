import pytest

from tests.workflows.interpreter.stage import machine, play

WHERE = "An error occurred while executing the state 'Wait' (entered at the event id #2). "


def waiting(**fields):
    return machine(Wait={"Type": "Wait", "End": True, **fields})


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"Seconds": 0}, 0),
        ({"Seconds": 86_400}, 86_400),
        ({"SecondsPath": "$.seconds"}, 30),
        ({"Timestamp": "2030-01-01T00:00:10Z"}, 10),
        ({"Timestamp": "2030-01-01T01:00:10.250+01:00"}, 10.25),
        ({"TimestampPath": "$.until"}, 60),
        ({"Timestamp": "2029-12-31T00:00:00Z"}, 0),
    ],
)
def test_a_wait_lasts_as_long_as_it_says(fields, seconds):
    seen = play(waiting(**fields), {"seconds": 30, "until": "2030-01-01T00:01:00.0000000Z"})
    assert seen.outcome.status == "SUCCEEDED"
    assert seen.seconds == seconds


@pytest.mark.parametrize("value", ["soon", "2030-01-01T00:00:00", "2030-01-01", 7, None])
def test_a_wait_for_what_is_no_timestamp_fails_by_name(value):
    seen = play(waiting(TimestampPath="$.until"), {"until": value})
    assert seen.outcome.error == "States.Runtime"
    assert seen.outcome.cause.startswith(
        WHERE + "The TimestampPath parameter does not reference a valid ISO-8601 extended offset "
        "date-time format string: $.until == "
    )


@pytest.mark.parametrize("value", ["7", True, 1.5, -1, None])
def test_a_wait_for_what_is_no_number_of_seconds_fails_by_name(value):
    seen = play(waiting(SecondsPath="$.seconds"), {"seconds": value})
    assert seen.outcome.error == "States.Runtime"
    assert seen.outcome.cause.startswith(WHERE + "The SecondsPath parameter ")


@pytest.mark.parametrize("field", ["SecondsPath", "TimestampPath"])
def test_a_wait_for_what_the_input_does_not_have_fails_by_name(field):
    seen = play(waiting(**{field: "$.a.b"}), {})
    assert seen.outcome.error == "States.Runtime"
    assert seen.outcome.cause == WHERE + f"The {field} parameter does not reference an input value: $.a.b"


def test_a_fail_state_takes_error_and_cause_from_its_input():
    definition = machine(
        Stop={
            "Type": "Fail",
            "ErrorPath": "$.error",
            "CausePath": "States.Format('{} in {}', $.error, $$.State.Name)",
        }
    )
    seen = play(definition, {"error": "Broken"})
    assert (seen.outcome.error, seen.outcome.cause) == ("Broken", "Broken in Stop")


def test_a_fail_state_may_say_nothing():
    seen = play(machine(Stop={"Type": "Fail"}))
    assert seen.outcome.status == "FAILED"
    assert seen.details("ExecutionFailed") == [{}]


def test_a_fail_state_cannot_fail_with_a_number():
    seen = play(machine(Stop={"Type": "Fail", "ErrorPath": "$.n"}), {"n": 1})
    assert seen.outcome.error == "States.Runtime"
    assert "'Stop'" in seen.outcome.cause


@pytest.mark.parametrize("field", ["ErrorPath", "CausePath"])
def test_a_fail_state_whose_path_leads_nowhere_names_the_field_and_shows_its_input(field):
    seen = play(machine(Stop={"Type": "Fail", field: "$.gone"}), {"n": 1})
    assert seen.outcome.error == "States.Runtime"
    assert seen.outcome.cause == (
        "An error occurred while executing the state 'Stop' (entered at the event id #2). "
        f"The JSONPath '$.gone' specified for the field '{field}' could not be found in the input '{{\"n\":1}}'"
    )


def test_a_choice_without_a_way_out_fails_by_name():
    choices = [{"Variable": "$.n", "NumericEquals": 2, "Next": "Two"}]
    definition = machine(Choose={"Type": "Choice", "Choices": choices}, Two={"Type": "Succeed"})
    assert play(definition, {"n": 2}).outcome.status == "SUCCEEDED"
    seen = play(definition, {"n": 1})
    assert seen.outcome.error == "States.NoChoiceMatched"
    assert "'Choose'" in seen.outcome.cause
    assert seen.types[-2:] == ["ChoiceStateEntered", "ExecutionFailed"]


def test_a_succeed_state_filters_its_output():
    definition = machine(Done={"Type": "Succeed", "InputPath": "$.a", "OutputPath": "$.b"})
    assert play(definition, {"a": {"b": 7}}).outcome.output == 7
