"""How an execution ended: its stages, and of a run of batch inference its numbers and where its results are."""

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from infra.cli.runs.history import Stage, read_history, readable_cause, stages
from infra.cli.runs.run_record import RunRecord, rows_by_reason, work_by_stage
from infra.cli.terminal.errors import CommandError
from infra.cli.terminal.target import Target
from infra.cli.terminal.units import seconds_text


@dataclass(frozen=True)
class Ended:
    """How an execution ended. Stages are its states with their seconds."""

    workflow: str
    execution_arn: str
    status: str
    cause: str
    seconds: float
    stages: tuple[Stage, ...]

    @property
    def name(self) -> str:
        """Name of the execution."""
        return self.execution_arn.rpartition(":")[2]

    @property
    def succeeded(self) -> bool:
        """Whether the execution ended well."""
        return self.status == "SUCCEEDED"

    def as_json(self) -> dict[str, Any]:
        """Shape it for scripts."""
        return {
            "workflow": self.workflow,
            "execution": self.execution_arn,
            "status": self.status,
            **({"cause": self.cause} if self.cause else {}),
            "seconds": round(self.seconds, 3),
            "stages": {stage.name: round(stage.seconds, 3) for stage in self.stages},
        }


@dataclass(frozen=True)
class Outcome(Ended):
    """How a run of batch inference ended: counts are rows, work is the seconds of the workers by stage.

    Of a schedule's run, the period is the hour or day that it scored, in UTC; late objects are those of earlier ones.
    """

    run_id: str
    rows: int
    predictions: int
    quarantined: int
    reasons: dict[str, int]
    work: dict[str, float]
    results: str
    quarantine: str
    period: str | None = None
    late_objects: int = 0
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Shape it for scripts and for `summary.json`."""
        return {
            **super().as_json(),
            "runId": self.run_id,
            **({"period": self.period, "lateObjects": self.late_objects} if self.period else {}),
            **({"warnings": list(self.warnings)} if self.warnings else {}),
            "rows": self.rows,
            "predictions": self.predictions,
            "quarantined": self.quarantined,
            "reasons": self.reasons,
            "work": {stage: round(seconds, 3) for stage, seconds in self.work.items()},
            "results": self.results,
            "quarantine": self.quarantine,
        }


def gather_end(target: Target, workflow: str, execution: dict[str, Any]) -> Ended:
    """Put together how an execution ended, from its description and its history."""
    return Ended(**_end(target, workflow, execution))


def gather(target: Target, workflow: str, execution: dict[str, Any], record: RunRecord) -> Outcome:
    """Put together what an ended run of batch inference left: its history, and its markers."""
    markers = record.markers()
    request = record.request() or {}
    summary = record.summary() or {}
    below = f"day={request['day']}/run_id={record.run_id}/" if "day" in request else ""
    return Outcome(
        **_end(target, workflow, execution),
        run_id=record.run_id,
        rows=sum(marker.rows for marker in markers),
        predictions=sum(marker.predictions for marker in markers),
        quarantined=sum(marker.quarantined for marker in markers),
        reasons=rows_by_reason(markers),
        work=work_by_stage(markers),
        results=f"s3://{record.bucket}/predictions/{below}",
        quarantine=f"s3://{record.bucket}/quarantine/{below}",
        period=request.get("period"),
        late_objects=summary.get("lateObjects", 0),
        warnings=tuple(summary.get("warnings", ())),
    )


def _end(target: Target, workflow: str, execution: dict[str, Any]) -> dict[str, Any]:
    failed = execution["status"] != "SUCCEEDED"
    return {
        "workflow": workflow,
        "execution_arn": execution["executionArn"],
        "status": execution["status"],
        "cause": readable_cause(execution.get("error"), execution.get("cause")) if failed else "",
        "seconds": (execution["stopDate"] - execution["startDate"]).total_seconds(),
        "stages": tuple(stages(read_history(target, execution["executionArn"]))),
    }


def raise_if_failed(ended: Ended) -> None:
    """Turn an execution that failed into the error that ends the command.

    Raises
    ------
    CommandError
        With its cause.
    """
    if not ended.succeeded:
        what = f"The run {ended.run_id}" if isinstance(ended, Outcome) else f"{ended.workflow} {ended.name}"
        raise CommandError(
            f"{what} {ended.status.replace('_', ' ').lower()}: {ended.cause}",
            f"When the reason is removed: ml-pipeline replay {ended.name}",
        )


def print_summary(ended: Ended, console: Console) -> None:
    """Print seconds per stage; of a run rows, predictions, quarantined rows, and where the results are, too."""
    console.print()
    title = f"run {ended.run_id}" if isinstance(ended, Outcome) else f"{ended.workflow} {ended.name}"
    console.print(f"[bold]{title}[/]  {ended.status}  {seconds_text(ended.seconds)}")
    if isinstance(ended, Outcome):
        for warning in ended.warnings:
            console.print(f"[yellow]warning[/]     {escape(warning)}")
        if ended.period:
            late = f", and {ended.late_objects:,} late objects" if ended.late_objects else ""
            console.print(f"period      {ended.period} (UTC){late}", markup=False)
        console.print(f"rows        {ended.rows:>12,}")
        console.print(f"predictions {ended.predictions:>12,}")
        console.print(f"quarantined {ended.quarantined:>12,}")
        for reason, rows in ended.reasons.items():
            console.print(f"  {rows:>8,}  {reason}", markup=False)
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    for stage in ended.stages:
        if stage.seconds >= 0.05:
            table.add_row(f"  {stage.name}", seconds_text(stage.seconds))
    console.print("stages")
    console.print(table)
    if isinstance(ended, Outcome):
        console.print(f"results     {ended.results}", markup=False)
        if ended.quarantined:
            console.print(f"quarantine  {ended.quarantine}", markup=False)
