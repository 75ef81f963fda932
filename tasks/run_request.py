"""The request of a batch-inference run: what a user may ask, and the complete request that all later steps share."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from tasks.errors import InvalidRunRequest, RunIdConflict

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
_TIME = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$"
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
            "{date} (2026-11-23) and {hour} (06) in it are those of scheduledTime.",
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
            "description": "The schedule that starts the run, such as daily.",
        },
        "scheduledTime": {
            "type": "string",
            "pattern": _TIME,
            "description": "The time for which the schedule starts the run, in UTC: 2026-11-23T06:00:00Z.",
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

    `framework` is that of the model version.
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

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> RunRequest:
        """Take over what `to_json` gave; for the steps after the first, which trust it."""
        try:
            return cls(**{name: document[_camel(name)] for name in cls.__dataclass_fields__})
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
    if not isinstance(document, dict):
        raise InvalidRunRequest(f"the input must be a JSON object, not {_shown(document)}")
    if {"detail-type", "source", "detail"} <= document.keys():
        return parse_user_input(document["detail"])
    properties: dict[str, Any] = SCHEMA["properties"]
    for key, value in document.items():
        if key not in properties:
            allowed = ", ".join(sorted(properties))
            raise InvalidRunRequest(f"{key!r} is not a key of the input; allowed are {allowed}")
        complaint = _complaint(value, properties[key])
        if complaint:
            raise InvalidRunRequest(f"{key} is {_shown(value)}; it must be {complaint}")
    return {key: value for key, value in document.items() if key != "Comment"}


def complete(
    asked: Mapping[str, Any],
    *,
    execution_name: str,
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
    execution_name
        The run id when none is asked.
    started_at
        Start of the execution, ISO 8601 with a zone.
    data_bucket
        Bucket of the default input.
    model_version, framework
        The concrete version, never `active`, and its framework.

    Raises
    ------
    InvalidRunRequest
        If the name of the execution cannot be a run id and none is asked, or the input has a place for a scheduled
        time and there is none.
    """
    values = {key: prop["default"] for key, prop in SCHEMA["properties"].items() if "default" in prop} | dict(asked)
    run_id = run_id_of(asked, execution_name)
    start = parse_time(started_at)
    return RunRequest(
        run_id=run_id,
        input=_input_of(asked, data_bucket),
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
    )


def _input_of(asked: Mapping[str, Any], data_bucket: str) -> str:
    source = str(asked.get("input") or f"s3://{data_bucket}/input/")
    places = [place for place in ("{date}", "{hour}") if place in source]
    if not places:
        return source
    if "scheduledTime" not in asked:
        raise InvalidRunRequest(f"input has {' and '.join(places)}, so scheduledTime must say of when")
    time = str(asked["scheduledTime"])
    return source.replace("{date}", time[:10]).replace("{hour}", time[11:13])


def run_id_of(asked: Mapping[str, Any], execution_name: str) -> str:
    """The run id: the one asked, else the schedule with its time, else the name of the execution.

    A schedule may start a run twice for the same time (EventBridge Scheduler delivers at least once): with the same
    id it is one run.

    Raises
    ------
    InvalidRunRequest
        If the name has characters that a run id may not have.
    """
    run_id = str(asked.get("runId") or _scheduled_id(asked) or execution_name)
    if not re.fullmatch(_RUN_ID, run_id):
        raise InvalidRunRequest(
            f"the execution's name {run_id!r} cannot be the run id; give runId, {_in_words(_RUN_ID)}"
        )
    return run_id


def _scheduled_id(asked: Mapping[str, Any]) -> str | None:
    if not asked.keys() >= {"schedule", "scheduledTime"}:
        return None
    return f"{asked['schedule']}-{asked['scheduledTime'].replace(':', '').replace('-', '')}"


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
