"""The committed renderings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workflows import render
from workflows.catalog import WORKFLOWS
from workflows.errors import StaleRendering

ROOT = Path(__file__).parents[2]


def test_the_committed_renderings_are_what_the_modules_render_now() -> None:
    render.check()


def test_a_stale_rendering_is_named_with_the_command_that_mends_it(tmp_path: Path) -> None:
    render.write(tmp_path)
    stale = tmp_path / "batch_inference.asl.json"
    stale.write_text(stale.read_text().replace("Plan shards", "Plan"))

    with pytest.raises(StaleRendering, match=r"batch_inference\.asl\.json.*python -m workflows\.render"):
        render.check(tmp_path)


def test_rendering_twice_changes_nothing(tmp_path: Path) -> None:
    assert render.write(tmp_path)
    assert render.write(tmp_path) == []


def test_the_check_exits_nonzero_for_a_stale_rendering(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    def stale() -> None:
        raise StaleRendering("x.asl.json is stale")

    monkeypatch.setattr(render, "check", stale)

    assert render.main(["--check"]) == 1
    assert "x.asl.json is stale" in capsys.readouterr().err


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_task_has_a_timeout_and_retries_named_errors_only_with_jitter(name: str) -> None:
    definition = json.loads((ROOT / "workflows" / "asl" / f"{name.replace('-', '_')}.asl.json").read_text())

    for state_name, state in every_state(definition):
        if state["Type"] == "Task":
            assert state["TimeoutSeconds"] > 0, state_name
        for retrier in state.get("Retry", []):
            assert not {"States.ALL", "States.TaskFailed"} & set(retrier["ErrorEquals"]), state_name
            assert retrier["JitterStrategy"] == "FULL", state_name
            assert retrier["MaxDelaySeconds"] > 0, state_name


def every_state(machine: dict) -> list[tuple[str, dict]]:
    found = []
    for name, state in machine["States"].items():
        found.append((name, state))
        for inner in [*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]:
            found.extend(every_state(inner))
    return found
