"""Drives the CDK command line, and reads what it prints."""

import os
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.cli.errors import CommandError, UnavailableError
from infra.cli.processes import Children
from infra.cli.target import HOME, SOURCE_ROOT, Target

CONCURRENCY = 4
"""Stacks that are deployed at the same time, where they do not depend on each other."""

_LAST_LINES = 12


@dataclass(frozen=True)
class StackEvent:
    """What the CDK says of a whole stack: `deploying`, `unchanged`, `done` or `failed`."""

    stack: str
    what: str


_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_EVENTS = (
    ("deploying", re.compile(r"(?P<stack>\S+): deploying\.\.\..*")),
    ("unchanged", re.compile(r"\s*✅\s+(?P<stack>\S+) \(no changes\)")),
    ("done", re.compile(r"\s*✅\s+(?P<stack>\S+)")),
    ("failed", re.compile(r"\s*❌\s+(?P<stack>\S+) failed.*")),
)


def parse_line(line: str) -> StackEvent | None:
    """Read a line of `cdk deploy`; None if it tells nothing of a stack as a whole."""
    plain = _ANSI.sub("", line).rstrip()
    for what, pattern in _EVENTS:
        match = pattern.fullmatch(plain)
        if match:
            return StackEvent(match["stack"], what)
    return None


class Cdk:
    """The CDK command line against one AWS.

    Parameters
    ----------
    target
        Where to deploy.
    children
        What owns the processes that are started.

    Raises
    ------
    UnavailableError
        If Node.js or the pinned CDK is not installed.
    """

    def __init__(self, target: Target, children: Children) -> None:
        self._program = SOURCE_ROOT / "infra" / "node_modules" / ".bin" / "cdk"
        if shutil.which("node") is None:
            raise UnavailableError("Node.js is not installed; the CDK needs it.", "Install Node.js 20 or later.")
        if not self._program.exists():
            raise UnavailableError(
                f"The CDK command line is not at {self._program}.", "Install it with `make install`."
            )
        self._target = target
        self._children = children
        self._home = HOME.resolve()
        self._home.mkdir(parents=True, exist_ok=True)
        # What a CDK that is stopped leaves behind (jsii unpacks itself for each app) lies here until the next one.
        scratch = self._home / "tmp"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        self._environment = _environment(target, os.environ, self._home) | {"TMPDIR": str(scratch)}
        self.assembly = self._home / "cdk.out"

    def synthesize(self) -> None:
        """Turn the app into templates and assets, below `.ml-pipeline/cdk.out`.

        Raises
        ------
        CommandError
            If the app fails; the message ends with what it said.
        """
        shutil.rmtree(self.assembly, ignore_errors=True)
        app = f"{sys.executable} -m infra.app"
        self._call("synth", "--quiet", "--app", app, "--output", str(self.assembly), cwd=SOURCE_ROOT / "infra")

    def is_bootstrapped(self) -> bool:
        """Whether the CDK's own stack is there."""
        cloudformation = self._target.client("cloudformation")
        try:
            cloudformation.describe_stacks(StackName="CDKToolkit")
        except cloudformation.exceptions.ClientError as error:
            if error.response["Error"]["Code"] == "ValidationError":
                return False
            raise
        return True

    def bootstrap(self) -> None:
        """Deploy the CDK's own stack, which holds its bucket and roles.

        Raises
        ------
        CommandError
            If that fails.
        """
        # Called in a folder without cdk.json, the CDK does not build the app for this.
        self._call("bootstrap", f"aws://{self._target.account}/{self._target.region}", cwd=self._home)

    def deploy(self, stacks: Sequence[str], on_event: Callable[[StackEvent], None]) -> None:
        """Deploy the synthesized stacks, and what they depend on.

        Parameters
        ----------
        stacks
            Their names; all, if there are none.
        on_event
            Called when a stack begins and when it ends.

        Raises
        ------
        CommandError
            If a stack fails; the message ends with what CloudFormation said.
        """

        def look(line: str) -> None:
            event = parse_line(line)
            if event is not None:
                on_event(event)

        self._call(
            "deploy",
            *(stacks or ["--all"]),
            "--app", str(self.assembly),
            "--require-approval", "never",
            "--progress", "events",
            "--concurrency", str(CONCURRENCY),
            cwd=self._home,
            on_line=look,
        )  # fmt: skip

    def _call(self, command: str, *arguments: str, cwd: Path, on_line: Callable[[str], None] = lambda _: None) -> None:
        log = self._home / "logs" / f"cdk-{command}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        last: deque[str] = deque(maxlen=_LAST_LINES)
        child = self._children.start(
            [str(self._program), command, *arguments, "--no-notices"],
            environment=self._environment,
            cwd=cwd,
            output=subprocess.PIPE,
        )
        assert child.stdout is not None  # noqa: S101 - it is a pipe
        with log.open("w") as written:
            for line in child.stdout:
                written.write(line)
                written.flush()
                last.append(_ANSI.sub("", line).rstrip())
                on_line(line)
        if child.wait() != 0:
            said = "\n".join(f"  {line}" for line in last if line.strip())
            raise CommandError(f"cdk {command} failed:\n{said}", f"Its full output is in {log}.")


def _environment(target: Target, ours: Mapping[str, str], home: Path) -> dict[str, str]:
    environment = {
        **ours,
        "AWS_REGION": target.region,
        "AWS_DEFAULT_REGION": target.region,
        "ML_PIPELINE_ENVIRONMENT": target.environment,
        "ML_PIPELINE_REGION": target.region,
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "NO_COLOR": "1",
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
    }
    if target.endpoint_url is not None:
        from infra.local.docker_stand_in import write_launcher  # here, because it imports boto3

        environment |= {
            "AWS_ENDPOINT_URL": target.endpoint_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            **write_launcher(home),
        }
        for elsewhere in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            environment.pop(elsewhere, None)
    return environment
