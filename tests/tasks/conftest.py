"""A small model, its registry and its buckets in moto's in-process AWS."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from moto import mock_aws

from tasks import aws as aws_clients
from tasks.handlers.telemetry import logger, tell_setback
from tasks.models.artifact import Artifact, checksum, pack
from tasks.models.registry import Registry
from tasks.models.scorers import numpy_scorer
from tasks.models.version import ModelVersion
from tasks.online.prediction import Online
from tasks.reading.shards import Shard
from tasks.records.signature import Feature, Signature
from tasks.runs.layout import RunFolder
from tasks.runs.request import RunRequest
from tasks.scoring.item_store import TableWriter
from tasks.scoring.shard import load_model, score_shard
from tasks.settings import Settings
from tasks.storage import Location, Storage
from tests.tasks.model_server import ModelServer, running

SIGNATURE = Signature(
    (
        Feature("distance", "number"),
        Feature("wind", "number", nullable=True),
        Feature("origin", "category", categories=("EWR", "JFK", "LGA")),
    )
)

#: Two trees: distance <= 500 (else wind <= 10, empty goes right), and origin in {JFK}.
MODEL_TEXT = """tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=2
objective=binary sigmoid:1
feature_names=distance wind origin
feature_infos=[0:5000] [0:60] -1:0:1:2

Tree=0
num_leaves=3
num_cat=0
split_feature=0 1
threshold=500 10
decision_type=2 8
left_child=-1 -2
right_child=1 -3
leaf_value=-1.5 0.25 1.125
is_linear=0
shrinkage=1


Tree=1
num_leaves=2
num_cat=1
split_feature=2
threshold=0
decision_type=1
left_child=-1
right_child=-2
leaf_value=0.5 -0.5
cat_boundaries=0 1
cat_threshold=2
is_linear=0
shrinkage=1


end of trees

feature_importances:
"""

GOOD = {"distance": 300.0, "wind": 5.0, "origin": "JFK"}  # margin -1.5 + 0.5
RUN = RunRequest(
    run_id="nightly",
    input="s3://data/input/",
    model_version="v1",
    scorer="auto",
    shard_rows=1_000,
    small_shard_rows=100,
    tolerated_failure_percentage=0,
    concurrency=10,
    day="2026-11-23",
    started_at="2026-11-23T01:02:03.000Z",
)


@dataclass
class World:
    """Buckets `data`, `results`, `models`, a table `predictions`, and version `v1` registered and active."""

    s3: Any
    dynamodb: Any
    storage: Storage
    registry: Registry

    def upload(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket="data", Key=key, Body=body)

    def shard(self, key: str, **changes: Any) -> Shard:
        """The whole object as one shard."""
        from tasks.runs.inventory import shards_of

        stored = self.storage.find(Location("data", key))
        assert stored is not None
        (whole,) = shards_of(stored, "data", replace(RUN, shard_rows=5_000_000), self.storage)
        return replace(whole.with_id(0), **changes)

    def score(self, shard: Shard, run: RunRequest = RUN, **changes: Any) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "model": lambda: load_model("v1", self.registry, self.storage, numpy_scorer),
            "folder": RunFolder.of(run, "results"),
            "storage": self.storage,
            "items": TableWriter("predictions", self.send),
            "retention_days": 30,
            "worker": "test",
        }
        return score_shard(run, shard, **arguments | changes)

    def send(self, body: bytes) -> tuple[int, bytes]:
        """Take a BatchWriteItem request as DynamoDB does."""
        answer = self.dynamodb.batch_write_item(RequestItems=orjson.loads(body)["RequestItems"])
        return 200, orjson.dumps({"UnprocessedItems": answer["UnprocessedItems"]})

    def results(self, key: str) -> bytes | None:
        return self.storage.read(Location("results", key))

    def keys(self, prefix: str = "") -> list[str]:
        return [found.key for found in self.storage.list(Location("results", prefix))]

    def items(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.dynamodb.scan(TableName="predictions")["Items"]
        return sorted(items, key=lambda item: item["predictionId"]["S"])


def version_of(artifact: Artifact, version_id: str = "v1") -> tuple[ModelVersion, bytes]:
    body = pack(artifact)
    return (
        ModelVersion(
            version_id=version_id,
            artifact=f"s3://models/{version_id}/model.tar.gz",
            sha256=checksum(body),
            created_at="2026-11-23T00:00:00Z",
            framework="lightgbm",
            threshold=0.5,
            signature=artifact.signature,
            baseline={"auc": 0.7},
            statistics={},
        ),
        body,
    )


@pytest.fixture(scope="module")
def settings() -> Iterator[None]:
    """The environment of a task, and clients that were made in it: they take longer to make than most tests."""
    values = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
        "ML_PIPELINE_DATA_BUCKET": "data",
        "ML_PIPELINE_RESULTS_BUCKET": "results",
        "ML_PIPELINE_MODELS_BUCKET": "models",
        "ML_PIPELINE_PREDICTIONS_TABLE": "predictions",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setenv(name, value)
        for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
            patch.delenv(name, raising=False)
        forget_clients()
        yield
        forget_clients()


def forget_clients() -> None:
    aws_clients.client.cache_clear()
    aws_clients.session.cache_clear()


@pytest.fixture
def world(settings: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with mock_aws():
        s3, dynamodb = aws_clients.client("s3"), aws_clients.client("dynamodb")
        for bucket in ("data", "results", "models"):
            s3.create_bucket(Bucket=bucket)
        dynamodb.create_table(
            TableName="predictions",
            KeySchema=[{"AttributeName": "predictionId", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "predictionId", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        storage, registry = Storage(), Registry("/ml-pipeline/models")
        version, body = version_of(Artifact(MODEL_TEXT, SIGNATURE, []))
        storage.write(Location.parse(version.artifact), body)
        registry.register(version)
        registry.activate("v1")
        yield World(s3, dynamodb, storage, registry)
    assert not list(tmp_path.glob("ml-pipeline-*")), "a scratch directory was left behind"


@pytest.fixture
def json_lines() -> Callable[..., bytes]:
    def lines(*records: dict[str, Any]) -> bytes:
        return b"".join(orjson.dumps(record) + b"\n" for record in records)

    return lines


@pytest.fixture(scope="module")
def model_server(settings: None) -> Iterator[ModelServer]:
    """SageMaker Runtime for the process's clients."""
    with running() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", server.url)
        patch.setenv("ML_PIPELINE_ENDPOINT", "flights")
        forget_clients()
        yield server
        forget_clients()


@pytest.fixture
def model(model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> ModelServer:
    """The server with nothing scripted and nothing seen. botocore's waits before another attempt are skipped."""
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))
    model_server.script.clear()
    model_server.calls.clear()
    model_server.requests.clear()
    model_server.variant = "ModelA"
    return model_server


@pytest.fixture
def online(world: World, model: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Online:
    """The online path of a deployment, with the endpoint and the world behind it."""
    monkeypatch.setattr("tasks.online.prediction.shared_sender", lambda read_seconds: world.send)
    return Online.of(Settings.from_environment(), tell_setback)


CONTEXT = SimpleNamespace(
    function_name="function",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:function",
    aws_request_id="request-1",
    get_remaining_time_in_millis=lambda: 120_000,
)


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, Any]]]:
    """What the functions log from here on."""
    stream = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def metrics_in(output: str) -> list[dict[str, Any]]:
    """The metrics that a function printed, without what says how they are embedded."""
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{") and "_aws" in line]
    return [{name: value for name, value in line.items() if name not in ("_aws", "service")} for line in lines]
