"""How hard a job leans on a service."""

import threading
import time
from itertools import pairwise

import pytest

from tasks.errors import EndpointUnavailable, ServiceUnavailable
from tasks.scoring.throttle import Pressure


class VirtualTime:
    """A clock that only waiting moves."""

    def __init__(self):
        self.now, self.waits = 0.0, []

    def wait(self, seconds):
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def virtual():
    return VirtualTime()


def pressure(virtual, calls_per_second=10.0, **options):
    return Pressure(calls_per_second, 4, clock=lambda: virtual.now, wait=virtual.wait, **options)


def test_calls_begin_at_the_pace_and_repeated_ones_count(virtual):
    began = []
    failing = iter([True, False, False])

    def ask():
        began.append(virtual.now)
        if next(failing, False):
            raise ServiceUnavailable("later")

    bound = pressure(virtual, calls_per_second=0.01)
    for _ in range(3):
        bound.call(ask)

    assert len(began) == 4
    assert all(later - earlier >= 99.999 for earlier, later in pairwise(began))


def test_waits_grow_are_random_and_have_an_end(virtual, monkeypatch):
    monkeypatch.setattr("random.uniform", lambda low, high: (low + high) / 2 if low == 0 else None)

    def throttled():
        raise EndpointUnavailable("throttled")

    with pytest.raises(EndpointUnavailable, match="throttled"):
        pressure(virtual, attempts=10).patiently(throttled)

    assert virtual.waits == [0.125, 0.25, 0.5, 1, 2, 4, 8, 15, 15]


def test_what_a_retry_does_not_mend_is_not_tried_again(virtual):
    calls = []

    def refuse():
        calls.append(1)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        pressure(virtual).call(refuse)
    assert (len(calls), virtual.waits) == (1, [])


def test_no_more_work_is_under_way_than_allowed_and_outcomes_keep_their_order():
    lock, under_way, most = threading.Lock(), [0], [0]

    def work(number):
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        time.sleep(0.002 * (number % 3))
        with lock:
            under_way[0] -= 1
        return number * 10

    assert Pressure(1000, 3).each(work, range(20)) == [number * 10 for number in range(20)]
    assert most[0] == 3


def test_a_failure_ends_the_waits_of_the_others_and_begins_nothing_more():
    begun, calls = [], []
    bound = Pressure(1000, 2)

    def work(number):
        begun.append(number)
        if number == 0:
            time.sleep(0.05)
            raise ValueError("broken")

        def throttled():
            calls.append(number)
            raise ServiceUnavailable("later")

        bound.patiently(throttled)

    start = time.monotonic()
    with pytest.raises(ValueError, match="broken"):
        bound.each(work, range(50))

    assert time.monotonic() - start < 2, "nobody sat out a wait of up to 30 s"
    assert begun == [0, 1]
    assert len(calls) < 8


def test_the_first_failure_is_told_not_the_ones_that_it_causes():
    bound = Pressure(1000, 2)

    def work(number):
        if number == 1:
            time.sleep(0.02)
            raise ValueError("the cause")
        bound.patiently(always_later)

    def always_later():
        raise ServiceUnavailable("later")

    with pytest.raises(ValueError, match="the cause"):
        bound.each(work, range(3))


def test_after_a_failure_no_call_is_made_any_more():
    bound = Pressure(1000, 2)
    with pytest.raises(ZeroDivisionError):
        bound.each(lambda number: 1 // number, [0])

    with pytest.raises(ServiceUnavailable, match="has failed for good"):
        bound.call(lambda: pytest.fail("a call was made"))
