"""Every command of the README works as it stands there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import World

ROOT = Path(__file__).parents[2]
# What runs these is not a test of its own: the example is the ground on which all end-to-end tests stand, the embedded
# AWS that they use is `local`, what deploys is tested where nobody else stands (test_deployments), and the others are
# how tests, checks and measurements are run.
RUN_ELSEWHERE = {
    *(f"make {target}" for target in ("run", "test", "local", "render", "check", "bench")),
    *(f"make {target} TARGET=local" for target in ("diff", "deploy", "deploy-workflows", "destroy")),
}


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    lines = [line.split(" # ")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def test_what_runs_elsewhere_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text()

    for command in RUN_ELSEWHERE & set(commands()):
        assert f"\n{command.split()[1]}:" in makefile
    assert "$(BIN)/ml-pipeline example" in makefile.split("\nrun:")[1].split("\n\n")[0]
    assert "$(BIN)/ml-pipeline local" in makefile.split("\nlocal:")[1].split("\n\n")[0]


def is_run_here(command: str) -> bool:
    """The life of a second model is told by test_models, with these commands."""
    return command not in RUN_ELSEWHERE and not re.search("small|weights|experiment|models (rollback|list)", command)


@pytest.mark.parametrize("command", [command for command in commands() if is_run_here(command)])
def test_a_command_of_the_readme_works(command: str, world: World) -> None:
    bin_directory = Path(sys.executable).parent
    runnable = command.replace(".venv/bin", str(bin_directory)).replace("http://127.0.0.1:4566", world.url)
    in_project = command.startswith("make ")

    done = subprocess.run(
        shlex.split(runnable),
        cwd=ROOT if in_project else world.folder,
        env=world.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.returncode == 0, done.stdout + done.stderr
