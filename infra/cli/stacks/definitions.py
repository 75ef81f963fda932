"""Checks the rendered workflows before they are deployed: that they are fresh, and that they are valid."""

import json
import re
import subprocess
import sys
from pathlib import Path

from infra.cli.terminal.errors import RefusedError, UnavailableError
from infra.cli.terminal.target import SOURCE_ROOT

DEFINITIONS = SOURCE_ROOT / "workflows" / "asl"
_VALIDATOR = SOURCE_ROOT / "infra" / "node_modules" / ".bin" / "asl-validator"

# In the language (Step Functions developer guide, "Using Map state in Distributed mode"), but not in statelint 3.1.0.
_NEWER_THAN_STATELINT = re.compile(r'Field "Label" not allowed in .+|Field "InputType" not allowed in .+\.ReaderConfig')


def check_fresh() -> None:
    """Make sure that the rendered definitions are what the workflows' modules say.

    Raises
    ------
    RefusedError
        If one is stale.
    """
    checked = subprocess.run(  # in a process of its own, for its imports are slow
        [sys.executable, "-m", "workflows.render", "--check"],
        cwd=SOURCE_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if checked.returncode != 0:
        said = (checked.stderr or checked.stdout).strip().splitlines() or ["the workflows cannot be rendered"]
        raise RefusedError(said[-1], "Nothing was deployed.")


def check_valid(directory: Path = DEFINITIONS) -> list[Path]:
    """Have statelint and asl-validator read every rendered definition.

    Returns
    -------
    The files that were read.

    Raises
    ------
    RefusedError
        If one of the two finds something; the message has each finding with its file.
    UnavailableError
        If asl-validator is not installed.
    """
    files = sorted(directory.glob("*.asl.json"))
    if not files:
        raise RefusedError(f"There is no rendered workflow in {directory}.", "Render them with `make render`.")
    findings = [f"{file.name}: {finding}" for file in files for finding in [*_statelint(file), *_asl_validator(file)]]
    if findings:
        raise RefusedError("\n".join(["The workflows are not valid:", *findings]), "Nothing was deployed.")
    return files


def _statelint(file: Path) -> list[str]:
    from statelint.linter import Linter

    try:
        definition = json.loads(file.read_text())
    except ValueError as error:
        return [f"no JSON: {error}"]
    problems = Linter.validate(definition)
    return [f"{problem} (statelint)" for problem in problems if not _NEWER_THAN_STATELINT.fullmatch(problem)]


def _asl_validator(file: Path) -> list[str]:
    if not _VALIDATOR.exists():
        raise UnavailableError(f"asl-validator is not at {_VALIDATOR}.", "Install it with `make install`.")
    checked = subprocess.run(  # noqa: S603 - pinned, and our own file
        [str(_VALIDATOR), "--json-path", str(file)], capture_output=True, text=True, check=False
    )
    if checked.returncode == 0:
        return []
    lines = [line.strip() for line in (checked.stderr or checked.stdout).splitlines() if line.strip()]
    # The first line repeats the file's name.
    return [f"{line} (asl-validator)" for line in lines[1:] or lines]
