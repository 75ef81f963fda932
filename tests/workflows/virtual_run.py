"""A committed definition, executed on the interpreter with stub tasks and a virtual clock."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from random import Random

from workflows.interpreter import (
    Execution,
    Interpreter,
    Journal,
    Outcome,
    Progress,
    Tasks,
    VirtualClock,
    load,
    run_virtually,
)

ASL = Path(__file__).parents[2] / "workflows" / "asl"
START = datetime(2030, 1, 1, tzinfo=UTC)


class Run:
    """One execution of a workflow, and its redrives."""

    def __init__(self, workflow: str, aws: Tasks, given: object = None, name: str = "run-1") -> None:
        self.definition = load((ASL / f"{workflow}.asl.json").read_text())
        self.aws = aws
        self.input = {} if given is None else given
        self.progress = Progress()
        self.name = name
        self.journal = Journal(f"arn:aws:states:us-east-1:000000000000:execution:{workflow}:{name}")
        self.redrives = 0
        self.seconds = 0.0

    def start(self) -> Outcome:
        return run_virtually(self._execute(redrive=False))

    def redrive(self) -> Outcome:
        self.redrives += 1
        return run_virtually(self._execute(redrive=True))

    async def _execute(self, *, redrive: bool) -> Outcome:
        clock = VirtualClock()
        interpreter = Interpreter(
            self.definition, self.aws, clock, self.journal, progress=self.progress, random=Random(7)
        )
        execution = Execution(
            arn=self.journal.execution_arn,
            name=self.name,
            input=self.input,
            start_time=START,
            redrive_count=self.redrives,
            redrive_time=START if redrive else None,
        )
        outcome = await (interpreter.redrive(execution) if redrive else interpreter.run(execution))
        self.seconds = (clock.now() - clock.start).total_seconds()
        return outcome
