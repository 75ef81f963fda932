import asyncio
from datetime import UTC, datetime, timedelta
from time import perf_counter

import pytest

from workflows.interpreter import NothingLeftToHappen, RealClock, VirtualClock, run_virtually
from workflows.interpreter.clock import VIRTUAL_START


def test_a_year_of_waiting_takes_no_time():
    clock = VirtualClock()

    async def wait():
        await clock.sleep(365 * 86_400)
        return clock.now()

    begin = perf_counter()
    assert run_virtually(wait()) == VIRTUAL_START + timedelta(days=365)
    assert perf_counter() - begin < 5


def test_waits_end_in_the_order_of_their_times():
    ended = []

    async def wait(seconds):
        await asyncio.sleep(seconds)
        ended.append(seconds)

    async def all_waits():
        await asyncio.gather(*(wait(seconds) for seconds in (3, 1, 2)))

    run_virtually(all_waits())
    assert ended == [1, 2, 3]


def test_waiting_for_what_never_happens_is_an_error_instead_of_a_hang():
    async def wait():
        await asyncio.Event().wait()

    with pytest.raises(NothingLeftToHappen):
        run_virtually(wait())


def test_the_real_clock_tells_utc_and_really_waits():
    clock = RealClock()
    before = clock.now()
    asyncio.run(clock.sleep(0.01))
    assert before.tzinfo is UTC
    assert clock.now() - before >= timedelta(seconds=0.01)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
