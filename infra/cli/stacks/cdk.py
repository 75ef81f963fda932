"""Drives the CDK command line, and reads what it prints."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from infra.cli.stacks import docker_front
from infra.cli.stacks.assembly import Assembly
from infra.cli.terminal.errors import CommandError, RefusedError, UnavailableError
from infra.cli.terminal.processes import Children
from infra.cli.terminal.target import HOME, SOURCE_ROOT, Target, make_private
from infra.errors import InfraError

CONCURRENCY = 4
"""Stacks that are deployed at the same time, where they do not depend on each other."""

_LAST_LINES = 12


@dataclass(frozen=True)
class StackEvent:
    """What the CDK says of a whole stack.

    `deploying` or `destroying`, and later `done`, `unchanged`, `destroyed` or `failed`.
    """

    stack: str
    what: str


BEGINNINGS = frozenset({"deploying", "destroying"})
"""The events that something begins with; all others end it."""

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_EVENTS = (
    ("deploying", re.compile(r"(?P<stack>\S+): deploying\.\.\..*")),
    ("destroying", re.compile(r"(?P<stack>\S+): destroying\.\.\..*")),
    ("unchanged", re.compile(r"\s*✅\s+(?P<stack>\S+) \(no changes\)")),
    ("destroyed", re.compile(r"\s*✅\s+(?P<stack>\S+): destroyed")),
    ("done", re.compile(r"\s*✅\s+(?P<stack>\S+)")),
    ("failed", re.compile(r"\s*❌\s+(?P<stack>\S+) failed.*")),
)


# What `infra.app` says when it ends early; around it the CDK tells of subprocesses.
_APP_ERROR = re.compile(rf"(?P<kind>{'|'.join(kind.__name__ for kind in InfraError.__subclasses__())}): (?P<said>.+)")
_IMAGE_REFUSED = re.compile(rf".*{docker_front.REFUSAL}(?P<problem>.+?\.) (?P<remedy>[A-Z].+\.)")
_DIFFERENT = re.compile(r".*Number of stacks with differences: (?P<number>\d+)")


def parse_line(line: str) -> StackEvent | None:
    """Read a line of `cdk deploy` or `cdk destroy`; None if it tells nothing of a stack as a whole."""
    plain = _ANSI.sub("", line).rstrip()
    for what, pattern in _EVENTS:
        match = pattern.fullmatch(plain)
        if match:
            return StackEvent(match["stack"], what)
    return None


class Cdk:
    """The CDK command line against one AWS; only one at a time works in a folder.

    Attributes
    ----------
    assembly
        What `synthesize` wrote last, below `.ml-pipeline/cdk.out`.

    Parameters
    ----------
    target
        Where to deploy.
    children
        What owns the processes that are started; at its end the folder is free again.

    Raises
    ------
    UnavailableError
        If Node.js or the pinned CDK is not installed, or another command uses the CDK in this folder.
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
        self._home = make_private(HOME).resolve()
        children.hold(_claim(self._home / "cdk.lock"))
        # What a CDK that is stopped leaves behind (jsii unpacks itself for each app) lies here until the next one.
        scratch = self._home / "tmp"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        self._environment = _environment(target, os.environ, self._home) | {"TMPDIR": str(scratch)}
        self.assembly = Assembly(self._home / "cdk.out")

    def synthesize(self) -> None:
        """Turn the app into templates and assets.

        Raises
        ------
        RefusedError
            If the app refuses its settings or what it finds; the message is the app's.
        CommandError
            If the app fails otherwise; the message ends with what it said.
        """
        folder = self.assembly.folder
        shutil.rmtree(folder, ignore_errors=True)
        self.assembly = Assembly(folder)
        refusals: list[str] = []

        def look(line: str) -> None:
            match = _APP_ERROR.fullmatch(_ANSI.sub("", line).rstrip())
            if match:
                refusals.append(match["said"])

        app = f"{sys.executable} -m infra.app"
        try:
            self._call(
                "synth", "--quiet", "--app", app, "--output", str(folder), cwd=SOURCE_ROOT / "infra", on_line=look
            )
        except CommandError as error:
            if refusals:
                raise RefusedError(refusals[0], error.remedy) from error
            raise

    def bootstrap(self) -> None:
        """Deploy the CDK's own stack, which holds its bucket and roles.

        Raises
        ------
        CommandError
            If that fails.
        """
        # Called in a folder without cdk.json, the CDK does not build the app for this.
        self._call("bootstrap", f"aws://{self._target.account}/{self._target.region}", cwd=self._home)

    def publish(self, stacks: Sequence[str]) -> None:
        """Build and push what stacks and those that they depend on need, images among it; no stack is touched.

        Parameters
        ----------
        stacks
            Their names; all, if there are none.

        Raises
        ------
        RefusedError
            If the container engine made an image in a form that SageMaker does not run.
        CommandError
            If something cannot be built or pushed; the message ends with what the CDK said.
        """
        refusals: list[RefusedError] = []

        def look(line: str) -> None:
            match = _IMAGE_REFUSED.fullmatch(_ANSI.sub("", line).rstrip())
            if match:
                refusals.append(RefusedError(match["problem"], match["remedy"]))

        try:
            self._call(
                "publish-assets", *stacks, "--unstable", "publish-assets",
                "--app", str(self.assembly.folder),
                "--concurrency", str(CONCURRENCY),
                cwd=self._home,
                on_line=look,
            )  # fmt: skip
        except CommandError as error:
            if refusals:
                raise refusals[0] from error
            raise

    def deploy(
        self, stacks: Sequence[str], on_event: Callable[[StackEvent], None], *, exclusively: bool = False
    ) -> None:
        """Deploy synthesized stacks.

        Parameters
        ----------
        stacks
            Their names; all, if there are none.
        on_event
            Called when a stack begins and when it ends.
        exclusively
            Whether to leave alone what they depend on.

        Raises
        ------
        CommandError
            If a stack fails; the message ends with what CloudFormation said.
        """
        self._call(
            "deploy",
            *(stacks or ["--all"]),
            *(["--exclusively"] if exclusively else []),
            "--app", str(self.assembly.folder),
            "--require-approval", "never",
            "--progress", "events",
            "--concurrency", str(CONCURRENCY),
            cwd=self._home,
            on_line=_telling(on_event),
        )  # fmt: skip

    def destroy(self, stacks: Sequence[str], on_event: Callable[[StackEvent], None]) -> None:
        """Delete stacks, those first that stand on others. What is retained in them stays.

        Raises
        ------
        CommandError
            If a stack cannot be deleted; the message ends with what CloudFormation said.
        """
        self._call(
            "destroy", *stacks, "--exclusively", "--force",
            "--app", str(self.assembly.folder),
            "--concurrency", str(CONCURRENCY),
            cwd=self._home,
            on_line=_telling(on_event),
        )  # fmt: skip

    def diff(self, stacks: Sequence[str], on_line: Callable[[str], None], *, colour: bool) -> int:
        """Compare the synthesized templates with the deployed ones. Nothing is created for that, no change set either.

        Parameters
        ----------
        stacks
            Their names; all, if there are none.
        on_line
            Called with each line that the CDK prints.
        colour
            Whether the lines shall have colours.

        Returns
        -------
        How many stacks differ.

        Raises
        ------
        CommandError
            If they cannot be compared.
        """
        different = 0

        def look(line: str) -> None:
            nonlocal different
            match = _DIFFERENT.fullmatch(_ANSI.sub("", line).rstrip())
            if match:
                different = int(match["number"])
            on_line(line)

        if colour:
            del self._environment["NO_COLOR"]
            self._environment["FORCE_COLOR"] = "1"
        self._call(
            "diff", *stacks, *(["--exclusively"] if stacks else []),
            "--app", str(self.assembly.folder), "--method", "template",
            cwd=self._home,
            on_line=look,
        )  # fmt: skip
        return different

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


