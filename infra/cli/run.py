"""`ml-pipeline run`: start a workflow, follow it, and tell how it ended."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from infra.cli.executions import BATCH_INFERENCE, check_workflow
from infra.cli.runs.outcome import Ended, Outcome, gather, gather_end, print_summary, raise_if_failed
from infra.cli.runs.progress import Watch, follow
from infra.cli.runs.run_record import RunRecord
from infra.cli.terminal import options
from infra.cli.terminal.console import human_console, print_json
from infra.cli.terminal.errors import CommandError, RefusedError
from infra.cli.terminal.target import HOME, Target, Where, find_target
from infra.naming import ALIAS
from tasks.aws_limits import STEP_FUNCTIONS_INPUT, utf8_bytes
from tasks.runs import input as run_input


def run(
    workflow: Annotated[str, typer.Argument(help="The workflow's name, such as batch-inference.")],
    run_input: Annotated[
        str, typer.Option("--input", metavar="JSON|@FILE", help="The execution's input: JSON, or @ and a file of JSON.")
    ] = "{}",
    run_id: Annotated[
        str | None,
        typer.Option(
            help="Name of the run; a run id used before gives the same results. Of other workflows than "
            "batch-inference it is the execution's name."
        ),
    ] = None,
    wait: Annotated[bool, typer.Option(help="Show progress until it ends, or return once it is started.")] = True,
    with_report: Annotated[bool, typer.Option("--report/--no-report", help="Write the HTML report at the end.")] = True,
    as_json: options.AsJson = False,
    environment: options.Environment = "dev",
    where: options.Where = Where.LOCAL,
) -> None:
    """Start a workflow and follow it to its end. Exits with 1 if it fails.

    [bold]Examples[/]

      ml-pipeline run batch-inference
      ml-pipeline run batch-inference --input '{"input": "s3://bucket/2013/07/"}'
      ml-pipeline run batch-inference --run-id july --input @request.json --json
      ml-pipeline run traffic-shift --input '{"weights": {"ModelA": 50, "ModelB": 50}}'
    """
    workflow = check_workflow(workflow)
    is_run = workflow == BATCH_INFERENCE
    request = read_input(run_input, run_id if is_run else None)
    target = find_target(where, environment)
    arn = start(target, workflow, request, name=None if is_run else run_id)
    console = human_console(as_json=as_json)
    if not wait:
        if as_json:
            print_json({"workflow": workflow, "execution": arn})
        else:
            console.print(f"started {arn}", markup=False)
        return
    console.print(f"{workflow}  {arn}", markup=False)
    ended = follow_to_end(target, workflow, arn, console)
    finish(target, ended, console, as_json=as_json, with_report=with_report)


def read_input(text: str, run_id: str | None) -> dict[str, Any]:
    """Read the input that the user gave as JSON or as `@file`, and put the run id into it.

    Raises
    ------
    RefusedError
        If the file cannot be read, the text is no JSON object, or it names another run id.
    """
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text()
        except OSError as error:
            raise RefusedError(f"The input file {text[1:]} cannot be read: {error.strerror}.") from error
    try:
        request = json.loads(text)
    except ValueError as error:
        raise RefusedError(
            f"The input is not JSON: {error}.", "Write for instance --input '{\"shardRows\": 50000}'."
        ) from error
    if not isinstance(request, dict):
        raise RefusedError(f"The input must be a JSON object, not {text.strip()[:40]}.")
    if run_id is None:
        return request
    if request.get("runId", run_id) != run_id:
        raise RefusedError(
            f"--run-id says {run_id!r}, but the input's runId is {request['runId']!r}.", "Give one of them."
        )
    return {**request, "runId": run_id}


def start(target: Target, workflow: str, request: Any, name: str | None = None) -> str:
    """Start the version of a workflow that its alias `live` points to; the request is anything that JSON can say.

    Returns
    -------
    The execution's ARN.

    Raises
    ------
    RefusedError
        If the request is larger than Step Functions takes.
    CommandError
        If the workflow is not deployed.
    """
    # Not as ASCII: an escaped letter takes six bytes of the input's limit.
    text = json.dumps(request, ensure_ascii=False)
    size = utf8_bytes(text)
    if size > STEP_FUNCTIONS_INPUT.value:
        raise RefusedError(
            f"The input is {size:,} bytes as JSON, and Step Functions takes {STEP_FUNCTIONS_INPUT}.",
            "Put the data into S3 and name its place.",
        )
    states = target.client("stepfunctions")
    named = {"name": name} if name else {}
    try:
        started = states.start_execution(
            stateMachineArn=f"{target.state_machine_arn(workflow)}:{ALIAS}", input=text, **named
        )
    except states.exceptions.StateMachineDoesNotExist as error:
        raise CommandError(
            f"The workflow {workflow} is not deployed in {target.environment!r}.",
            "Deploy it with `ml-pipeline deploy`.",
        ) from error
    return str(started["executionArn"])


def run_id_of(execution: dict[str, Any]) -> str:
    """Tell the run id of an execution, from its description."""
    return run_input.run_id_of(json.loads(execution.get("input") or "{}"), execution["name"])


def follow_to_end(target: Target, workflow: str, execution_arn: str, console: Console) -> Ended:
    """Show an execution's progress until it ends, and gather what came of it: of batch inference an `Outcome`."""
    if workflow == BATCH_INFERENCE:
        return follow_run(target, execution_arn, console)
    return gather_end(target, workflow, _follow(target, Watch(target, execution_arn, None), console))


def follow_run(target: Target, execution_arn: str, console: Console) -> Outcome:
    """Show the progress of a run of batch inference until it ends, and gather what came of it."""
    states = target.client("stepfunctions")
    record = RunRecord(target, run_id_of(states.describe_execution(executionArn=execution_arn)))
    execution = _follow(target, Watch(target, execution_arn, record), console)
    return gather(target, BATCH_INFERENCE, execution, record)


def _follow(target: Target, watch: Watch, console: Console) -> dict[str, Any]:
    return follow(watch, console, seconds_between_looks=0.5 if target.is_local else 3.0)


def finish(target: Target, ended: Ended, console: Console, *, as_json: bool, with_report: bool) -> None:
    """Print how an execution ended, and write the report of a run.

    Raises
    ------
    CommandError
        If it failed; the message is its cause.
    """
    if isinstance(ended, Outcome):
        _finish_run(target, ended, console, as_json=as_json, with_report=with_report)
    elif as_json:
        print_json(ended.as_json())
    else:
        print_summary(ended, console)
    raise_if_failed(ended)


def _finish_run(target: Target, outcome: Outcome, console: Console, *, as_json: bool, with_report: bool) -> None:
    report_path = None
    if with_report and outcome.rows:
        from infra.cli.report import write_report  # here, because drawing costs a second of imports

        report_path = write_report(target, outcome, HOME / "runs" / outcome.run_id)
    if as_json:
        print_json({**outcome.as_json(), "report": str(report_path) if report_path else None})
        return
    print_summary(outcome, console)
    if report_path:
        console.print(f"report      {report_path}", markup=False)
