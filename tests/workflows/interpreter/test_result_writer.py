import json

import pytest

from tests.workflows.interpreter.stage import failing, machine, play, taking, task
from workflows.interpreter import StatesError

FILES = ("SUCCEEDED", "FAILED", "PENDING")


def writing(writer=None, **fields):
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    processor |= machine(Work=task("work"))
    writer = {
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket": "results", "Prefix.$": "$.prefix"},
        **(writer or {}),
    }
    return machine(
        Each={
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemProcessor": processor,
            "ResultWriter": writer,
            "End": True,
            **fields,
        }
    )


def written(seen):
    """Give the objects that were put, by the end of their keys."""
    return {call["Key"].rsplit("/", 1)[-1]: call for call in seen.tasks.arguments("putObject")}


def items(*values, prefix="runs/r1"):
    return {"items": list(values), "prefix": prefix}


def failing_for(bad):
    def work(call):
        if call.arguments == bad:
            raise StatesError("BadItem", "no good")
        return {"is": call.arguments}

    return work


def test_the_manifest_lists_the_files_under_prefix_and_map_run():
    seen = play(writing(), items(1, 2))
    (map_run,) = seen.map_runs
    folder = f"runs/r1/{map_run.id}"
    objects = written(seen)
    assert set(objects) == {"SUCCEEDED_0.json", "manifest.json"}
    assert json.loads(objects["manifest.json"]["Body"]) == {
        "DestinationBucket": "results",
        "MapRunArn": map_run.arn,
        "ResultFiles": {
            "FAILED": [],
            "PENDING": [],
            "SUCCEEDED": [{"Key": f"{folder}/SUCCEEDED_0.json", "Size": len(objects["SUCCEEDED_0.json"]["Body"])}],
        },
    }
    assert seen.outcome.output == {
        "MapRunArn": map_run.arn,
        "ResultWriterDetails": {"Bucket": "results", "Key": f"{folder}/manifest.json"},
    }
    assert map_run.describe()["executionCounts"]["resultsWritten"] == 2


def test_a_success_is_told_with_all_about_it():
    seen = play(writing(), items({"n": 1}))
    (entry,) = json.loads(written(seen)["SUCCEEDED_0.json"]["Body"])
    (child,) = seen.map_runs[0].children
    assert entry == {
        "ExecutionArn": child.arn,
        "Input": '{"n":1}',
        "InputDetails": {"Included": True},
        "Name": child.name,
        "Output": '{"n":1}',
        "OutputDetails": {"Included": True},
        "RedriveCount": 0,
        "RedriveStatus": "NOT_REDRIVABLE",
        "RedriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
        "StartDate": "2030-01-01T00:00:00.000Z",
        "StateMachineArn": seen.map_runs[0].state_machine_arn,
        "Status": "SUCCEEDED",
        "StopDate": "2030-01-01T00:00:00.000Z",
    }


def test_failures_stand_in_a_file_of_their_own():
    seen = play(writing(ToleratedFailureCount=1), items(1, 2), work=failing_for(1))
    (failed,) = json.loads(written(seen)["FAILED_0.json"]["Body"])
    assert (failed["Status"], failed["Error"], failed["Cause"]) == ("FAILED", "BadItem", "no good")
    assert "Output" not in failed
    assert seen.outcome.status == "SUCCEEDED"


def test_a_map_run_that_failed_writes_its_results_too_with_those_that_never_started():
    seen = play(writing(MaxConcurrency=1), items(1, 2, 3), work=failing_for(2))
    assert seen.outcome.error == "States.ExceedToleratedFailureThreshold"
    objects = written(seen)
    inputs = {kind: json.loads(objects[f"{kind}_0.json"]["Body"])[0]["Input"] for kind in FILES}
    assert inputs == {"SUCCEEDED": "1", "FAILED": "2", "PENDING": "3"}


def test_the_manifest_is_written_last():
    seen = play(writing(), items(1))
    assert seen.tasks.arguments("putObject")[-1]["Key"].endswith("/manifest.json")


@pytest.mark.parametrize(
    ("config", "file", "body"),
    [
        ({"Transformation": "COMPACT"}, "SUCCEEDED_0.json", "[[1,2],[3]]"),
        ({"Transformation": "FLATTEN"}, "SUCCEEDED_0.json", "[1,2,3]"),
        ({"Transformation": "FLATTEN", "OutputType": "JSONL"}, "SUCCEEDED_0.jsonl", "1\n2\n3"),
    ],
)
def test_results_can_be_transformed(config, file, body):
    assert written(play(writing({"WriterConfig": config}), items([1, 2], [3])))[file]["Body"] == body


def test_results_can_be_transformed_without_being_written():
    definition = writing()
    definition["States"]["Each"]["ResultWriter"] = {"WriterConfig": {"Transformation": "FLATTEN"}}
    assert play(definition, items([1, 2], [3])).outcome.output == [1, 2, 3]


def test_without_a_prefix_the_map_run_is_the_folder():
    seen = play(writing(), items(1, prefix=""))
    assert seen.outcome.output["ResultWriterDetails"]["Key"] == f"{seen.map_runs[0].id}/manifest.json"


def test_a_writer_that_fails_fails_the_map_run_by_name():
    seen = play(writing(), items(1), putObject=failing("S3.AccessDenied", "Access Denied"))
    assert (seen.outcome.error, seen.outcome.cause) == ("States.ResultWriterFailed", "Access Denied")
    assert seen.types[-3:] == ["MapRunFailed", "MapStateFailed", "ExecutionFailed"]


def test_results_that_are_too_large_for_a_state_can_be_written():
    seen = play(writing(), items(*range(4)), work=taking(1, "x" * 100_000))
    assert seen.outcome.status == "SUCCEEDED"
