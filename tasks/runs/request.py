"""The request of a batch-inference run: what a user may ask, and the complete request that all later steps share."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any, Literal

from tasks.errors import InvalidRunRequest, RunIdConflict
from tasks.runs.input import request_in
from tasks.runs.periods import LONGEST_LATENESS, Period, places_in

Scorer = Literal["auto", "container", "endpoint"]

#: With `auto`, jobs that have up to this many rows in all ask the endpoint: 20 calls of the default size, two seconds
#: at the default pace, which production hardly notices. For more it is better to fetch the artifact.
MOST_ROWS_BY_ENDPOINT = 10_000

#: The version that stands for "whatever is active when the run starts".
ACTIVE = "active"

#: Names of Batch jobs begin with it, and those begin with a letter or digit (AWS Batch API, "SubmitJob").
_RUN_ID = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$"
_VERSION = r"^[A-Za-z0-9_.-]{1,64}$"
_SCHEDULE = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$"
_TIME = r"^(19[7-9][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$"
_INPUT = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?$"

#: What a user may ask, as JSON Schema (draft 2020-12). Parsing below is driven by it, so the two cannot differ.
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Input of batch inference",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "runId": {
            "type": "string",
            "pattern": _RUN_ID,
            "description": "Names the run; the same id with the same request is the same run. "
            "Default: the schedule and its time, else the name of the execution.",
        },
        "input": {
            "type": "string",
            "pattern": _INPUT,
            "description": "s3://bucket/prefix of the objects to score. Default: input/ in the data bucket. "
            "{date} (2026-11-22) and {hour} (23) in it are those of the last period that had ended at scheduledTime: "
            "with {hour} the hour before (23 of the day before, if that is 00:05), else the day before; in UTC.",
        },
        "modelVersion": {
            "type": "string",
            "pattern": _VERSION,
            "default": ACTIVE,
            "description": "A registered version, or active.",
        },
        "scorer": {
            "type": "string",
            "enum": ["auto", "container", "endpoint"],
            "default": "auto",
            "description": "Who evaluates the model; the predictions are the same. container: AWS Batch jobs, with the "
            "artifact. endpoint: AWS Batch jobs ask the endpoint's variant that serves the version. auto: small shards "
            "in Lambda, if it can evaluate the model; the others in AWS Batch, by the endpoint if they have up to "
            f"{MOST_ROWS_BY_ENDPOINT:,} rows in all and a variant serves the version, else with the artifact.",
        },
        "shardRows": {
            "type": "integer",
            "minimum": 1_000,
            "maximum": 5_000_000,
            "default": 200_000,
            "description": "Rows that a shard of a large Parquet object should have.",
        },
        "smallShardRows": {
            "type": "integer",
            "minimum": 1,
            "maximum": 1_000_000,
            "default": 5_000,
            "description": "Up to this many rows a shard counts as small.",
        },
        "toleratedFailurePercentage": {
            "type": "number",
            "minimum": 0,
            "maximum": 100,
            "default": 0,
            "description": "Percentage of the shards of a lane that may fail without failing the run.",
        },
        "concurrency": {
            "type": "integer",
            "minimum": 1,
            "maximum": 1_000,
            "default": 10,
            "description": "Shards of a lane that are scored at the same time.",
        },
        "endpointRecords": {
            "type": "integer",
            "minimum": 1,
            "maximum": 10_000,
            "default": 500,
            "description": "Records of one call of the endpoint, if it is asked.",
        },
        "endpointCallsPerSecond": {
            "type": "number",
            "minimum": 0.1,
            "maximum": 1_000,
            "default": 10,
            "description": "Calls of the endpoint that all jobs of the run together begin in a second: what the run "
            "takes of production.",
        },
        "schedule": {
            "type": "string",
            "pattern": _SCHEDULE,
            "description": "The schedule that starts the run, such as daily. Where input has {date} or {hour}, its "
            "runs together take each object once, by its key: one that is overwritten later is not scored again.",
        },
        "scheduledTime": {
            "type": "string",
            "pattern": _TIME,
            "description": "The time for which the schedule starts the run, in UTC: 2026-11-23T06:00:00Z. With it, a "
            "run that finds nothing to score succeeds with zero rows; without, it fails as NoInputFound.",
        },
        "latePeriods": {
            "type": "integer",
            "minimum": 0,
            "maximum": 168,
            "default": 0,
            "description": "How many earlier periods (hours where input has {hour}, else days) are looked through for "
            "objects that came late: those that no run of the schedule took. It may be up to 7 days, and needs "
            "schedule, scheduledTime and {date} in input.",
        },
        "Comment": {"type": "string", "description": "Ignored; the Step Functions console proposes it."},
    },
}

_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
}


@dataclass(frozen=True)
class RunRequest:
    """A complete request: nothing in it is left to defaults, so every step and every replay sees the same.

    `framework` is that of the model version. Of a run that a schedule starts, `scheduled_time` is when it was due; if
    the input that was asked for, `input_pattern`, has places for a time, `period` is the name of the one whose folder
    is `input`.
    """

    run_id: str
    input: str
    model_version: str
    scorer: Scorer
    shard_rows: int
    small_shard_rows: int
    tolerated_failure_percentage: float
    concurrency: int
    day: str
    started_at: str
    framework: str = "lightgbm"
    endpoint_records: int = 500
    endpoint_calls_per_second: float = 10
    schedule: str | None = None
    scheduled_time: str | None = None
    period: str | None = None
    input_pattern: str | None = None
    late_periods: int = 0

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> RunRequest:
        """Take over what `to_json` gave; for the steps after the first, which trust it.

        A field with a default may be absent: a run that is under way while a newer release is deployed goes on with it.
        """
        asked = [each.name for each in fields(cls) if _camel(each.name) in document or each.default is MISSING]
        try:
            return cls(**{name: document[_camel(name)] for name in asked})
        except KeyError as missing:
            raise InvalidRunRequest(f"the normalised run has no {missing}; it comes from the first step") from None

    def to_json(self) -> dict[str, Any]:
        """The form in which the request travels between states (camelCase keys)."""
        return {_camel(name): value for name, value in asdict(self).items()}

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of what decides the results. How fast and how tolerant the run is does not."""
        decisive = (self.input, self.model_version, self.scorer, self.shard_rows, self.small_shard_rows)
        return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()

    def record(self) -> dict[str, Any]:
        """What is kept under the run id, to tell the same request from another."""
        return {"request": self.to_json(), "digest": self.digest}

    def refuse_if_other_than(self, recorded: Mapping[str, Any]) -> None:
        """Compare with the `record` that was kept when the run id was first used.

        Raises
        ------
        RunIdConflict
            If the two requests would give different results.
        """
        if recorded["digest"] == self.digest:
            return
        before = recorded["request"]
        differences = ", ".join(
            f"{key} {before[key]!r} instead of {value!r}"
            for key, value in self.to_json().items()
            if key in ("input", "modelVersion", "scorer", "shardRows", "smallShardRows") and before[key] != value
        )
        raise RunIdConflict(f"run {self.run_id} was started before with {differences}; choose another runId")

    @property
    def folders(self) -> dict[str, str]:
        """URIs of the folders of which the schedule's runs take each object once, by period; the run's own is first.

        Empty if the run is of no schedule, or what it scores is the same whenever it starts.
        """
        if self.schedule is None or self.period is None or self.input_pattern is None:
            return {}
        own = Period.named(self.period)
        looked_at = [own.before(periods) for periods in range(self.late_periods + 1)]
        return {period.name: period.folder(self.input_pattern) for period in looked_at}

    @property
    def started_epoch(self) -> int:
        """The start of the run in epoch seconds."""
        return int(parse_time(self.started_at).timestamp())


