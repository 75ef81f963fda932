"""One synthesis for all tests of the infrastructure, however many workers run them."""

import fcntl
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.infra.assembly import ACCOUNT, Assembly

CDK_JSON = Path(__file__).parents[2] / "infra" / "cdk.json"


@pytest.fixture(scope="session")
def context() -> dict[str, Any]:
    """The context of `cdk.json`."""
    return json.loads(CDK_JSON.read_text())["context"]


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory, context: Mapping[str, Any], worker_id: str) -> Assembly:
    """The staging environment, synthesized once per test run."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    directory = shared / "cdk.out"
    with (shared / "cdk.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (directory / "manifest.json").exists():
            synthesize(directory, context)
    return Assembly(directory)


def synthesize(directory: Path, context: Mapping[str, Any], **variables: str) -> None:
    """Synthesize the app into a directory, as the CDK command line would."""
    import aws_cdk as cdk  # starts a Node.js process, so only where a test needs it

    from infra import app as infra_app
    from infra import settings

    app = cdk.App(outdir=str(directory), context=dict(context))
    environment = {"CDK_DEFAULT_ACCOUNT": ACCOUNT, "ML_PIPELINE_ENVIRONMENT": "staging", **variables}
    infra_app.build(app, settings.load(context, environment))
    app.synth()
