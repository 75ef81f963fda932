"""Versions in the registry, and an endpoint that serves them, in moto's AWS; metrics as a test wants them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from tasks.models.artifact import Artifact, checksum, pack
from tasks.models.registry import Registry
from tasks.models.version import ModelVersion
from tasks.storage import Storage
from tests.batch_jobs.model_files import RECORDS, scores
from tests.infra.cli.conftest import NAMES, REGION
from tests.tasks.conftest import MODEL_TEXT, SIGNATURE

ROLE = "arn:aws:iam::123456789012:role/endpoint"


def small_artifact(text: str = MODEL_TEXT) -> Artifact:
    """The small model of the tests, with golden records that it gives the right scores."""
    golden = [{"record": record, "score": score} for record, score in zip(RECORDS, scores(RECORDS), strict=True)]
    return Artifact(text, SIGNATURE, golden)


def version_of(version_id: str, **changes: Any) -> ModelVersion:
    facts: dict[str, Any] = {
        "version_id": version_id,
        "artifact": f"s3://{NAMES.bucket('models')}/versions/{version_id}/model.tar.gz",
        "sha256": checksum(pack(small_artifact())),
        "created_at": f"2026-11-2{version_id[-1]}T06:00:00Z",
        "framework": "lightgbm",
        "threshold": 0.5,
        "signature": SIGNATURE,
        "baseline": {"auc": 0.7, "logloss": 0.5},
        "statistics": {},
    }
    return ModelVersion(**facts | changes)


@dataclass
class FakeCloudWatch:
    """Answers each metric of a variant with what a test put there; nothing where it put nothing."""

    values: dict[tuple[str, str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    asked: list[dict[str, Any]] = field(default_factory=list)

    def put(
        self, variant: str, invocations: int, errors: int = 0, p50: float | None = None, p99: float | None = None
    ) -> None:
        self.values[variant, "Invocations", "Sum"] = [float(invocations)]
        self.values[variant, "Invocation5XXErrors", "Sum"] = [float(errors)]
        for name, value in (("p50", p50), ("p99", p99)):
            if value is not None:
                self.values[variant, "ModelLatency", name] = [value]

    def get_paginator(self, operation: str) -> FakeCloudWatch:
        assert operation == "get_metric_data"
        return self

    def paginate(self, MetricDataQueries: list[dict[str, Any]], **window: Any) -> list[dict[str, Any]]:  # noqa: N803
        results = []
        for query in MetricDataQueries:
            asked = query["MetricStat"]
            self.asked.append(window | {"Period": asked["Period"]})
            dimensions = {each["Name"]: each["Value"] for each in asked["Metric"]["Dimensions"]}
            assert dimensions["EndpointName"] == NAMES.endpoint
            key = dimensions["VariantName"], asked["Metric"]["MetricName"], asked["Stat"]
            results.append({"Id": query["Id"], "Values": self.values.get(key, [])})
        return [{"MetricDataResults": results}]


class Endpoint:
    """An endpoint with two variants, and the table of what it predicted."""

    def __init__(self) -> None:
        self.sagemaker, self.dynamodb = (boto3.client(name, REGION) for name in ("sagemaker", "dynamodb"))
        self.registry = Registry(
            "/ml-pipeline/models", boto3.client("ssm", REGION), Storage(boto3.client("s3", REGION))
        )
        self.cloudwatch = FakeCloudWatch()
        boto3.client("s3", REGION).create_bucket(Bucket=NAMES.bucket("models"))
        self.dynamodb.create_table(
            TableName=NAMES.table,
            KeySchema=[{"AttributeName": "predictionId", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "predictionId", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

    def serve(self, model_a: str, model_b: str, weights: tuple[float, float] = (80, 20)) -> None:
        """Register two versions, the first of which is active, and deploy them."""
        for version in dict.fromkeys((model_a, model_b)):
            self.registry.register(version_of(version))
            self.sagemaker.create_model(
                ModelName=version,
                ExecutionRoleArn=ROLE,
                PrimaryContainer={"Image": "image", "Environment": {"ML_PIPELINE_MODEL_VERSION": version}},
            )
        self.registry.activate(model_a)
        variants = [
            {
                "VariantName": name,
                "ModelName": version,
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
                "InitialVariantWeight": weight,
            }
            for name, version, weight in zip(("ModelA", "ModelB"), (model_a, model_b), weights, strict=True)
        ]
        self.sagemaker.create_endpoint_config(EndpointConfigName="config", ProductionVariants=variants)
        self.sagemaker.create_endpoint(EndpointName=NAMES.endpoint, EndpointConfigName="config")

    def shift(self, model_a: float, model_b: float) -> None:
        self.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=NAMES.endpoint,
            DesiredWeightsAndCapacities=[
                {"VariantName": "ModelA", "DesiredWeight": model_a},
                {"VariantName": "ModelB", "DesiredWeight": model_b},
            ],
        )

    def predicted(self, key: str, score: float, variant: str | None, version: str, days_ago: float = 0) -> None:
        at = int((datetime.now(UTC) - timedelta(days=days_ago) + timedelta(seconds=1)).timestamp())
        item = {"predictionId": {"S": key}, "score": {"N": str(score)}, "modelVersion": {"S": version}}
        item |= {"createdAt": {"N": str(at)}} | ({"variant": {"S": variant}} if variant else {})
        self.dynamodb.put_item(TableName=NAMES.table, Item=item)
