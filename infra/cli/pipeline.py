"""The steps of the example: an embedded AWS, the stacks with a model, a month of flights, a run, its report."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

from infra.cli.executions import BATCH_INFERENCE
from infra.cli.local import DEFAULT_STATE, clear
from infra.cli.run import follow_run, start
from infra.cli.runs.outcome import Outcome
from infra.cli.runs.run_record import RunRecord
from infra.cli.stacks.cdk import Cdk, StackEvent
from infra.cli.terminal.errors import UnavailableError
from infra.cli.terminal.processes import Children
from infra.cli.terminal.steps import Step, Voice
from infra.cli.terminal.target import HOME, LOCAL_REGION, Target, local_endpoint, make_private
from infra.naming import SECTIONS, Names

RUN_ID = "flights-2013-07"
INPUT_PREFIX = "input/2013-07/"

_ENVIRONMENT = "dev"
_START_SECONDS = 60.0
_FLIGHTS = HOME / "flights"
_OUTCOMES = _FLIGHTS / "outcomes" / "2013-07.parquet"
_EMULATOR_LOG = HOME / "logs" / "local.log"


class Pipeline:
    """The example's steps, and what they hand on to each other.

    Parameters
    ----------
    children
        What owns the processes that are started.
    """

    def __init__(self, children: Children) -> None:
        self._children = children
        self._emulator: subprocess.Popen[str] | None = None
        self._target: Target | None = None
        self._cdk: Cdk | None = None
        self.folder = HOME / "runs" / RUN_ID

    def steps(self) -> list[Step]:
        """List what comes before the run."""
        stack = Names(_ENVIRONMENT, LOCAL_REGION, account="").stack
        return [
            Step("Write July's flights as files", self._write_flights),
            Step("Start the embedded AWS", self._start),
            Step("Bootstrap the CDK", self._bootstrap, needs=("Start the embedded AWS",)),
            Step("Train a model, build the templates", self._synthesize, needs=("Start the embedded AWS",)),
            Step("Deploy the stacks", self._deploy, needs=("Bootstrap the CDK", "Train a model, build the templates")),
            Step("Upload July", self._upload, needs=(stack("storage"), "Write July's flights as files")),
        ]

    def last_steps(self, outcome: Outcome) -> list[Step]:
        """List what comes after the run."""
        return [
            Step("Copy the predictions", lambda _: self._copy_predictions(outcome)),
            Step("Draw the report", lambda _: self._draw_report(outcome)),
        ]

    @property
    def target(self) -> Target:
        """The embedded AWS; there is one once it has been started."""
        assert self._target is not None  # noqa: S101 - the order of the steps sees to it
        return self._target

    def check_alive(self) -> None:
        """Make sure that the embedded AWS still runs, once it was started.

        Raises
        ------
        UnavailableError
            If it has ended.
        """
        code = self._emulator.poll() if self._emulator else None
        if code is None:
            return
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        raise UnavailableError(
            f"The embedded AWS {how} in the middle of the work.",
            f"What it said is in {_EMULATOR_LOG}. Call the same command again to start from the beginning.",
        )

    def score(self, console: Console) -> Outcome:
        """Run batch inference over July, with live progress."""
        request = {
            "runId": RUN_ID,
            "input": f"s3://{self.target.names.bucket('data')}/{INPUT_PREFIX}",
            # All workers share this machine: more of them than it has processors only start more slowly.
            "concurrency": 2 * (os.cpu_count() or 1),
        }
        arn = start(self.target, BATCH_INFERENCE, request, name=RUN_ID)
        return follow_run(self.target, arn, console)

    def _start(self, voice: Voice) -> None:
        clear(DEFAULT_STATE)
        shutil.rmtree(self.folder, ignore_errors=True)
        make_private(_EMULATOR_LOG.parent)
        with _EMULATOR_LOG.open("w") as log:
            self._emulator = self._children.start(
                [sys.executable, "-m", "infra.cli.main", "local", "--port", "0", "--until-stdin-closes"],
                environment=os.environ,
                cwd=Path.cwd(),
                output=log,
                keep_stdin=True,
            )
        give_up = time.monotonic() + _START_SECONDS
        while (url := local_endpoint()) is None:
            self.check_alive()
            if time.monotonic() > give_up:
                raise UnavailableError(
                    f"The embedded AWS was not ready within {_START_SECONDS:.0f} seconds.",
                    f"What it said is in {_EMULATOR_LOG}.",
                )
            time.sleep(0.05)
        voice.say(url)
        self._target = Target(url, LOCAL_REGION, _ENVIRONMENT)
        self._cdk = Cdk(self._target, self._children)

    def _synthesize(self, _: Voice) -> None:
        self._the_cdk.synthesize()

    def _bootstrap(self, _: Voice) -> None:
        self._the_cdk.bootstrap()

    @property
    def _the_cdk(self) -> Cdk:
        assert self._cdk is not None  # noqa: S101 - the order of the steps sees to it
        return self._cdk

    def _deploy(self, voice: Voice) -> None:
        done = 0

        def count(event: StackEvent) -> None:
            nonlocal done
            if event.what != "deploying":
                done += 1
                voice.reach(event.stack)
            voice.say(f"{done} of {len(SECTIONS)}  {event.what} {event.stack}")

        self._the_cdk.deploy([], count)

    def _write_flights(self, _: Voice) -> None:
        from batch_jobs.flights import write_july, write_july_outcomes

        shutil.rmtree(_FLIGHTS, ignore_errors=True)
        write_july(_FLIGHTS / "july")
        write_july_outcomes(_OUTCOMES)
        _name_sources_by_key(_OUTCOMES)

    def _upload(self, voice: Voice) -> None:
        s3, bucket = self.target.client("s3"), self.target.names.bucket("data")
        for file in sorted((_FLIGHTS / "july").iterdir()):
            voice.say(file.name)
            s3.upload_file(str(file), bucket, f"{INPUT_PREFIX}{file.name}")
        s3.upload_file(str(_OUTCOMES), bucket, f"outcomes/{_OUTCOMES.name}")

    def _copy_predictions(self, outcome: Outcome) -> None:
        record = RunRecord(self.target, outcome.run_id)
        for marker in record.markers():
            for key in marker.objects:
                copy = self.folder / key.replace(f"run_id={outcome.run_id}/", "")
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(record.read(key))

    def _draw_report(self, outcome: Outcome) -> None:
        from infra.cli.report import write_report  # here, because drawing costs a second of imports

        write_report(self.target, outcome, self.folder)


def _name_sources_by_key(outcomes: Path) -> None:
    """Change the files' names in the column `source` to the keys under which they are uploaded."""
    import pyarrow.compute as compute
    import pyarrow.parquet as parquet

    table = parquet.read_table(outcomes)
    keys = compute.binary_join_element_wise(INPUT_PREFIX, table["source"], "")
    parquet.write_table(table.set_column(table.schema.get_field_index("source"), "source", keys), outcomes)
