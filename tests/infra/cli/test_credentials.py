from __future__ import annotations

from collections.abc import Callable

import pytest
from botocore import exceptions
from botocore.stub import Stubber

from infra.cli.terminal.credentials import explain
from infra.cli.terminal.errors import UnavailableError
from infra.cli.terminal.target import Target
from tests.infra.cli.conftest import Said


def refusal(code: str) -> exceptions.ClientError:
    return exceptions.ClientError({"Error": {"Code": code, "Message": "as AWS says"}}, "GetCallerIdentity")


@pytest.mark.parametrize(
    ("error", "problem", "remedy"),
    [
        (exceptions.NoCredentialsError(), "no AWS credentials", "AWS_PROFILE"),
        (
            exceptions.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
            "AWS_SECRET_ACCESS_KEY",
            "aws configure",
        ),
        (exceptions.ProfileNotFound(profile="prodd"), "prodd", "list-profiles"),
        (exceptions.UnauthorizedSSOTokenError(), "SSO", "aws sso login"),
        (refusal("ExpiredToken"), "expired", "aws sso login"),
        (refusal("InvalidClientTokenId"), "does not know", "AWS_PROFILE"),
        (refusal("SignatureDoesNotMatch"), "signature", "clock"),
    ],
)
def test_what_is_wrong_with_credentials_is_told_with_what_to_do(error: Exception, problem: str, remedy: str) -> None:
    told = explain(error)

    assert told is not None
    assert problem in told.problem
    assert remedy in told.remedy
    assert told.exit_code == 3


@pytest.mark.parametrize("error", [refusal("AccessDenied"), exceptions.EndpointConnectionError(endpoint_url="x")])
def test_other_errors_are_not_taken_for_wrong_credentials(error: Exception) -> None:
    assert explain(error) is None


def test_asking_for_the_account_explains_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    target = Target(None, "us-east-1", "dev")
    sts = target.client("sts")
    monkeypatch.setattr(Target, "client", lambda *_: sts)
    with Stubber(sts) as stub:
        stub.add_client_error("get_caller_identity", "ExpiredToken", "too late")
        with pytest.raises(UnavailableError, match="expired"):
            target.account  # noqa: B018 - looking it up is what is tested


@pytest.mark.parametrize("command", [("deploy",), ("deploy-workflows",), ("diff",), ("destroy",), ("api",)])
def test_every_command_names_a_profile_that_there_is_not(
    call: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")

    said = call(*command, "--target", "aws")

    assert said.code == 3
    assert "no-such-profile" in said.err
    assert "list-profiles" in said.err


@pytest.mark.parametrize("command", [("deploy",), ("deploy-workflows",), ("diff",), ("destroy",), ("api",)])
def test_every_command_refuses_an_environment_that_there_is_not(
    call: Callable[..., Said], command: tuple[str, ...]
) -> None:
    said = call(*command, "--environment", "production")

    assert said.code == 2
    assert "dev, staging, prod" in said.err


def test_a_region_that_does_not_answer_is_told_as_such(
    call: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object) -> None:
        raise exceptions.EndpointConnectionError(endpoint_url="https://sts.us-eest-1.amazonaws.com/")

    monkeypatch.setattr(Target, "client", unreachable)

    said = call("deploy", "--target", "aws")

    assert said.code == 3
    assert "name of the region" in said.err
    assert "make local" not in said.err
