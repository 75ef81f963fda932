"""How many serve a model on SageMaker: Flask behind gunicorn, as `bench_serving` starts it in .venv-bench.

The same requests and answers as ours, with LightGBM's own package. It checks no record.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import lightgbm
import numpy as np
from flask import Flask, Response, request

directory = Path(os.environ["SM_MODEL_DIR"])
booster = lightgbm.Booster(model_file=str(directory / "model.txt"))
features = [
    (feature["name"], {category: code for code, category in enumerate(feature.get("categories", ()))})
    for feature in json.loads((directory / "signature.json").read_text())["features"]
]
app = Flask(__name__)


@app.get("/ping")
def ping() -> Response:
    """Say that it is there."""
    return Response(status=200)


@app.post("/invocations")
def invocations() -> Response:
    """Predict."""
    rows = [
        [codes[record[name]] if codes else record[name] for name, codes in features]
        for record in request.get_json()["records"]
    ]
    scores = booster.predict(np.array(rows, np.float64), num_threads=1).tolist()
    predictions = [{"score": score, "prediction": score >= 0.5} for score in scores]
    return Response(json.dumps({"modelVersion": "v1", "predictions": predictions}), content_type="application/json")
