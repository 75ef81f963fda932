"""The endpoint in a notebook, by SageMaker's own SDK."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tasks.model_server import running

NOTEBOOK = """
import boto3, sagemaker
from sagemaker.deserializers import JSONDeserializer
from sagemaker.predictor import Predictor
from sagemaker.serializers import JSONSerializer

session = sagemaker.Session(boto3.Session(region_name="us-east-1"))
endpoint = "ml-pipeline-sagemaker-endpoint-dev-us-east-1"
predictor = Predictor(endpoint, session, serializer=JSONSerializer(), deserializer=JSONDeserializer())
answer = predictor.predict({"records": [{"distance": 700.0}]}, target_variant="ModelB")
"""


@pytest.mark.filterwarnings("ignore")  # the SDK of version 2 warns that there is a version 3, at each use
def test_a_notebook_asks_a_variant_of_its_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # where the SDK looks for settings of its own
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with running() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        names: dict[str, object] = {}
        exec(NOTEBOOK, names)

    assert names["answer"] == {"modelVersion": "v1", "predictions": [{"score": 0.7, "prediction": True}]}
    ((path, headers),) = server.requests
    assert path == "/endpoints/ml-pipeline-sagemaker-endpoint-dev-us-east-1/invocations"
    assert headers["x-amzn-sagemaker-target-variant"] == "ModelB"
    assert headers["content-type"] == "application/json"
    assert json.dumps(server.calls) == json.dumps([[{"distance": 700.0}]])
