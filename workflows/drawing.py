"""A picture of a state machine, as Mermaid text that GitHub and most editors draw."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

Asl = dict[str, Any]

_SHAPES = {
    "Choice": ("{{", "}}"),
    "Succeed": ("([", "])"),
    "Fail": ("([", "])"),
    "Wait": ("[/", "/]"),
}
_BOX = ("[", "]")


def mermaid(definition: Asl) -> str:
    """Draw a definition.

    Parameters
    ----------
    definition
        A state machine in Amazon States Language.

    Returns
    -------
    A Mermaid flowchart. Solid arrows are transitions, with the rule of a Choice on them; dotted arrows are
    catchers; a frame holds the branches of a Parallel state or the iterations of a Map.
    """
    drawing = _Drawing()
    lines = ["flowchart TD", *drawing.machine(definition, indent="    ")]
    return "\n".join(lines) + "\n"


class _Drawing:
    """Gives every state an identifier of its own while the machine is walked."""

    def __init__(self) -> None:
        self._numbers = count()

    def machine(self, machine: Asl, *, indent: str) -> Iterator[str]:
        ids = {name: f"s{next(self._numbers)}" for name in machine["States"]}
        for name, state in machine["States"].items():
            yield from self._state(name, state, ids[name], indent)
        for name, state in machine["States"].items():
            for arrow, target, text in _transitions(state):
                label = f'|"{_escaped(text)}"|' if text else ""
                yield f"{indent}{ids[name]} {arrow}{label} {ids[target]}"

    def _state(self, name: str, state: Asl, identifier: str, indent: str) -> Iterator[str]:
        inner = list(_machines(state))
        if not inner:
            left, right = _SHAPES.get(state["Type"], _BOX)
            yield f'{indent}{identifier}{left}"{_escaped(name)}"{right}'
            return
        yield f'{indent}subgraph {identifier}["{_escaped(name)}"]'
        for position, (title, machine) in enumerate(inner):
            yield f'{indent}    subgraph {identifier}b{position}["{title}"]'
            yield from self.machine(machine, indent=indent + "        ")
            yield f"{indent}    end"
        yield f"{indent}end"


def _machines(state: Asl) -> Iterator[tuple[str, Asl]]:
    for position, branch in enumerate(state.get("Branches", []), start=1):
        yield f"branch {position}", branch
    processor = state.get("ItemProcessor")
    if processor:
        mode = processor.get("ProcessorConfig", {}).get("Mode", "INLINE").lower()
        yield f"each item, {mode}", processor


def _transitions(state: Asl) -> Iterator[tuple[str, str, str]]:
    for rule in state.get("Choices", []):
        yield "-->", rule["Next"], _rule(rule)
    if "Default" in state:
        yield "-->", state["Default"], "otherwise"
    if "Next" in state:
        yield "-->", state["Next"], ""
    for catcher in state.get("Catch", []):
        yield "-.->", catcher["Next"], ", ".join(catcher["ErrorEquals"])


def _rule(rule: Asl) -> str:
    for word in ("And", "Or"):
        if word in rule:
            return f" {word.lower()} ".join(_in_short(rule[word]))
    if "Not" in rule:
        return f"not {_rule(rule['Not'])}"
    return " ".join(_comparison(rule))


def _in_short(rules: list[Asl]) -> Iterator[str]:
    """Draw rules one after the other; what two of them compare alike is written once."""
    before: tuple[str, str] | None = None
    for rule in rules:
        if {"And", "Or", "Not"} & rule.keys():
            yield _rule(rule)
            before = None
            continue
        variable, operator, value = _comparison(rule)
        yield value if before == (variable, operator) else f"{variable} {operator} {value}"
        before = (variable, operator)


def _comparison(rule: Asl) -> tuple[str, str, str]:
    operator, value = next((key, item) for key, item in rule.items() if key not in ("Variable", "Next", "Comment"))
    return rule["Variable"], operator, str(value)


def _escaped(text: str) -> str:
    return text.replace('"', "#quot;")
