"""What became of the shards of a run, and whether that is good enough."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from tasks.reading.shards import LANES, Lane, Shard
from tasks.runs.layout import RunFolder
from tasks.runs.markers import planned_shards, valid_markers
from tasks.runs.request import RunRequest
from tasks.storage import Storage

#: Failed shards that are listed with their reasons.
_LISTED = 10
#: AWS Step Functions keeps more of a cause, but a person reads no more, and SNS subjects and e-mails stay readable.
_LONGEST_CAUSE = 1_000
_LONGEST_REASON = 300


@dataclass(frozen=True)
class Verdict:
    """The judgement of a run: `failed` are the shards without a valid marker."""

    verdict: Literal["complete", "tolerated", "failed"]
    failed: Sequence[Shard]
    reasons: Mapping[str, str]
    cause: str

    def to_state(self) -> dict[str, Any]:
        """The form in which the verdict travels between states."""
        listed = [
            {"shard": shard.shard_id, "source": shard.name, "reason": self.reasons[shard.shard_id]}
            for shard in self.failed[:_LISTED]
        ]
        return {"verdict": self.verdict, "failed": len(self.failed), "failedShards": listed, "cause": self.cause}


def judge(run: RunRequest, folder: RunFolder, storage: Storage, lanes: Iterable[Mapping[str, Any]]) -> Verdict:
    """Compare the manifest with the markers.

    The run is complete when every shard has its marker, tolerated when no lane lacks a greater percentage of its
    shards than the request tolerates, else failed. Only markers count: a lane that ended with an error may have
    scored everything, and one that "succeeded" may not.

    Parameters
    ----------
    lanes
        How each lane ended: `{"lane": …}`, with `error` (`{"Error", "Cause"}`) if its Map failed.

    Raises
    ------
    PlanMissing
        If the run's manifest is gone: nobody can say then what is finished.
    """
    shards = planned_shards(storage, folder)
    finished = valid_markers(storage, folder, shards, run.model_version)
    failed = [shard for shard in shards if shard.shard_id not in finished]
    reasons = _reasons(failed, folder, storage, lanes)
    if not failed:
        return Verdict("complete", [], {}, "")
    beyond = [lane for lane in LANES if _percentage(failed, shards, lane) > run.tolerated_failure_percentage]
    cause = (
        f"{len(failed)} of {len(shards)} shards failed (tolerated: {run.tolerated_failure_percentage:g} % of a lane)"
    )
    for shard in failed[:_LISTED]:
        cause += f"; {shard.shard_id} ({shard.name}): {reasons[shard.shard_id]}"
    return Verdict("failed" if beyond else "tolerated", failed, reasons, _shortened(cause, _LONGEST_CAUSE))


def _percentage(failed: list[Shard], shards: list[Shard], lane: Lane) -> float:
    planned = sum(shard.lane == lane for shard in shards)
    return 100 * sum(shard.lane == lane for shard in failed) / planned if planned else 0.0


def _reasons(
    failed: list[Shard], folder: RunFolder, storage: Storage, lanes: Iterable[Mapping[str, Any]]
) -> dict[str, str]:
    reasons: dict[str, str] = {}
    for lane in LANES:
        missing = {shard.shard_id for shard in failed if shard.lane == lane}
        if missing:
            reasons |= _reasons_of_children(missing, folder, storage, lane)
    errors = {lane["lane"]: reason_of(lane["error"]) for lane in lanes if "error" in lane}
    for shard in failed:
        reasons.setdefault(shard.shard_id, errors.get(shard.lane, "it was not scored, and nothing says why"))
    for shard in failed[:_LISTED]:  # a job's own words say more, but each takes a call
        noted = storage.read_json(folder.failure(shard.shard_id))
        if noted is not None:
            reasons[shard.shard_id] = _shortened(f"{noted['error']}: {noted['message']}", _LONGEST_REASON)
    return reasons


def _reasons_of_children(missing: set[str], folder: RunFolder, storage: Storage, lane: Lane) -> dict[str, str]:
    """Why children of a Distributed Map failed, from its result writer's files, the newest first.

    The files `FAILED_n.json` are lists of child executions with their `Input`, `Error` and `Cause` (Step Functions
    developer guide, "ResultWriter").
    """
    place = folder.map_results(lane)
    files = [found for found in storage.list(place) if found.key.rpartition("/")[2].startswith("FAILED_")]
    reasons: dict[str, str] = {}
    for file in sorted(files, key=lambda found: found.modified, reverse=True):
        for child in storage.read_json(place._replace(key=file.key)) or ():
            shard_id = orjson.loads(child["Input"])["shard"]["shardId"]
            if shard_id in missing:
                reasons.setdefault(shard_id, reason_of(child))
        if reasons.keys() == missing:
            break
    return reasons


def reason_of(failure: Mapping[str, Any]) -> str:
    """The error and cause of a state in one line that a person can read.

    A Lambda function's cause is JSON with `errorType` and `errorMessage`; a Batch job's is the JSON description of
    the job, with `StatusReason` and the exit code of each attempt.
    """
    error, cause = str(failure.get("Error", "")), str(failure.get("Cause", ""))
    try:
        details = orjson.loads(cause)
    except orjson.JSONDecodeError:
        details = None
    if isinstance(details, dict):
        if "errorMessage" in details:
            cause = f"{details['errorMessage']}"
            error = str(details.get("errorType") or error)
        elif "StatusReason" in details or "Attempts" in details:
            container = details.get("Container", {})
            cause = f"job {details.get('JobId', '')}: {details.get('StatusReason', '')}"
            if "ExitCode" in container:
                cause += f" (exit code {container['ExitCode']})"
    return _shortened(": ".join(part for part in (error, cause) if part), _LONGEST_REASON)


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 3] + "..."
