from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.deployment.sequential import FEWEST, Comparison, Sample, compare

counts = st.integers(0, 100_000).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count)))
samples = counts.map(lambda pair: Sample.of_counts(*pair))


def bernoulli(seed: int, chance: float, count: int) -> npt.NDArray[np.float64]:
    return (np.random.default_rng(seed).random(count) < chance).astype(float)


@given(st.lists(st.booleans(), max_size=200))
def test_counts_and_zeros_and_ones_are_the_same_sample(values: list[bool]) -> None:
    counted = Sample.of_counts(sum(values), len(values))
    observed = Sample.of([float(value) for value in values])

    assert observed.count == counted.count
    assert observed.mean == pytest.approx(counted.mean)
    assert observed.variance == pytest.approx(counted.variance)


@given(samples, samples)
def test_an_answer_makes_sense_whatever_was_observed(a: Sample, b: Sample) -> None:
    found = compare(a, b)

    assert 0 <= found.p_value <= 1
    assert -1 <= found.interval[0] <= found.interval[1] <= 1
    assert (found.decision != "undecided") == (found.p_value < 0.05), "test and interval are two sides of one thing"
    if min(a.count, b.count) >= FEWEST:
        assert found.interval[0] <= found.difference <= found.interval[1]


@given(samples, samples)
def test_the_variants_may_change_places(a: Sample, b: Sample) -> None:
    one, other = compare(a, b), compare(b, a)

    assert one.p_value == pytest.approx(other.p_value)
    assert one.difference == pytest.approx(-other.difference)
    assert one.interval == pytest.approx((-other.interval[1], -other.interval[0]))
    swapped = {"a-greater": "b-greater", "b-greater": "a-greater", "undecided": "undecided"}
    assert other.decision == swapped[one.decision]


@given(st.integers(0, 10_000), st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.lists(st.integers(1, 400), max_size=12))
def test_what_was_found_out_stays_found_out(seed: int, low: float, high: float, steps: list[int]) -> None:
    a, b = bernoulli(seed, low, 5_000), bernoulli(seed + 1, high, 5_000)
    look: Comparison | None = None
    seen = 0
    for step in steps:
        seen += step
        now = compare(Sample.of(a[: 4 * seen]), Sample.of(b[:seen]), earlier=look)
        if look is not None:
            assert now.p_value <= look.p_value
            if look.decision != "undecided" and now.interval[0] <= look.interval[1]:
                assert now.decision == look.decision
        look = now


@given(st.floats(0.001, 0.4), samples, samples)
def test_who_wants_to_err_less_often_gets_a_wider_interval(alpha: float, a: Sample, b: Sample) -> None:
    strict, lax = compare(a, b, alpha / 2), compare(a, b, alpha)

    assert strict.interval[0] <= lax.interval[0]
    assert lax.interval[1] <= strict.interval[1]


def test_a_clear_difference_is_found_and_its_size_is_in_the_interval() -> None:
    found = compare(Sample.of_counts(200, 1_000), Sample.of_counts(400, 1_000))

    assert found.decision == "b-greater"
    assert found.difference == pytest.approx(0.2)
    assert 0.1 < found.interval[0] < 0.2 < found.interval[1] < 0.3


def test_the_likelihood_ratio_is_the_published_one() -> None:
    # Johari et al., equation for two streams with n observations each and a common variance s²:
    # sqrt(2 s² / (2 s² + n t²)) * exp(n² t² d² / (4 s² (2 s² + n t²))).
    n, s2 = 1_000, 0.24
    t2, d = 0.1**2 * s2, 0.07
    ratio = math.sqrt(2 * s2 / (2 * s2 + n * t2)) * math.exp(n**2 * t2 * d**2 / (4 * s2 * (2 * s2 + n * t2)))

    found = compare(Sample(n, 0.4, s2), Sample(n, 0.47, s2))

    assert found.p_value == pytest.approx(1 / ratio)


def test_more_observations_make_the_interval_narrower() -> None:
    widths = []
    for count in (100, 1_000, 10_000, 100_000):
        low, high = compare(Sample.of_counts(count // 5, count), Sample.of_counts(count // 5, count)).interval
        widths.append(high - low)

    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.02


@pytest.mark.parametrize(
    ("a", "b"), [((0, 0), (0, 0)), ((0, 0), (9_000, 10_000)), ((49, 49), (0, 10_000)), ((0, 1), (1, 1))]
)
def test_nothing_is_decided_on_too_little(a: tuple[int, int], b: tuple[int, int]) -> None:
    found = compare(Sample.of_counts(*a), Sample.of_counts(*b))

    assert (found.p_value, found.interval, found.decision) == (1.0, (-1.0, 1.0), "undecided")


def test_nothing_ever_went_wrong_is_no_difference() -> None:
    found = compare(Sample.of_counts(0, 50_000), Sample.of_counts(0, 10_000))

    assert found.decision == "undecided"
    assert found.interval[0] < 0 < found.interval[1]


def test_few_requests_without_an_error_do_not_beat_many_with_some() -> None:
    assert compare(Sample.of_counts(100, 10_000), Sample.of_counts(0, 500)).decision == "undecided"


def test_everything_against_nothing_is_seen_at_once() -> None:
    assert compare(Sample.of_counts(0, 100), Sample.of_counts(100, 100)).decision == "b-greater"


def test_a_difference_that_turns_round_is_not_explained_away() -> None:
    before = compare(Sample.of_counts(100, 1_000), Sample.of_counts(400, 1_000))

    now = compare(Sample.of_counts(50_000, 100_000), Sample.of_counts(10_000, 100_000), earlier=before)

    assert now.decision == "a-greater"


def test_looking_after_each_request_rarely_finds_a_difference_where_there_is_none() -> None:
    wrong = 0
    for seed in range(100):
        outcomes = bernoulli(seed, 0.2, 2_500)
        of_b = bernoulli(seed + 1_000, 0.2, 2_500) == 1
        counts = np.cumsum([~of_b, of_b, outcomes * ~of_b, outcomes * of_b], axis=1).astype(int)
        wrong += any(
            compare(Sample.of_counts(hits_a, n_a), Sample.of_counts(hits_b, n_b)).decision != "undecided"
            for n_a, n_b, hits_a, hits_b in counts[:, ::25].T.tolist()
        )

    assert wrong <= 5, "a z-test at each look would err in about 25 of 100"


@pytest.mark.parametrize("values", [[0.5, 1.1], [-0.1], [math.nan], [math.inf]])
def test_numbers_outside_of_0_to_1_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Sample.of(values)


@pytest.mark.parametrize(("happened", "count"), [(2, 1), (-1, 5), (0, -1)])
def test_impossible_counts_are_refused(happened: int, count: int) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        Sample.of_counts(happened, count)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, math.nan])
def test_an_error_rate_must_be_one(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha"):
        compare(Sample.of_counts(0, 100), Sample.of_counts(0, 100), alpha)
