"""The `stepfunctions` SDK, imported quietly: the one place that imports it."""

from __future__ import annotations

import logging
import os
import warnings

# The SDK imports sagemaker 2, which announces its deprecation and where it looked for settings, and it sets the root
# logger's level for its whole process.
os.environ.setdefault("SAGEMAKER_SUPPRESS_V2_WARNING", "1")
logging.getLogger("sagemaker.config").setLevel(logging.WARNING)
_root_level = logging.getLogger().level

with warnings.catch_warnings():
    # Said when Python compiles the SDK for the first time: it compares texts with `is`.
    warnings.simplefilter("ignore", SyntaxWarning)
    from stepfunctions import steps
    from stepfunctions.steps import ChoiceRule
    from stepfunctions.steps.states import Block, Chain, Graph, State

logging.getLogger().setLevel(_root_level)

__all__ = ["Block", "Chain", "ChoiceRule", "Graph", "State", "steps"]
