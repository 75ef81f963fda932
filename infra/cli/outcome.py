"""How a run ended: its numbers, its stages, and where its results are."""

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from infra.cli.errors import CommandError
from infra.cli.history import Stage, read_history, readable_cause, stages
from infra.cli.run_record import RunRecord, rows_by_reason, work_by_stage
from infra.cli.target import Target
from infra.cli.units import seconds_text


@dataclass(frozen=True)
class Outcome:
    """How an execution ended: counts are rows, stages are the states with their seconds, work those of the workers."""

    workflow: str
    execution_arn: str
    run_id: str
    status: str
    cause: str
    seconds: float
    rows: int
    predictions: int
    quarantined: int
    reasons: dict[str, int]
    stages: tuple[Stage, ...]
    work: dict[str, float]
    results: str
    quarantine: str

    @property
    def succeeded(self) -> bool:
        """Whether the execution ended well."""
        return self.status == "SUCCEEDED"

    def as_json(self) -> dict[str, Any]:
        """Shape it for scripts and for `summary.json`."""
        return {
            "workflow": self.workflow,
            "execution": self.execution_arn,
            "runId": self.run_id,
            "status": self.status,
            **({"cause": self.cause} if self.cause else {}),
            "seconds": round(self.seconds, 3),
            "rows": self.rows,
            "predictions": self.predictions,
            "quarantined": self.quarantined,
            "reasons": self.reasons,
            "stages": {stage.name: round(stage.seconds, 3) for stage in self.stages},
            "work": {stage: round(seconds, 3) for stage, seconds in self.work.items()},
            "results": self.results,
            "quarantine": self.quarantine,
        }


def gather(target: Target, workflow: str, execution: dict[str, Any], record: RunRecord) -> Outcome:
    """Put together what an ended execution left: its history, and its run's markers."""
    events = read_history(target, execution["executionArn"])
    status = execution["status"]
    markers = record.markers()
    request = record.request() or {}
    below = f"day={request['day']}/run_id={record.run_id}/" if "day" in request else ""
    return Outcome(
        workflow=workflow,
        execution_arn=execution["executionArn"],
        run_id=record.run_id,
        status=status,
        cause=readable_cause(execution.get("error"), execution.get("cause"))
        if execution["status"] != "SUCCEEDED"
        else "",
        seconds=(execution["stopDate"] - execution["startDate"]).total_seconds(),
        rows=sum(marker.rows for marker in markers),
        predictions=sum(marker.predictions for marker in markers),
        quarantined=sum(marker.quarantined for marker in markers),
        reasons=rows_by_reason(markers),
        stages=tuple(stages(events)),
        work=work_by_stage(markers),
        results=f"s3://{record.bucket}/predictions/{below}",
        quarantine=f"s3://{record.bucket}/quarantine/{below}",
    )


def raise_if_failed(outcome: Outcome) -> None:
    """Turn a run that failed into the error that ends the command.

    Raises
    ------
    CommandError
        With the run's cause.
    """
    if not outcome.succeeded:
        raise CommandError(
            f"The run {outcome.run_id} {outcome.status.replace('_', ' ').lower()}: {outcome.cause}",
            f"When the reason is removed: ml-pipeline replay {outcome.execution_arn.rpartition(':')[2]}",
        )


def print_summary(outcome: Outcome, console: Console) -> None:
    """Print rows, predictions, quarantined rows, seconds per stage, and where the results are."""
    console.print()
    console.print(f"[bold]run {outcome.run_id}[/]  {outcome.status}  {seconds_text(outcome.seconds)}")
    console.print(f"rows        {outcome.rows:>12,}")
    console.print(f"predictions {outcome.predictions:>12,}")
    console.print(f"quarantined {outcome.quarantined:>12,}")
    for reason, rows in outcome.reasons.items():
        console.print(f"  {rows:>8,}  {reason}", markup=False)
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    for stage in outcome.stages:
        if stage.seconds >= 0.05:
            table.add_row(f"  {stage.name}", seconds_text(stage.seconds))
    console.print("stages")
    console.print(table)
    console.print(f"results     {outcome.results}", markup=False)
    if outcome.quarantined:
        console.print(f"quarantine  {outcome.quarantine}", markup=False)
