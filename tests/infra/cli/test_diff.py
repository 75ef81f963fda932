from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.cli.stacks.diff_text import ShortDefinitions
from tests.infra.cli.conftest import FakeStates, Said


def shortened(text: str, *, colour: bool = False) -> str:
    definitions = ShortDefinitions(colour=colour)
    lines = [part for line in text.splitlines(keepends=True) for part in definitions.take(line)]
    return "".join([*lines, *definitions.rest()])


def definition(seconds: int) -> str:
    return json.dumps({"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": seconds, "End": True}}}, indent=2)


def twice(old: str, new: str) -> str:
    return f" └─ [~] DefinitionString\n     ├─ [-] {old}\n\n     └─ [+] {new}\n\nthe end\n"


def test_a_definition_is_shown_by_how_it_differs() -> None:
    shown = shortened(twice(definition(60), definition(90)))

    assert '-      "Seconds": 60,\n' in shown
    assert '+      "Seconds": 90,\n' in shown
    assert shown.count('"StartAt"') <= 1
    assert shown.endswith("the end\n")


def test_colours_are_those_of_the_terminal() -> None:
    assert '\x1b[31m-      "Seconds": 60,\x1b[0m' in shortened(twice(definition(60), definition(90)), colour=True)


@pytest.mark.parametrize(
    "text",
    [
        "Stack one\nThere were no differences\n",
        " ├─ [-] old\n └─ [+] new\n",
        " ├─ [-] {\n  no JSON\n}\n └─ [+] {\n  no JSON either\n}\n",
        " └─ [+] {\n}\n",
        " ├─ [-] {\n}\nsomething else\n",
        " ├─ [-] {\n  and then it ends",
    ],
)
def test_everything_else_stays_as_it_is(text: str) -> None:
    assert shortened(text) == text


@pytest.mark.parametrize(("number", "words", "code"), [(2, (), 0), (2, ("--fail",), 1), (0, ("--fail",), 0)])
def test_differences_are_a_failure_only_for_those_who_ask(
    aws: FakeStates, fake_cdk: Callable[..., None], call: Callable[..., Said], number: int, words: tuple[str], code: int
) -> None:
    fake_cdk(f"echo '✨  Number of stacks with differences: {number}'")

    said = call("diff", "workflows", *words)

    assert said.code == code
    assert f"differences: {number}" in said.out


def test_a_comparison_that_fails_is_told(
    aws: FakeStates, fake_cdk: Callable[..., None], call: Callable[..., Said], home: Path
) -> None:
    fake_cdk("echo 'AccessDenied: GetTemplate'; exit 1")

    said = call("diff")

    assert said.code == 1
    assert "AccessDenied" in said.err