def parse_user_input(document: Any) -> dict[str, Any]:
    """What the user asks, from the input of an execution.

    Parameters
    ----------
    document
        Our documented input; `{}`; the console's default (`Comment` alone); or an EventBridge event, whose
        `detail` may hold our keys.

    Returns
    -------
    The given keys of `SCHEMA`, without `Comment`, each value checked.

    Raises
    ------
    InvalidRunRequest
        Names the key, its value and what is allowed.
    """
    asked = request_in(document)
    if not isinstance(asked, dict):
        raise InvalidRunRequest(f"the input must be a JSON object, not {_shown(asked)}")
    properties: dict[str, Any] = SCHEMA["properties"]
    for key, value in asked.items():
        if key not in properties:
            allowed = ", ".join(sorted(properties))
            raise InvalidRunRequest(f"{key!r} is not a key of the input; allowed are {allowed}")
        complaint = _complaint(value, properties[key])
        if complaint:
            raise InvalidRunRequest(f"{key} is {_shown(value)}; it must be {complaint}")
    return {key: value for key, value in asked.items() if key != "Comment"}


def complete(
    asked: Mapping[str, Any],
    *,
    run_id: str,
    started_at: str,
    data_bucket: str,
    model_version: str,
    framework: str,
) -> RunRequest:
    """Fill the gaps of a checked user input.

    Parameters
    ----------
    asked
        From `parse_user_input`.
    run_id
        From `checked_run_id`.
    started_at
        Start of the execution, ISO 8601 with a zone.
    data_bucket
        Bucket of the default input.
    model_version, framework
        The concrete version, never `active`, and its framework.

    Raises
    ------
    InvalidRunRequest
        If scheduledTime is no time, or input and latePeriods need what is not given.
    """
    values = {key: prop["default"] for key, prop in SCHEMA["properties"].items() if "default" in prop} | dict(asked)
    pattern = str(asked.get("input") or f"s3://{data_bucket}/input/")
    period = _period_of(asked, pattern)
    _refuse_needless_lateness(asked, pattern, period)
    start = parse_time(started_at)
    return RunRequest(
        run_id=run_id,
        input=pattern if period is None else period.folder(pattern),
        model_version=model_version,
        scorer=values["scorer"],
        shard_rows=values["shardRows"],
        small_shard_rows=values["smallShardRows"],
        tolerated_failure_percentage=values["toleratedFailurePercentage"],
        concurrency=values["concurrency"],
        day=start.date().isoformat(),
        started_at=start.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        framework=framework,
        endpoint_records=values["endpointRecords"],
        endpoint_calls_per_second=values["endpointCallsPerSecond"],
        schedule=asked.get("schedule"),
        scheduled_time=asked.get("scheduledTime"),
        period=None if period is None else period.name,
        input_pattern=None if period is None else pattern,
        late_periods=values["latePeriods"],
    )


