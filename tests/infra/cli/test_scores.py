from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.cli.runs.scores import NEGATIVE, POSITIVE, UNKNOWN, ScoreTally

rows = st.lists(
    st.tuples(st.integers(0, 1 << 10).map(lambda part: part / (1 << 10)), st.sampled_from([0.0, 1.0, np.nan])),
    max_size=60,
)


def tally(*shards: list[tuple[float, float]]) -> ScoreTally:
    result = ScoreTally()
    for shard in shards:
        result.add(np.array([score for score, _ in shard]), np.array([outcome for _, outcome in shard]))
    return result


@given(rows, rows)
def test_how_rows_are_cut_into_shards_changes_nothing(
    left: list[tuple[float, float]], right: list[tuple[float, float]]
) -> None:
    apart, together = tally(left, right), tally(left + right)

    assert apart.rows == together.rows == len(left) + len(right)
    assert apart.auc == together.auc
    assert apart.reliability() == together.reliability()
    assert apart.log_loss == pytest.approx(together.log_loss)


@given(rows)
def test_the_auc_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[float, float]]) -> None:
    late = [score for score, outcome in rows if outcome == 1.0]
    punctual = [score for score, outcome in rows if outcome == 0.0]
    # Scores of 1023/1024 and 1 would share the last fine bin only if bins were wider than they are.
    wins = sum((high > low) + (high == low) / 2 for high in late for low in punctual)

    expected = wins / (len(late) * len(punctual)) if late and punctual else None

    assert tally(rows).auc == (pytest.approx(expected) if expected is not None else None)


@given(rows)
def test_every_row_is_in_the_histogram_once(rows: list[tuple[float, float]]) -> None:
    histogram = tally(rows).histogram(bins=16)

    assert histogram[UNKNOWN].sum() == sum(np.isnan(outcome) for _, outcome in rows)
    assert histogram[POSITIVE].sum() == sum(outcome == 1.0 for _, outcome in rows)
    assert histogram[NEGATIVE].sum() == sum(outcome == 0.0 for _, outcome in rows)


def test_the_interval_holds_the_rate_and_narrows_with_rows() -> None:
    few, many = (tally([(0.55, 1.0), (0.55, 0.0)] * count).reliability()[0] for count in (2, 200))

    assert few.rate == many.rate == 0.5
    assert few.rate_low < many.rate_low < 0.5 < many.rate_high < few.rate_high
    assert many.rows == 400


def test_nothing_known_means_no_quality() -> None:
    nothing = tally([(0.3, np.nan)])

    assert nothing.rows == 1
    assert (nothing.auc, nothing.log_loss, nothing.brier, nothing.outcome_rate) == (None, None, None, None)
    assert nothing.reliability() == []


def test_a_certain_score_that_was_wrong_costs_much_but_not_infinitely() -> None:
    assert tally([(1.0, 0.0)]).log_loss == pytest.approx(-np.log(1e-15))
