"""The summary of a run, from the markers of its shards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tasks.reading.shards import LANES
from tasks.runs.layout import RunFolder
from tasks.runs.markers import planned_shards, valid_markers
from tasks.runs.request import RunRequest, parse_time
from tasks.runs.scorer_choice import ScorerChoice
from tasks.storage import Location, Storage

#: Reasons of fallbacks that are listed.
_LISTED = 10


def summarise(run: RunRequest, folder: RunFolder, storage: Storage, check: Mapping[str, Any]) -> dict[str, Any]:
    """Add up a run and write `summary.json`.

    Parameters
    ----------
    check
        The verdict, as `tasks.runs.verdict` shapes it.

    Returns
    -------
    The summary. `rows`, `predictions` and `quarantined` are those of finished shards; `stages` are seconds of work
    by stage, over all workers; `seconds` is the time from the start of the run; `histogram` counts predictions in
    20 equal bins of the score. `scorer` says what was asked, what was chosen for the jobs and why, and how many shards
    were scored by functions, containers and the endpoint; `fallbacks` counts those that the endpoint failed, by reason.
    Of a schedule's run, `period` is the hour or day that it scored, in UTC, and `lateObjects` counts the objects of
    earlier ones. `warnings` say what a person may want to look at: that there was nothing to score, and where.

    Raises
    ------
    PlanMissing
        If the run's manifest is gone.
    """
    shards = planned_shards(storage, folder)
    markers = list(valid_markers(storage, folder, shards, run.model_version).values())
    reasons: Counter[str] = Counter()
    stages: Counter[str] = Counter()
    for marker in markers:
        reasons.update(marker["reasons"])
        stages.update(marker["stages"])
    choice = ScorerChoice.recorded(run, folder, storage)
    scored_by = Counter(marker["scorer"] for marker in markers)
    fallbacks = Counter(marker["fallback"] for marker in markers if marker["fallback"] is not None)
    finished_at = datetime.now(UTC)
    predictions = folder.predictions("")
    quarantine = folder.quarantine("")
    summary: dict[str, Any] = {
        "runId": run.run_id,
        "verdict": check["verdict"],
        "input": run.input,
        "period": run.period,
        "lateObjects": len({shard.source for shard in shards if not str(shard.source).startswith(run.input)}),
        "warnings": [] if shards else [_nothing_to_score(run)],
        "modelVersion": run.model_version,
        "day": run.day,
        "startedAt": run.started_at,
        "finishedAt": finished_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "seconds": round((finished_at - parse_time(run.started_at)).total_seconds(), 3),
        "shards": {
            "planned": len(shards),
            "finished": len(markers),
            "failed": check["failed"],
        }
        | {lane: sum(shard.lane == lane for shard in shards) for lane in LANES},
        "scorer": {
            "asked": run.scorer,
            "chosen": choice.scorer,
            "reason": choice.reason,
            "variant": choice.variant,
            "shards": dict(sorted(scored_by.items())),
            "fallbacks": dict(fallbacks.most_common(_LISTED)),
        },
        "rows": sum(marker["rows"] for marker in markers),
        "predictions": sum(marker["predictions"] for marker in markers),
        "quarantined": sum(marker["quarantined"] for marker in markers),
        "reasons": dict(sorted(reasons.items())),
        "failedShards": check["failedShards"],
        "stages": {stage: round(seconds, 3) for stage, seconds in stages.items()},
        "histogram": [sum(counts) for counts in zip(*(marker["histogram"] for marker in markers), strict=True)],
        "results": {
            "predictions": str(_folder_of(predictions)),
            "quarantine": str(_folder_of(quarantine)),
            "markers": str(folder.markers),
        },
    }
    storage.write_json(folder.summary, summary)
    return summary


def _nothing_to_score(run: RunRequest) -> str:
    late = f", nor anything late below the {run.late_periods} folders before it" if run.late_periods else ""
    return f"there was nothing to score below {run.input}{late}"


def _folder_of(place: Location) -> Location:
    return place._replace(key=place.key[: place.key.rindex("/") + 1])
