"""Every object is taken once by the runs of a schedule, whenever it comes and whatever becomes of the runs."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tasks.errors import UnsupportedObject
from tasks.reading.shards import from_manifest
from tasks.runs.input import run_id_of
from tasks.runs.layout import RunFolder
from tasks.runs.periods import HOUR, Period
from tasks.runs.planning import plan_shards
from tasks.runs.request import RunRequest, complete, parse_user_input
from tasks.runs.served_versions import ServedVersions
from tasks.storage import Storage
from tests.tasks.memory_s3 import Call, MemoryS3, OneAfterAnother, call_by_call

PATTERN = "in/{date}/{hour}/"
LATE = 3
BEGIN = datetime(2027, 12, 31, 21, 5, tzinfo=UTC)


@pytest.fixture(autouse=True, scope="module")
def in_one_order():
    with pytest.MonkeyPatch.context() as patch:
        for module in ("arrivals", "inventory", "ledger", "markers", "planning"):
            patch.setattr(f"tasks.runs.{module}.ThreadPoolExecutor", OneAfterAnother)
        yield


Interrupt = Callable[[Call], None]


class Killed(Exception):
    """The function died."""


class Schedule:
    """A schedule's runs over one bucket."""

    def __init__(self, name: str = "hourly", s3: MemoryS3 | None = None) -> None:
        self.name = name
        self.s3 = s3 or MemoryS3()
        self.storage = Storage(self.s3)
        self.pattern = PATTERN
        self.late = LATE

    def arrive(self, hour: datetime, name: str) -> str:
        key = Period(hour.replace(minute=0), HOUR).folder(PATTERN) + name
        self.s3.objects["data", key] = b""
        return key

    def request(self, due: datetime) -> RunRequest:
        asked = parse_user_input(
            {
                "schedule": self.name,
                "scheduledTime": f"{due:%Y-%m-%dT%H:%M:%SZ}",
                "input": f"s3://data/{self.pattern}",
                "latePeriods": self.late,
            }
        )
        return complete(
            asked,
            run_id=run_id_of(asked, "execution"),
            started_at=due.isoformat(),
            data_bucket="data",
            model_version="v1",
            framework="lightgbm",
        )

    def run(self, due: datetime) -> list[str]:
        """Plan a run; gives the keys that it scores."""
        request = self.request(due)
        folder = RunFolder.of(request, "results")
        return [s.key for s in plan_shards(request, folder, self.storage, ServedVersions("")).shards]

    def planned(self) -> Counter[str]:
        """How many runs score each key, by all manifests that there are."""
        manifests = [
            body
            for (bucket, key), body in self.s3.objects.items()
            if bucket == "results" and key.startswith(f"runs/{self.name}-") and key.endswith("/manifest/all.jsonl")
        ]
        return Counter(shard.key for body in manifests for shard in from_manifest(body))


at = st.integers(0, 25)


class ArrivalsAndRuns(RuleBasedStateMachine):
    """Files come early, in time and late; runs are missed, delivered twice, killed at any call, and replayed."""

    def __init__(self) -> None:
        super().__init__()
        self.schedule = Schedule()
        self.now = BEGIN
        self.arrived: dict[str, tuple[datetime, int]] = {}
        self.first_tried: dict[datetime, int] = {}
        self.unplanned: set[datetime] = set()
        self.steps = 0

    @rule(hours=st.integers(-1, LATE + 3))
    def a_file_comes(self, hours: int) -> None:
        self.steps += 1
        hour = self.now - timedelta(hours=hours)
        key = self.schedule.arrive(hour, f"{self.steps}.jsonl")
        self.arrived[key] = (hour.replace(minute=0), self.steps)

    @rule(hours=st.integers(1, LATE + 3))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(back=st.integers(0, 5))
    def a_run_is_due_or_replayed(self, back: int) -> None:
        self._run(self.now - timedelta(hours=back))

    @rule(back=st.integers(0, 5), after=at)
    def a_run_is_killed(self, back: int, after: int) -> None:
        def kill() -> None:
            raise Killed

        self.schedule.s3.interruptions = [(after, kill)]
        self._run(self.now - timedelta(hours=back))

    @rule(back=st.integers(0, 5), after=at, other=st.integers(0, 5), file=st.integers(0, LATE))
    def another_run_and_a_file_come_between(self, back: int, after: int, other: int, file: int) -> None:
        self.schedule.s3.interruptions = [
            (after, lambda: self.a_file_comes(file)),
            (after, lambda: self._run(self.now - timedelta(hours=other))),
        ]
        self._run(self.now - timedelta(hours=back))

    def _run(self, due: datetime) -> None:
        self.steps += 1
        self.first_tried.setdefault(due, self.steps)
        try:
            taken = self.schedule.run(due)
        except Killed:
            self.unplanned.add(due)
            return
        self.schedule.s3.interruptions = []
        self.unplanned.discard(due)
        assert taken == self.schedule.run(due), "a run that is planned again is the same"

    @invariant()
    def no_object_is_taken_twice(self) -> None:
        assert max(self.schedule.planned().values(), default=0) <= 1

    def teardown(self) -> None:
        """What had come when a run looked at its folder is scored, once the failed runs are replayed."""
        for due in sorted(self.unplanned):
            self._run(due)
        self._run(self.now)
        planned = self.schedule.planned()
        for key, (hour, came) in self.arrived.items():
            seen = [
                due
                for due, tried in self.first_tried.items()
                if tried > came and LATE + 1 >= (due.replace(minute=0) - hour) / HOUR >= 1
            ]
            assert planned[key] == 1 if seen else planned[key] <= 1, key
        self.no_object_is_taken_twice()


