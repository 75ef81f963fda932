"""ONNX Runtime as a scorer: models of scikit-learn and of whatever else can be exported to ONNX.

What a model must be like: it takes one float tensor [n, k] (float32 or float64) with the features in the order of the
signature, or one such tensor [n, 1] or [n] per feature, of its name; and it gives a probability: a float tensor
[n, 2] (of class 0 and class 1), [n, 1] or [n], or skl2onnx's list of mappings from the classes 0 and 1. If it has
several outputs of this kind, the name of one has "probab" in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnxruntime as ort

from batch_jobs.errors import NoProbability
from tasks.errors import InvalidSignature, UnsupportedModel
from tasks.models.sigmoid import Vector
from tasks.records.features import Matrix

_FLOATS = {"tensor(float)": np.float32, "tensor(double)": np.float64}
_MAPPINGS = ("seq(map(int64,tensor(float)))", "seq(map(int64,tensor(double)))")
_ERRORS_ONLY = 3

Feed = dict[str, Any]


class OnnxModel:
    """A binary classifier in ONNX; implements `tasks.models.scorers.Scorer` with one thread.

    Rows are scored one by one: a product of matrices is summed in another order than that of a single row, and a
    record must get the same bits alone, among others and in a batch. It costs 10 to 25 us a row for small models.

    Parameters
    ----------
    names
        The features of the signature.

    Raises
    ------
    UnsupportedModel
        If ONNX Runtime does not load it, or it is not of the form above; names the reason.
    InvalidSignature
        If it takes other features than the signature has.
    """

    def __init__(self, body: bytes, names: Sequence[str]) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        try:
            self._session = ort.InferenceSession(body, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # their classes have no common base but this
            raise UnsupportedModel(f"ONNX Runtime refused the model: {_first_line(error)}") from error
        self.feature_names: list[str | None] = list(names)
        self._feed = _feeding(self._session.get_inputs(), list(names))
        self._output = _output_of(self._session.get_outputs())

    def scores(self, features: Matrix) -> Vector:
        """Probabilities float64[n] of features float64[n, k].

        Raises
        ------
        NoProbability
            If the model gives a row no number from 0 to 1.
        """
        return np.array([self._score(place, row) for place, row in enumerate(features[:, np.newaxis])], np.float64)

    def _score(self, place: int, row: Matrix) -> float:
        try:
            with np.errstate(over="ignore"):  # beyond float32's range is infinite: the model may know what to do
                (output,) = self._session.run([self._output], self._feed(row))
            score = _probability(output)
        except Exception as error:
            raise NoProbability(place, _first_line(error)) from error
        if not 0 <= score <= 1:
            raise NoProbability(place, f"it gives {score}")
        return score


def _feeding(inputs: Sequence[Any], names: list[str]) -> Callable[[Matrix], Feed]:
    """Makes what the model takes of a row, float64[1, k]."""
    for each in inputs:
        if each.type not in _FLOATS:
            raise UnsupportedModel(f"the input {each.name} is a {each.type}; features are {' or '.join(_FLOATS)}")
        if each.shape and isinstance(each.shape[0], int) and each.shape[0] != 1:
            raise UnsupportedModel(f"the input {each.name} takes {each.shape[0]} rows at a time; it must take one")
    if len(inputs) == 1 and (len(names) > 1 or inputs[0].name not in names):
        (whole,) = inputs
        if len(whole.shape) != 2:
            raise UnsupportedModel(f"the input {whole.name} has the shape {whole.shape}; it must be [n, {len(names)}]")
        if isinstance(whole.shape[1], int) and whole.shape[1] != len(names):
            raise InvalidSignature(
                f"the model takes {whole.shape[1]} features, and the signature has {len(names)}: {', '.join(names)}"
            )
        kind = _FLOATS[whole.type]
        return lambda row: {whole.name: row.astype(kind)}
    if sorted(each.name for each in inputs) != sorted(names):
        raise InvalidSignature(
            f"the model takes {', '.join(each.name for each in inputs)}, and the signature has {', '.join(names)}"
        )
    single = [
        (each.name, names.index(each.name), (1,) * max(1, len(each.shape)), _FLOATS[each.type]) for each in inputs
    ]
    return lambda row: {name: row[0, place].astype(kind).reshape(shape) for name, place, shape, kind in single}


def _output_of(outputs: Sequence[Any]) -> str:
    candidates = [each for each in outputs if each.type in _FLOATS or each.type in _MAPPINGS]
    if len(candidates) > 1:
        candidates = [each for each in candidates if "probab" in each.name.lower()]
    if len(candidates) != 1:
        raise UnsupportedModel(
            "the model must have one output of probabilities (floats; of several, the one with 'probab' in its name); "
            f"it has {', '.join(f'{each.name} ({each.type})' for each in outputs)}"
        )
    (output,) = candidates
    classes = output.shape[1] if output.type in _FLOATS and len(output.shape) == 2 else None
    if isinstance(classes, int) and classes > 2:
        raise UnsupportedModel(f"the output {output.name} has {classes} classes; only two are served")
    return str(output.name)


def _probability(output: Any) -> float:
    """Of class 1; a tensor's last number, of whichever of the shapes it is."""
    if isinstance(output, list):
        (classes,) = output
        if classes.keys() != {0, 1}:
            raise ValueError(f"its classes are {', '.join(map(str, classes))}; they must be 0 and 1")
        return float(classes[1])
    numbers = output.ravel()
    if len(numbers) not in (1, 2):
        raise ValueError(f"it gives {len(numbers)} numbers for a row")
    return float(numbers[-1])


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
