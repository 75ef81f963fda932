from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.cli.registry.compare import compare_versions
from tasks.models.artifact import Artifact, checksum, pack
from tasks.records.signature import Feature, Signature
from tests.batch_jobs.model_files import extract
from tests.infra.cli.conftest import NAMES, REGION, FakeStates, Said, put
from tests.infra.cli.served_models import Endpoint, small_artifact, version_of
from tests.tasks.conftest import MODEL_TEXT, SIGNATURE
from tests.tasks.wide_models import WIDE, wide_version

METADATA = {
    "versionId": "v7",
    "sha256": checksum(pack(small_artifact())),
    "framework": "lightgbm",
    "threshold": 0.3,
    "signature": SIGNATURE.to_json(),
    "baseline": {"auc": 0.71},
    "statistics": {"score": {"missing": 0.0, "edges": [0.5], "proportions": [0.6, 0.4]}},
}


@pytest.fixture
def trained(home: Path) -> Path:
    """What `train` writes to a folder."""
    folder = home / "trained"
    folder.mkdir()
    (folder / "model.tar.gz").write_bytes(pack(small_artifact()))
    (folder / "version.json").write_text(json.dumps(METADATA))
    return folder


def uploaded(version: str) -> bytes:
    body: bytes = (
        boto3.client("s3", REGION)
        .get_object(Bucket=NAMES.bucket("models"), Key=f"versions/{version}/model.tar.gz")["Body"]
        .read()
    )
    return body


def test_the_list_tells_what_serves_and_what_is_active(endpoint: Endpoint, call: Callable[..., Said]) -> None:
    endpoint.serve("v1", "v2")
    endpoint.registry.register(version_of("v3"))

    listed = {each["version"]: each for each in call("models", "list", "--json").json()}

    assert list(listed) == ["v3", "v2", "v1"], "the newest first"
    assert [each["active"] for each in listed.values()] == [False, False, True]
    assert [each["servedBy"] for each in listed.values()] == [{}, {"ModelB": 20}, {"ModelA": 80}]
    assert "ModelA 80 %" in call("models", "list").out


def test_the_list_names_a_mistake_in_the_active_version(endpoint: Endpoint, call: Callable[..., Said]) -> None:
    endpoint.serve("v1", "v2")
    assert "not registered" not in call("models", "list").out
    boto3.client("ssm", REGION).put_parameter(Name="/ml-pipeline/models/active-version", Value="v22", Overwrite=True)

    assert "The active version is set to 'v22', which is not registered" in call("models", "list").out
    listed = call("models", "list", "--json")
    assert [each["active"] for each in listed.json()] == [False, False]
    assert "'v22'" in listed.err


def test_versions_are_listed_before_there_is_an_endpoint(endpoint: Endpoint, call: Callable[..., Said]) -> None:
    assert "No version is registered" in call("models", "list").out

    endpoint.registry.register(version_of("v1"))

    assert call("models", "list", "--json").json()[0]["servedBy"] == {}


def test_a_version_is_shown_with_its_features(endpoint: Endpoint, call: Callable[..., Said]) -> None:
    endpoint.serve("v1", "v2")

    said = call("models", "show", "v1")

    assert "v1 (active)" in said.out
    assert "EWR, JFK, LGA" in said.out
    assert call("models", "show", "v1", "--json").json()["signature"] == SIGNATURE.to_json()


def test_listing_reads_the_parameters_alone_and_a_missing_document_is_told_by_what_needs_it(
    endpoint: Endpoint, call: Callable[..., Said]
) -> None:
    endpoint.registry.register(version_of("v1"))
    empty_the_bucket_of_models()

    assert [each["version"] for each in call("models", "list", "--json").json()] == ["v1"]
    said = call("models", "show", "v1")
    assert said.code == 1
    assert "the signature of model version v1 is not at s3://" in said.err
    assert "Traceback" not in said.err


def empty_the_bucket_of_models() -> None:
    s3, bucket = boto3.client("s3", REGION), NAMES.bucket("models")
    for stored in s3.list_objects_v2(Bucket=bucket)["Contents"]:
        s3.delete_object(Bucket=bucket, Key=stored["Key"])


