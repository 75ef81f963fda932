"""XGBoost's own library as a scorer, by its C interface (XGBoost documentation, "XGBoost C Package").

The Python package is not imported: that takes 2.5 s and brings scikit-learn along where it is installed.
"""

from __future__ import annotations

import ctypes
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import orjson

from tasks.errors import UnsupportedModel
from tasks.models.sigmoid import Vector
from tasks.records.features import Matrix

_OBJECTIVE = "binary:logistic"
#: gblinear's predictions take another way through the library.
_BOOSTERS = ("gbtree", "dart")
#: Margins (type 1) of all trees; with a strict shape, float32[n, 1].
_CONFIGURATION = (
    b'{"type": 1, "training": false, "iteration_begin": 0, "iteration_end": 0, "strict_shape": true, '
    b'"cache_id": 0, "missing": NaN}'
)


@cache
def _library() -> ctypes.CDLL:
    spec = find_spec("xgboost")
    if spec is None or not spec.submodule_search_locations:
        raise UnsupportedModel("the package xgboost-cpu is not installed; models of XGBoost need it")
    library = ctypes.CDLL(str(Path(spec.submodule_search_locations[0]) / "lib" / "libxgboost.so"))
    library.XGBGetLastError.restype = ctypes.c_char_p
    return library


class XGBoostModel:
    """A binary XGBoost model of trees; implements `tasks.models.scorers.Margins` with one thread.

    All trees count: a model that was stopped early is to be cut to its best iteration before it is saved. Categories
    are positions in the signature, as they were when the model was trained on numbers.

    Parameters
    ----------
    body
        The model as `Booster.save_model` writes it, JSON or UBJSON. It must come from someone who is trusted: the
        library checks what it reads, but not well enough to survive every file that is made to break it.

    Raises
    ------
    UnsupportedModel
        If XGBoost does not load it, or it is no binary classifier of trees; names the reason.
    """

    def __init__(self, body: bytes) -> None:
        self._handle = ctypes.c_void_p()
        if not body.startswith(b"{"):  # of an empty one, XGBoost 3.2 would end the process
            raise UnsupportedModel("this is not a model in XGBoost's JSON or UBJSON format")
        self._call("XGBoosterCreate", None, ctypes.c_uint64(0), ctypes.byref(self._handle))
        self._call("XGBoosterLoadModelFromBuffer", self._handle, body, ctypes.c_uint64(len(body)))
        self._call("XGBoosterSetParam", self._handle, b"nthread", b"1")
        self._refuse_other_kinds()
        self.feature_names = self._names()

    def __del__(self) -> None:
        if self._handle:
            _library().XGBoosterFree(self._handle)

    def margin(self, features: Matrix) -> Vector:
        """Sum of the leaves: float64[n] log-odds (of float32's precision) of float64[n, k] features."""
        features = np.ascontiguousarray(features, np.float64)  # the library is told of an address, and trusts us
        rows, columns = features.shape
        if not rows:
            return np.empty(0)
        array = b'{"data": [%d, true], "shape": [%d, %d], "typestr": "<f8", "version": 3}'
        shape, dimensions = ctypes.POINTER(ctypes.c_uint64)(), ctypes.c_uint64()
        result = ctypes.POINTER(ctypes.c_float)()
        self._call(
            "XGBoosterPredictFromDense",
            self._handle,
            array % (features.ctypes.data, rows, columns),
            _CONFIGURATION,
            None,
            ctypes.byref(shape),
            ctypes.byref(dimensions),
            ctypes.byref(result),
        )
        # The result is this thread's, until its next call.
        return np.ctypeslib.as_array(result, (rows,)).astype(np.float64)

    def _refuse_other_kinds(self) -> None:
        length, text = ctypes.c_uint64(), ctypes.c_char_p()
        self._call("XGBoosterSaveJsonConfig", self._handle, ctypes.byref(length), ctypes.byref(text))
        learner = orjson.loads(text.value or b"")["learner"]
        objective, booster = learner["objective"]["name"], learner["gradient_booster"]["name"]
        if objective != _OBJECTIVE:
            raise UnsupportedModel(f"the model's objective is {objective!r}; only {_OBJECTIVE!r} is served")
        if booster not in _BOOSTERS:
            raise UnsupportedModel(f"the model's booster is {booster!r}; only {' and '.join(_BOOSTERS)} are served")
        if learner["learner_model_param"]["num_target"] != "1":
            raise UnsupportedModel("the model has several targets; only one is served")

    def _names(self) -> list[str | None]:
        """A name for each column, or None for each where the model was trained without names."""
        count, names = ctypes.c_uint64(), ctypes.POINTER(ctypes.c_char_p)()
        self._call(
            "XGBoosterGetStrFeatureInfo", self._handle, b"feature_name", ctypes.byref(count), ctypes.byref(names)
        )
        if count.value:
            return [(names[place] or b"").decode() for place in range(count.value)]
        self._call("XGBoosterGetNumFeature", self._handle, ctypes.byref(count))
        return [None] * count.value

    @staticmethod
    def _call(function: str, *arguments: object) -> None:
        if getattr(_library(), function)(*arguments):
            # What went wrong is in the first line; a trace of C++ follows.
            message = _library().XGBGetLastError().decode(errors="replace").partition("\n")[0]
            raise UnsupportedModel(f"XGBoost refused the model: {message}")
