"""Runs that are scored by the endpoint on the embedded AWS: by a real function and a real model server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import DEPLOYED, World
from tests.e2e.example_records import csv_text, gzipped, json_lines, parquet, records

ROWS, BAD_ROWS = 1_650, 2
SECONDS_TO_START = 60


@pytest.fixture(scope="module")
def source(world: World) -> str:
    """Every format, and two rows that no scorer takes."""
    unknown = {**records(1)[0], "carrier": "ZZ"}
    return world.upload(
        "by-endpoint",
        {
            "a.jsonl": json_lines([*records(300), unknown]),
            "b.jsonl.gz": gzipped(json_lines(records(200, first=300))),
            "c.csv": csv_text(records(250, first=500)) + b"too,few\n",
            "d.parquet": parquet(898, first=900),
        },
    )


@pytest.fixture(scope="module")
def by_container(world: World, source: str) -> dict[str, Any]:
    return succeeded(world.run("by-container", source, scorer="container"))


@pytest.fixture(scope="module")
def in_service(world: World) -> None:
    """The endpoint's model servers, which start when the embedded AWS does."""
    sagemaker = world.client("sagemaker")
    deadline = time.monotonic() + SECONDS_TO_START
    while sagemaker.describe_endpoint(EndpointName=DEPLOYED.endpoint)["EndpointStatus"] != "InService":
        assert time.monotonic() < deadline, "the model servers did not start"
        time.sleep(0.5)


def succeeded(execution: dict[str, Any]) -> dict[str, Any]:
    assert execution["status"] == "SUCCEEDED", execution.get("cause")
    summary: dict[str, Any] = json.loads(execution["output"])
    return summary


def assert_same_results(world: World, run_id: str) -> None:
    assert world.results(run_id) == world.results("by-container")
    assert world.quarantined(run_id) == world.quarantined("by-container")


def test_the_endpoint_gives_the_bytes_that_the_container_gives(
    world: World, source: str, by_container: dict[str, Any]
) -> None:
    summary = succeeded(
        world.run("by-endpoint", source, scorer="endpoint", endpointRecords=200, endpointCallsPerSecond=100)
    )

    assert (summary["rows"], summary["quarantined"]) == (ROWS, BAD_ROWS)
    assert (by_container["rows"], by_container["quarantined"]) == (ROWS, BAD_ROWS)
    assert_same_results(world, "by-endpoint")
    assert summary["scorer"]["chosen"] == "endpoint"
    assert summary["scorer"]["reason"].startswith(f"endpoint: as asked; {summary['scorer']['variant']} serves ")
    assert summary["scorer"]["shards"] == {"endpoint": 4}
    assert by_container["scorer"]["shards"] == {"container": 4}


def test_auto_asks_the_endpoint_for_few_rows_and_says_so(
    world: World, source: str, by_container: dict[str, Any], in_service: None
) -> None:
    summary = succeeded(world.run("by-auto", source, scorer="auto", smallShardRows=1))

    assert summary["scorer"]["chosen"] == "endpoint", summary["scorer"]
    assert "rows for AWS Batch, no more than 10,000, and Model" in summary["scorer"]["reason"]
    assert summary["scorer"]["shards"] == {"endpoint": 4}
    assert_same_results(world, "by-auto")


@pytest.fixture
def unserved(world: World) -> Iterator[str]:
    """A version that is registered, but in no variant."""
    ssm, root = world.client("ssm"), "/ml-pipeline/models"
    active = ssm.get_parameter(Name=f"{root}/active-version")["Parameter"]["Value"]
    metadata = json.loads(ssm.get_parameter(Name=f"{root}/versions/{active}/metadata")["Parameter"]["Value"])
    name, value = f"{root}/versions/unserved/metadata", json.dumps(metadata | {"versionId": "unserved"})
    ssm.put_parameter(Name=name, Value=value, Type="String")
    yield "unserved"
    ssm.delete_parameter(Name=name)


def test_a_version_that_no_variant_serves_is_scored_by_the_artifact_or_refused(
    world: World, source: str, unserved: str, in_service: None
) -> None:
    refused = world.run("by-nobody", source, scorer="endpoint", modelVersion=unserved)
    summary = succeeded(world.run("by-artifact", source, modelVersion=unserved, smallShardRows=1))

    assert (refused["status"], refused["error"]) == ("FAILED", "VersionNotServed")
    assert "score with the scorer container" in refused["cause"]
    assert summary["scorer"]["chosen"] == "container"
    assert "serves unserved (ModelA serves" in summary["scorer"]["reason"]
