"""The model behind LitServe, as `bench_serving` starts it in .venv-bench: `python peer_litserve.py PORT`."""

from __future__ import annotations

import sys

import litserve
from peer_model import Model


class Api(litserve.LitAPI):
    """Takes {"records": […]}, gives {"scores": […]}."""

    def setup(self, device: str) -> None:
        """Read the model, in the worker."""
        self._model = Model()

    def decode_request(self, request: dict) -> list[dict]:
        """Take the records."""
        return request["records"]

    def predict(self, records: list[dict]) -> list[float]:
        """Predict."""
        return self._model.scores(records)

    def encode_response(self, scores: list[float]) -> dict:
        """Give the scores."""
        return {"scores": scores}


if __name__ == "__main__":
    server = litserve.LitServer(Api(), accelerator="cpu", workers_per_device=1)
    # Without an access log, as all of them.
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, log_level="warning", generate_client_file=False
    )
