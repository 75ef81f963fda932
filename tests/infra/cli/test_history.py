from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.cli.runs.history import Stage, readable_cause, stages
from tests.infra.cli.conftest import entered, exited

START = datetime(2026, 11, 23, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def event(kind: str, seconds: float) -> dict[str, Any]:
    return {"type": kind, "timestamp": at(seconds)}


def test_a_stage_lasts_from_its_entry_to_its_exit() -> None:
    history = [
        event("ExecutionStarted", 0),
        entered("Plan", at(1)),
        exited("Plan", at(4)),
        event("ExecutionSucceeded", 5),
    ]

    assert stages(history) == [Stage("Plan", entered=1, seconds=3)]


def test_stages_beside_each_other_are_measured_apart() -> None:
    history = [
        event("ExecutionStarted", 0),
        entered("Lanes", at(0)),
        entered("Small", at(1)),
        entered("Large", at(2)),
        exited("Small", at(5)),
        exited("Large", at(9)),
        exited("Lanes", at(9)),
    ]

    assert {stage.name: stage.seconds for stage in stages(history)} == {"Lanes": 9, "Small": 4, "Large": 7}


def test_a_state_in_a_loop_is_counted_in_sum() -> None:
    history = [
        event("ExecutionStarted", 0),
        entered("Wait", at(0)),
        exited("Wait", at(2)),
        entered("Wait", at(3)),
        exited("Wait", at(5)),
    ]

    assert stages(history) == [Stage("Wait", entered=0, seconds=4)]


def test_the_time_between_a_failure_and_its_redrive_is_nobodys() -> None:
    history = [
        event("ExecutionStarted", 0),
        entered("Halt", at(1)),
        event("ExecutionFailed", 2),
        event("ExecutionRedriven", 1000),
        entered("Halt", at(1001)),
        exited("Halt", at(1003)),
        event("ExecutionSucceeded", 1003),
    ]

    assert stages(history) == [Stage("Halt", entered=1, seconds=3)]


def test_no_events_are_no_stages() -> None:
    assert stages([]) == []


def test_a_cause_is_told_without_its_wrapping() -> None:
    wrapped = json.dumps({"errorMessage": "no such version: v9", "errorType": "NoSuchVersion", "stackTrace": ["…"]})

    assert readable_cause("NoSuchVersion", wrapped) == "NoSuchVersion: no such version: v9"
    assert readable_cause("States.Timeout", None) == "States.Timeout"
    assert readable_cause(None, "[1, 2]") == "[1, 2]"
    assert readable_cause(None, None) == "no cause was given"
