from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.cli.stacks import cdk
from infra.cli.stacks.cdk import Cdk, StackEvent, parse_line
from infra.cli.terminal.errors import CommandError, RefusedError, UnavailableError
from infra.cli.terminal.processes import Children
from infra.cli.terminal.target import Target
from tests.infra.cli.conftest import Said

LOCAL = Target("http://127.0.0.1:9", "us-east-1", "dev")


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (
            "ml-pipeline-tasks-dev-us-east-1: deploying... [2/6]",
            StackEvent("ml-pipeline-tasks-dev-us-east-1", "deploying"),
        ),
        (" ✅  ml-pipeline-tasks-dev-us-east-1", StackEvent("ml-pipeline-tasks-dev-us-east-1", "done")),
        ("ml-pipeline-tasks-dev: destroying... [1/9]", StackEvent("ml-pipeline-tasks-dev", "destroying")),
        (" ✅  ml-pipeline-tasks-dev: destroyed", StackEvent("ml-pipeline-tasks-dev", "destroyed")),
        ("\x1b[32m ✅  stack (no changes)\x1b[0m\n", StackEvent("stack", "unchanged")),
        (" ❌  stack failed: ToolkitError: it broke", StackEvent("stack", "failed")),
        ("stack: creating CloudFormation changeset...", None),
        ("stack | 2/9 | 06:58:01 AM | CREATE_COMPLETE | AWS::S3::Bucket | Data", None),
        ("", None),
    ],
)
def test_a_line_of_the_cdk_is_read(line: str, event: StackEvent | None) -> None:
    assert parse_line(line) == event


def test_a_deployment_tells_its_stacks_and_leaves_a_log(fake_cdk: Callable[[str], None], home: Path) -> None:
    fake_cdk("true")
    events: list[StackEvent] = []

    with Children() as children:
        Cdk(LOCAL, children).deploy([], events.append)

    assert [(event.stack, event.what) for event in events] == [
        ("ml-pipeline-storage", "deploying"),
        ("ml-pipeline-storage", "done"),
        ("ml-pipeline-tasks", "deploying"),
    ]
    assert "--all" in (home / "called-with").read_text()
    assert "--require-approval never" in (home / "called-with").read_text()
    assert "ml-pipeline-tasks: deploying" in (home / ".ml-pipeline" / "logs" / "cdk-deploy.log").read_text()


def test_the_cdk_talks_to_the_embedded_aws_and_to_nothing_else(
    fake_cdk: Callable[[str], None], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_cdk("true")
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-production")

    with Children() as children:
        Cdk(LOCAL, children).deploy(["one"], lambda _: None)

    environment = dict(line.split("=", 1) for line in (home / "environment").read_text().splitlines() if "=" in line)
    assert environment["AWS_ENDPOINT_URL"] == LOCAL.endpoint_url
    assert environment["AWS_ACCESS_KEY_ID"] == "test"
    assert environment["CDK_DISABLE_CLI_TELEMETRY"] == "true"
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & environment.keys()
    assert (home / "folder").read_text().strip() == os.path.realpath(home / ".ml-pipeline")


def test_a_failure_ends_with_what_the_cdk_said(fake_cdk: Callable[[str], None]) -> None:
    fake_cdk("echo ' ❌  ml-pipeline-tasks failed: no such role'; exit 3")

    with Children() as children, pytest.raises(CommandError) as failure:
        Cdk(LOCAL, children).deploy([], lambda _: None)

    assert "no such role" in failure.value.problem
    assert "cdk-deploy.log" in failure.value.remedy


def test_a_missing_cdk_is_told_with_the_remedy(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cdk, "SOURCE_ROOT", home)

    with Children() as children, pytest.raises(UnavailableError) as failure:
        Cdk(LOCAL, children)

    assert "make install" in failure.value.remedy


def test_missing_node_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with Children() as children, pytest.raises(UnavailableError, match=r"Node\.js"):
        Cdk(LOCAL, children)


def test_one_command_at_a_time_uses_the_cdk_in_a_folder(fake_cdk: Callable[[str], None]) -> None:
    fake_cdk("true")
    with Children() as children:
        Cdk(LOCAL, children)
        with Children() as others, pytest.raises(UnavailableError, match="Another command"):
            Cdk(LOCAL, others)

    with Children() as children:
        Cdk(LOCAL, children).deploy([], lambda _: None)


def test_a_setting_that_the_app_refuses_is_told_in_its_own_words(fake_cdk: Callable[..., None]) -> None:
    fake_cdk(
        synth="echo 'jsii noise'; echo 'SettingsError: Setting zones is 1. Allowed: 2.'; echo 'Subprocess'; exit 1"
    )

    with Children() as children, pytest.raises(RefusedError) as failure:
        Cdk(LOCAL, children).synthesize()

    assert failure.value.problem == "Setting zones is 1. Allowed: 2."


def test_an_app_that_breaks_is_told_with_its_last_lines(fake_cdk: Callable[..., None]) -> None:
    fake_cdk(synth="echo 'RuntimeError: no such thing'; exit 1")

    with Children() as children, pytest.raises(CommandError, match="no such thing"):
        Cdk(LOCAL, children).synthesize()


@pytest.mark.parametrize(
    ("colour", "variable", "absent"), [(True, "FORCE_COLOR", "NO_COLOR"), (False, "NO_COLOR", "FORCE_COLOR")]
)
def test_a_comparison_counts_the_stacks_that_differ(
    fake_cdk: Callable[..., None], home: Path, colour: bool, variable: str, absent: str
) -> None:
    fake_cdk("echo; echo '✨  Number of stacks with differences: 3'")
    lines: list[str] = []

    with Children() as children:
        assert Cdk(LOCAL, children).diff(["one"], lines.append, colour=colour) == 3

    assert "✨  Number of stacks with differences: 3\n" in lines
    called = (home / "called-with").read_text()
    assert "diff one --exclusively" in called
    assert "--method template" in called, "a change set would be something that a comparison creates"
    environment = dict(line.split("=", 1) for line in (home / "environment").read_text().splitlines() if "=" in line)
    assert variable in environment
    assert absent not in environment


def test_an_unknown_stack_is_refused_with_the_known_ones(call: Callable[..., Said]) -> None:
    said = call("deploy", "storge")

    assert said.code == 2
    assert "storage" in said.err
