"""The workflows of this package, by name."""

from __future__ import annotations

from collections.abc import Callable

from workflows import batch_inference, model_deploy, model_rollback, traffic_shift
from workflows.workflow import Workflow

WORKFLOWS: dict[str, Callable[[], Workflow]] = {
    "batch-inference": batch_inference.build,
    "model-deploy": model_deploy.build,
    "model-rollback": model_rollback.build,
    "traffic-shift": traffic_shift.build,
}
