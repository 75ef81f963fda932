"""What the registry keeps of a version in its parameter, and what in S3."""

import json
from dataclasses import replace

import orjson
import pytest

from tasks.aws_limits import PARAMETER_STANDARD_VALUE
from tasks.errors import (
    ArtifactMissing,
    ArtifactTampered,
    InvalidRegistration,
    NoSuchVersion,
    RegistrationTooLarge,
    ServiceUnavailable,
    VersionExists,
)
from tasks.handlers import predict, preprocess, score_shard, score_stream
from tasks.models.active_version import ActiveVersion
from tasks.models.artifact import Artifact
from tasks.models.registry import Registry
from tasks.models.version import RegisteredVersion
from tasks.storage import Location, Storage
from tests.tasks.conftest import CONTEXT, MODEL_TEXT, RUN, SIGNATURE, version_of
from tests.tasks.model_server import predictions
from tests.tasks.test_predict import post
from tests.tasks.test_score_stream import batch
from tests.tasks.wide_models import WIDE, record_of, wide_version

ROOT = "/ml-pipeline/models"
ARTIFACT = Artifact(MODEL_TEXT, SIGNATURE, [])


def metadata(world, version_id):
    return world.registry._ssm.get_parameter(Name=f"{ROOT}/versions/{version_id}/metadata")["Parameter"]["Value"]


def place_of(world, version_id, document):
    return Location.parse(getattr(world.registry.get(version_id), document).uri)


def documents(world):
    return [stored.key for stored in world.storage.list(Location("models", "versions/"))]


@pytest.fixture
def wide(world, request):
    """A wide version, registered as `wide` and active."""
    version, body = wide_version(request.param, "wide")
    world.storage.write(Location.parse(version.artifact), body)
    world.registry.register(version)
    world.registry.activate("wide")
    return version


each_wide = pytest.mark.parametrize("wide", WIDE.values(), ids=WIDE, indirect=True)


@each_wide
def test_a_wide_model_is_registered_in_a_standard_parameter_and_comes_back_whole(world, wide):
    described = world.registry._ssm.describe_parameters()["Parameters"]

    assert len(wide.to_json().encode()) > PARAMETER_STANDARD_VALUE.value, "the case would prove nothing"
    assert len(metadata(world, "wide").encode()) < PARAMETER_STANDARD_VALUE.value / 2
    assert {each.get("Tier", "Standard") for each in described} == {"Standard"}
    assert world.registry.whole("wide") == wide
    assert world.registry.signature("wide") == wide.signature


@each_wide
def test_a_wide_model_that_is_active_predicts_everywhere(world, wide, online, model, json_lines, monkeypatch, settings):
    record = record_of(wide.signature)
    monkeypatch.setattr("tasks.scoring.item_store.shared_sender", lambda: world.send)
    for handler in (predict, score_stream):
        monkeypatch.setattr(handler, "_online", lambda: online)
    for kept in (preprocess._signature, score_shard._model):
        kept.cache_clear()
    model.script += [predictions([0.25]), predictions([0.25])]

    answered = predict.handler(post({"records": [record]}), CONTEXT)
    streamed = score_stream.handler(batch(record), CONTEXT)
    cleaned = preprocess.handler({"records": [record, {}]}, CONTEXT)
    world.upload("input/a.jsonl", json_lines(record))
    run = replace(RUN, model_version="wide")
    scored = score_shard.handler(
        {"run": run.to_json(), "shard": world.shard("input/a.jsonl", lane="small").to_json()}, CONTEXT
    )

    assert answered["statusCode"] == 200, answered["body"]
    assert streamed == {"batchItemFailures": []}
    assert model.calls == [[record], [record]]
    assert cleaned["records"][0] == record
    assert (scored["predictions"], scored["quarantined"]) == (1, 0)


