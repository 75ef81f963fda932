"""How Metaflow scores the same Parquet file: a flow with one worker, run by `bench_scoring` in .venv-bench.

`python peer_metaflow.py --no-pylint run --source INPUT.parquet --model MODEL.txt --signature SIGNATURE.json --target
OUTPUT.parquet`; its runs go below the folder it is called in. Metaflow starts a process for each of the three steps.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

os.environ |= {"METAFLOW_USER": "bench", "METAFLOW_HOME": os.getcwd(), "METAFLOW_DATASTORE_SYSROOT_LOCAL": os.getcwd()}

from metaflow import FlowSpec, Parameter, step


class ScoringFlow(FlowSpec):
    """Start, score, end."""

    source = Parameter("source")
    model = Parameter("model")
    signature = Parameter("signature")
    target = Parameter("target")

    @step
    def start(self):
        """Hand on to the worker."""
        self.next(self.score)

    @step
    def score(self):
        """Score the file with pandas and LightGBM."""
        import lightgbm
        from peer_scoring import pandas_frame

        features = json.loads(Path(self.signature).read_text())["features"]
        pandas_frame(self.source, lightgbm.Booster(model_file=self.model), features, self.target)
        self.next(self.end)

    @step
    def end(self):
        """Nothing is left to do."""


if __name__ == "__main__":
    ScoringFlow()
