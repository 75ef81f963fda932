"""The rooms of the house and the arrows between them."""

from __future__ import annotations

import ast
import functools
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("workflows", "tasks", "batch_jobs", "infra")
# Which rooms a room may import from. The most specific entry counts.
ARROWS: dict[str, set[str]] = {
    "workflows.interpreter": {"workflows.interpreter"},
    "workflows": {"workflows", "tasks"},
    "tasks.aws_limits": set(),
    "tasks": {"tasks"},
    "batch_jobs": {"batch_jobs", "tasks"},
    # Beside the interpreter, facts about AWS and nothing of the application: its limits, and its schedules' grammar.
    "infra.local": {"infra.local", "infra.schedule_expressions", "tasks.aws_limits", "workflows.interpreter"},
    "infra.schedule_expressions": set(),
    "infra.cli": {"infra", "workflows", "tasks", "batch_jobs"},
    "infra": {"infra", "tasks"},
}
# Of the rooms within a package, which others of the package each may import; "" are the modules at its top. Arrows
# point one way, so that each room can be read without those that stand on it.
WITHIN: dict[str, dict[str, set[str]]] = {
    "tasks": {
        "": set(),
        "records": {""},
        "reading": {"", "records"},
        "models": {"", "records"},
        "deployment": {"", "records", "models"},
        "runs": {"", "records", "reading", "models", "deployment"},
        "scoring": {"", "records", "reading", "models", "runs"},
        "online": {"", "records", "models", "runs", "scoring"},
        "handlers": {"", "records", "reading", "models", "deployment", "runs", "scoring", "online"},
    },
    "infra.cli": {
        "": {"terminal", "stacks", "runs", "registry"},
        "terminal": set(),
        "stacks": {"terminal"},
        "runs": {"terminal"},
        "registry": {"terminal", "stacks", "runs"},
    },
}
# What must not be loaded where start-up time counts or where the package is not installed.
FORBIDDEN: dict[str, set[str]] = {
    "tasks": {"pandas", "lightgbm", "sklearn", "duckdb", "sagemaker", "stepfunctions", "aws_cdk", "ministack"},
    "workflows.interpreter": {"boto3", "botocore", "stepfunctions", "ministack", "sagemaker"},
    "infra": {"stepfunctions", "sagemaker"},
}
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py") if "node_modules" not in path.parts)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def imports(path: Path) -> frozenset[str]:
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute, so that a reader sees which room they come from"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module_imports_only_where_its_rooms_arrows_point(path: Path) -> None:
    module = module_name(path)
    room = max((name for name in ARROWS if is_within(module, name)), key=len)
    ours = {name for name in imports(path) if name.split(".")[0] in ROOMS and name not in ROOMS}

    astray = {name for name in ours if not any(is_within(name, allowed) for allowed in ARROWS[room])}

    assert not astray


def room_within(package: str, module: str) -> str:
    """The room of a package that a module is in; of a name imported from a module at the top, the top."""
    first = module.removeprefix(package).lstrip(".").split(".")[0]
    return first if first in WITHIN[package] else ""


def astray_within(package: str, module: str, names: Iterable[str]) -> set[str]:
    room = room_within(package, module)
    ours = {name for name in names if is_within(name, package) and name != package}
    return {name for name in ours if room_within(package, name) not in {room, *WITHIN[package][room]}}


@pytest.mark.parametrize("package", WITHIN)
def test_arrows_between_the_rooms_of_a_package_point_one_way(package: str) -> None:
    inside = {module_name(path): imports(path) for path in MODULES if is_within(module_name(path), package)}

    assert not {module: astray for module in inside if (astray := astray_within(package, module, inside[module]))}


def test_every_room_of_a_package_has_its_arrows() -> None:
    for package, rooms in WITHIN.items():
        folders = (ROOT / package.replace(".", "/")).iterdir()
        assert {"", *(folder.name for folder in folders if (folder / "__init__.py").exists())} == set(rooms)


@pytest.mark.parametrize(
    ("package", "module", "planted"),
    [
        ("tasks", "tasks.settings", "tasks.records.rows"),
        ("tasks", "tasks.records.rows", "tasks.reading.read"),
        ("tasks", "tasks.reading.read", "tasks.models.registry"),
        ("tasks", "tasks.models.registry", "tasks.runs.request"),
        ("tasks", "tasks.deployment.plan", "tasks.scoring.shard"),
        ("tasks", "tasks.runs.request", "tasks.scoring.shard"),
        ("tasks", "tasks.scoring.shard", "tasks.online.stream_record"),
        ("tasks", "tasks.online.stream_record", "tasks.handlers.predict"),
        ("infra.cli", "infra.cli.terminal.target", "infra.cli.run"),
        ("infra.cli", "infra.cli.terminal.target", "infra.cli.stacks.cdk"),
        ("infra.cli", "infra.cli.stacks.cdk", "infra.cli.runs.charts"),
        ("infra.cli", "infra.cli.runs.charts", "infra.cli.registry.compare"),
        ("infra.cli", "infra.cli.registry.compare", "infra.cli.models"),
    ],
)
def test_an_arrow_in_the_wrong_direction_is_found(package: str, module: str, planted: str) -> None:
    assert astray_within(package, module, {planted, "json", module}) == {planted}


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module_imports_no_package_that_its_room_must_do_without(path: Path) -> None:
    module = module_name(path)
    forbidden = {package for room, packages in FORBIDDEN.items() if is_within(module, room) for package in packages}
    if is_within(module, "infra.local.emulator") or is_within(module, "infra.cli"):
        forbidden -= {"ministack", "sagemaker"}

    assert not forbidden & {name.split(".")[0] for name in imports(path)}


def test_the_types_of_every_part_of_the_cdk_that_is_used_are_checked() -> None:
    overrides = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["overrides"]
    (read,) = (set(each["module"]) for each in overrides if each.get("follow_imports") == "normal")

    named = {name for path in MODULES for name in imports(path) if name.startswith("aws_cdk.")}
    parts = {".".join(name.split(".")[:2]) for name in named if name.split(".")[1].islower()}

    assert parts == {name for name in read if name.startswith("aws_cdk.aws_")}


def test_only_the_emulators_seam_knows_the_emulators_names() -> None:
    knowing = {module_name(path) for path in MODULES if any(is_within(name, "ministack") for name in imports(path))}

    assert all(is_within(module, "infra.local.emulator") for module in knowing)


def test_nothing_is_named_for_being_useful_in_general() -> None:
    vague = {"utils", "util", "common", "helper", "helpers", "manager", "misc"}

    assert not [path for path in MODULES if vague & set(path.relative_to(ROOT).with_suffix("").parts)]