def of_size(size, **facts):
    """A version of which a parameter has to tell so many bytes; its baseline is to blame."""
    version, _ = version_of(ARTIFACT, "v2")
    version = replace(version, baseline={"é": 0.5}, **facts)
    room = size - len(version.registration()[0].to_json().encode())
    return replace(version, baseline={"é" + "x" * room: 0.5})


def test_what_just_fits_into_a_parameter_is_registered(world):
    version = of_size(PARAMETER_STANDARD_VALUE.value)
    world.registry.register(version)

    assert len(metadata(world, "v2").encode()) == PARAMETER_STANDARD_VALUE.value
    assert world.registry.whole("v2") == version


def test_what_does_not_fit_into_a_parameter_is_refused_with_what_to_shorten_and_nothing_is_written(world):
    before = documents(world)

    with pytest.raises(
        RegistrationTooLarge, match=r"v2, .* takes 4,097 bytes, .* holds 4,096; .* longest: baseline 3,"
    ):
        world.registry.register(of_size(PARAMETER_STANDARD_VALUE.value + 1))

    assert world.registry.versions() == ["v1"]
    assert documents(world) == before


def test_an_image_that_does_not_fit_is_refused_and_the_version_stays_as_it_was(world):
    before = metadata(world, "v1")

    with pytest.raises(RegistrationTooLarge, match="shorten what is longest: image 5,0"):
        world.registry.complete("v1", "i" * 5_000)
    assert metadata(world, "v1") == before


@pytest.mark.parametrize("facts", [{"baseline": {"auc\ud83c": 1}}, {"statistics": {"zip": "\ud83c"}}])
def test_text_that_is_no_unicode_is_refused(world, facts):
    version, _ = version_of(ARTIFACT, "v2")

    with pytest.raises(InvalidRegistration, match="cannot be written as JSON"):
        world.registry.register(replace(version, **facts))
    assert world.registry.versions() == ["v1"]


class Failing:
    """A client or storage of which one operation fails."""

    def __init__(self, inner, operation, failure):
        self._inner, self._operation, self._failure = inner, operation, failure

    def __getattr__(self, name):
        if name != self._operation:
            return getattr(self._inner, name)

        def fail(*_arguments, **_named):
            raise self._failure

        return fail


GONE = ServiceUnavailable("the process was killed")


@pytest.mark.parametrize("killed_at", ["documents", "parameter"])
def test_a_registration_that_is_interrupted_leaves_no_version_and_is_in_nobodys_way(world, killed_at):
    version, _ = wide_version(WIDE["forty nullable numbers"], "v2")
    ssm, storage = world.registry._ssm, world.storage
    killed = (
        Registry(ROOT, ssm, Failing(storage, "write", GONE))
        if killed_at == "documents"
        else Registry(ROOT, Failing(ssm, "put_parameter", GONE), storage)
    )

    with pytest.raises(ServiceUnavailable):
        killed.register(version)
    assert world.registry.versions() == ["v1"]
    with pytest.raises(NoSuchVersion):
        world.registry.signature("v2")

    other, _ = version_of(ARTIFACT, "v2")  # not even the same model
    world.registry.register(other)
    assert world.registry.whole("v2") == other


def test_who_loses_the_race_for_an_id_changes_nothing_of_the_winners(world):
    winner, _ = wide_version(WIDE["forty nullable numbers"], "v2")
    loser, _ = version_of(ARTIFACT, "v2")
    world.registry.register(winner)

    with pytest.raises(VersionExists):
        world.registry.register(loser)

    assert world.registry.whole("v2") == winner


@pytest.mark.parametrize("document", ["signature", "statistics"])
@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        pytest.param(lambda storage, place: storage.delete(place), ArtifactMissing, id="missing"),
        pytest.param(lambda storage, place: storage.write(place, b"{}"), ArtifactTampered, id="replaced"),
        pytest.param(
            lambda storage, place: storage.write(place, storage.read(place)[:-1]), ArtifactTampered, id="truncated"
        ),
    ],
)
def test_a_document_that_is_not_the_registered_one_is_refused_by_name_and_restored_by_registering_again(
    world, document, spoil, error
):
    version, _ = wide_version(WIDE["two thousand ZIP codes"], "v2")
    world.registry.register(version)
    place = place_of(world, "v2", document)

    spoil(world.storage, place)
    with pytest.raises(error, match=f"the {document} of model version v2 .*{place.key}"):
        world.registry.whole("v2")

    world.registry.register(version)
    assert world.registry.whole("v2") == version


