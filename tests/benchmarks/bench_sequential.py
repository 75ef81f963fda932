"""How often the sequential test of experiments is wrong, and how often it finds what there is, at each of many looks.

Beside it a z-test of fixed horizon at the same looks, which stops at the first "significant". Traffic is split 80/20,
as the endpoint's is at first; everything is simulated with fixed seeds, so that the figures are the same everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from tasks.deployment.sequential import FEWEST, Sample, compare
from tests.benchmarks.figure import Figure, print_figures

REQUESTS = 20_000
LOOKS = 100
EXPERIMENTS = 300
SHARE_OF_B = 0.2
ALPHA = 0.05
PEER = "z-test at each look"
_CRITICAL = 1.959964

Counts = npt.NDArray[np.int64]


def figures() -> Iterator[Figure]:
    """Errors where there is no difference, and differences that are found."""
    random = np.random.default_rng(2013)
    for chance in (0.01, 0.05, 0.2, 0.5):
        ours, peer = _found(random, chance, chance)
        wrong, wrong_peer = (100 * len(found) / EXPERIMENTS for found in (ours, peer))
        what = f"false positives, both {chance:.0%}, {LOOKS} looks"
        yield Figure(what, wrong, "% of experiments", at_most=100 * ALPHA, peer=PEER, peer_value=wrong_peer)
    for a, b in ((0.01, 0.03), (0.2, 0.22), (0.2, 0.24), (0.2, 0.3)):
        ours, peer = _found(random, a, b)
        found, found_peer = (100 * len(each) / EXPERIMENTS for each in (ours, peer))
        what = f"power, {a:.0%} against {b:.0%}"
        yield Figure(what, found, "% of experiments", peer=PEER, peer_value=found_peer)
        if ours:
            yield Figure(f"{what}: requests until it is found", float(np.median(ours)), "requests (median)")


def _found(random: np.random.Generator, a: float, b: float) -> tuple[list[int], list[int]]:
    """After how many requests each test saw a difference, for the experiments in which it did: ours, and the peer's."""
    ours: list[int] = []
    peer: list[int] = []
    for _ in range(EXPERIMENTS):
        looks = _experiment(random, a, b)
        for stops, sees in ((ours, _sequential), (peer, _z_test)):
            first = next((sum(look[:2]) for look in looks if sees(*look)), None)
            if first is not None:
                stops.append(first)
    return ours, peer


def _experiment(random: np.random.Generator, a: float, b: float) -> list[tuple[int, int, int, int]]:
    """What is known at each look: requests of A and of B, and in how many of each it happened."""
    of_b = random.random(REQUESTS) < SHARE_OF_B
    happened = random.random(REQUESTS) < np.where(of_b, b, a)
    counts: Counts = np.cumsum([~of_b, of_b, happened & ~of_b, happened & of_b], axis=1)
    step = REQUESTS // LOOKS
    return [tuple(look) for look in counts[:, step - 1 :: step].T.tolist()]


def _sequential(n_a: int, n_b: int, hits_a: int, hits_b: int) -> bool:
    return compare(Sample.of_counts(hits_a, n_a), Sample.of_counts(hits_b, n_b), ALPHA).decision != "undecided"


def _z_test(n_a: int, n_b: int, hits_a: int, hits_b: int) -> bool:
    share = (hits_a + hits_b) / (n_a + n_b)
    deviation = math.sqrt(share * (1 - share) * (1 / n_a + 1 / n_b)) if min(n_a, n_b) >= FEWEST else 0.0
    return deviation > 0 and abs(hits_b / n_b - hits_a / n_a) > _CRITICAL * deviation


if __name__ == "__main__":
    print_figures(figures())