def _claim(file: Path) -> IO[str]:
    """Lock a file as long as it is open: two at a time would write over each other's templates."""
    lock = file.open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise UnavailableError(
            "Another command is using the CDK in this folder.", "Wait for its end, or work in another folder."
        ) from error
    return lock


def _telling(on_event: Callable[[StackEvent], None]) -> Callable[[str], None]:
    def look(line: str) -> None:
        event = parse_line(line)
        if event is not None:
            on_event(event)

    return look


def _environment(target: Target, ours: Mapping[str, str], home: Path) -> dict[str, str]:
    environment = {
        **ours,
        "AWS_REGION": target.region,
        "AWS_DEFAULT_REGION": target.region,
        "ML_PIPELINE_ENVIRONMENT": target.environment,
        "ML_PIPELINE_REGION": target.region,
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "NO_COLOR": "1",
        "NODE_NO_WARNINGS": "1",
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
    }
    if target.endpoint_url is None:
        environment |= docker_front.write_launcher(home)
    else:
        from infra.local.docker_stand_in import write_launcher  # here, because it imports boto3

        environment |= {
            "AWS_ENDPOINT_URL": target.endpoint_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            # Its rules take half of a synthesis. They say what CloudFormation would refuse: asked before a template
            # goes to AWS and by the tests; the embedded AWS says itself what it refuses.
            "CDK_VALIDATION": "false",
            **write_launcher(home),
        }
        for elsewhere in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            environment.pop(elsewhere, None)
    return environment
