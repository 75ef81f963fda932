"""What CreateStateMachine refuses, and in which words."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.interpreter import definition
from workflows.interpreter.errors import InvalidDefinition

LAMBDA = "arn:aws:lambda:us-east-1:000000000000:function:score"
PASS = {"Type": "Pass", "End": True}
KINDS = "Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map"


def machine(state: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"StartAt": "S", "States": {"S": state}, **fields}


def found(document: Any, machine_type: str = "STANDARD") -> list[tuple[str, str, str | None]]:
    text = document if isinstance(document, str) else json.dumps(document)
    return [(d.code, d.message, d.location) for d in definition.diagnostics(text, machine_type=machine_type)]


def schema_errors(state: dict[str, Any]) -> list[tuple[str, str | None]]:
    errors = found(machine(state))
    assert all(code == "SCHEMA_VALIDATION_FAILED" for code, _, _ in errors)
    return [(message, location) for _, message, location in errors]


def task(**fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": LAMBDA, "End": True, **fields}


def distributed(**fields: Any) -> dict[str, Any]:
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    processor = {"StartAt": "P", "States": {"P": PASS}, "ProcessorConfig": config}
    return {"Type": "Map", "ItemProcessor": processor, "End": True, **fields}


def test_a_good_definition_is_returned_as_it_is() -> None:
    document = machine(PASS, Comment="c", Version="1.0", TimeoutSeconds=60)
    assert definition.load(json.dumps(document)) == document


def test_every_state_type_with_every_field_is_taken() -> None:
    retry = {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 0,
        "MaxAttempts": 0,
        "BackoffRate": 1,
        "MaxDelaySeconds": 5,
        "JitterStrategy": "FULL",
        "Comment": "c",
    }
    catch = {"ErrorEquals": ["States.ALL"], "Next": "Sorry", "ResultPath": None, "Comment": "c"}
    flow = {"InputPath": "$", "OutputPath": None, "Comment": "c", "QueryLanguage": "JSONPath"}
    calls = {"ResultPath": "$.r", "ResultSelector": {"x.$": "$.y"}, "Retry": [retry], "Catch": [catch]}
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSONL", "MaxItemsPath": "$.max"},
        "Parameters": {"Bucket.$": "$.bucket", "Key": "k"},
    }
    document = {
        "StartAt": "Task",
        "States": {
            "Task": {
                **flow,
                **calls,
                "Type": "Task",
                "Resource": "arn:aws:states:::batch:submitJob.sync",
                "Parameters": {"JobName.$": "States.Format('{}', $.n)"},
                "TimeoutSecondsPath": "$.t",
                "HeartbeatSeconds": 5,
                "Credentials": {"RoleArn.$": "$.role"},
                "Next": "Wait",
            },
            "Wait": {**flow, "Type": "Wait", "TimestampPath": "$$.Execution.StartTime", "Next": "Choice"},
            "Choice": {
                **flow,
                "Type": "Choice",
                "Choices": [
                    {"And": [{"Variable": "$.a", "IsPresent": True, "Comment": "c"}], "Next": "Par", "Comment": "c"},
                    {"Not": {"Or": [{"Variable": "$.a[?(@.b)]", "StringMatches": "*"}]}, "Next": "Done"},
                ],
                "Default": "Map",
            },
            "Par": {
                **flow,
                **calls,
                "Type": "Parallel",
                "Parameters": {},
                "Branches": [{"Comment": "c", "StartAt": "B", "States": {"B": PASS}}],
                "Next": "Map",
            },
            "Map": {
                **flow,
                **calls,
                **distributed(
                    Label="shards",
                    ItemReader=reader,
                    ItemSelector={"run.$": "$.run", "item.$": "$$.Map.Item.Value"},
                    ItemBatcher={"MaxItemsPerBatch": 10, "BatchInput": {"x.$": "$.y"}},
                    ResultWriter={"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"}},
                    ToleratedFailurePercentagePath="$.p",
                    ToleratedFailureCount=3,
                    MaxConcurrencyPath="$.c",
                ),
            },
            "Sorry": {"Type": "Fail", "ErrorPath": "$.Error", "CausePath": "States.Format('{}', $.Cause)"},
            "Done": {"Type": "Succeed", "InputPath": "$.x", "OutputPath": "$.y"},
        },
    }
    assert found(document) == []


@pytest.mark.parametrize("text", ["", "  ", "[]", '"text"', "null"])
def test_what_is_no_object_is_refused(text: str) -> None:
    assert found(text) == [("SCHEMA_VALIDATION_FAILED", "Definition must be a valid JSON object", None)]


def test_broken_json_is_refused_with_its_place() -> None:
    where = '[Source: (String)"not a definition"; line: 1, column: 4]'
    message = (
        "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or "
        f"'false')\n at {where}"
    )
    assert found("not a definition") == [("INVALID_JSON_DESCRIPTION", message, where)]


@pytest.mark.parametrize("text", ['{"a": NaN}', "{'a': 1}", '{"a" 1}', '{"a": 1', '{"a": 1 "b": 2}', '{"a": }'])
def test_other_broken_json_is_refused(text: str) -> None:
    assert [code for code, _, _ in found(text)] == ["INVALID_JSON_DESCRIPTION"]


def test_the_refusal_lists_every_error_in_the_words_of_create_state_machine() -> None:
    document = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "C"}, "B": PASS}}
    with pytest.raises(InvalidDefinition) as refusal:
        definition.load(json.dumps(document))
    assert refusal.value.message == (
        "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: C at /States/A/Next, "
        'MISSING_TRANSITION_TARGET: State "B" is not reachable. at /States/B\''
    )


def test_an_error_without_a_place_is_shown_at_null() -> None:
    document = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}}
    with pytest.raises(InvalidDefinition, match="'MISSING_END_STATE: Workflow has no terminal state at null'"):
        definition.load(json.dumps(document))


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({}, ("These fields are required: [States, StartAt]", "/")),
        ({"States": {"S": PASS}}, ("These fields are required: [StartAt]", "/")),
        ({"StartAt": "S"}, ("These fields are required: [States]", "/")),
        (machine(PASS, Timeout=5), ("Field 'Timeout' is not supported", "/")),
        (machine(PASS, Version="2.0"), ("Value should be one of the following: [1.0]", "/Version")),
        (machine(PASS, TimeoutSeconds="5"), ("Expected value of type Integer", "/TimeoutSeconds")),
        (machine(PASS, States=[]), ("Expected value of type [OBJECT]", "/States")),
        (
            machine({"Type": "Parallel", "End": True, "Branches": [{"StartAt": "S"}]}),
            ("These fields are required: [States]", "/States/S/Branches[0]"),
        ),
    ],
)
def test_the_frame_of_a_workflow_is_checked(document: Any, expected: tuple[str, str]) -> None:
    assert found(document) == [("SCHEMA_VALIDATION_FAILED", *expected)]


@pytest.mark.parametrize(
    ("state", "message", "place"),
    [
        ({}, "These fields are required: [Type]", ""),
        *(
            ({"Type": kind}, f"The field 'Type' should have one of these values: [{KINDS}]", "/Type")
            for kind in (None, [], {})
        ),
        ({"Type": "Choice", "Choices": None}, "Expected value of type [ARRAY]", "/Choices"),
        ({"Type": "Parallel", "Branches": None, "End": True}, "Expected value of type [ARRAY]", "/Branches"),
        (
            {"Type": "Loop"},
            f"The field 'Type' should have one of these values: [{KINDS}]",
            "/Type",
        ),
        ({**PASS, "_note": 1}, "Field '_note' is not supported", ""),
        ({**PASS, "Catch": []}, "Field 'Catch' is not supported", ""),
        ({**PASS, "TimeoutSeconds": 5}, "Field 'TimeoutSeconds' is not supported", ""),
        ({"Type": "Fail", "InputPath": "$"}, "Field 'InputPath' is not supported", ""),
        ({"Type": "Pass"}, "This object should have only one of the following fields: [Next, End]", ""),
        ({"Type": "Pass", "End": False}, "This object should have only one of the following fields: [Next, End]", ""),
        ({**PASS, "Next": "S"}, "There should only be one of the following fields: [Next, End]", ""),
        ({**PASS, "InputPath": "a"}, "Value must be a valid JSONPath.", "/InputPath"),
        ({**PASS, "OutputPath": "$.a["}, "Value must be a valid JSONPath.", "/OutputPath"),
        ({**PASS, "ResultPath": "$.a[*]"}, "Value is not a Reference Path", "/ResultPath"),
        ({**PASS, "ResultPath": "$$.a"}, "Value is not a Reference Path", "/ResultPath"),
        (
            {**PASS, "ResultPath": "a"},
            "Value is not a Reference Path: Reference path didn't start with '$'",
            "/ResultPath",
        ),
        (
            {**PASS, "Parameters": {"a": {"b.$": "text"}}},
            "The value for the field 'b.$' must be a valid JSONPath or a valid intrinsic function call",
            "/Parameters",
        ),
        (
            {**PASS, "Parameters": {"b.$": 5}},
            "The value for the field 'b.$' must be a valid JSONPath or a valid intrinsic function call",
            "/Parameters",
        ),
        (
            {**PASS, "Parameters": {"b.$": "States.Nope()"}},
            "The value for the field 'b.$' must be a valid JSONPath or a valid intrinsic function call",
            "/Parameters",
        ),
        (task(Resource="score"), "Value is not a valid resource ARN", "/Resource"),
        ({"Type": "Task", "End": True}, "These fields are required: [Resource]", ""),
        (task(TimeoutSeconds=0), "Minimum value is 1", "/TimeoutSeconds"),
        (task(TimeoutSeconds=100_000_000), "Maximum value is 99999999", "/TimeoutSeconds"),
        (task(TimeoutSeconds="5"), "Expected value of type Integer", "/TimeoutSeconds"),
        (
            task(HeartbeatSeconds=5, HeartbeatSecondsPath="$.h"),
            "There should only be one of the following fields: [HeartbeatSeconds, HeartbeatSecondsPath]",
            "",
        ),
        (
            task(Resource="arn:aws:states:::sqs:sendMessage"),
            "Parameters field is required for resource ARN: arn:aws:states:::sqs:sendMessage",
            "",
        ),
        (task(Credentials={}), "The field 'RoleArn' is required but was missing", "/Credentials"),
        (task(Credentials={"Role": "r"}), "The field 'RoleArn' is required but was missing", "/Credentials"),
        (
            task(Resource="arn:aws:states:::lambda:invoke", Parameters={"Payload": {}}),
            "The field 'FunctionName' is required but was missing",
            "/Parameters",
        ),
        (
            {"Type": "Wait", "End": True, "Seconds": 1, "Timestamp": "2024-01-01T00:00:00Z"},
            "There should only be one of the following fields: [SecondsPath, Seconds, TimestampPath, Timestamp]",
            "",
        ),
        ({"Type": "Wait", "End": True, "Seconds": -1}, "Minimum value is 0", "/Seconds"),
        (
            {"Type": "Wait", "End": True, "Timestamp": "2016-12-05 21:29:29Z"},
            "String does not match RFC3339 timestamp",
            "/Timestamp",
        ),
        (
            {"Type": "Fail", "Error": "E", "ErrorPath": "$.e"},
            "There should only be one of the following fields: [Error, ErrorPath]",
            "",
        ),
        ({"Type": "Fail", "CausePath": "States.Array()"}, "Value must be a valid JSONPath.", "/CausePath"),
        ({"Type": "Choice"}, "These fields are required: [Choices]", ""),
        ({"Type": "Choice", "Choices": []}, "Value cannot be empty", "/Choices"),
        ({"Type": "Parallel", "End": True, "Branches": []}, "Value cannot be empty", "/Branches"),
    ],
)
def test_a_state_is_refused_for(state: dict[str, Any], message: str, place: str) -> None:
    assert schema_errors(state) == [(message, f"/States/S{place}")]


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:states:::lambda:invoke.sync",
        "arn:aws:states:::dynamodb:putItem.waitForTaskToken",
        "arn:aws:states:::glue:startJobRun.sync:2",
        "arn:aws:states:::sqs:sendMessages",
        "arn:aws:states:::nowhere:go",
        "arn:aws:states:::aws-sdk:glue:startCrawler.sync",
    ],
)
def test_an_integration_that_step_functions_lacks_is_refused(resource: str) -> None:
    message = (
        f"The resource provided {resource} is not recognized. The value is not a valid resource ARN, or the resource "
        "is not available in this region."
    )
    assert schema_errors(task(Resource=resource, Parameters={})) == [(message, "/States/S/Resource")]


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:states:::batch:submitJob",
        "arn:aws:states:::batch:submitJob.sync",
        "arn:aws:states:::aws-sdk:glue:startCrawler",
        "arn:aws:states:::aws-sdk:sfn:startSyncExecution",
        "arn:aws:states:::aws-sdk:sqs:sendMessage.waitForTaskToken",
        "arn:aws:states:us-east-1:000000000000:activity:hand",
        f"{LAMBDA}:live",
    ],
)
def test_an_integration_that_step_functions_has_is_taken(resource: str) -> None:
    assert schema_errors(task(Resource=resource, Parameters={})) == []


@pytest.mark.parametrize(
    ("rule", "message", "place"),
    [
        ({"Variable": "$.a", "IsNull": True}, "These fields are required: [Next]", ""),
        (
            {"Variable": "States.ArrayLength($.a)", "NumericEquals": 0, "Next": "S"},
            "Value is not a Reference Path: Reference path didn't start with '$'",
            "/Variable",
        ),
        (
            {"Next": "S"},
            "The object must have only one of the following fields, [And, Or, Not, Variable, Condition]",
            "",
        ),
        (
            {"And": [{"Variable": "$.a", "IsNull": True, "Next": "S"}], "Next": "S"},
            "Field 'Next' is not supported",
            "/And[0]",
        ),
        ({"Or": [], "Next": "S"}, "Value cannot be empty", "/Or"),
        ({"Variable": "$.a", "IsNull": "yes", "Next": "S"}, "Expected value of type [BOOLEAN]", "/IsNull"),
        ({"Variable": "$.a", "NumericEquals": "1", "Next": "S"}, "Expected value of type [NUMBER]", "/NumericEquals"),
        (
            {"Variable": "$.a", "TimestampEquals": "now", "Next": "S"},
            "String does not match RFC3339 timestamp",
            "/TimestampEquals",
        ),
        ({"Variable": "$.a", "IsNull": True, "Is": 1, "Next": "S"}, "Field 'Is' is not supported", ""),
    ],
)
def test_a_choice_rule_is_refused_for(rule: dict[str, Any], message: str, place: str) -> None:
    assert schema_errors({"Type": "Choice", "Choices": [rule]}) == [(message, f"/States/S/Choices[0]{place}")]


def test_a_comparison_takes_exactly_one_operator() -> None:
    for operators in ({}, {"IsNull": True, "IsString": True}):
        rule = {"Variable": "$.a", "Next": "S", **operators}
        ((message, place),) = schema_errors({"Type": "Choice", "Choices": [rule]})
        assert message.startswith("There should only be one of the following fields: [")
        assert place == "/States/S/Choices[0]"


@pytest.mark.parametrize(
    ("field", "rules", "message", "place"),
    [
        ("Retry", [{}], "These fields are required: [ErrorEquals]", "[0]"),
        ("Retry", [{"ErrorEquals": []}], "Value cannot be empty", "[0]/ErrorEquals"),
        (
            "Retry",
            [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["E"]}],
            "States.ALL must appear alone and at end of list",
            "[0]/ErrorEquals",
        ),
        (
            "Retry",
            [{"ErrorEquals": ["E", "States.ALL"]}],
            "States.ALL must appear alone and at end of list",
            "[0]/ErrorEquals",
        ),
        ("Retry", [{"ErrorEquals": ["E"], "MaxAttempts": -1}], "Minimum value is 0", "[0]/MaxAttempts"),
        ("Retry", [{"ErrorEquals": ["E"], "BackoffRate": 0.5}], "Minimum value is 1.0", "[0]/BackoffRate"),
        ("Retry", [{"ErrorEquals": ["E"], "MaxDelaySeconds": 0}], "Minimum value is 1", "[0]/MaxDelaySeconds"),
        (
            "Retry",
            [{"ErrorEquals": ["E"], "MaxDelaySeconds": 31_622_401}],
            "Maximum value is 31622400",
            "[0]/MaxDelaySeconds",
        ),
        (
            "Retry",
            [{"ErrorEquals": ["E"], "JitterStrategy": "SOME"}],
            "Value should be one of the following: [NONE, FULL]",
            "[0]/JitterStrategy",
        ),
        ("Retry", [{"ErrorEquals": ["E"], "Next": "S"}], "Field 'Next' is not supported", "[0]"),
        ("Catch", [{"ErrorEquals": ["E"]}], "These fields are required: [Next]", "[0]"),
        ("Catch", {}, "Expected value of type [ARRAY]", ""),
    ],
)
def test_recovery_is_refused_for(field: str, rules: Any, message: str, place: str) -> None:
    assert schema_errors(task(**{field: rules})) == [(message, f"/States/S/{field}{place}")]


def test_empty_lists_of_retriers_and_catchers_are_taken() -> None:
    assert schema_errors(task(Retry=[], Catch=[])) == []


READ = {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key": "k"}}
LIST = {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": "b"}}
CSV = {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["a"]}
ONE_OF = "Value should be one of the following:"


@pytest.mark.parametrize(
    ("reader", "config"),
    [
        (LIST, {}),
        (LIST, {"InputType": "PARQUET", "Transformation": "LOAD_AND_FLATTEN"}),
        (LIST, {**CSV, "Transformation": "LOAD_AND_FLATTEN", "CSVDelimiter": "SPACE"}),
        (READ, {"InputType": "JSON", "ItemsPointer": "/a~1b/0"}),
        (READ, {"InputType": "MANIFEST"}),
        (READ, {"ManifestType": "S3_INVENTORY"}),
        (READ, {**CSV, "ManifestType": "ATHENA_DATA"}),
    ],
)
def test_an_item_reader_is_taken_as_documented(reader: dict[str, Any], config: dict[str, Any]) -> None:
    assert schema_errors(distributed(ItemReader={**reader, "ReaderConfig": config})) == []


@pytest.mark.parametrize(
    ("fields", "message", "place"),
    [
        (
            {"ItemReader": {"Resource": "arn:aws:states:::s3:putObject"}},
            "The field 'Resource' does not match any of the allowed values",
            "/ItemReader/Resource",
        ),
        (
            {"ItemReader": {**READ, "ReaderConfig": {"InputType": "XML"}}},
            "Value should be one of the following: [CSV, JSON, JSONL, PARQUET, MANIFEST]",
            "/ItemReader/ReaderConfig/InputType",
        ),
        (
            {"ItemReader": {**READ, "ReaderConfig": {"InputType": "CSV"}}},
            "The field 'CSVHeaderLocation' is required",
            "/ItemReader/ReaderConfig",
        ),
        (
            {"ItemReader": {**READ, "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "GIVEN"}}},
            "These fields are required: [CSVHeaders]",
            "/ItemReader/ReaderConfig",
        ),
        (
            {"ItemReader": {**READ, "ReaderConfig": {"InputType": "JSON", "CSVHeaderLocation": "FIRST_ROW"}}},
            "Field 'CSVHeaderLocation' is not supported",
            "/ItemReader/ReaderConfig",
        ),
        (
            {"ItemReader": {**READ, "ReaderConfig": {"InputType": "JSON", "MaxItems": 1, "MaxItemsPath": "$.m"}}},
            "There should only be one of the following fields: [MaxItems, MaxItemsPath]",
            "/ItemReader/ReaderConfig",
        ),
        *[
            ({"ItemReader": {**READ, "ReaderConfig": config}}, message, f"/ItemReader/ReaderConfig{place}")
            for config, message, place in [
                ({**CSV, "CSVDelimiter": ";"}, f"{ONE_OF} [COMMA, PIPE, SEMICOLON, SPACE, TAB]", "/CSVDelimiter"),
                ({**CSV, "CSVHeaderLocation": "NONE"}, f"{ONE_OF} [FIRST_ROW, GIVEN]", "/CSVHeaderLocation"),
                ({"ManifestType": "ORC"}, f"{ONE_OF} [ATHENA_DATA, S3_INVENTORY]", "/ManifestType"),
                ({"Transformation": "FLAT"}, f"{ONE_OF} [NONE, LOAD_AND_FLATTEN]", "/Transformation"),
                ({"ManifestType": "ATHENA_DATA"}, "These fields are required: [InputType]", ""),
                ({"ManifestType": "ATHENA_DATA", "InputType": "JSON"}, f"{ONE_OF} [CSV, JSONL, PARQUET]", "/InputType"),
                ({"ManifestType": "S3_INVENTORY", "InputType": "MANIFEST"}, "Field 'InputType' is not supported", ""),
                (
                    {"InputType": "JSON", "Transformation": "LOAD_AND_FLATTEN"},
                    "Value 'LOAD_AND_FLATTEN' is only supported for s3:listObjectsV2",
                    "/Transformation",
                ),
                ({"InputType": "JSONL", "ItemsPointer": "/a"}, "Field 'ItemsPointer' is not supported", ""),
                ({"InputType": "JSON", "ItemsPointer": "a"}, "Value must be a valid JSONPointer", "/ItemsPointer"),
                ({"InputType": "JSON", "ItemsPointer": "/a~2"}, "Value must be a valid JSONPointer", "/ItemsPointer"),
                ({**CSV, "CSVHeaders": []}, "Value cannot be empty", "/CSVHeaders"),
                ({**CSV, "CSVHeaders": ["a", 1]}, "Expected value of type [STRING]", "/CSVHeaders[1]"),
                ({**CSV, "CSVHeaders": ["a" * 10_241]}, "CSV headers cannot have more than 10240 bytes", "/CSVHeaders"),
                ({"InputType": "JSON", "MaxItems": 100_000_001}, "Maximum value is 100000000", "/MaxItems"),
                (None, "Expected value of type [OBJECT]", ""),
            ]
        ],
        (
            {"ItemReader": {**LIST, "ReaderConfig": {"Transformation": "LOAD_AND_FLATTEN"}}},
            "These fields are required: [InputType]",
            "/ItemReader/ReaderConfig",
        ),
        (
            {"ItemReader": {**LIST, "ReaderConfig": {"Transformation": "LOAD_AND_FLATTEN", "InputType": "MANIFEST"}}},
            f"{ONE_OF} [JSON, JSONL, CSV, PARQUET]",
            "/ItemReader/ReaderConfig/InputType",
        ),
        (
            {
                "ItemReader": {
                    "Resource": READ["Resource"],
                    "Parameters": {"Bucket": "b", "Key": "k", "VersionId": "v"},
                    "ReaderConfig": {"InputType": "PARQUET"},
                }
            },
            "Field 'VersionId' is not supported",
            "/ItemReader/Parameters",
        ),
        ({"ItemsPath": "$.a[-1]"}, "Value is not a Reference Path", "/ItemsPath"),
        ({"ItemBatcher": {"MaxItemsPerBatch": -1}}, "Minimum value is 0", "/ItemBatcher/MaxItemsPerBatch"),
        ({"ItemBatcher": {"Size": 1, "MaxItemsPerBatch": 1}}, "Field 'Size' is not supported", "/ItemBatcher"),
        ({"ResultWriter": {"Parameters": {}}}, "These fields are required: [Resource]", "/ResultWriter"),
        ({"ToleratedFailurePercentage": 101}, "Maximum value is 100.0", "/ToleratedFailurePercentage"),
        ({"ToleratedFailurePercentage": -0.5}, "Minimum value is 0.0", "/ToleratedFailurePercentage"),
        ({"MaxConcurrency": -1}, "Minimum value is 0", "/MaxConcurrency"),
        ({"MaxConcurrencyPath": "$$.Execution.Input.n"}, "Value is not a Reference Path", "/MaxConcurrencyPath"),
        (
            {"ToleratedFailureCount": 1, "ToleratedFailureCountPath": "$.c"},
            "There should only be one of the following fields: [ToleratedFailureCount, ToleratedFailureCountPath]",
            "",
        ),
        ({"ItemsPath": "$.a[*]"}, "Value is not a Reference Path", "/ItemsPath"),
        (
            {"ItemSelector": {"a.$": "b"}},
            "The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic function call",
            "/ItemSelector",
        ),
    ],
)
def test_a_map_is_refused_for(fields: dict[str, Any], message: str, place: str) -> None:
    assert schema_errors(distributed(**fields)) == [(message, f"/States/S{place}")]


@pytest.mark.parametrize(
    ("config", "message", "place"),
    [
        ({"Mode": "DISTRIBUTED"}, "These fields are required: [ExecutionType]", ""),
        ({"Mode": "INLINE", "ExecutionType": "EXPRESS"}, "Field 'ExecutionType' is not supported", ""),
        ({"Mode": "FAST"}, "Value should be one of the following: [INLINE, DISTRIBUTED]", "/Mode"),
        (
            {"Mode": "DISTRIBUTED", "ExecutionType": "SLOW"},
            "Value should be one of the following: [STANDARD, EXPRESS]",
            "/ExecutionType",
        ),
    ],
)
def test_a_processor_configuration_is_refused_for(config: dict[str, Any], message: str, place: str) -> None:
    state = {"Type": "Map", "End": True, "ItemProcessor": {"StartAt": "P", "States": {"P": PASS}}}
    state["ItemProcessor"]["ProcessorConfig"] = config
    assert schema_errors(state) == [(message, f"/States/S/ItemProcessor/ProcessorConfig{place}")]


def test_what_needs_child_executions_is_refused_on_an_inline_map() -> None:
    processor = {"StartAt": "P", "States": {"P": PASS}}
    state = {"Type": "Map", "End": True, "ItemProcessor": processor, "ItemReader": READ}
    assert schema_errors(state) == [("Field 'ItemReader' is not supported", "/States/S")]


def test_a_map_needs_one_processor() -> None:
    assert schema_errors({"Type": "Map", "End": True}) == [
        ("This object should have only one of the following fields: [ItemProcessor, Iterator]", "/States/S")
    ]


@pytest.mark.parametrize("label", ["", "x" * 41, "a b", "a*", "a:b", "{a}"])
def test_a_label_that_cannot_be_part_of_an_arn_is_refused(label: str) -> None:
    assert [(code, place) for code, _, place in found(machine(distributed(Label=label)))] == [
        ("INVALID_LABEL_NAME", "/States/S/Label")
    ]


def test_names_and_labels_are_unique_in_the_whole_machine() -> None:
    branches = [{"StartAt": "A", "States": {"A": distributed(Label="l")}}]
    second = distributed(Label="l")
    second["ItemProcessor"] = {**second["ItemProcessor"], "StartAt": "Q", "States": {"Q": PASS}}
    branches.append({"StartAt": "B", "States": {"B": {**second, "End": False, "Next": "A"}, "A": PASS}})
    errors = found(machine({"Type": "Parallel", "End": True, "Branches": branches}))
    assert errors == [
        ("DUPLICATE_LABEL_NAME", "Duplicate Label name: l", "/States/S/Branches[1]/States/B/Label"),
        ("DUPLICATE_STATE_NAME", "Duplicate State name: A", "/States/S/Branches[1]/States/A"),
    ]


def test_a_state_name_has_at_most_80_characters() -> None:
    name = "x" * 81
    ((code, message, place),) = found({"StartAt": name, "States": {name: PASS}})
    assert (code, place) == ("INVALID_STATE_NAME", f"/States/{name}")
    assert message.endswith("exceeds the 80-character limit allowed by the service")
    assert found({"StartAt": "x" * 80, "States": {"x" * 80: PASS}}) == []


@pytest.mark.parametrize(
    ("states", "place"),
    [
        ({"S": {**PASS, "End": False, "Next": "Gone"}, "Z": PASS}, "/States/S/Next"),
        ({"S": task(Catch=[{"ErrorEquals": ["E"], "Next": "Gone"}])}, "/States/S/Catch[0]/Next"),
        (
            {"S": {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": True, "Next": "Gone"}], "Default": "Z"}},
            "/States/S/Choices[0]/Next",
        ),
        (
            {"S": {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": True, "Next": "Z"}], "Default": "Gone"}},
            "/States/S/Default",
        ),
    ],
)
def test_a_transition_to_a_missing_state_is_refused_where_it_stands(states: dict[str, Any], place: str) -> None:
    errors = found({"StartAt": "S", "States": {**states, "Z": PASS}})
    assert ("MISSING_TRANSITION_TARGET", "Missing 'Next' target: Gone", place) in errors


def test_transitions_do_not_leave_their_branch() -> None:
    branch = {"StartAt": "B", "States": {"B": {"Type": "Pass", "Next": "S"}}}
    errors = found(machine({"Type": "Parallel", "End": True, "Branches": [branch]}))
    assert errors == [("MISSING_TRANSITION_TARGET", "Missing 'Next' target: S", "/States/S/Branches[0]/States/B/Next")]


def test_only_the_outermost_workflow_needs_an_end() -> None:
    loop = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}}
    assert found(machine({"Type": "Map", "End": True, "ItemProcessor": loop})) == []
    with_orphan = {**loop, "States": {**loop["States"], "C": {"Type": "Pass", "Next": "A"}}}
    assert found(with_orphan) == [("MISSING_END_STATE", "Workflow has no terminal state", None)]


@pytest.mark.parametrize(
    ("state", "message", "place"),
    [
        (
            task(
                Resource="arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                Parameters={"QueueUrl": "q", "MessageBody": 1},
            ),
            "Express state machine does not support '.waitForTaskToken' service integration ",
            "/Resource",
        ),
        (
            task(Resource="arn:aws:states:us-east-1:000000000000:activity:hand"),
            "Express state machine does not support Activity ARN",
            "/Resource",
        ),
        (
            distributed(),
            "The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state machines",
            "/ItemProcessor/ProcessorConfig/Mode",
        ),
    ],
)
def test_an_express_machine_is_refused_for(state: dict[str, Any], message: str, place: str) -> None:
    assert found(machine(state), "EXPRESS") == [("SCHEMA_VALIDATION_FAILED", message, f"/States/S{place}")]
    assert found(machine(state)) == []


def test_express_children_of_a_standard_map_cannot_run_jobs() -> None:
    state = distributed()
    job = task(Resource="arn:aws:states:::batch:submitJob.sync", Parameters={})
    state["ItemProcessor"] = {
        "StartAt": "P",
        "States": {"P": job},
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
    }
    assert schema_errors(state) == [
        (
            "Express state machine does not support '.sync' service integration",
            "/States/S/ItemProcessor/States/P/Resource",
        )
    ]


@pytest.mark.parametrize(
    "document",
    [
        machine({"Type": "Pass", "Output": {}, "End": True}, QueryLanguage="JSONata"),
        machine({"Type": "Pass", "QueryLanguage": "JSONata", "End": True}),
        machine({**PASS, "Assign": {"a": 1}}),
        machine({**PASS, "Parameters": {"a.$": "$a"}}),
        machine(task(Catch=[{"ErrorEquals": ["E"], "Next": "S", "Assign": {}}])),
    ],
)
def test_jsonata_and_variables_are_refused_by_name(document: dict[str, Any]) -> None:
    ((_, message, _),) = found(document)
    assert "this interpreter has no" in message


def test_a_jsonata_field_on_a_jsonpath_state_is_refused_as_step_functions_does() -> None:
    only = "field 'Output' is only supported for the 'JSONata' QueryLanguage"
    assert schema_errors({**PASS, "Output": {}}) == [
        (f"The QueryLanguage is set to 'JSONPath', but {only}", "/States/S")
    ]


def test_a_definition_too_deep_to_walk_is_refused() -> None:
    deep = "[" * 100_000 + "]" * 100_000
    text = json.dumps(machine({**PASS, "Result": 0})).replace('"Result": 0', f'"Result": {deep}')
    assert found(text) == [("TOO_DEEPLY_NESTED", "The states are too deeply nested", None)]


def test_more_text_than_the_service_takes_is_refused() -> None:
    text = json.dumps(machine({**PASS, "Comment": "x" * definition.MAX_CHARACTERS}))
    assert [code for code, _, _ in found(text)] == ["SCHEMA_VALIDATION_FAILED"]


KEYS = st.sampled_from(["Type", "Next", "End", "Retry", "Choices", "ErrorEquals", "a.$"])
SMALL = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 5) | st.sampled_from(["S", "$.a", "$", "States.ALL", "Pass", ""]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["Type", "Next", "End", "Retry", "Choices", "ErrorEquals", "a.$"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(kind=st.sampled_from(["Task", "Wait", "Pass", "Fail", "Choice", "Parallel", "Map"]), data=st.data())
def test_fields_of_any_form_are_reported_not_tripped_over(kind: str, data: st.DataObject) -> None:
    from workflows.interpreter.states_schema import FIELDS

    fields = data.draw(st.dictionaries(st.sampled_from(sorted(FIELDS[kind])), SMALL, max_size=4))
    for diagnostic in definition.diagnostics(json.dumps(machine({**fields, "Type": kind}))):
        assert diagnostic.severity == "ERROR"