ArrivalsAndRuns.TestCase.settings = settings(max_examples=150, stateful_step_count=20, deadline=None)
test_every_object_is_taken_once = ArrivalsAndRuns.TestCase


def at_each_call(scenario: Callable[[Schedule, Interrupt], None]) -> int:
    """Play a scenario with an interruption at each call of its run; gives how many calls these were."""
    for number in itertools.count():
        schedule = Schedule()
        schedule.arrive(BEGIN - hours(1), "own.jsonl")
        schedule.arrive(BEGIN - hours(2), "late.jsonl")

        def interrupt(call: Call, schedule: Schedule = schedule, number: int = number) -> None:
            schedule.s3.interruptions = [(number, call)]

        scenario(schedule, interrupt)
        schedule.s3.interruptions = []
        schedule.run(BEGIN + hours(1))
        files = {key for bucket, key in schedule.s3.objects if bucket == "data"}
        assert schedule.planned() == dict.fromkeys(files, 1), f"interrupted at call {number}"
        if len(files) < 3:  # the run had ended before the interruption
            return number
    raise AssertionError("unreachable")


def test_a_run_that_is_overtaken_by_the_next_one_at_any_call_shares_no_file_with_it():
    def scenario(schedule: Schedule, interrupt: Interrupt) -> None:
        def meanwhile() -> None:
            schedule.arrive(BEGIN - hours(2), "meanwhile.jsonl")
            schedule.run(BEGIN + hours(1))

        interrupt(meanwhile)
        schedule.run(BEGIN)

    assert at_each_call(scenario) > 15


@pytest.mark.parametrize("hour", [1, 2, 3])
def test_a_run_that_is_delivered_twice_at_once_is_one_run_and_leaves_later_files_to_the_next(hour: int):
    def scenario(schedule: Schedule, interrupt: Interrupt) -> None:
        def meanwhile() -> None:
            schedule.arrive(BEGIN - hours(hour), "meanwhile.jsonl")
            schedule.run(BEGIN)

        interrupt(meanwhile)
        assert schedule.run(BEGIN) == schedule.run(BEGIN)

    assert at_each_call(scenario) > 15


@pytest.mark.parametrize("hour", [1, 2, 3])
def test_a_run_that_is_killed_at_any_call_and_replayed_after_the_next_one_loses_nothing(hour: int):
    def scenario(schedule: Schedule, interrupt: Interrupt) -> None:
        def kill() -> None:
            schedule.arrive(BEGIN - hours(hour), "meanwhile.jsonl")
            raise Killed

        interrupt(kill)
        with contextlib.suppress(Killed):
            schedule.run(BEGIN)
        schedule.s3.interruptions = []
        schedule.run(BEGIN + hours(1))
        schedule.run(BEGIN)

    assert at_each_call(scenario) > 15


bursts = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 20)), max_size=8)


@given(bursts, st.sampled_from([0, 1]), st.integers(1, LATE))
@example([(1, 4), (2, 11), (1, 9)], 0, 1)  # the one that records what is there looks later than the other one
@settings(max_examples=150, deadline=None)
def test_runs_at_once_take_every_file_once_whatever_the_order_of_their_calls(turns: Any, apart: int, hour: int):
    """Both are the same run if they are no hour apart. Neither may take what only the other's plan would have."""
    schedule = Schedule()
    schedule.arrive(BEGIN - hours(1), "own.jsonl")

    def arrive() -> None:
        schedule.s3.called()
        schedule.arrive(BEGIN - hours(hour), "meanwhile.jsonl")

    call_by_call(
        schedule.s3,
        [who for who, calls in turns for _ in range(calls)],
        lambda: schedule.run(BEGIN),
        lambda: schedule.run(BEGIN + hours(apart)),
        arrive,
    )

    schedule.run(BEGIN + hours(1))
    # The next run may have looked before the file came; if so, the one after it takes it, within the window.
    if hour < LATE:
        schedule.run(BEGIN + hours(2))
    files = {key for bucket, key in schedule.s3.objects if bucket == "data"}
    planned = schedule.planned()
    assert planned == dict.fromkeys(files, 1) or (hour == LATE and max(planned.values()) == 1)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def test_a_file_that_came_late_is_scored_by_the_next_run_and_by_no_later_one():
    schedule = Schedule()
    in_time = schedule.arrive(BEGIN - hours(1), "a.jsonl")
    assert schedule.run(BEGIN) == [in_time]
    late = schedule.arrive(BEGIN - hours(1), "b.jsonl")

    assert [schedule.run(BEGIN + hours(n)) for n in (1, 2)] == [[late], []]


