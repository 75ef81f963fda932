"""The layer and the code of the functions, as Lambda will see them."""

import importlib.metadata
import importlib.util
import marshal
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra import packaging
from infra.errors import PackagingError
from tests.infra.assembly import NAMES

ROOT = packaging.ROOT
#: What Lambda's Python runtime has beside the standard library (its developer guide, "Runtime-included SDK versions").
IN_THE_RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3")


def pins(lock: Path) -> dict[str, str]:
    lines = (line.strip() for line in lock.read_text().splitlines())
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


@pytest.fixture(scope="module")
def layer(assembly) -> Path:  # after the synthesis, which makes it too: it is then made once
    return packaging.layer_archive()


@pytest.fixture(scope="module")
def unpacked(layer, tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("opt")
    with zipfile.ZipFile(layer) as archive:
        archive.extractall(directory)
    return directory / "python"


def test_the_pins_of_the_layer_are_those_of_the_project():
    project = pins(ROOT / "requirements.lock")

    for name, version in pins(packaging.LAYER_LOCK).items():
        assert project[name] == version


def test_layer_and_code_fit_into_lambda(layer):
    code = sum(path.stat().st_size for path in (ROOT / "tasks").rglob("*.py"))

    # Bytecode is about as large as its source.
    assert packaging.unzipped_size(layer) + 2 * code < packaging.UNZIPPED_LIMIT


def test_every_library_loads_on_amazon_linux_2(unpacked):
    packaging.refuse_unloadable(unpacked)

    assert list(unpacked.rglob("*.so*")), "nothing was inspected"


def test_the_layer_holds_bytecode_that_lambda_never_checks_against_its_source(unpacked):
    modules = [path for path in unpacked.rglob("*.py") if "__pycache__" not in path.parts]
    compiled = {path.parent.parent / f"{path.name.split('.')[0]}.py": path for path in unpacked.rglob("*.pyc")}

    assert set(modules) <= set(compiled)
    # Flags 0b01: by hash of the source, 0b10 unset: not checked (PEP 552).
    assert {path.read_bytes()[4:8] for path in compiled.values()} == {b"\x01\x00\x00\x00"}


def test_the_archive_depends_on_its_content_alone(layer):
    with zipfile.ZipFile(layer) as archive:
        entries = archive.infolist()

    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert all(entry.filename.startswith("python/") for entry in entries)


def handlers():
    paths = sorted((ROOT / "tasks" / "handlers").glob("*.py"))
    return [f"tasks.handlers.{path.stem}" for path in paths if path.stem != "__init__"]


def test_every_handler_imports_with_nothing_but_layer_runtime_and_code(unpacked, tmp_path):
    """A library that is missing in the layer would fail here, not in production."""
    site = Path(importlib.metadata.distribution("botocore").locate_file(""))
    for name in IN_THE_RUNTIME:
        (tmp_path / name).symlink_to(site / name)
    shutil.copytree(ROOT / "tasks", tmp_path / "tasks", ignore=shutil.ignore_patterns("__pycache__"))
    libraries = "import pyarrow.parquet, pyarrow.csv, pyarrow.json, pyarrow.compute, numpy, orjson, aws_xray_sdk"
    program = f"{libraries}; import {', '.join(handlers())}"
    outcome = subprocess.run(
        [sys.executable, "-S", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PATH": os.defpath, "PYTHONPATH": f"{tmp_path}:{unpacked}", "AWS_REGION": "us-east-1"},
    )

    assert outcome.returncode == 0, outcome.stderr


@pytest.mark.parametrize(
    ("symbol", "newer"),
    [
        ("GLIBC_2.26", False),
        ("GLIBC_2.27", True),
        ("GLIBCXX_3.4.24", False),
        ("GLIBCXX_3.4.25", True),
        ("CXXABI_1.3.13", True),
    ],
)
def test_a_library_that_amazon_linux_2_cannot_load_is_refused_by_name(tmp_path, symbol, newer):
    (tmp_path / "fast.cpython-311-x86_64-linux-gnu.so").write_bytes(b"\x7fELF\0memcpy\0" + symbol.encode() + b"\0")

    if newer:
        with pytest.raises(PackagingError, match=rf"fast\.cpython.*needs {re.escape(symbol)}.*Pin older wheels"):
            packaging.refuse_unloadable(tmp_path)
    else:
        packaging.refuse_unloadable(tmp_path)


def test_a_package_without_a_wheel_for_lambda_is_refused_and_leaves_nothing_behind(tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text("lightgbm==0.0.0.none\n")

    with pytest.raises(PackagingError, match="cannot be had as wheels for Lambda"):
        packaging.layer_archive(lock, tmp_path / "cache")

    assert list((tmp_path / "cache").iterdir()) == []


@pytest.fixture
def small_layer(tmp_path):
    """Builds a layer of one small pure package, as often as one likes."""
    lock = tmp_path / "requirements.lock"
    lock.write_text("jmespath==1.1.0\n")
    return lambda cache: packaging.layer_archive(lock, tmp_path / cache)


def test_building_twice_gives_the_same_bytes(small_layer):
    assert small_layer("one").read_bytes() == small_layer("two").read_bytes()


def test_what_the_functions_import_is_compiled_too(assembly):
    """Lambda cannot write bytecode, so that each cold start would compile every module."""
    function = assembly.one("AWS::Lambda::Function", FunctionName=NAMES.function("predict")).properties
    code = assembly.directory / f"asset.{function['Code']['S3Key'].removesuffix('.zip')}"
    modules = {path.relative_to(code).as_posix() for path in code.rglob("*.py")}
    compiled = {
        f"{path.parent.parent.relative_to(code).as_posix()}/{path.name.split('.')[0]}.py"
        for path in code.rglob("*.pyc")
    }

    assert "tasks/handlers/predict.py" in modules
    assert modules == compiled
    assert {path.name for path in code.iterdir()} == {"tasks"}


def test_all_functions_share_one_package(assembly):
    packages = {str(f.properties["Code"]) for f in assembly.of_type("AWS::Lambda::Function")}

    assert len(packages) == 1


def test_a_layer_is_built_once_for_the_same_lock(small_layer):
    first = small_layer("cache")
    first.write_bytes(b"kept")

    assert small_layer("cache").read_bytes() == b"kept"


def test_a_new_layer_takes_the_place_of_the_old_one(small_layer, tmp_path):
    old = small_layer("cache")
    (tmp_path / "requirements.lock").write_text("six==1.17.0\n")
    new = small_layer("cache")

    assert new != old
    assert list((tmp_path / "cache").iterdir()) == [new]


def test_a_layer_over_lambdas_limit_is_refused_with_its_size(small_layer, monkeypatch):
    monkeypatch.setattr(packaging, "UNZIPPED_LIMIT", 1000)

    with pytest.raises(PackagingError, match="MB unzipped; Lambda takes 250 MB"):
        small_layer("cache")


def test_bytecode_does_not_carry_the_directory_it_was_built_in(unpacked):
    """Otherwise every build would have other bytes."""
    compiled = importlib.util.cache_from_source(str(unpacked / "jmespath" / "__init__.py"))
    code = marshal.loads(Path(compiled).read_bytes()[16:])

    assert code.co_filename == "/opt/python/jmespath/__init__.py"
