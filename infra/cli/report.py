"""`ml-pipeline report`: the HTML report of a run, drawn from what the run left in S3."""

import base64
import json
import webbrowser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import jinja2
import typer

from infra.cli.executions import BATCH_INFERENCE, Execution, list_executions
from infra.cli.run import run_id_of
from infra.cli.runs.outcome import Outcome, gather
from infra.cli.runs.run_record import Marker, RunRecord
from infra.cli.runs.scores import ScoreTally, tally_scores
from infra.cli.stacks.readiness import read_settings
from infra.cli.terminal import options
from infra.cli.terminal.console import human_console, print_json
from infra.cli.terminal.errors import RefusedError
from infra.cli.terminal.target import HOME, Target, Where, find_target, make_private
from infra.cli.terminal.units import seconds_text

SHORTEST_STAGE = 0.005
"""Seconds; Pass and Choice states take less, and would only lengthen the table."""


@dataclass(frozen=True)
class Section:
    """A picture of the report: its title, what it shows, and its PNG."""

    name: str
    title: str
    text: str
    png: bytes

    @property
    def picture(self) -> str:
        """The PNG as base64, for embedding."""
        return base64.b64encode(self.png).decode()


def report(
    run_id: Annotated[str, typer.Argument(help="The run's id, as `run` printed it.")],
    open_it: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
    as_json: options.AsJson = False,
    environment: options.Environment = "dev",
    where: options.Where = Where.LOCAL,
) -> None:
    """Draw the HTML report of a run again, from what the run left in S3.

    It goes to .ml-pipeline/runs/{run-id}/, with the pictures as PNG and the numbers as summary.json beside it.

    [bold]Examples[/]

      ml-pipeline report july --open
    """
    target = find_target(where, environment)
    record = RunRecord(target, run_id)
    if record.request() is None:
        raise RefusedError(
            f"There is no run {run_id!r} in s3://{record.bucket}/runs/.", "See `ml-pipeline executions` for the runs."
        )
    outcome = gather(target, BATCH_INFERENCE, _latest_execution(target, run_id), record)
    path = write_report(target, outcome, HOME / "runs" / run_id)
    if as_json:
        print_json({**outcome.as_json(), "report": str(path)})
    else:
        human_console().print(str(path), markup=False)
    if open_it:
        webbrowser.open(path.resolve().as_uri())


def _latest_execution(target: Target, run_id: str) -> dict[str, Any]:
    """Describe the execution that worked on a run last."""
    states = target.client("stepfunctions")

    def describe(execution: Execution) -> dict[str, Any]:
        return dict(states.describe_execution(executionArn=execution.arn))

    for execution in list_executions(target, BATCH_INFERENCE):
        description = describe(execution)
        if run_id_of(description) == run_id and execution.status != "RUNNING":
            return description
    raise RefusedError(f"No execution of the last 90 days that has ended worked on the run {run_id!r}.")


def write_report(target: Target, outcome: Outcome, folder: Path) -> Path:
    """Write `report.html`, its pictures as PNG, and `summary.json`.

    Parameters
    ----------
    target
        The AWS that the run ran on; its results are read from there.
    outcome
        How the run ended.
    folder
        Where to write; made if need be.

    Returns
    -------
    The path of the report.
    """
    record = RunRecord(target, outcome.run_id)
    markers = record.markers()
    lanes = {shard.shard_id: shard.lane for shard in record.shards() or []}
    tally = tally_scores(target, record, markers)
    request = record.request()
    version = model_metadata(target, request["modelVersion"]) if request else {}
    sections = draw(tally, markers, lanes, version)
    make_private(folder)
    for section in sections:
        (folder / f"{section.name}.png").write_bytes(section.png)
    (folder / "summary.json").write_text(json.dumps({**outcome.as_json(), **_quality(tally)}, indent=2) + "\n")
    path = folder / "report.html"
    path.write_text(_page(outcome, tally, sections, request))
    return path


