"""The ResultWriter of a distributed Map: the results of the children as objects in S3.

Facts: Step Functions developer guide, "ResultWriter (Map)".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows.interpreter import templates
from workflows.interpreter.child_execution import UNSUCCESSFUL, ChildExecution
from workflows.interpreter.errors import StatesError
from workflows.interpreter.interfaces import Json
from workflows.interpreter.map_run import MapRun
from workflows.interpreter.payload import text_of, time_text
from workflows.interpreter.s3_requests import PUT_OBJECT, ask, require
from workflows.interpreter.visit import Visit

FILE_OF = {
    "SUCCEEDED": "SUCCEEDED",
    "FAILED": "FAILED",
    "TIMED_OUT": "FAILED",
    "ABORTED": "FAILED",
    "PENDING": "PENDING",
}
"""In which of the three result files a child of a status stands."""


async def write_results(visit: Visit, map_run: MapRun, document: Json) -> Json:
    """Write the results of all children and the manifest that lists them.

    Returns
    -------
    The result of the state: `MapRunArn`, and where the manifest is.

    Raises
    ------
    StatesError
        ``States.ResultWriterFailed`` when an object cannot be written.
    """
    writer: Mapping[str, Any] = visit.state["ResultWriter"]
    with visit.locating():
        target = templates.fill(writer["Parameters"], document, visit.context, field="ResultWriter")
        require(target, "Bucket")
    bucket, prefix = target["Bucket"], target.get("Prefix", "").strip("/")
    folder = f"{prefix}/{map_run.id}" if prefix else map_run.id
    config = writer.get("WriterConfig", {})
    lines = config.get("OutputType") == "JSONL"
    results: dict[str, list[Json]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
    for child in map_run.children or ():
        results[FILE_OF[child.status]].extend(transformed(child, map_run, config.get("Transformation", "NONE")))
    files: dict[str, list[Json]] = {}
    try:
        for kind, entries in results.items():
            files[kind] = []
            if entries:
                body = "\n".join(map(text_of, entries)) if lines else text_of(entries)
                key = f"{folder}/{kind}_0.{'jsonl' if lines else 'json'}"
                await ask(visit, PUT_OBJECT, {"Bucket": bucket, "Key": key, "Body": body})
                files[kind].append({"Key": key, "Size": len(body.encode())})
        manifest = {"DestinationBucket": bucket, "MapRunArn": map_run.arn, "ResultFiles": files}
        await ask(
            visit,
            PUT_OBJECT,
            {"Bucket": bucket, "Key": f"{folder}/manifest.json", "Body": text_of(manifest)},
        )
    except StatesError as failure:
        raise StatesError("States.ResultWriterFailed", failure.cause or failure.error) from failure
    map_run.results_written = len(map_run.children or ())
    return {
        "MapRunArn": map_run.arn,
        "ResultWriterDetails": {"Bucket": bucket, "Key": f"{folder}/manifest.json"},
    }


def transformed(child: ChildExecution, map_run: MapRun, transformation: str) -> list[Json]:
    """Give the entries of a child in the results.

    `NONE` tells all about the child, `COMPACT` only its output, `FLATTEN` the parts of its output. Of a child
    that did not succeed everything is told in any case.
    """
    if transformation == "NONE" or child.status != "SUCCEEDED":
        return [_report(child, map_run)]
    if transformation == "FLATTEN" and isinstance(child.output, list):
        return child.output
    return [child.output]


def _report(child: ChildExecution, map_run: MapRun) -> Json:
    report: dict[str, Json] = {
        "ExecutionArn": child.arn,
        "Input": text_of(child.input),
        "InputDetails": {"Included": True},
        "Name": child.name,
    }
    if child.status == "SUCCEEDED":
        report |= {"Output": text_of(child.output), "OutputDetails": {"Included": True}}
    for key, value in (("Error", child.error), ("Cause", child.cause)):
        if value is not None:
            report[key] = value
    if child.status in UNSUCCESSFUL:
        report |= {"RedriveCount": child.redrives, "RedriveStatus": "REDRIVABLE_BY_MAP_RUN"}
    else:
        reason = f"Execution is {child.status} and cannot be redriven"
        report |= {
            "RedriveCount": child.redrives,
            "RedriveStatus": "NOT_REDRIVABLE",
            "RedriveStatusReason": reason,
        }
    report |= {"StateMachineArn": map_run.state_machine_arn, "Status": child.status}
    for key, moment in (("StartDate", child.started), ("StopDate", child.stopped)):
        if moment is not None:
            report[key] = time_text(moment)
    return report
