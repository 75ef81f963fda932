"""The job `score`: which scorer it takes, and what it does when the endpoint lets it down."""

import json
from types import SimpleNamespace

import orjson
import pytest

from batch_jobs import __main__ as command_line
from batch_jobs import score
from tasks.errors import (
    EndpointUnavailable,
    NoSpaceForResults,
    PreprocessingFailed,
    PreprocessingUnavailable,
    VersionNotServed,
)
from tasks.models.artifact import Artifact
from tasks.models.endpoint import Answer, Prediction
from tasks.reading.shards import Shard
from tasks.runs.layout import RunFolder
from tasks.runs.scorer_choice import ScorerChoice
from tasks.scoring.throttle import Pressure
from tasks.storage import Location
from tests.batch_jobs.local_objects import LocalObjects
from tests.batch_jobs.model_files import scores
from tests.tasks.conftest import GOOD, MODEL_TEXT, RUN, SIGNATURE, version_of

WHOLE, ARCHIVE = version_of(Artifact(MODEL_TEXT, SIGNATURE, []))
VERSION, DOCUMENTS = WHOLE.registration()
RECORDS = [GOOD, GOOD | {"origin": "SFO"}, GOOD | {"distance": 900.0}]
CHOSEN = ScorerChoice("endpoint", "auto: why", "ModelB", 1000.0)


class Endpoint:
    """Serves the version, unless it has a failure."""

    def __init__(self):
        self.failure, self.asked = None, []

    def predict(self, records, variant):
        self.asked.append((len(records), variant))
        if self.failure:
            raise self.failure
        return Answer("ModelB", "v1", [Prediction(value, value >= 0.5) for value in scores(records)])


@pytest.fixture
def endpoint():
    return Endpoint()


@pytest.fixture
def storage(tmp_path):
    objects = LocalObjects(tmp_path)
    objects.write(Location("data", "a.jsonl"), b"".join(orjson.dumps(record) + b"\n" for record in RECORDS))
    for place, body in {Location.parse(VERSION.artifact): ARCHIVE, **DOCUMENTS}.items():
        objects.write(place, body)
    return objects


@pytest.fixture
def run_score(storage, endpoint, monkeypatch):
    """Runs the command and gives its exit code; AWS is a directory, and the endpoint as the test wants it."""
    from tasks.records.cleaning import clean

    class Preprocess:
        failure = None

        def __init__(self, name):
            assert name == "preprocess"

        def clean(self, records, model_version, *, text):
            if endpoint.failure and not isinstance(endpoint.failure, EndpointUnavailable | VersionNotServed):
                raise endpoint.failure
            cleaned = clean([orjson.loads(record) for record in records], SIGNATURE)
            flaws = {row.row - 1: row.flaws for row in cleaned.bad}
            return SimpleNamespace(records=cleaned.records, flaws=flaws)

    class Nowhere:
        def put(self, requests):
            return len(list(requests))

    for name, value in {
        "RESULTS_BUCKET": "results",
        "PREDICTIONS_TABLE": "t",
        "ENDPOINT": "flights",
        "PREPROCESS_FUNCTION": "preprocess",
    }.items():
        monkeypatch.setenv(f"ML_PIPELINE_{name}", value)
    monkeypatch.setattr(score, "Storage", lambda: storage)
    monkeypatch.setattr(score, "Registry", lambda root: SimpleNamespace(get=lambda version: VERSION))
    monkeypatch.setattr(score, "TableWriter", lambda table: Nowhere())
    monkeypatch.setattr(score, "patient_endpoint", lambda name: endpoint)
    monkeypatch.setattr(score, "PreprocessFunction", Preprocess)
    monkeypatch.setattr(
        score, "Pressure", lambda calls, in_flight: Pressure(calls, in_flight, attempts=3, wait=lambda seconds: None)
    )

    def run(scorer="auto", choice=CHOSEN):
        request = RUN.to_json() | {"scorer": scorer}
        if choice:
            storage.write_json(FOLDER.scorer, choice.to_json())
        stored = storage.find(Location("data", "a.jsonl"))
        shard = Shard("00000", "large", "data", "a.jsonl", stored.etag, "jsonl", None, None, 1, 3, stored.size, 3)
        return command_line.main(["score", "--run", json.dumps(request), "--shard", json.dumps(shard.to_json())])

    return run


FOLDER = RunFolder.of(RUN, "results")


def results(storage):
    places = (FOLDER.predictions("00000"), FOLDER.quarantine("00000"))
    return [storage.read(place) for place in places]


def marker(storage):
    return storage.read_json(FOLDER.marker("00000"))


def test_the_chosen_variant_scores_to_the_bytes_of_the_container(run_score, storage, endpoint):
    assert run_score(choice=ScorerChoice("container", "auto: why")) == 0
    assert (marker(storage)["scorer"], endpoint.asked) == ("container", [])
    expected = results(storage)
    storage.delete(FOLDER.marker("00000"))

    assert run_score() == 0

    assert (marker(storage)["scorer"], endpoint.asked) == ("endpoint", [(2, "ModelB")])
    assert marker(storage)["fallback"] is None
    assert results(storage) == expected


FAILURES = [
    (EndpointUnavailable("throttled"), 75),
    (VersionNotServed("ModelB serves v2 by now"), 65),
    (PreprocessingUnavailable("throttled"), 75),
    (PreprocessingFailed("there is no such function"), 65),
]


@pytest.mark.parametrize(("failure", "code"), FAILURES)
def test_a_job_that_was_left_the_choice_falls_back_on_the_artifact(run_score, storage, endpoint, capsys, failure, code):
    endpoint.failure = failure

    assert run_score("auto") == 0

    assert (marker(storage)["scorer"], marker(storage)["predictions"], marker(storage)["quarantined"]) == (
        "container",
        2,
        1,
    )
    warning, scored = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    reason = f"{type(failure).__name__}: {failure}"
    assert (warning["level"], warning["reason"]) == ("WARNING", reason)
    assert marker(storage)["fallback"] == reason
    assert scored["message"] == "scored"


@pytest.mark.parametrize(("failure", "code"), FAILURES)
def test_a_job_that_shall_ask_the_endpoint_fails_with_it_and_publishes_nothing(
    run_score, storage, endpoint, failure, code
):
    endpoint.failure = failure

    assert run_score("endpoint") == code

    assert results(storage) == [None, None]
    assert marker(storage) is None
    assert storage.read_json(FOLDER.failure("00000")) == {"error": type(failure).__name__, "message": str(failure)}


def test_a_failure_that_is_not_the_endpoint_s_is_no_reason_to_score_again(run_score, storage, endpoint, monkeypatch):
    def full(*arguments):
        raise NoSpaceForResults("the disk is full")

    monkeypatch.setattr("tasks.scoring.shard.ShardResults.publish", full)

    assert run_score("auto") == 74
    assert len(endpoint.asked) == 1


def test_a_job_that_was_not_planned_has_the_artifact(run_score, storage, endpoint):
    assert run_score("auto", choice=None) == 0
    assert (marker(storage)["scorer"], endpoint.asked) == ("container", [])
