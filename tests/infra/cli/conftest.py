"""A folder to call commands in, an S3 that lives in memory, and a Step Functions that does as it is told."""

from __future__ import annotations

import io
import json
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from infra.cli.main import main
from infra.cli.stacks import cdk
from infra.cli.terminal.target import Target
from infra.naming import WORKFLOWS, Names
from tasks.reading.shards import Shard, to_manifest
from tests.infra.cli.fake_stacks import FakeCloudFormation

ACCOUNT = "123456789012"
REGION = "us-east-1"
NAMES = Names("dev", REGION, ACCOUNT)


def state_machine(workflow: str) -> str:
    return f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{NAMES.state_machine(workflow)}"


STATE_MACHINE = state_machine("batch-inference")
DEFINITION = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})


@dataclass(frozen=True)
class Said:
    """What a command printed, and the code it ended with."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and no settings of the machine's own."""
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "ML_PIPELINE_TARGET", "ML_PIPELINE_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Call `ml-pipeline` with words, as a shell would."""

    def call(*words: str) -> Said:
        with pytest.raises(SystemExit) as end:
            main(words)
        said = capsys.readouterr()
        return Said(int(end.value.code or 0), said.out, said.err)

    return call


FAKE_CDK = """#!/bin/sh
echo "$@" > {home}/called-with
echo "$@" >> {home}/calls
env > {home}/environment
pwd > {home}/folder
if [ "$1" = synth ]; then
  {synth}
  while [ $# -gt 1 ]; do [ "$1" = --output ] && mkdir -p "$2" && cp {home}/assembly/* "$2"; shift; done
  exit 0
fi
[ "$1" = bootstrap ] && exit 0
printf 'ml-pipeline-storage: deploying... [1/2]\\n ✅  ml-pipeline-storage\\n' >&2
printf 'ml-pipeline-tasks: deploying... [2/2]\\n'
{then}
"""