@pytest.mark.parametrize("signature", WIDE.values(), ids=WIDE)
def test_a_wide_model_is_registered_listed_shown_and_compared(
    endpoint: Endpoint, call: Callable[..., Said], home: Path, signature: Signature
) -> None:
    version, body = wide_version(signature, "wide")
    (home / "model.tar.gz").write_bytes(body)
    (home / "version.json").write_text(version.to_json())
    endpoint.registry.register(version_of("v1"))

    assert call("models", "register", str(home)).code == 0
    assert {each["version"] for each in call("models", "list", "--json").json()} == {"v1", "wide"}
    shown = call("models", "show", "wide", "--json").json()
    assert (shown["signature"], shown["statistics"]) == (signature.to_json(), version.statistics)
    assert signature.names[-1] in call("models", "show", "wide").out
    compared = call("models", "compare", "v1", "wide", "--json").json()
    assert compared["signature"]["onlyB"] == signature.names
    assert compared["b"]["features"] == len(signature.names)


def test_a_baseline_that_no_parameter_can_hold_is_refused_and_nothing_is_uploaded(
    endpoint: Endpoint, call: Callable[..., Said], trained: Path
) -> None:
    baseline = {f"recall at {place} % of the alarms": 0.5 for place in range(200)}
    (trained / "version.json").write_text(json.dumps(METADATA | {"baseline": baseline}))

    said = call("models", "register", str(trained))

    assert said.code == 2
    assert "shorten what is longest: baseline" in said.err
    assert "never change" not in said.err, "another artifact has nothing to do with it"
    assert endpoint.registry.versions() == []
    assert boto3.client("s3", REGION).list_objects_v2(Bucket=NAMES.bucket("models"))["KeyCount"] == 0


def test_a_version_of_an_earlier_release_is_told_with_what_to_do(endpoint: Endpoint, call: Callable[..., Said]) -> None:
    name = "/ml-pipeline/models/versions/v1/metadata"
    boto3.client("ssm", REGION).put_parameter(Name=name, Value=version_of("v1").to_json(), Type="String")

    for words in (("list",), ("show", "v1"), ("deploy", "v1")):
        said = call("models", *words)
        assert said.code == 1
        assert name in said.err
        assert "register the version again" in said.err


@pytest.mark.parametrize(
    "words",
    [("show", "v9"), ("compare", "v1", "v9"), ("deploy", "v9"), ("rollback", "v9")],
)
def test_an_unknown_version_is_refused_with_the_known_ones(
    endpoint: Endpoint, aws: FakeStates, call: Callable[..., Said], words: tuple[str, ...]
) -> None:
    endpoint.serve("v1", "v2")

    said = call("models", *words)

    assert said.code == 2
    assert "v1, v2" in said.err
    assert not aws.executions


def test_what_was_trained_is_registered_with_its_metadata(
    endpoint: Endpoint, call: Callable[..., Said], trained: Path
) -> None:
    said = call("models", "register", str(trained), "--json")

    known = endpoint.registry.get("v7")
    assert said.json()["version"] == "v7"
    assert known.artifact == f"s3://{NAMES.bucket('models')}/versions/v7/model.tar.gz"
    assert (known.threshold, dict(known.baseline)) == (0.3, {"auc": 0.71})
    assert known.sha256 == checksum(uploaded("v7")) == METADATA["sha256"]
    assert known.image is None


def test_bare_files_are_packed_and_registered_under_a_given_id(
    endpoint: Endpoint, call: Callable[..., Said], home: Path
) -> None:
    folder = home / "bare"
    folder.mkdir()
    extract(folder, small_artifact())

    assert call("models", "register", str(folder)).code == 2, "an id is needed"
    assert call("models", "register", str(folder), "--version", "mine").code == 0

    assert uploaded("mine") == pack(small_artifact())
    assert endpoint.registry.get("mine").threshold == 0.5


def test_an_archive_in_s3_is_registered_with_the_metadata_beside_it(
    endpoint: Endpoint, call: Callable[..., Said]
) -> None:
    put("data", "team/model.tar.gz", pack(small_artifact()))
    put("data", "team/version.json", json.dumps(METADATA).encode())

    said = call("models", "register", f"s3://{NAMES.bucket('data')}/team/model.tar.gz", "--version", "v8")

    assert said.code == 0
    assert endpoint.registry.get("v8").threshold == 0.3


