"""`tasks.models.sigmoid.sigmoid` of a single margin, without numpy: 2 us in place of 35, and the same bits."""

from __future__ import annotations

import math

import numpy as np

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_TAYLOR = [float(1 / np.prod(np.arange(1.0, n + 1))) for n in range(13, -1, -1)]
_LOWEST = -745.0


def sigmoid_of_one(margin: float) -> float:
    """1 / (1 + exp(-margin)).

    Each operation is one that IEEE 754 rounds exactly, in the order of `tasks.models.sigmoid.sigmoid`, where the
    constants are explained; so a record gets the same score alone and among others.

    Parameters
    ----------
    margin
        Finite.

    Returns
    -------
    In [0, 1].
    """
    x = max(-abs(margin), _LOWEST)
    power = round(x * _LOG2_E)
    remainder = (x - power * _LN2_HIGH) - power * _LN2_LOW
    series = _TAYLOR[0]
    for coefficient in _TAYLOR[1:]:
        series = series * remainder + coefficient
    small = math.ldexp(series, power)
    return (1.0 if margin >= 0 else small) / (1.0 + small)
