from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from infra.cli.stacks import definitions
from infra.cli.stacks.definitions import check_fresh, check_valid
from infra.cli.terminal.errors import RefusedError, UnavailableError
from workflows.catalog import WORKFLOWS

VALID = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}


def write(directory: Path, **workflows: object) -> Path:
    for name, definition in workflows.items():
        text = definition if isinstance(definition, str) else json.dumps(definition)
        (directory / f"{name}.asl.json").write_text(text)
    return directory


def test_the_committed_definitions_are_valid() -> None:
    rendered = {f"{name.replace('-', '_')}.asl.json" for name in WORKFLOWS}

    assert {file.name for file in check_valid()} == rendered


def test_all_findings_of_both_validators_are_told_with_their_files(tmp_path: Path) -> None:
    lost = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "Nowhere"}}}
    odd = {"StartAt": "A", "States": {"A": {"Type": "Pas", "End": True}}}

    with pytest.raises(RefusedError) as failure:
        check_valid(write(tmp_path, lost=lost, odd=odd, valid=VALID))

    lines = failure.value.problem.splitlines()
    assert [line for line in lines if line.startswith("lost.asl.json") and "Nowhere" in line and "(statelint)" in line]
    assert [line for line in lines if line.startswith("odd.asl.json") and "(statelint)" in line]
    assert [line for line in lines if line.startswith("odd.asl.json") and "(asl-validator)" in line]
    assert not [line for line in lines if line.startswith("valid")]


def test_a_field_that_statelint_does_not_know_yet_is_a_finding_only_where_it_does_not_belong(tmp_path: Path) -> None:
    state = {"Type": "Pass", "InputType": "JSON", "End": True}

    with pytest.raises(RefusedError, match="InputType"):
        check_valid(write(tmp_path, w={"StartAt": "A", "States": {"A": state}}))


def test_text_that_is_no_json_is_a_finding(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"w\.asl\.json: no JSON"):
        check_valid(write(tmp_path, w="{oops"))


def test_no_definition_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="no rendered workflow"):
        check_valid(tmp_path)


def test_a_missing_validator_is_told_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(definitions, "_VALIDATOR", tmp_path / "nowhere")

    with pytest.raises(UnavailableError) as failure:
        check_valid(write(tmp_path, w=VALID))

    assert "make install" in failure.value.remedy


def test_a_stale_rendering_is_refused_in_the_words_of_the_renderer(monkeypatch: pytest.MonkeyPatch) -> None:
    stale = subprocess.CompletedProcess([], 1, stdout="", stderr="RuntimeWarning: x\nw.asl.json is stale; run it\n")
    monkeypatch.setattr(definitions.subprocess, "run", lambda *_, **__: stale)

    with pytest.raises(RefusedError, match=r"^w\.asl\.json is stale; run it$"):
        check_fresh()
