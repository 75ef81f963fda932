"""LightGBM's own library as a scorer, by its C interface (LightGBM documentation, "C API").

The Python package is not imported: that takes 1.6 s and brings pandas along where it is installed.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tasks.errors import UnsupportedModel
from tasks.models.lightgbm_text import ModelText

_FLOAT64 = 1  # C_API_DTYPE_FLOAT64
_ROW_MAJOR = 1
_RAW_SCORE = 1  # C_API_PREDICT_RAW_SCORE
_ALL_ITERATIONS = -1


@cache
def _library(kind: type[ctypes.CDLL] = ctypes.CDLL) -> ctypes.CDLL:
    """LightGBM's library: a `CDLL` lets other threads run Python meanwhile, a `PyDLL` does not."""
    spec = find_spec("lightgbm")
    if spec is None or not spec.submodule_search_locations:
        raise UnsupportedModel("the package lightgbm is not installed; the batch container needs it")
    library = kind(str(Path(spec.submodule_search_locations[0]) / "lib" / "lib_lightgbm.so"))
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library


class NativeForest:
    """A binary LightGBM model; implements `tasks.models.scorers.Margins` with one thread.

    Parameters
    ----------
    text
        The model as LightGBM saves it.

    Raises
    ------
    UnsupportedModel
        If LightGBM does not load it, or `tasks.models.forest` would not evaluate it: both scorers take the same models.
    """

    def __init__(self, text: str) -> None:
        self._handle = ctypes.c_void_p()
        self.feature_names = ModelText.parse(text).feature_names
        iterations = ctypes.c_int()
        self._call(
            "LGBM_BoosterLoadModelFromString", text.encode(), ctypes.byref(iterations), ctypes.byref(self._handle)
        )

    def __del__(self) -> None:
        if self._handle:
            _library().LGBM_BoosterFree(self._handle)

    def margin(self, features: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Sum of the leaves: float64[n] log-odds of float64[n, k] features, C-contiguous."""
        rows, columns = features.shape
        result = np.empty(rows)
        written = ctypes.c_int64()
        self._call(
            "LGBM_BoosterPredictForMat",
            self._handle,
            ctypes.c_void_p(features.ctypes.data),
            _FLOAT64,
            ctypes.c_int32(rows),
            ctypes.c_int32(columns),
            _ROW_MAJOR,
            _RAW_SCORE,
            0,
            _ALL_ITERATIONS,
            b"num_threads=1",
            ctypes.byref(written),
            ctypes.c_void_p(result.ctypes.data),
        )
        return result

    def for_single_rows(self) -> SingleRows:
        """The same model, prepared for one row at a time."""
        return SingleRows(self, self._handle)

    @staticmethod
    def _call(function: str, *arguments: object) -> None:
        if getattr(_library(), function)(*arguments):
            raise _refused()


class SingleRows:
    """Evaluates one row at a time, in half the time of a matrix of one row; in one thread only.

    What a call needs is set up once. The interpreter's lock is kept meanwhile: to get it back from a busy thread
    may take 5 ms (`sys.getswitchinterval`), and a row takes about 15 us.

    Parameters
    ----------
    forest
        Kept, because LightGBM would read its trees after they were freed.
    handle
        LightGBM's handle of them.
    """

    def __init__(self, forest: NativeForest, handle: ctypes.c_void_p) -> None:
        self._forest = forest
        self._row = struct.Struct(f"{len(forest.feature_names)}d")
        self._prepared = ctypes.c_void_p()
        columns = ctypes.c_int32(len(forest.feature_names))
        if _library().LGBM_BoosterPredictForMatSingleRowFastInit(
            handle,
            _RAW_SCORE,
            0,
            _ALL_ITERATIONS,
            _FLOAT64,
            columns,
            b"num_threads=1",
            ctypes.byref(self._prepared),
        ):
            raise _refused()
        self._result = ctypes.c_double()
        self._places = ctypes.byref(ctypes.c_int64()), ctypes.byref(self._result)
        self._predict = _library(ctypes.PyDLL).LGBM_BoosterPredictForMatSingleRowFast

    def __del__(self) -> None:
        if self._prepared:
            _library().LGBM_FastConfigFree(self._prepared)

    def margin(self, row: Sequence[float]) -> float:
        """Log-odds of a row of k features: the same bits as `NativeForest.margin` gives."""
        if self._predict(self._prepared, self._row.pack(*row), *self._places):
            raise _refused()
        return self._result.value


def _refused() -> UnsupportedModel:
    return UnsupportedModel(f"LightGBM refused the model: {_library().LGBM_GetLastError().decode()}")
