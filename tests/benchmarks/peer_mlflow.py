"""The model behind MLflow's scoring server, as `bench_serving` starts it in .venv-bench.

`mlflow models serve` starts uvicorn with an app made like this one, of a model that was saved before.
"""

from __future__ import annotations

import tempfile

import mlflow.pyfunc
from mlflow.pyfunc import scoring_server
from peer_model import Model


class Pyfunc(mlflow.pyfunc.PythonModel):
    """Takes the data frame that MLflow makes of the records, and gives the scores."""

    def load_context(self, context: mlflow.pyfunc.PythonModelContext) -> None:
        """Read the model."""
        self._model = Model()

    def predict(self, context, model_input, params=None):
        """Predict."""
        # As `to_dict("records")`, which would take half of MLflow's time.
        rows = model_input.to_numpy(object).tolist()
        return self._model.scores([dict(zip(model_input.columns, row, strict=True)) for row in rows])


with tempfile.TemporaryDirectory(prefix="ml-pipeline-bench-") as directory:
    mlflow.pyfunc.save_model(f"{directory}/model", python_model=Pyfunc(), pip_requirements=[])
    app = scoring_server.init(mlflow.pyfunc.load_model(f"{directory}/model"))