def model_metadata(target: Target, version: str) -> dict[str, Any]:
    """Read what the registry knows of a model version; empty if it is gone."""
    ssm = target.client("ssm")
    try:
        parameter = ssm.get_parameter(Name=f"{read_settings(target).models_root}/versions/{version}/metadata")
    except ssm.exceptions.ParameterNotFound:
        return {}
    return dict(json.loads(parameter["Parameter"]["Value"]))


def draw(tally: ScoreTally, markers: list[Marker], lanes: Mapping[str, str], version: dict[str, Any]) -> list[Section]:
    """Draw those pictures for which there is something to show.

    Parameters
    ----------
    tally
        The scores, with the outcomes where they are known.
    markers
        The finished shards.
    lanes
        Lane of each shard by its id.
    version
        Metadata of the model version: `threshold` and `baseline` are used.
    """
    from infra.cli.runs import charts

    sections = []
    if tally.rows:
        sections.append(
            Section(
                "scores",
                "Score distribution",
                f"How many of the {tally.rows:,} predictions have which score, by what really happened.",
                charts.score_distribution(tally, version.get("threshold")),
            )
        )
    if tally.rows_with_outcome:
        sections.append(
            Section("calibration", "Calibration", _calibration_text(tally, version), charts.calibration(tally))
        )
    if markers:
        sections += [
            Section(
                "throughput",
                "Throughput",
                "Rows scored per second in both lanes; a shard's rows count evenly over its time.",
                charts.throughput(markers, lanes),
            ),
            Section(
                "timeline",
                "Shards",
                "When each shard was worked on. Every block is one shard.",
                charts.shard_timeline(markers, lanes),
            ),
        ]
    return sections


def _calibration_text(tally: ScoreTally, version: dict[str, Any]) -> str:
    baseline = version.get("baseline", {})
    then = f" (baseline {baseline['auc']:.3f})" if "auc" in baseline else ""
    return (
        f"Scores against the {tally.rows_with_outcome:,} known outcomes: "
        f"{tally.outcome_rate:.1%} were {tally.outcome}, the mean score is {tally.mean_score:.1%}. "
        f"AUC {tally.auc or 0:.3f}{then}, log loss {tally.log_loss:.3f}, Brier score {tally.brier:.3f}."
    )


def _quality(tally: ScoreTally) -> dict[str, Any]:
    if not tally.rows_with_outcome:
        return {}
    return {
        "quality": {
            "rowsWithOutcome": tally.rows_with_outcome,
            "outcomeRate": tally.outcome_rate,
            "meanScore": tally.mean_score,
            "auc": tally.auc,
            "logLoss": tally.log_loss,
            "brier": tally.brier,
        }
    }


def _page(outcome: Outcome, tally: ScoreTally, sections: list[Section], request: dict[str, Any] | None) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("infra.cli", "."), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["seconds"] = seconds_text
    headlines = [
        ("rows", f"{outcome.rows:,}"),
        ("predictions", f"{outcome.predictions:,}"),
        ("quarantined", f"{outcome.quarantined:,}"),
        ("took", seconds_text(outcome.seconds)),
    ]
    if tally.auc is not None:
        headlines.append(("AUC", f"{tally.auc:.3f}"))
    places = [("execution", outcome.execution_arn), ("results", outcome.results), ("quarantine", outcome.quarantine)]
    if request:
        places.insert(0, ("input", request["input"]))
    if outcome.period:
        places.insert(0, ("period (UTC)", outcome.period))
    return environment.get_template("report.html.j2").render(
        outcome=outcome,
        request=request,
        headlines=headlines,
        sections=sections,
        places=places,
        stages=[stage for stage in outcome.stages if stage.seconds >= SHORTEST_STAGE],
        most_work=max(outcome.work.values(), default=1.0) or 1.0,
        longest=max((stage.seconds for stage in outcome.stages), default=1.0) or 1.0,
    )
