from __future__ import annotations

import pytest

from tests.benchmarks.figure import Figure


@pytest.mark.parametrize(
    ("figure", "met"),
    [
        (Figure("memory", 400, "MB", at_most=400), True),
        (Figure("memory", 401, "MB", at_most=400), False),
        (Figure("share", 0.92, "", at_least=0.92), True),
        (Figure("share", 0.91, "", at_least=0.92), False),
        (Figure("cost", 2, "us", peer="other", peer_value=3, times=1.5), True),
        (Figure("cost", 2, "us", peer="other", peer_value=2.9, times=1.5), False),
        (Figure("cost", 2, "us", at_most=1, peer="other", peer_value=3, times=1.5), False),
        (Figure("cost", 2, "us", peer="other", peer_value=1), None),
    ],
)
def test_a_figure_meets_all_its_targets_or_none_is_met(figure: Figure, met: bool | None) -> None:
    assert figure.met is met
