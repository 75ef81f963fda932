"""The lock of deployments: one holder at a time, whoever races, dies or is stopped."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.deployment.executions import Executions
from tasks.deployment.lock import DeploymentLock, Hold
from tasks.errors import AccessRefused, DeploymentInProgress, ServiceUnavailable
from tests.tasks.deployments import ROOT, FakeStates, failure

NAME = f"{ROOT}/deployment-lock"


class NumberedWrites:
    """One parameter of Parameter Store. `before_write` runs between a reader's look and its write."""

    def __init__(self):
        self.writes, self.before_write, self._writing = [], lambda: None, threading.Lock()

    def put_parameter(self, *, Name, Value, Type, Overwrite):  # noqa: N803
        assert (Name, Type, Overwrite) == (NAME, "String", True)
        self.before_write()
        with self._writing:
            self.writes.append(Value)
            return {"Version": len(self.writes)}

    def get_paginator(self, operation):
        assert operation == "get_parameter_history"
        return self

    def paginate(self, *, Name):  # noqa: N803
        if not self.writes:
            raise failure("ParameterNotFound", Name)
        for number, value in enumerate(list(self.writes), start=1):
            yield {"Parameters": [{"Version": number, "Value": value}]}


@pytest.fixture
def store():
    return NumberedWrites()


@pytest.fixture
def states():
    return FakeStates({"first", "second", "third"})


@pytest.fixture
def lock(store, states):
    return DeploymentLock(ROOT, Executions(states, sleep=lambda seconds: None), store)


def hold(execution):
    return Hold(execution, "deploy", "2026-11-23T10:15:00Z", "v2")


def test_the_first_holder_keeps_the_lock_until_it_gives_it_back(lock):
    lock.acquire(hold("first"))
    with pytest.raises(DeploymentInProgress, match=r"the execution first \(deploy of v2, since 2026-11-23T10:15:00Z\)"):
        lock.acquire(hold("second"))

    assert lock.release("second") is False
    assert lock.hold() == hold("first")
    assert lock.release("first") is True
    lock.acquire(hold("second"))
    assert lock.hold() == hold("second")


def test_to_take_the_lock_again_writes_nothing(lock, store):
    lock.acquire(hold("first"))
    lock.acquire(hold("first"))

    assert len(store.writes) == 1


def test_a_person_can_read_who_holds_it(lock, store):
    lock.acquire(hold("first"))

    assert orjson.loads(store.writes[-1]) == {
        "execution": "first",
        "kind": "deploy",
        "version": "v2",
        "startedAt": "2026-11-23T10:15:00Z",
        "follows": 0,
    }


@pytest.mark.parametrize("end", ["failed", "forgotten"])
def test_the_lock_of_an_execution_that_has_ended_is_taken_over(lock, states, end):
    holder = f"first-{end}"
    states.running.add(holder)
    lock.acquire(hold(holder))
    states.running.discard(holder)

    lock.acquire(hold("second"))

    assert lock.hold() == hold("second")
    assert lock.release(holder) is False


def test_whoever_writes_second_did_not_get_it_and_does_no_harm(lock, store, states):
    """Both saw a free lock; the write of the slower one must count for nobody, now and later."""
    other = DeploymentLock(ROOT, Executions(states), store)

    def overtaken():
        store.before_write = lambda: None
        other.acquire(hold("second"))

    store.before_write = overtaken
    with pytest.raises(DeploymentInProgress, match="the execution second"):
        lock.acquire(hold("first"))
    assert lock.hold() == other.hold() == hold("second")
    assert other.release("second") is True
    lock.acquire(hold("third"))
    assert lock.hold() == hold("third")


def test_of_two_that_take_over_a_dead_holder_s_lock_one_gets_it(lock, store, states):
    lock.acquire(hold("first"))
    states.running.discard("first")
    other = DeploymentLock(ROOT, Executions(states), store)

    def overtaken():
        store.before_write = lambda: None
        other.acquire(hold("second"))

    store.before_write = overtaken
    with pytest.raises(DeploymentInProgress):
        lock.acquire(hold("third"))
    assert lock.hold() == hold("second")


def test_of_many_at_once_exactly_one_gets_the_lock(store):
    names = [f"execution-{number}" for number in range(16)]
    states, start = FakeStates(set(names)), threading.Barrier(len(names))

    def attempt(name):
        start.wait()
        try:
            DeploymentLock(ROOT, Executions(states), store).acquire(hold(name))
        except DeploymentInProgress:
            return None
        return name

    with ThreadPoolExecutor(len(names)) as pool:
        winners = [name for name in pool.map(attempt, names) if name]

    assert len(winners) == 1
    assert DeploymentLock(ROOT, Executions(states), store).hold() == hold(winners[0])


@given(st.lists(st.integers(0, 3), max_size=30))
def test_there_is_never_more_than_one_holder_however_looks_and_writes_interleave(turns):
    """Four executions look and write in any order; each counts its own success by the number of its write."""
    store, states = NumberedWrites(), FakeStates({"0", "1", "2", "3"})
    lock = DeploymentLock(ROOT, Executions(states), store)
    seen: dict[int, int] = {}
    holder = None
    for who in turns:
        if who not in seen:
            held, number = lock._read()
            assert (held.execution if held else None) == holder
            if held is None:
                seen[who] = number
            elif held.execution == str(who):
                assert lock.release(str(who))
                holder = None
        elif lock._write(hold(str(who)), follows=seen.pop(who)):
            assert holder is None
            holder = str(who)


def test_who_may_stop_the_holder_does_and_waits_for_its_end(lock, states):
    lock.acquire(hold("first"))

    lock.acquire(hold("second"), stop_holder=True)

    assert states.stopped == {"first": "RolledBack: a rollback took over: second"}
    assert lock.hold() == hold("second")


def test_a_holder_that_does_not_stop_keeps_the_lock(lock, states, monkeypatch):
    lock.acquire(hold("first"))
    monkeypatch.setattr(states, "stop_execution", lambda **request: None)

    with pytest.raises(ServiceUnavailable, match="first was stopped, but goes on"):
        lock.acquire(hold("second"), stop_holder=True)
    assert lock.hold() == hold("first")


def test_failures_of_parameter_store_have_their_names(lock, store, monkeypatch):
    for code, error in (("ThrottlingException", ServiceUnavailable), ("AccessDeniedException", AccessRefused)):

        def refuse(code=code, **request):
            raise failure(code, "its words")

        monkeypatch.setattr(store, "put_parameter", refuse)
        with pytest.raises(error, match=r"write the parameter /ml-pipeline/models/deployment-lock"):
            lock.acquire(hold("first"))


def test_the_lock_works_with_parameter_store_itself(world, states):
    """As far as moto is like it: versions count up, and the history has all writes."""
    lock = DeploymentLock(ROOT, Executions(states))
    for _ in range(30):
        lock.acquire(hold("first"))
        lock.release("first")
    lock.acquire(hold("second"))

    assert lock.hold() == hold("second")
