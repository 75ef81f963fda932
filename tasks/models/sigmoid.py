"""Margins to probabilities, with the same bits on every machine."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]

_LOG2_E = 1.4426950408889634
# ln 2 in two parts: the first has 21 trailing zero bits, so its product with a whole number below 2**20 is exact.
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
#: 1/n! for n = 13 .. 0: the Taylor series of exp, exact to below half a unit in the last place for |x| <= ln(2)/2.
_TAYLOR = [1 / np.prod(np.arange(1.0, n + 1)) for n in range(13, -1, -1)]
#: exp of anything lower is below the smallest positive float64.
_LOWEST = -745.0


def sigmoid(margin: Vector) -> Vector:
    """1 / (1 + exp(-margin)), element by element.

    Results must not depend on the machine: a shard that is scored again, on another processor or by the other
    scorer, gives the same bytes. The exp of numpy and of the C library differ in the last bit between processors and
    versions; this one is made only of operations that IEEE 754 rounds exactly (+ - * / and scaling by powers of 2).

    Parameters
    ----------
    margin
        float64[n], finite.

    Returns
    -------
    float64[n] in [0, 1], within a few units in the last place.
    """
    small = _exp_of_negative(-np.abs(margin))
    return np.where(margin >= 0, 1.0, small) / (1.0 + small)


def _exp_of_negative(x: Vector) -> Vector:
    x = np.maximum(x, _LOWEST)
    power = np.rint(x * _LOG2_E)
    remainder = (x - power * _LN2_HIGH) - power * _LN2_LOW
    series = np.full_like(x, _TAYLOR[0])
    for coefficient in _TAYLOR[1:]:
        series *= remainder
        series += coefficient
    exponential: Vector = np.ldexp(series, power.astype(np.int32))
    return exponential
