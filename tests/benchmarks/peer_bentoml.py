"""The model behind BentoML, as `bench_serving` starts it in .venv-bench by `bentoml serve`."""

from __future__ import annotations

import bentoml
from peer_model import Model


# Without an access log, as all of them.
@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Service:
    """Takes {"records": […]}, gives […]."""

    def __init__(self) -> None:
        self._model = Model()

    @bentoml.api
    def invocations(self, records: list[dict]) -> list[float]:
        """Predict."""
        return self._model.scores(records)
