"""The first model: trained once, when the app is first synthesized, and shipped with the deployment.

A fresh account then has a model to serve without a manual step. What is shipped is what `python -m batch_jobs train`
puts out: `model.tar.gz`, which SageMaker loads, and `version.json`, which the registry will say about it.
"""

import ast
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.archives import CACHE, ROOT, cached_archive
from infra.errors import PackagingError
from infra.settings import FirstModel
from tasks.records.signature import Signature

#: Libraries that the training runs on. Their pins are those of the project (a test holds that).
LOCK = ROOT / "batch_jobs" / "requirements.lock"
#: What is run; the arguments follow.
TRAIN = (sys.executable, "-P", "-m", "batch_jobs", "train")

_ENTRIES = (ROOT / "batch_jobs" / "__main__.py", ROOT / "batch_jobs" / "train.py")
_ROOMS = ("batch_jobs", "tasks")
_LAST_LINES = 15


def archive(first: FirstModel, cache: Path = CACHE) -> Path:
    """The first model as a zip file, trained at the first call and taken from the cache afterwards.

    Says on standard error when it trains, for that takes half a minute.

    Parameters
    ----------
    first
        Which version, trained on which months.
    cache
        Directory that keeps the archive.

    Returns
    -------
    Path of the archive with `model.tar.gz` and `version.json`.

    Raises
    ------
    PackagingError
        If the training fails; with the last lines of what it said.
    """

    def make(directory: Path) -> None:
        print("Training the first model (once)…", file=sys.stderr, flush=True)
        _train(first, directory)

    return cached_archive(f"model-{first.version}", _recipe(first), make, cache)


def metadata(first: FirstModel, cache: Path = CACHE) -> dict[str, Any]:
    """What the registry will say of the version, but for what only the deployment knows.

    Returns
    -------
    The keys of `tasks.models.version.ModelVersion.to_json`, without `artifact`, `createdAt` and `image`.
    """
    with zipfile.ZipFile(archive(first, cache)) as opened:
        document: dict[str, Any] = json.loads(opened.read("version.json"))
    return document


def signature(first: FirstModel, cache: Path = CACHE) -> Signature:
    """The features that the model takes: their names, kinds, and which may be empty."""
    return Signature.from_json(metadata(first, cache)["signature"])


def sources() -> list[Path]:
    """The modules of ours that take part in the training, found by their imports: the others may change freely."""
    found: set[Path] = set()
    unread = list(_ENTRIES)
    while unread:
        path = unread.pop()
        if path not in found:
            found.add(path)
            unread += _imported(path)
    return sorted(found)


def _recipe(first: FirstModel) -> bytes:
    said = json.dumps([first.version, first.months, sys.version]).encode()
    return b"\0".join([said, *(path.read_bytes() for path in (LOCK, Path(__file__), *sources()))])


def _imported(path: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in _ROOMS:
            # `from tasks.errors import TaskError` names a module; `from batch_jobs import flights` one in a package.
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            yield from (file for name in names if (file := ROOT / f"{name.replace('.', '/')}.py").is_file())


def _train(first: FirstModel, directory: Path) -> None:
    command = [*TRAIN, "--months", first.months, "--version", first.version, "--output", str(directory)]
    outcome = subprocess.run(  # noqa: S603
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, cwd=ROOT
    )
    if outcome.returncode != 0:
        said = "\n".join(outcome.stdout.strip().splitlines()[-_LAST_LINES:])
        raise PackagingError(
            f"The first model, {first.version}, cannot be trained on the months {first.months} "
            f"(exit code {outcome.returncode}):\n{said}"
        )
    written = directory / first.version
    for path in written.iterdir():
        path.rename(directory / path.name)
    written.rmdir()