def test_the_files_of_a_run_that_was_missed_are_scored_by_the_next_one_after_its_own():
    schedule = Schedule()
    missed = schedule.arrive(BEGIN - hours(1), "a.jsonl")
    own = schedule.arrive(BEGIN, "b.jsonl")

    assert schedule.run(BEGIN + hours(1)) == [own, missed]


def test_a_file_that_came_early_is_scored_when_its_hour_has_ended():
    schedule = Schedule()
    early = schedule.arrive(BEGIN, "a.jsonl")

    assert [schedule.run(BEGIN), schedule.run(BEGIN + hours(1))] == [[], [early]]


def test_the_first_run_takes_the_window_and_nothing_before_it():
    schedule = Schedule()
    keys = [schedule.arrive(BEGIN - hours(n), "a.jsonl") for n in range(1, LATE + 3)]

    assert schedule.run(BEGIN) == keys[: LATE + 1]


def test_a_file_that_is_overwritten_after_it_was_taken_is_the_same_file():
    schedule = Schedule()
    key = schedule.arrive(BEGIN - hours(1), "a.jsonl")
    schedule.run(BEGIN)
    schedule.s3.objects["data", key] = b'{"corrected": true}\n'

    assert schedule.run(BEGIN + hours(1)) == []


def test_two_schedules_on_one_folder_score_it_twice():
    first = Schedule("first")
    second = Schedule("second", first.s3)
    key = first.arrive(BEGIN - hours(1), "a.jsonl")

    assert [first.run(BEGIN), second.run(BEGIN)] == [[key], [key]]


def test_a_file_in_no_format_fails_the_run_that_found_it_and_no_other():
    schedule = Schedule()
    note = schedule.arrive(BEGIN - hours(1), "notes.txt")
    good = schedule.arrive(BEGIN - hours(1), "a.jsonl")
    schedule.s3.objects["data", note] = b"mail Ann"
    with pytest.raises(UnsupportedObject, match=r"notes\.txt"):
        schedule.run(BEGIN)
    next_one = schedule.arrive(BEGIN, "b.jsonl")
    assert schedule.run(BEGIN + hours(1)) == [next_one]

    del schedule.s3.objects["data", note]

    assert schedule.run(BEGIN) == [good]


@pytest.mark.parametrize(("before", "after"), [("in/{date}/", PATTERN), (PATTERN, "in/{date}/")])
def test_a_schedule_that_becomes_hourly_or_daily_takes_nothing_again(before: str, after: str):
    schedule = Schedule()
    schedule.pattern, schedule.late = before, 1
    midnight = BEGIN.replace(hour=0) + timedelta(days=1)
    key = schedule.arrive(midnight - hours(1), "a.jsonl")
    assert schedule.run(midnight) == [key]

    schedule.pattern = after

    assert schedule.run(midnight + hours(1)) == []


def test_a_changed_prefix_is_looked_through_like_a_new_schedule_s():
    schedule = Schedule()
    schedule.arrive(BEGIN - hours(1), "a.jsonl")
    schedule.run(BEGIN)
    schedule.s3.objects["data", "moved/2027-12-31/20/a.jsonl"] = b""
    schedule.pattern = "moved/{date}/{hour}/"

    assert schedule.run(BEGIN + hours(1)) == ["moved/2027-12-31/20/a.jsonl"]


def test_the_calls_of_a_run_do_not_grow_with_what_is_stored_but_with_the_window():
    schedule = Schedule()
    calls: list[Any] = []
    for number in range(60):
        for file in range(5):
            schedule.arrive(BEGIN + hours(number - 1), f"{file}.jsonl")
        schedule.run(BEGIN + hours(number))
    schedule.s3.called = lambda: calls.append(1)  # type: ignore[method-assign]

    schedule.run(BEGIN + hours(60))

    assert len(calls) < 60


def test_a_run_of_no_schedule_takes_nothing_from_anybody():
    schedule = Schedule()
    key = schedule.arrive(BEGIN - hours(1), "a.jsonl")
    by_hand = replace(schedule.request(BEGIN), run_id="by-hand", schedule=None, late_periods=0)

    plan = plan_shards(by_hand, RunFolder.of(by_hand, "results"), schedule.storage, ServedVersions(""))

    assert [shard.key for shard in plan.shards] == schedule.run(BEGIN) == [key]
