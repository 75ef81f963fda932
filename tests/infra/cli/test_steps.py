from __future__ import annotations

import io
import threading

import pytest
from rich.console import Console

from infra.cli.terminal.steps import Board, Step, Voice, run_steps


def board() -> Board:
    return Board(Console(file=io.StringIO()))


def no_check() -> None:
    pass


def test_a_step_waits_for_those_that_it_needs() -> None:
    done: list[str] = []

    run_steps(
        [
            Step("first", lambda _: done.append("first")),
            Step("second", lambda _: done.append("second"), needs=("first",)),
            Step("third", lambda _: done.append("third"), needs=("first", "second")),
        ],
        board(),
        no_check,
    )

    assert done == ["first", "second", "third"]


def test_steps_that_do_not_need_each_other_run_at_the_same_time() -> None:
    together = threading.Barrier(2, timeout=5)

    def meet(_: object) -> None:
        together.wait()

    run_steps([Step("one", meet), Step("two", meet)], board(), no_check)


def test_a_step_may_begin_at_a_milestone_of_another() -> None:
    second_began = threading.Event()

    def first(voice: Voice) -> None:
        voice.reach("half-way")
        assert second_began.wait(5), "the second one begins while the first still runs"

    run_steps(
        [Step("first", first), Step("second", lambda _: second_began.set(), needs=("half-way",))], board(), no_check
    )


def test_a_failure_ends_it_before_what_needs_the_step() -> None:
    done: list[str] = []

    def fail(_: object) -> None:
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        run_steps([Step("bad", fail), Step("next", lambda _: done.append("next"), needs=("bad",))], board(), no_check)

    assert not done


def test_the_check_ends_it_while_a_step_still_runs() -> None:
    gone, released = threading.Event(), threading.Event()

    def check() -> None:
        if gone.is_set():
            raise ConnectionError("what all stand on is gone")

    def lose(_: object) -> None:
        gone.set()
        released.wait(5)

    try:
        with pytest.raises(ConnectionError):
            run_steps([Step("works", lose)], board(), check)
    finally:
        released.set()


def test_each_step_leaves_its_line_with_its_time() -> None:
    written = io.StringIO()

    run_steps(
        [Step("Write a file", lambda voice: voice.say("half"))], Board(Console(file=written, width=120)), no_check
    )

    assert "✓ Write a file" in written.getvalue()
    assert " s" in written.getvalue()
