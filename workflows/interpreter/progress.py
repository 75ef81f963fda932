"""How far an execution has come: the points from which a redrive goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workflows.interpreter.interfaces import Json
from workflows.interpreter.map_run import MapRun


@dataclass(slots=True)
class Progress:
    """Where one line of states stands: a whole execution, a branch of a Parallel or an iteration of a Map.

    Attributes
    ----------
    input
        What the state `state` is given, or the first state as long as there is no `state`.
    state
        The state that was entered last, None before the first and after the last one.
    entered
        Id of the event that entered it, 0 between two states.
    done, output
        Whether the line has come to its end, and with which output.
    inner
        The branches or iterations of `state`, when it is a Parallel or an inline Map that has started.
    map_run
        The Map Run of `state`, when it is a distributed Map that has started.
    """

    input: Json = None
    state: str | None = None
    entered: int = 0
    done: bool = False
    output: Json = None
    inner: list[Progress] | None = None
    map_run: MapRun | None = None

    def move_to(self, state: str, given: Json) -> None:
        """Go on to the next state, which has not been entered yet."""
        self.state, self.input = state, given
        self._leave()

    def finish(self, output: Json) -> None:
        """Come to the end."""
        self.done, self.output, self.state, self.input = True, output, None, None
        self._leave()

    def _leave(self) -> None:
        self.entered, self.inner, self.map_run = 0, None, None

    def to_json(self) -> dict[str, Json]:
        """Give a JSON value from which `from_json` makes an equal one."""
        return {
            "input": self.input,
            "state": self.state,
            "entered": self.entered,
            "done": self.done,
            "output": self.output,
            "inner": None if self.inner is None else [line.to_json() for line in self.inner],
            "mapRun": None if self.map_run is None else self.map_run.to_json(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Progress:
        """Make the progress again that `to_json` wrote."""
        inner, map_run = value["inner"], value["mapRun"]
        return cls(
            input=value["input"],
            state=value["state"],
            entered=value["entered"],
            done=value["done"],
            output=value["output"],
            inner=None if inner is None else [cls.from_json(line) for line in inner],
            map_run=None if map_run is None else MapRun.from_json(map_run),
        )
