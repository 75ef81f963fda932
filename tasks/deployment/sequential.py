"""Is one variant better than the other? A test that may be looked at as often as one likes.

An ordinary test holds its error rate only if the number of observations was fixed beforehand; whoever looks again and
again, and stops at the first "significant", errs several times as often. This one is always valid: whatever the number
of looks and whenever one stops, the chance to see a difference where there is none stays below `alpha`.

Method: the mixture sequential probability ratio test of R. Johari, P. Koomen, L. Pekelis and D. Walsh, "Always Valid
Inference: Continuous Monitoring of A/B Tests", Operations Research 70(3), 2022 (arXiv:1512.04922), section 4, for two
streams. With the difference of means d and its variance V, the likelihood ratio of a normal mixture N(0, tau²) of
differences against none is

    sqrt(V / (V + tau²)) * exp(tau² d² / (2 V (V + tau²))),

its inverse is an always-valid p-value, and the differences that it does not reject are an always-valid interval. Means
may have different numbers of observations, in a ratio that changes: 1/V is the information, in which d/V moves like a
Brownian motion, whatever the ratio (D. O. Scharfstein, A. A. Tsiatis, J. M. Robins, "Semiparametric Efficiency and Its
Implication on the Design and Analysis of Group-Sequential Studies", JASA 92, 1997), as long as the ratio is not chosen
by what was observed.

What it rests on: means of some dozens of observations are about normal (hence `FEWEST`), observations do not depend on
each other (records of one request do, and are to be one observation), and both variants get the same mix of requests
at any time. `make bench BENCH=sequential` measures both error rates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

#: Below this many observations of either variant nothing is decided.
FEWEST = 50
#: The test is the quickest for differences of about this many standard deviations. It holds for any number; a smaller
#: one finds small differences sooner and large ones later.
TYPICAL_DIFFERENCE = 0.1

Decision = Literal["a-greater", "b-greater", "undecided"]


@dataclass(frozen=True)
class Sample:
    """What was observed of one variant: `count` numbers between 0 and 1, their `mean`, and the `variance` of one.

    An error rate is a mean of zeros and ones, a Brier score one of squared errors of probabilities. The variance is
    that of the numbers with a 0 and a 1 added (as A. Agresti and B. Caffo do for proportions, The American Statistician
    54, 2000): five requests without an error do not mean that there are none.
    """

    count: int
    mean: float
    variance: float

    @classmethod
    def of(cls, values: npt.ArrayLike) -> Sample:
        """Take numbers between 0 and 1, shape (n,); none is fine.

        Raises
        ------
        ValueError
            If one is outside, or is no number.
        """
        observed = np.asarray(values, np.float64)
        if not np.all((observed >= 0) & (observed <= 1)):
            raise ValueError("the test compares numbers between 0 and 1")
        return cls._of(len(observed), float(observed.sum()), float(observed @ observed))

    @classmethod
    def of_counts(cls, happened: int, count: int) -> Sample:
        """Take how often something happened, out of how many times; for instance errors of invocations.

        Raises
        ------
        ValueError
            If it happened more often than it could.
        """
        if not 0 <= happened <= count:
            raise ValueError(f"{happened} of {count} cannot be")
        return cls._of(count, float(happened), float(happened))

    @classmethod
    def _of(cls, count: int, total: float, squares: float) -> Sample:
        centre = (total + 1) / (count + 2)
        return cls(count, total / count if count else 0.0, (squares + 1) / (count + 2) - centre * centre)


@dataclass(frozen=True)
class Comparison:
    """What is known of the mean of `b` minus that of `a`.

    `difference` is the estimate (0 if one of them was not observed), `interval` holds the truth at all looks together
    with probability 1 - alpha, `p_value` is always valid; the decision is which mean is greater.
    """

    p_value: float
    difference: float
    interval: tuple[float, float]
    decision: Decision


def compare(a: Sample, b: Sample, alpha: float = 0.05, earlier: Comparison | None = None) -> Comparison:
    """Compare two variants by all that was observed up to now.

    Parameters
    ----------
    a, b
        Everything observed since the beginning, not only since the last look.
    alpha
        The chance, over all looks, to see a difference where there is none; between 0 and 1.
    earlier
        The comparison at the last look with the same `alpha`, if it is remembered. What has been found out stays: the
        p-value never grows then, and the interval does not widen. Without it the answer is valid too, but may fall
        back to "undecided".

    Returns
    -------
    The comparison; undecided below `FEWEST` observations of either.

    Raises
    ------
    ValueError
        If `alpha` is not between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}; it must be between 0 and 1")
    before = earlier or Comparison(1.0, 0.0, (-1.0, 1.0), "undecided")
    difference = b.mean - a.mean if a.count and b.count else 0.0
    if min(a.count, b.count) < FEWEST:
        return Comparison(before.p_value, difference, before.interval, before.decision)
    # A few requests without an error have a small variance by chance; if the variants do not differ, that of all is
    # the better estimate. The larger of the two is never the bold one.
    pooled = (a.count * a.variance + b.count * b.variance) / (a.count + b.count)
    variance = max(a.variance, pooled) / a.count + max(b.variance, pooled) / b.count
    mixture = TYPICAL_DIFFERENCE**2 * (a.variance + b.variance) / 2
    shrunk = math.log((variance + mixture) / variance)
    log_ratio = mixture * difference**2 / (2 * variance * (variance + mixture)) - shrunk / 2
    margin = math.sqrt(variance * (variance + mixture) / mixture * (2 * math.log(1 / alpha) + shrunk))
    p_value = min(before.p_value, math.exp(min(0.0, -log_ratio)))
    interval = _intersection(before.interval, (difference - margin, difference + margin))
    return Comparison(p_value, difference, interval, _decision(interval))


def _intersection(earlier: tuple[float, float], now: tuple[float, float]) -> tuple[float, float]:
    both = max(earlier[0], now[0]), min(earlier[1], now[1])
    # Intervals without a common point mean that the difference itself has changed: then only what is now counts.
    return both if both[0] <= both[1] else (max(-1.0, now[0]), min(1.0, now[1]))


def _decision(interval: tuple[float, float]) -> Decision:
    if interval[0] > 0:
        return "b-greater"
    return "a-greater" if interval[1] < 0 else "undecided"
