"""How many serve a model on SageMaker: Flask behind gunicorn, as `bench_serving` starts it in .venv-bench.

The same requests and answers as ours.
"""

from __future__ import annotations

import json

from flask import Flask, Response, request
from peer_model import Model

model = Model()
app = Flask(__name__)


@app.get("/ping")
def ping() -> Response:
    """Say that it is there."""
    return Response(status=200)


@app.post("/invocations")
def invocations() -> Response:
    """Predict."""
    scores = model.scores(request.get_json()["records"])
    predictions = [{"score": score, "prediction": score >= 0.5} for score in scores]
    return Response(json.dumps({"modelVersion": "v1", "predictions": predictions}), content_type="application/json")
