"""The first model. The real one is trained by the synthesis of the other tests; here it is mostly a stand-in."""

import json
import os
import shutil
import sys
import tarfile
import zipfile

import pytest

from infra import archives, settings, shipped_model
from infra.errors import PackagingError
from infra.settings import FirstModel

FIRST = FirstModel(version="v1", months="1-2")
#: Writes what the training would, without learning anything.
STAND_IN = """
import pathlib, sys
arguments = dict(zip(sys.argv[1::2], sys.argv[2::2]))
directory = pathlib.Path(arguments["--output"]) / arguments["--version"]
directory.mkdir(parents=True)
directory.joinpath("model.tar.gz").write_text("trained on " + arguments["--months"])
directory.joinpath("version.json").write_text('{"versionId": "' + arguments["--version"] + '"}')
"""


@pytest.fixture
def train(monkeypatch):
    """Puts another program in the place of the training."""

    def use(program):
        monkeypatch.setattr(shipped_model, "TRAIN", (sys.executable, "-c", program))

    use(STAND_IN)
    return use


@pytest.fixture(scope="module")
def first(assembly, context) -> FirstModel:  # after the synthesis, which trains it
    return settings.load(context, {"ML_PIPELINE_ENVIRONMENT": "staging"}).first_model


def names(archive):
    with zipfile.ZipFile(archive) as opened:
        return opened.namelist()


def test_the_archive_holds_the_artifact_and_what_the_registry_will_say(train, tmp_path):
    archive = shipped_model.archive(FIRST, tmp_path)

    assert names(archive) == ["model.tar.gz", "version.json"]
    assert shipped_model.metadata(FIRST, tmp_path) == {"versionId": "v1"}
    with zipfile.ZipFile(archive) as opened:
        assert opened.read("model.tar.gz") == b"trained on 1-2"


def test_it_is_trained_once_and_says_so(train, tmp_path, capsys):
    archive = shipped_model.archive(FIRST, tmp_path)
    train("raise SystemExit('trained again')")

    assert shipped_model.archive(FIRST, tmp_path) == archive
    assert capsys.readouterr().err == "Training the first model (once)…\n"


def test_training_twice_gives_the_same_bytes(train, tmp_path):
    one, two = (shipped_model.archive(FIRST, tmp_path / name) for name in ("one", "two"))

    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("other", [FirstModel("v1", "1-3"), FirstModel("v2", "1-2")])
def test_other_months_and_another_version_are_another_model(train, tmp_path, other):
    assert shipped_model.archive(FIRST, tmp_path) != shipped_model.archive(other, tmp_path)


def test_a_change_in_what_trains_is_another_model(train, tmp_path, monkeypatch):
    before = shipped_model.archive(FIRST, tmp_path)
    changed = tmp_path / "train.py"
    changed.write_text("TREES = 301\n")
    monkeypatch.setattr(shipped_model, "sources", lambda: [changed])

    assert shipped_model.archive(FIRST, tmp_path) != before


def test_a_new_archive_takes_the_place_of_the_old_one_of_its_version_alone(train, tmp_path):
    old, other = shipped_model.archive(FIRST, tmp_path), shipped_model.archive(FirstModel("v1-b", "1-2"), tmp_path)
    new = shipped_model.archive(FirstModel("v1", "1-3"), tmp_path)

    assert set(tmp_path.iterdir()) == {new, other}
    assert not old.exists()


def test_a_training_that_fails_is_told_with_its_last_words_and_leaves_nothing_behind(train, tmp_path):
    train("for n in range(40): print('line', n)\nraise SystemExit('NothingToLearn: there are no flights')")

    with pytest.raises(PackagingError) as raised:
        shipped_model.archive(FIRST, tmp_path)

    said = str(raised.value).splitlines()
    assert said[0] == "The first model, v1, cannot be trained on the months 1-2 (exit code 1):"
    assert said[-1] in ("NothingToLearn: there are no flights", "line 39")
    assert len(said) == 16
    assert not list(tmp_path.iterdir())


def test_what_trains_is_found_by_its_imports():
    found = {path.relative_to(archives.ROOT).as_posix() for path in shipped_model.sources()}

    assert {
        "batch_jobs/train.py",
        "batch_jobs/flights.py",
        "tasks/records/features.py",
        "tasks/records/signature.py",
    } <= found
    assert not [name for name in found if "handlers" in name or name == "batch_jobs/score.py"]


def test_the_first_model_is_what_its_metadata_say(first, tmp_path):
    metadata = shipped_model.metadata(first)
    with zipfile.ZipFile(shipped_model.archive(first)) as opened:
        opened.extract("model.tar.gz", tmp_path)
    with tarfile.open(tmp_path / "model.tar.gz") as artifact:
        signature = json.loads(artifact.extractfile("signature.json").read())

    assert metadata["versionId"] == "flights-2013-h1"
    assert metadata["signature"] == signature
    assert not metadata.keys() & {"artifact", "createdAt", "image"}


def test_the_api_learns_the_features_from_the_first_model(first):
    features = {feature.name: feature for feature in shipped_model.signature(first).features}

    assert features["carrier"].kind == "category"
    assert features["distance"].nullable is False
    assert features["temp"].nullable is True


def test_an_archive_is_whole_or_not_there(tmp_path):
    def fails(directory):
        (directory / "half").write_text("…")
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        archives.cached_archive("model", b"recipe", fails, tmp_path)

    assert not list(tmp_path.iterdir())


def test_files_keep_no_trace_of_when_and_where_they_were_packed(tmp_path):
    def make(directory):
        (directory / "b.txt").write_text("b")
        (directory / "a").mkdir()
        (directory / "a" / "c.so").write_text("c")
        os.utime(directory / "b.txt", (1_000_000_000, 1_000_000_000))

    one, two = (archives.cached_archive("x", b"recipe", make, tmp_path / name) for name in ("one", "two"))

    assert names(one) == ["a/c.so", "b.txt"]
    assert one.read_bytes() == two.read_bytes()
    shutil.unpack_archive(one, tmp_path / "unpacked")