def test_to_register_twice_changes_nothing(endpoint: Endpoint, call: Callable[..., Said], trained: Path) -> None:
    call("models", "register", str(trained))
    before = endpoint.registry.get("v7")
    (trained / "version.json").write_text(json.dumps(METADATA | {"threshold": 0.9}))

    assert call("models", "register", str(trained)).code == 0
    assert endpoint.registry.get("v7") == before


def test_a_version_never_changes(endpoint: Endpoint, call: Callable[..., Said], trained: Path) -> None:
    call("models", "register", str(trained))
    artifact = small_artifact()
    (trained / "model.tar.gz").write_bytes(pack(Artifact(MODEL_TEXT, SIGNATURE, artifact.golden[:1])))
    (trained / "version.json").unlink()

    said = call("models", "register", str(trained), "--version", "v7")

    assert said.code == 2
    assert "never change" in said.err
    assert uploaded("v7") == pack(artifact)


def test_an_artifact_that_was_registered_from_elsewhere_is_not_replaced(
    endpoint: Endpoint, call: Callable[..., Said], trained: Path
) -> None:
    endpoint.registry.register(version_of("v7", sha256="another"))

    said = call("models", "register", str(trained))

    assert said.code == 2
    assert "another artifact" in said.err


def wrong_score() -> Artifact:
    artifact = small_artifact()
    return Artifact(MODEL_TEXT, SIGNATURE, [{**artifact.golden[0], "score": 0.123}, *artifact.golden[1:]])


OTHER_SIGNATURE = Signature((*SIGNATURE.features[:2], Feature("origin", "category", categories=("EWR", "LGA", "JFK"))))


@pytest.mark.parametrize(
    ("body", "document", "named"),
    [
        (b"no archive", {}, "UnsupportedModel"),
        (pack(small_artifact()), {"sha256": "0" * 64}, "ArtifactTampered"),
        (pack(small_artifact()), {"signature": OTHER_SIGNATURE.to_json()}, "signature"),
        (pack(wrong_score()), {}, "GoldenRecordsDiffer"),
        (pack(Artifact(MODEL_TEXT, SIGNATURE, [])), {}, "GoldenRecordsDiffer"),
        (pack(Artifact("no trees", SIGNATURE, small_artifact().golden)), {}, "UnsupportedModel"),
        (pack(small_artifact()), {"threshold": 2}, "threshold"),
        (pack(small_artifact()), {"versionId": "a/b"}, "a/b"),
    ],
)
def test_what_would_not_serve_is_not_registered(
    endpoint: Endpoint, call: Callable[..., Said], home: Path, body: bytes, document: dict[str, Any], named: str
) -> None:
    (home / "model.tar.gz").write_bytes(body)
    (home / "version.json").write_text(json.dumps({"versionId": "v7"} | document))

    said = call("models", "register", "model.tar.gz")

    assert said.code == 2
    assert named in said.err
    assert "Traceback" not in said.err
    assert endpoint.registry.versions() == []
    listed = boto3.client("s3", REGION).list_objects_v2(Bucket=NAMES.bucket("models"))
    assert listed["KeyCount"] == 0


@pytest.mark.parametrize("source", ["nowhere", "nowhere.tar.gz", "s3://BUCKET/nowhere.tar.gz"])
def test_a_source_that_is_not_there_is_refused(endpoint: Endpoint, call: Callable[..., Said], source: str) -> None:
    said = call("models", "register", source.replace("BUCKET", NAMES.bucket("data")), "--version", "v7")

    assert said.code == 2
    assert "nowhere" in said.err


