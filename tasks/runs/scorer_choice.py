"""Who evaluates the model in the jobs of a run, and why: `container` or `endpoint`.

The choice is made for the jobs alone. Shards of the Lambda lane, which only `auto` has, are scored by functions with
the artifact whatever is chosen: that takes seconds and nothing of production. It is made anew at each plan, because
what the endpoint serves changes; it cannot change a prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tasks.errors import AccessRefused, PlanMissing, ServiceUnavailable, VersionNotServed
from tasks.reading.shards import Shard
from tasks.runs.layout import RunFolder
from tasks.runs.request import MOST_ROWS_BY_ENDPOINT, RunRequest
from tasks.runs.served_versions import ServedVersions
from tasks.storage import Storage


@dataclass(frozen=True)
class ScorerChoice:
    """The choice and its reason, for people.

    Of `endpoint`, `variant` is whom each job asks, and `calls_per_second` how often it may.
    """

    scorer: Literal["container", "endpoint"]
    reason: str
    variant: str | None = None
    calls_per_second: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def recorded(cls, run: RunRequest, folder: RunFolder, storage: Storage) -> ScorerChoice:
        """The choice that the run's plan recorded.

        Raises
        ------
        PlanMissing
            If there is none, and the request alone does not tell.
        """
        document = storage.read_json(folder.scorer)
        if document is not None:
            return cls(**document)
        if run.scorer == "endpoint":
            raise PlanMissing(f"nothing at {folder.scorer} says which variant to ask; plan run {run.run_id} first")
        return cls("container", f"{run.scorer}: the run was not planned")


def choose_scorer(
    run: RunRequest, shards: Sequence[Shard], outstanding: Sequence[Shard], served: ServedVersions
) -> ScorerChoice:
    """Choose for the jobs of a run.

    Parameters
    ----------
    shards, outstanding
        All shards of the lane of jobs, and those that are still to be scored.

    Raises
    ------
    VersionNotServed, ServiceUnavailable, AccessRefused
        If the endpoint is asked for, and no variant serves the version, or SageMaker does not say.
    """
    if run.scorer == "container":
        return ScorerChoice("container", "container: as asked")
    if run.scorer == "endpoint":
        variant = served.variant_with(run.model_version, even_if_busy=True)
        reason = f"endpoint: as asked; {variant} serves {run.model_version}"
        return ScorerChoice("endpoint", reason, variant, _calls_per_second(run, outstanding))
    if not shards:
        return ScorerChoice("container", "auto: functions score all shards, with the artifact: container")
    rows = sum(shard.about_rows for shard in shards)
    about = f"auto: {'about ' if any(shard.rows is None for shard in shards) else ''}{rows:,} rows for AWS Batch"
    if rows > MOST_ROWS_BY_ENDPOINT:
        return ScorerChoice("container", f"{about}, more than {MOST_ROWS_BY_ENDPOINT:,}: container")
    few = f"{about}, no more than {MOST_ROWS_BY_ENDPOINT:,}"
    try:
        variant = served.variant_with(run.model_version)
    except (VersionNotServed, ServiceUnavailable, AccessRefused) as error:
        return ScorerChoice("container", f"{few}, but {error}: container")
    reason = f"{few}, and {variant} serves {run.model_version}: endpoint"
    return ScorerChoice("endpoint", reason, variant, _calls_per_second(run, outstanding))


def _calls_per_second(run: RunRequest, outstanding: Sequence[Shard]) -> float:
    """The share of one job: all that run at once together keep to the request."""
    return run.endpoint_calls_per_second / max(1, min(run.concurrency, len(outstanding)))