def test_what_is_small_of_a_version_is_read_without_s3(world):
    registry = Registry(ROOT, world.registry._ssm, Failing(world.storage, "read", AssertionError("S3 was read")))

    assert [registry.get(version_id).threshold for version_id in registry.versions()] == [0.5]


@pytest.mark.parametrize(
    "attempt",
    [
        lambda registry, version: registry.get("v1"),
        lambda registry, version: registry.signature("v1"),
        lambda registry, version: registry.activate("v1"),
        lambda registry, version: registry.complete("v1", "image"),
        lambda registry, version: registry.register(version),
        lambda registry, version: registry.active_version(),
    ],
)
def test_a_parameter_in_the_former_form_says_to_register_again(world, attempt):
    version, _ = version_of(ARTIFACT)
    name = f"{ROOT}/versions/v1/metadata"
    world.registry._ssm.put_parameter(Name=name, Value=version.to_json(), Type="String", Overwrite=True)

    with pytest.raises(InvalidRegistration, match=f"{name} holds the signature itself.*register the version again"):
        attempt(world.registry, version)

    world.registry._ssm.delete_parameter(Name=name)
    world.registry.register(version)
    assert world.registry.whole("v1") == version


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: "no JSON",
        lambda document: "[]",
        lambda document: "7",
        lambda document: json.dumps({**document, "signature": []}),
        lambda document: json.dumps({**document, "statistics": {"uri": "s3://models/x"}}),
        lambda document: json.dumps({key: value for key, value in document.items() if key != "threshold"}),
    ],
)
def test_a_parameter_of_another_form_is_refused_by_its_name(spoil):
    version, _ = version_of(ARTIFACT)
    registered, _ = version.registration()
    text = registered.to_json()

    assert RegisteredVersion.from_json(text, "/p") == registered
    with pytest.raises(InvalidRegistration, match=r"the parameter /p .*register the version again"):
        RegisteredVersion.from_json(spoil(orjson.loads(text)), "/p")


class Counting(Storage):
    """Counts the objects that are read; S3 is away while it is told so."""

    def __init__(self):
        super().__init__()
        self.read_objects, self.away = [], False

    def read(self, place):
        if self.away:
            raise ServiceUnavailable("503 Slow Down")
        self.read_objects.append(place.key)
        return super().read(place)


def test_a_serving_process_reads_the_signature_once_for_each_new_version_and_no_statistics(world):
    storage, now = Counting(), [0.0]
    active = ActiveVersion(Registry(ROOT, world.registry._ssm, storage), lambda setback: None, lambda: now[0])
    version, _ = wide_version(WIDE["three hundred features"], "v2")
    world.registry.register(version)

    for _ in range(5):
        active.get()
        now[0] += 61
    world.registry.activate("v2")
    for _ in range(5):
        now[0] += 61
        assert active.get().signature == version.signature

    assert storage.read_objects == [place_of(world, name, "signature").key for name in ("v1", "v2")]


def test_while_s3_is_away_the_last_known_version_serves(world):
    storage, now = Counting(), [0.0]
    active = ActiveVersion(Registry(ROOT, world.registry._ssm, storage), lambda setback: None, lambda: now[0])
    active.get()
    version, _ = wide_version(WIDE["three hundred features"], "v2")
    world.registry.register(version)
    world.registry.activate("v2")

    storage.away = True
    now[0] += 61
    assert active.get().version_id == "v1"
    storage.away = False
    now[0] += 11
    assert active.get().version_id == "v2"
