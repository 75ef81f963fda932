"""The model behind MLServer, as `bench_serving` starts it in .venv-bench by `mlserver start`.

Records go as MLServer's documentation sends JSON of one's own: a string in a request of the V2 protocol.
"""

from __future__ import annotations

import json

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse
from peer_model import Model


class Runtime(MLModel):
    """Takes the records as one string, gives the scores as a tensor."""

    async def load(self) -> bool:
        """Read the model."""
        self._model = Model()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Predict."""
        (text,) = StringCodec.decode_input(payload.inputs[0])
        scores = self._model.scores(json.loads(text))
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("scores", np.array(scores))])
