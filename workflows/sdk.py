"""The `stepfunctions` SDK, imported quietly: the one place that imports it."""

from __future__ import annotations

import logging
import os

# The SDK imports sagemaker 2, which announces its deprecation and where it looked for settings, and it sets the root
# logger's level for its whole process.
os.environ.setdefault("SAGEMAKER_SUPPRESS_V2_WARNING", "1")
logging.getLogger("sagemaker.config").setLevel(logging.WARNING)
_root_level = logging.getLogger().level

from stepfunctions import steps  # noqa: E402
from stepfunctions.steps import ChoiceRule  # noqa: E402
from stepfunctions.steps.states import Block, Chain, Graph, State  # noqa: E402

logging.getLogger().setLevel(_root_level)

__all__ = ["Block", "Chain", "ChoiceRule", "Graph", "State", "steps"]