@pytest.fixture
def fake_cdk(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put a program in the place of the CDK that says what it is told to, and whose assembly the test writes."""
    (home / "assembly").mkdir()
    write_assembly(home, {})

    def install(then: str = "true", synth: str = "true") -> None:
        program = home / "infra" / "node_modules" / ".bin" / "cdk"
        program.parent.mkdir(parents=True)
        program.write_text(FAKE_CDK.format(home=home, then=then, synth=synth))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(cdk, "SOURCE_ROOT", home)

    return install


def write_assembly(
    home: Path,
    stacks: dict[str, list[str]],
    images: dict[str, Any] | None = None,
    templates: dict[str, Any] | None = None,
    bootstrap: int = 6,
) -> None:
    """Write what the fake CDK synthesizes: stacks with those that they depend on."""
    artifacts: dict[str, Any] = {"Tree": {"type": "cdk:tree", "properties": {"file": "tree.json"}}}
    for stack, dependencies in stacks.items():
        artifacts[f"{stack}.assets"] = {
            "type": "cdk:asset-manifest",
            "properties": {"requiresBootstrapStackVersion": bootstrap},
        }
        artifacts[stack] = {"type": "aws:cloudformation:stack", "dependencies": [*dependencies, f"{stack}.assets"]}
        manifest = {"dockerImages": (images or {}).get(stack, {})}
        (home / "assembly" / f"{stack}.assets.json").write_text(json.dumps(manifest))
        template = (templates or {}).get(stack, {"Resources": {}})
        (home / "assembly" / f"{stack}.template.json").write_text(json.dumps(template))
    (home / "assembly" / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeStates]:
    """An account with our buckets and a Step Functions that tests write the script for."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("ML_PIPELINE_TARGET", "aws")
    with mock_aws():
        for purpose in ("data", "results"):
            boto3.client("s3", REGION).create_bucket(Bucket=NAMES.bucket(purpose))
        states = FakeStates(boto3.client("stepfunctions", REGION).exceptions)
        real = Target.client
        monkeypatch.setattr(
            Target,
            "client",
            lambda target, service: states if service == "stepfunctions" else real(target, service),
        )
        yield states


@pytest.fixture
def workflows(monkeypatch: pytest.MonkeyPatch) -> None:
    """All workflows that have names, whether or not they are rendered."""
    monkeypatch.setattr("infra.cli.executions.known_workflows", lambda: sorted(WORKFLOWS))
    monkeypatch.setattr("infra.cli.replay.known_workflows", lambda: sorted(WORKFLOWS))


@pytest.fixture
def stacks(aws: FakeStates, monkeypatch: pytest.MonkeyPatch) -> FakeCloudFormation:
    """A CloudFormation of the same account, empty."""
    cloudformation = FakeCloudFormation()
    real = Target.client
    monkeypatch.setattr(
        Target,
        "client",
        lambda target, service: cloudformation if service == "cloudformation" else real(target, service),
    )
    return cloudformation


@dataclass
class FakeStates:
    """The calls of Step Functions that the command line makes, on executions that a test put there."""

    exceptions: Any
    executions: dict[str, dict[str, Any]] = field(default_factory=dict)
    definition: str = DEFINITION
    on_start: Callable[[dict[str, Any]], None] = lambda execution: None
    started: list[str] = field(default_factory=list)
    redriven: list[str] = field(default_factory=list)
    map_runs: dict[str, int] = field(default_factory=dict)
    versions: dict[int, str] = field(default_factory=lambda: {7: DEFINITION})
    live: int = 7
    on_look: Callable[[], None] = lambda: None

    def add(
        self,
        name: str,
        status: str,
        ended: timedelta = timedelta(hours=1),
        request: dict[str, Any] | None = None,
        machine: str = STATE_MACHINE,
        **more: Any,
    ) -> str:
        """Put an execution there that ended so long ago; returns its ARN."""
        arn = f"{machine.replace(':stateMachine:', ':execution:')}:{name}"
        stop = datetime.now(UTC) - ended
        self.executions[arn] = {
            "executionArn": arn,
            "stateMachineArn": machine,
            "name": name,
            "status": status,
            "startDate": stop - timedelta(seconds=30),
            **({} if status == "RUNNING" else {"stopDate": stop}),
            "input": json.dumps(request or {}),
            "redriveCount": 0,
            "redriveStatus": "REDRIVABLE" if status in ("FAILED", "ABORTED", "TIMED_OUT") else "NOT_REDRIVABLE",
            "definition": self.definition,
            **more,
        }
        return arn

    def get_paginator(self, operation: str) -> Any:
        calls = {"list_executions": self._list, "get_execution_history": self.get_execution_history}

        class Pages:
            def paginate(self, **arguments: Any) -> list[dict[str, Any]]:
                return [calls[operation](**arguments)]

        return Pages()

    def describe_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803 - AWS's names
        if executionArn not in self.executions:
            raise self._error("ExecutionDoesNotExist")
        return self.executions[executionArn]

    def start_execution(self, stateMachineArn: str, input: str, name: str = "made-up-name") -> dict[str, Any]:  # noqa: A002, N803
        machine, alias = stateMachineArn.rpartition(":")[::2]
        assert alias == "live", "callers go through the alias"
        assert len(name) <= 80
        if any(execution["name"] == name for execution in self.executions.values()):
            raise self._error("ExecutionAlreadyExists")
        arn = self.add(name, "SUCCEEDED", ended=timedelta(), request=json.loads(input), machine=machine)
        self.started.append(name)
        self.on_start(self.executions[arn])
        return {"executionArn": arn}

    def redrive_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        execution = self.executions[executionArn]
        if "refuseRedrive" in execution:
            raise self._error("ExecutionNotRedrivable", execution["refuseRedrive"])
        self.redriven.append(execution["name"])
        execution |= {"status": "SUCCEEDED", "redriveCount": execution["redriveCount"] + 1}
        return {"redriveDate": datetime.now(UTC)}

    def describe_state_machine_for_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        return {"definition": self.executions[executionArn]["definition"]}

    def publish(self, number: int, definition: str) -> None:
        """Publish a version and point the alias to it."""
        self.versions[number], self.live = definition, number

    def describe_state_machine_alias(self, stateMachineAliasArn: str) -> dict[str, Any]:  # noqa: N803
        machine, alias = stateMachineAliasArn.rpartition(":")[::2]
        assert alias == "live"
        self.on_look()
        if not self.versions:
            raise self._error("ResourceNotFound")
        return {"routingConfiguration": [{"stateMachineVersionArn": f"{machine}:{self.live}", "weight": 100}]}

    def update_state_machine_alias(self, stateMachineAliasArn: str, routingConfiguration: list[dict[str, Any]]) -> None:  # noqa: N803
        assert stateMachineAliasArn == f"{STATE_MACHINE}:live"
        (route,) = routingConfiguration
        self.live = int(route["stateMachineVersionArn"].rpartition(":")[2])

    def describe_state_machine(self, stateMachineArn: str) -> dict[str, Any]:  # noqa: N803
        return {"definition": self.versions[int(stateMachineArn.rpartition(":")[2])]}

    def get_execution_history(self, executionArn: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        start = self.executions[executionArn]["startDate"]
        return {
            "events": [
                {"type": "ExecutionStarted", "timestamp": start},
                entered("Plan shards", start + timedelta(seconds=1)),
                exited("Plan shards", start + timedelta(seconds=3)),
                {"type": "ExecutionSucceeded", "timestamp": start + timedelta(seconds=4)},
            ]
        }

    def list_map_runs(self, executionArn: str) -> dict[str, Any]:  # noqa: N803
        return {"mapRuns": [{"mapRunArn": f"arn:aws:states:::mapRun:machine/{lane}:uuid"} for lane in self.map_runs]}

    def describe_map_run(self, mapRunArn: str) -> dict[str, Any]:  # noqa: N803
        lane = mapRunArn.split("/")[1].split(":")[0]
        return {"itemCounts": {"failed": self.map_runs[lane], "timedOut": 0, "aborted": 0}}

    def _list(self, stateMachineArn: str) -> dict[str, Any]:  # noqa: N803
        ours = [each for each in self.executions.values() if each["stateMachineArn"] == stateMachineArn]
        return {"executions": sorted(ours, key=lambda each: each["startDate"], reverse=True)}

    def _error(self, code: str, message: str = "as the test wants it") -> ClientError:
        return getattr(self.exceptions, code)({"Error": {"Code": code, "Message": message}}, "AnyOperation")


def entered(state: str, at: datetime) -> dict[str, Any]:
    return {"type": "TaskStateEntered", "timestamp": at, "stateEnteredEventDetails": {"name": state}}


def exited(state: str, at: datetime) -> dict[str, Any]:
    return {"type": "TaskStateExited", "timestamp": at, "stateExitedEventDetails": {"name": state}}


@dataclass(frozen=True)
class Written:
    """A run that was written to S3: what a report must say of it."""

    run_id: str
    rows: int
    predictions: int
    reasons: dict[str, int]
    scores: np.ndarray
    late: np.ndarray


def write_run(run_id: str, shards: int = 3, rows: int = 400, seed: int = 7, unfinished: int = 0) -> Written:
    """Write what a finished run leaves: request, manifest, predictions, markers; and the outcomes of its rows.

    The last `unfinished` shards have no marker. In each shard the last two rows are bad, and of every tenth good row
    the outcome is not known.
    """
    chance = np.random.default_rng(seed)
    day, start = "2026-11-23", datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
    request = {
        "runId": run_id,
        "input": f"s3://{NAMES.bucket('data')}/input/",
        "modelVersion": "v1",
        "day": day,
        "startedAt": start.isoformat(),
    }
    put("results", f"runs/{run_id}/request.json", json.dumps({"request": request, "digest": "d"}).encode())
    manifest, all_scores, all_late = [], [], []
    for number in range(shards):
        shard_id, key = f"{number:05d}", f"input/part-{number}.parquet"
        lane = "large" if number == 0 else "small"
        manifest.append(Shard(shard_id, lane, NAMES.bucket("data"), key, "e", "parquet", None, None, 1, rows, 9_999))
        scores = chance.uniform(size=rows - 2)
        late = np.where(chance.uniform(size=rows - 2) < scores, 1.0, 0.0)
        late[::10] = np.nan
        predictions = f"predictions/day={day}/run_id={run_id}/{shard_id}.parquet"
        row = np.arange(1, rows - 1, dtype=np.int64)
        source = pa.array([key] * (rows - 2))
        put("results", predictions, parquet_of(source=source, row=row, score=scores))
        known = pa.array([None if np.isnan(value) else bool(value) for value in late])
        put("data", f"outcomes/part-{number}.parquet", parquet_of(source=source, row=row, late=known))
        marker = {
            "shard": manifest[-1].to_json(),
            "rows": rows,
            "predictions": rows - 2,
            "quarantined": 2,
            "reasons": {"temp is NaN": 1, "carrier is unknown": 1},
            "objects": [{"key": predictions, "etag": "e"}],
            "stages": {"read": 0.5, "predict": 1.5},
            "startedAt": (start + timedelta(seconds=number)).isoformat(),
            "finishedAt": (start + timedelta(seconds=number + 2)).isoformat(),
            "worker": f"worker-{number}",
        }
        if number < shards - unfinished:
            put("results", f"runs/{run_id}/markers/{shard_id}.json", json.dumps(marker).encode())
        all_scores.append(scores)
        all_late.append(late)
    put("results", f"runs/{run_id}/manifest/all.jsonl", to_manifest(manifest))
    reasons = {"temp is NaN": shards, "carrier is unknown": shards}
    return Written(
        run_id, shards * rows, shards * (rows - 2), reasons, np.concatenate(all_scores), np.concatenate(all_late)
    )


def put(purpose: str, key: str, body: bytes) -> None:
    boto3.client("s3", REGION).put_object(Bucket=NAMES.bucket(purpose), Key=key, Body=body)


def parquet_of(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


@pytest.fixture
def endpoint(aws: FakeStates, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An endpoint that is yet to be deployed, with its registry, table and metrics: `served_models.Endpoint`."""
    from tests.infra.cli.served_models import Endpoint  # here, because that module needs the names of this one

    endpoint, real = Endpoint(), Target.client
    monkeypatch.setattr(
        Target,
        "client",
        lambda target, service: endpoint.cloudwatch if service == "cloudwatch" else real(target, service),
    )
    return endpoint