def test_versions_are_compared_side_by_side(endpoint: Endpoint, call: Callable[..., Said]) -> None:
    shares = {"edges": [1.0, 2.0], "proportions": [0.2, 0.3, 0.5], "missing": 0.1}
    moved = {"edges": [1.0, 2.0], "proportions": [0.6, 0.3, 0.1], "missing": 0.0}
    endpoint.registry.register(version_of("v1", statistics={"distance": shares}))
    features = (Feature("distance", "number", nullable=True), *SIGNATURE.features[2:], Feature("new", "number"))
    quality = {"auc": 0.75, "brier": 0.1}
    endpoint.registry.register(
        version_of("v2", baseline=quality, statistics={"distance": moved}, signature=Signature(features))
    )

    found = call("models", "compare", "v1", "v2", "--json").json()

    assert found["baseline"]["auc"] == {"a": 0.7, "b": 0.75, "difference": pytest.approx(0.05)}
    assert found["baseline"]["brier"] == {"a": None, "b": 0.1, "difference": None}
    assert (found["signature"]["onlyA"], found["signature"]["onlyB"]) == (["wind"], ["new"])
    assert found["signature"]["different"] == {"distance": [{"a": "never empty", "b": "may be empty"}]}
    assert found["statistics"]["distance"] == {"a": 0.1, "b": 0.0, "distance": pytest.approx(0.4)}
    said = call("models", "compare", "v1", "v2").out
    assert "+0.05" in said
    assert "may be empty" in said


numbers = st.lists(st.integers(-100, 100), min_size=1, max_size=9, unique=True).flatmap(
    lambda edges: st.lists(st.integers(1, 50), min_size=len(edges) + 1, max_size=len(edges) + 1).map(
        lambda counts: {
            "edges": [float(edge) for edge in sorted(edges)],
            "proportions": [count / sum(counts) for count in counts],
            "missing": 0.0,
        }
    )
)


@given(numbers, numbers)
def test_a_distance_is_between_nothing_and_everything(one: dict[str, Any], other: dict[str, Any]) -> None:
    def distance(a: dict[str, Any], b: dict[str, Any]) -> float:
        compared = compare_versions(version_of("v1", statistics={"wind": a}), version_of("v2", statistics={"wind": b}))
        return float(compared["statistics"]["wind"]["distance"])

    assert distance(one, one) == 0
    assert 0 <= distance(one, other) <= 1
    assert distance(one, other) == distance(other, one)


def test_categories_are_compared_by_their_shares() -> None:
    def of(shares: list[float]) -> dict[str, Any]:
        return {"origin": {"missing": 0.0, "proportions": shares}}

    found = compare_versions(
        version_of("v1", statistics=of([0.5, 0.3, 0.2])), version_of("v2", statistics=of([0.2, 0.3, 0.5]))
    )

    assert found["statistics"]["origin"]["distance"] == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("words", "workflow", "request_"),
    [
        (("deploy", "v2"), "model-deploy", {"version": "v2", "role": "champion"}),
        (
            ("deploy", "v2", "--role", "challenger", "--share", "10"),
            "model-deploy",
            {"version": "v2", "role": "challenger", "sharePercent": 10},
        ),
        (("rollback",), "model-rollback", {}),
        (("rollback", "v1"), "model-rollback", {"version": "v1"}),
    ],
)
def test_deployments_and_rollbacks_are_workflows(
    endpoint: Endpoint,
    aws: FakeStates,
    call: Callable[..., Said],
    words: tuple[str, ...],
    workflow: str,
    request_: dict[str, Any],
) -> None:
    endpoint.serve("v1", "v2")

    said = call("models", *words, "--json")

    (execution,) = aws.executions.values()
    assert NAMES.state_machine(workflow) in execution["stateMachineArn"]
    assert json.loads(execution["input"]) == request_
    assert said.json()["serving"]["variants"]["ModelB"]["version"] == "v2"


def test_a_failed_deployment_tells_why_and_what_is_served(
    endpoint: Endpoint, aws: FakeStates, call: Callable[..., Said]
) -> None:
    endpoint.serve("v1", "v2")
    aws.on_start = lambda execution: execution.update(status="FAILED", error="SmokeTestFailed", cause="record 3")

    said = call("models", "deploy", "v2")

    assert said.code == 1
    assert "SmokeTestFailed: record 3" in said.err
    assert "v1 (active)" in said.out


@pytest.mark.parametrize(
    "words",
    [("--role", "king"), ("--share", "20"), ("--role", "challenger", "--share", "0")],
)
def test_roles_and_shares_that_make_no_sense_are_refused(
    endpoint: Endpoint, aws: FakeStates, call: Callable[..., Said], words: tuple[str, ...]
) -> None:
    endpoint.serve("v1", "v2")

    assert call("models", "deploy", "v2", *words).code == 2
    assert not aws.executions
