"""The model as the peers serve it: LightGBM's own package, and categories made codes. It checks no record."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import lightgbm
import numpy as np


class Model:
    """The model of the directory SM_MODEL_DIR."""

    def __init__(self) -> None:
        directory = Path(os.environ["SM_MODEL_DIR"])
        self._booster = lightgbm.Booster(model_file=str(directory / "model.txt"))
        self._features = [
            (feature["name"], {category: code for code, category in enumerate(feature.get("categories", ()))})
            for feature in json.loads((directory / "signature.json").read_text())["features"]
        ]

    def scores(self, records: Sequence[dict]) -> list[float]:
        """Predict in one thread."""
        rows = [
            [codes[record[name]] if codes else record[name] for name, codes in self._features] for record in records
        ]
        return self._booster.predict(np.array(rows, np.float64), num_threads=1).tolist()
