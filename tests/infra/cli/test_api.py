from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import numpy as np
import pytest

from infra.cli.api import predict_url
from infra.cli.terminal.target import Target
from tasks.models.artifact import Artifact, checksum, pack
from tasks.models.registry import Registry
from tasks.models.version import ModelVersion
from tasks.records.signature import Feature, Signature
from tasks.storage import Storage
from tests.infra.cli.conftest import NAMES, REGION, FakeStates, Said, put

RECORDS = [
    {"carrier": "AA", "temp": None},
    {"carrier": "9E & co", "temp": 51.08},
]


class FakeGateway:
    """The calls of API Gateway that the command line makes."""

    def __init__(self) -> None:
        self.apis = [{"id": "other", "name": "other"}, {"id": "api1", "name": NAMES.api}]
        self.plans = [
            {"id": "p0", "apiStages": [{"apiId": "other"}]},
            {"id": "p1", "apiStages": [{"apiId": "api1", "stage": "v1"}]},
        ]

    def get_paginator(self, operation: str) -> Any:
        items = {"get_rest_apis": self.apis, "get_usage_plans": self.plans}[operation]
        return SimpleNamespace(paginate=lambda: [{"items": items[:1]}, {"items": items[1:]}])

    def get_usage_plan_keys(self, usagePlanId: str) -> dict[str, Any]:  # noqa: N803 - AWS's names
        return {"items": [{"id": f"key-of-{usagePlanId}"}]}

    def get_api_key(self, apiKey: str, includeValue: bool) -> dict[str, Any]:  # noqa: N803
        assert includeValue
        return {"value": f"secret of {apiKey}"}


@pytest.fixture
def gateway(aws: FakeStates, monkeypatch: pytest.MonkeyPatch) -> FakeGateway:
    fake, real = FakeGateway(), Target.client
    monkeypatch.setattr(
        Target, "client", lambda target, service: fake if service == "apigateway" else real(target, service)
    )
    return fake


@pytest.fixture
def model(aws: FakeStates) -> None:
    boto3.client("s3", REGION).create_bucket(Bucket=NAMES.bucket("models"))
    signature = Signature(
        (Feature("carrier", "category", categories=("AA", "9E & co")), Feature("temp", "number", True))
    )
    body = pack(Artifact("tree", signature, [{"record": record, "score": 0.5} for record in RECORDS]))
    put("models", "versions/v1/model.tar.gz", body)
    version = ModelVersion(
        version_id="v1",
        artifact=f"s3://{NAMES.bucket('models')}/versions/v1/model.tar.gz",
        sha256=checksum(body),
        created_at="2026-11-23T00:00:00+00:00",
        framework="lightgbm",
        threshold=0.5,
        signature=signature,
        baseline={"auc": float(np.float64(0.7))},
        statistics={},
        image=None,
    )
    registry = Registry("/ml-pipeline/models", boto3.client("ssm", REGION), Storage(boto3.client("s3", REGION)))
    registry.register(version)
    registry.activate("v1")


def test_scripts_get_url_key_and_a_record_without_gaps(
    gateway: FakeGateway, model: None, call: Callable[..., Said]
) -> None:
    assert call("api", "--json").json() == {
        "url": "https://api1.execute-api.us-east-1.amazonaws.com/v1/predict",
        "key": "secret of key-of-p1",
        "example": RECORDS[1],
    }


def test_people_get_calls_that_a_shell_takes(gateway: FakeGateway, model: None, call: Callable[..., Said]) -> None:
    get, post = (shlex.split(line) for line in call("api").out.splitlines() if line.startswith("curl"))

    assert "x-api-key: secret of key-of-p1" in get
    assert parse_qs(urlsplit(get[-1]).query) == {"carrier": ["9E & co"], "temp": ["51.08"]}
    assert json.loads(post[post.index("-d") + 1]) == {"records": [RECORDS[1]]}
    assert "content-type: application/json" in post


def test_a_record_that_does_not_fit_into_a_url_is_offered_for_post_alone(
    gateway: FakeGateway, model: None, call: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = {f"feature_{number}": 1234.5 for number in range(600)}
    monkeypatch.setattr("infra.cli.api.golden_record", lambda target, root: wide)

    said = call("api").out

    (post,) = (shlex.split(line) for line in said.splitlines() if line.startswith("curl"))
    assert json.loads(post[post.index("-d") + 1]) == {"records": [wide]}
    assert "does not fit into a URL (API Gateway takes 10,240 bytes): send it by POST" in said


def test_an_api_that_is_not_deployed_is_told_with_the_remedy(gateway: FakeGateway, call: Callable[..., Said]) -> None:
    gateway.apis.pop()

    said = call("api")

    assert said.code == 1
    assert "ml-pipeline deploy api" in said.err


def test_an_api_without_a_key_is_told(gateway: FakeGateway, call: Callable[..., Said]) -> None:
    gateway.plans.pop()

    assert "No API key" in call("api").err


def test_a_registry_without_a_model_is_told_with_the_remedy(gateway: FakeGateway, call: Callable[..., Said]) -> None:
    said = call("api")

    assert said.code == 1
    assert "ml-pipeline deploy models" in said.err


def test_the_embedded_aws_serves_the_api_itself() -> None:
    url = predict_url(Target("http://127.0.0.1:4566", REGION, "dev"), "api1")

    assert url == "http://127.0.0.1:4566/restapis/api1/v1/_user_request_/predict"
