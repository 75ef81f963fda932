"""What an execution of batch inference was given, as it is: the request in it, and the run that it is for."""

from __future__ import annotations

from typing import Any


def request_in(document: Any) -> Any:
    """The request in the input of an execution: the input itself, or the `detail` of an EventBridge event.

    A rule with a schedule sends its time beside an empty `detail` (EventBridge user guide, "Creating a scheduled rule
    (legacy) in Amazon EventBridge"): that is when the schedule was due.
    """
    if not _is_event(document):
        return document
    detail = document["detail"]
    if document["detail-type"] == "Scheduled Event" and "time" in document and isinstance(detail, dict):
        return {"scheduledTime": document["time"], **detail}
    return detail


def run_id_of(document: Any, execution_name: str) -> str:
    """The id of the run that an execution is for, from its input, be that valid or not.

    It is the one that is asked for, else the schedule with its time, else the name of the execution. A schedule may
    start a run twice for the same time (EventBridge Scheduler user guide, "What is Amazon EventBridge Scheduler?":
    at-least-once delivery): with the same id it is one run.
    """
    request = request_in(document)
    if not isinstance(request, dict):
        return execution_name
    run_id, schedule, time = (request.get(key) for key in ("runId", "schedule", "scheduledTime"))
    if isinstance(run_id, str):
        return run_id
    if isinstance(schedule, str) and isinstance(time, str):
        return f"{schedule}-{time.replace(':', '').replace('-', '')}"
    return execution_name


def for_the_same_run(document: Any, execution_name: str) -> Any:
    """The input of a new execution that continues the run of an old one.

    Parameters
    ----------
    document, execution_name
        Input and name of the old execution.

    Returns
    -------
    The old input with the run's id spelt out: left to itself, a run may be named after its execution. An input that is
    no object has no room for it; the workflow refuses it again, and says why.
    """
    run_id = run_id_of(document, execution_name)
    if _is_event(document) and isinstance(document["detail"], dict):
        return {**document, "detail": {**document["detail"], "runId": run_id}}
    if not isinstance(document, dict):
        return document
    return {**{key: value for key, value in document.items() if key != "Comment"}, "runId": run_id}


def _is_event(document: Any) -> bool:
    return isinstance(document, dict) and {"detail-type", "source", "detail"} <= document.keys()
