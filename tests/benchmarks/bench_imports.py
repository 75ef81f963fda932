"""What a Lambda handler imports before its first event: CPU milliseconds over bare Python, bytecode compiled.

Modules lie as in Lambda: the layer, the code with its bytecode, and boto3 from the runtime.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from infra.naming import FUNCTIONS
from infra.packaging import layer_archive
from tests.benchmarks.figure import Figure, print_figures
from tests.benchmarks.measure import PYTHON, ROOT, run

IN_THE_RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3")
REPEATS = 5
PEER = "import boto3, pandas, lightgbm; boto3.resource('dynamodb')"


def figures() -> Iterator[Figure]:
    """Every handler, and one that imports what a first version often does."""
    site = Path(importlib.metadata.distribution("botocore").locate_file(""))
    with tempfile.TemporaryDirectory(prefix="ml-pipeline-bench-") as directory:
        code, layer, runtime = (Path(directory) / name for name in ("code", "layer", "runtime"))
        shutil.copytree(ROOT / "tasks", code / "tasks", ignore=shutil.ignore_patterns("__pycache__"))
        with zipfile.ZipFile(layer_archive()) as archive:
            archive.extractall(layer)
        runtime.mkdir()
        for name in IN_THE_RUNTIME:
            (runtime / name).symlink_to(site / name)
        as_lambda = [str(code), str(layer / "python"), str(runtime)]
        bare = cost("pass", as_lambda)
        naive = cost(PEER, [str(site)]) - bare
        for function in FUNCTIONS:
            module = f"tasks.handlers.{function.replace('-', '_')}"
            spent = cost(f"import {module}", as_lambda) - bare
            yield Figure(
                function,
                spent,
                "ms CPU",
                at_most=450,
                peer="pandas, LightGBM, boto3 resource",
                peer_value=naive,
            )


def cost(program: str, path: list[str]) -> float:
    """CPU milliseconds of a program. The first run of it writes the bytecode, and does not count."""
    environment = {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(path), "AWS_DEFAULT_REGION": "us-east-1"}
    command = [PYTHON, "-S", "-c", program]
    return min(run(command, environment=environment).cpu_seconds for _ in range(REPEATS + 1)) * 1000


if __name__ == "__main__":
    print_figures(figures())