def checked_run_id(run_id: str) -> str:
    """A run id that can be one.

    Raises
    ------
    InvalidRunRequest
        If it has characters that a run id may not have, as the name of an execution may.
    """
    if not re.fullmatch(_RUN_ID, run_id):
        raise InvalidRunRequest(
            f"the execution's name {run_id!r} cannot be the run id; give runId, {_in_words(_RUN_ID)}"
        )
    return run_id


def _period_of(asked: Mapping[str, Any], pattern: str) -> Period | None:
    places = places_in(pattern)
    if "scheduledTime" not in asked:
        if places:
            raise InvalidRunRequest(f"input has {' and '.join(places)}, so scheduledTime must say of when")
        return None
    time = str(asked["scheduledTime"])
    try:
        return Period.ended_by(parse_time(time), pattern)
    except ValueError:
        raise InvalidRunRequest(f"scheduledTime is {time}; there is no such day") from None


def _refuse_needless_lateness(asked: Mapping[str, Any], pattern: str, period: Period | None) -> None:
    late = asked.get("latePeriods", 0)
    if not late:
        return
    if period is None or "schedule" not in asked or "{date}" not in pattern:
        raise InvalidRunRequest(
            f"latePeriods is {late}, so there must be a schedule, a scheduledTime, and {{date}} in input: objects come "
            "late for a period whose folder is its own"
        )
    most = LONGEST_LATENESS // period.length
    if late > most:
        raise InvalidRunRequest(f"latePeriods is {late}; without {{hour}} in input these are days, of at most {most}")


def parse_time(text: str) -> datetime:
    """An ISO 8601 time with a zone, as UTC."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise InvalidRunRequest(f"the time {text!r} has no zone")
    return time.astimezone(UTC)


def _complaint(value: Any, allowed: Mapping[str, Any]) -> str | None:
    """What the value should be, or None when it is fine."""
    kind = allowed["type"]
    wrong = isinstance(value, bool) or not isinstance(value, _JSON_TYPES[kind])
    if "enum" in allowed:
        return None if not wrong and value in allowed["enum"] else "one of " + ", ".join(allowed["enum"])
    if "pattern" in allowed:
        return None if not wrong and re.fullmatch(allowed["pattern"], value) else _in_words(allowed["pattern"])
    if "minimum" in allowed:
        article = "a whole number" if kind == "integer" else "a number"
        fine = not wrong and allowed["minimum"] <= value <= allowed["maximum"]
        return None if fine else f"{article} from {allowed['minimum']} to {allowed['maximum']}"
    return "text" if wrong else None


def _in_words(pattern: str) -> str:
    return {
        _RUN_ID: "1 to 80 characters of A-Z a-z 0-9 _ and -, beginning with a letter or digit",
        _VERSION: "1 to 64 characters of A-Z a-z 0-9 _ . and -",
        _INPUT: "s3://bucket/prefix",
        _SCHEDULE: "1 to 40 characters of A-Z a-z 0-9 _ and -, beginning with a letter or digit",
        _TIME: "a time in UTC such as 2026-11-23T06:00:00Z",
    }[pattern]


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)
