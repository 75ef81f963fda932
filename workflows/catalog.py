"""The workflows of this package, by name."""

from __future__ import annotations

from collections.abc import Callable

from workflows import batch_inference
from workflows.workflow import Workflow

WORKFLOWS: dict[str, Callable[[], Workflow]] = {
    "batch-inference": batch_inference.build,
}
