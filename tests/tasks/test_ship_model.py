"""The custom resource that ships the first model, answered at a real URL."""

import http.server
import io
import json
import threading
import time
import zipfile
from dataclasses import replace

import orjson
import pytest

from tasks.deployment.custom_resource import ResourceState, fulfil
from tasks.errors import NoSuchVersion, ServiceUnavailable
from tasks.handlers import ship_model
from tasks.models.artifact import Artifact
from tasks.models.registry import Registry
from tasks.storage import Location
from tests.batch_jobs.model_files import scores
from tests.tasks.conftest import CONTEXT, GOOD, MODEL_TEXT, SIGNATURE, version_of

IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/assets:one"
IDS = {
    "StackId": "arn:aws:cloudformation:us-east-1:000000000000:stack/models/1",
    "RequestId": "q-1",
    "LogicalResourceId": "FirstModel",
}
ROOT = "/a-fresh-account/models"


class CloudFormation:
    """Takes answers at `url`; `statuses` are scripted."""

    def __init__(self):
        self.url, self.statuses, self.puts = "", [], []

    @property
    def answer(self):
        return json.loads(self.puts[-1][2])


@pytest.fixture(scope="module")
def answers():
    taken = CloudFormation()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.puts.append((self.path, self.headers["Content-Type"], body))
            self.send_response(taken.statuses.pop(0) if taken.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        taken.url = f"http://127.0.0.1:{server.server_port}/answer?signature=a%2Fb%3D"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield taken
        server.shutdown()
        thread.join()


@pytest.fixture
def cloudformation(answers):
    answers.statuses.clear()
    answers.puts.clear()
    return answers


@pytest.fixture
def registry(world, monkeypatch):
    """An empty one."""
    monkeypatch.setenv("ML_PIPELINE_PARAMETER_ROOT", ROOT)
    return Registry(ROOT)


@pytest.fixture
def request_of(cloudformation):
    def make(kind="Create", version="v1", image=IMAGE, physical_id=None, **changes):
        properties = {"ServiceToken": "arn", "Version": version, "Bucket": "data", "Key": "asset.zip", "Image": image}
        event = {"RequestType": kind, "ResponseURL": cloudformation.url, "ResourceProperties": properties | changes}
        return event | IDS | ({} if physical_id is None else {"PhysicalResourceId": physical_id})

    return make


def upload(world, version_id="v1", text=MODEL_TEXT, without="", promised=0.0, **changes):
    """An asset as a deployment ships it; returns the archive in it. `promised` is added to the golden score."""
    (score,) = scores([GOOD], text)
    version, body = version_of(Artifact(text, SIGNATURE, [{"record": GOOD, "score": score + promised}]), version_id)
    document = orjson.loads(version.to_json())
    document = {name: value for name, value in document.items() if name not in ("artifact", "createdAt", without)}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("model.tar.gz", body)
        archive.writestr("version.json", orjson.dumps(document | changes))
    world.s3.put_object(Bucket="data", Key="asset.zip", Body=packed.getvalue())
    return body


def test_a_fresh_account_gets_its_first_model_registered_and_activated(world, registry, cloudformation, request_of):
    body = upload(world)

    assert ship_model.handler(request_of(), CONTEXT) == {}

    artifact = "s3://models/versions/v1/model.tar.gz"
    assert cloudformation.answer == {
        "Status": "SUCCESS",
        "PhysicalResourceId": "v1",
        "Data": {"Version": "v1", "Artifact": artifact, "Image": IMAGE, "Threshold": "0.5"},
        **IDS,
    }
    assert registry.active() == "v1"
    version = registry.get("v1")
    assert (version.artifact, version.image, registry.signature("v1")) == (artifact, IMAGE, SIGNATURE)
    assert world.storage.read(Location("models", "versions/v1/model.tar.gz")) == body


def test_the_answer_goes_to_the_url_as_it_was_signed(world, registry, cloudformation, request_of):
    upload(world)
    ship_model.handler(request_of(), CONTEXT)

    ((path, content_type, _),) = cloudformation.puts
    assert path == "/answer?signature=a%2Fb%3D"
    assert content_type == ""


def test_a_later_deployment_never_changes_the_attributes(world, registry, cloudformation, request_of):
    upload(world)
    ship_model.handler(request_of(), CONTEXT)
    created, version = cloudformation.answer, registry.get("v1")

    upload(world, text=MODEL_TEXT.replace("leaf_value=0.5", "leaf_value=0.75"))  # trained anew
    ship_model.handler(request_of("Update", image="another", physical_id="v1"), CONTEXT)
    assert cloudformation.answer == created

    upload(world, "v2")  # another first model
    ship_model.handler(request_of("Update", version="v2", physical_id="v1"), CONTEXT)
    assert cloudformation.answer == created

    assert registry.get("v1") == version
    assert registry.versions() == ["v1", "v2"]
    assert registry.active() == "v1"


@pytest.mark.parametrize(("kind", "active"), [("Create", "v1"), ("Update", "v22")])
def test_a_mistake_in_the_active_version_is_corrected_only_where_nothing_is_served_yet(
    world, registry, cloudformation, request_of, kind, active
):
    upload(world)
    registry._ssm.put_parameter(Name=f"{ROOT}/active-version", Value="v22", Type="String")

    ship_model.handler(request_of(kind, physical_id=None if kind == "Create" else "v1"), CONTEXT)

    assert cloudformation.answer["Status"] == "SUCCESS"
    assert registry.active() == active


def test_a_creation_that_was_interrupted_can_be_repeated(world, registry, cloudformation, request_of):
    upload(world)
    world.storage.write(Location("models", "versions/v1/model.tar.gz"), b"half")
    ship_model.handler(request_of(), CONTEXT)
    first = cloudformation.answer
    ship_model.handler(request_of(), CONTEXT)

    assert first["Status"] == "SUCCESS"
    assert cloudformation.answer == first


def test_a_creation_after_a_failed_or_destroyed_one_serves_the_image_that_is_shipped_with_it(
    world, registry, cloudformation, request_of
):
    upload(world)
    ship_model.handler(request_of(image="broken"), CONTEXT)

    ship_model.handler(request_of(image=IMAGE), CONTEXT)

    assert cloudformation.answer["Data"]["Image"] == IMAGE
    assert registry.get("v1").image == IMAGE


def test_a_registry_that_another_environment_uses_is_refused(world, registry, cloudformation, request_of):
    theirs, _ = version_of(Artifact(MODEL_TEXT, SIGNATURE, []))
    world.s3.create_bucket(Bucket="models-of-another")
    registry.register(replace(theirs, artifact="s3://models-of-another/versions/v1/model.tar.gz"))

    ship_model.handler(request_of(), CONTEXT)

    assert cloudformation.answer["Status"] == "FAILED"
    assert "give this one another models_root" in cloudformation.answer["Reason"]


def test_what_is_active_stays_active(world, registry, cloudformation, request_of):
    upload(world, "v2")
    ship_model.handler(request_of(version="v2"), CONTEXT)
    upload(world, "v1")
    ship_model.handler(request_of(), CONTEXT)

    assert cloudformation.answer["PhysicalResourceId"] == "v1"
    assert registry.active() == "v2"


def test_a_version_that_the_train_job_registered_gets_the_image_once(world, registry, cloudformation, request_of):
    trained, _ = version_of(Artifact(MODEL_TEXT, SIGNATURE, []))
    registry.register(trained)

    ship_model.handler(request_of(), CONTEXT)
    ship_model.handler(request_of("Update", image="another", physical_id="v1"), CONTEXT)

    data = cloudformation.answer["Data"]
    assert (data["Version"], data["Artifact"], data["Image"]) == ("v1", trained.artifact, IMAGE)
    assert registry.get("v1").sha256 == trained.sha256


def test_deletion_leaves_the_registry_alone(world, registry, cloudformation, request_of):
    upload(world)
    ship_model.handler(request_of(), CONTEXT)
    ship_model.handler(request_of("Delete", physical_id="v1"), CONTEXT)

    assert cloudformation.answer["Status"] == "SUCCESS"
    assert cloudformation.answer["PhysicalResourceId"] == "v1"
    assert registry.active() == "v1"


@pytest.mark.parametrize(
    ("prepare", "changes", "reason"),
    [
        (lambda world: None, {}, "InvalidShipment: the asset s3://data/asset.zip is not there"),
        (
            lambda world: world.upload("asset.zip", b"no zip"),
            {},
            "InvalidShipment: s3://data/asset.zip is no zip with model.tar.gz and version.json",
        ),
        (lambda world: upload(world, sha256="0" * 64), {}, "ArtifactTampered: the artifact's SHA-256 is"),
        (lambda world: upload(world, "v7"), {}, "InvalidShipment: s3://data/asset.zip holds 'v7', not 'v1'"),
        (
            lambda world: upload(world, signature={"features": [{"name": "a", "kind": "number", "nullable": False}]}),
            {},
            "InvalidSignature: the artifact in s3://data/asset.zip has another signature",
        ),
        (lambda world: upload(world, signature={}), {}, "InvalidSignature: "),
        (lambda world: upload(world, promised=0.1), {}, "GoldenRecordsDiffer: golden record 1 of version v1 scores"),
        (
            lambda world: upload(world, without="threshold"),
            {},
            "InvalidShipment: version.json in s3://data/asset.zip lacks something: KeyError('threshold')",
        ),
        (lambda world: upload(world), {"Image": ""}, "InvalidShipment: the resource lacks the properties Image"),
        (lambda world: upload(world), {"Bucket": "nowhere"}, "NoSuchBucket"),
    ],
)
def test_a_failure_is_answered_with_its_reason_and_nothing_is_registered(
    world, registry, cloudformation, request_of, prepare, changes, reason
):
    prepare(world)

    ship_model.handler(request_of(**changes), CONTEXT)

    answer = cloudformation.answer
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", "FirstModel")
    assert reason in answer["Reason"]
    assert answer["Reason"].endswith("(see the logs of function)")
    assert registry.versions() == []
    with pytest.raises(NoSuchVersion):
        registry.active()


def test_a_failed_update_keeps_its_identity(world, registry, cloudformation, request_of):
    ship_model.handler(request_of("Update", version="v9", physical_id="v1"), CONTEXT)

    assert (cloudformation.answer["Status"], cloudformation.answer["PhysicalResourceId"]) == ("FAILED", "v1")


def test_a_request_of_another_form_is_answered_too(cloudformation, request_of):
    event = request_of()
    del event["ResourceProperties"]

    ship_model.handler(event, CONTEXT)

    assert cloudformation.answer["Status"] == "FAILED"
    assert "KeyError: 'ResourceProperties'" in cloudformation.answer["Reason"]


def test_work_without_end_is_answered_in_time(cloudformation, request_of):
    release = threading.Event()
    began = time.monotonic()

    failure = fulfil(request_of(), lambda request: release.wait(5), seconds=0.05, where="the logs")
    release.set()

    assert isinstance(failure, TimeoutError)
    assert time.monotonic() - began < 4
    assert cloudformation.answer["Reason"] == "no end within 0 s (see the logs)"


def test_a_long_reason_fits_into_an_answer(cloudformation, request_of):
    def fail(request):
        raise RuntimeError("\N{BUG}" * 10_000)

    fulfil(request_of(), fail, seconds=5, where="the logs")

    assert len(cloudformation.puts[0][2]) <= 4_096


def test_an_answer_that_is_not_taken_is_sent_again(cloudformation, request_of):
    cloudformation.statuses += [503, 500]

    assert fulfil(request_of(), lambda request: ResourceState("v1", {}), seconds=5, where="the logs") is None
    assert len(cloudformation.puts) == 3
    assert cloudformation.answer["Status"] == "SUCCESS"


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", None])
def test_an_answer_that_nobody_takes_is_an_error(cloudformation, request_of, monkeypatch, url):
    monkeypatch.setattr("urllib3.util.retry.Retry.sleep", lambda self, response=None: None)
    cloudformation.statuses += [403]
    event = request_of() | ({} if url is None else {"ResponseURL": url})

    with pytest.raises(ServiceUnavailable, match="CloudFormation did not take the answer"):
        fulfil(event, lambda request: ResourceState("v1", {}), seconds=5, where="the logs")
