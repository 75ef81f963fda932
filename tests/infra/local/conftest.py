"""One embedded AWS per test process, on a free port, for the tests that need the real thing."""

import io
import json
import uuid
import zipfile
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from infra.local.server import EmbeddedAws, start

from .stack_world import Stack, delete, deploy

ACCOUNT = "000000000000"
REGION = "us-east-1"

Client = Callable[..., Any]
Answer = tuple[int, dict[str, str], bytes]
Send = Callable[..., Answer]


@pytest.fixture(scope="session")
def aws() -> Iterator[EmbeddedAws]:
    """The embedded AWS; it and its processes are gone at the end of the session."""
    with start() as running:
        yield running


@pytest.fixture(scope="session")
def client(aws: EmbeddedAws) -> Client:
    """Makes a boto3 client of the embedded AWS: root by default, or with credentials of the caller's choice."""

    def make(service: str, access_key: str = "test", secret_key: str = "test", token: str | None = None) -> Any:
        return boto3.client(
            service,
            endpoint_url=aws.url,
            region_name=REGION,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            aws_session_token=token,
        )

    return make


@pytest.fixture
def send(aws: EmbeddedAws) -> Send:
    """Sends a request as it is: method, path, body and headers -> status, headers, body."""

    def ask(method: str, path: str, body: bytes | str | None = None, **headers: str) -> Answer:
        connection = HTTPConnection(urlsplit(aws.url).netloc, timeout=30)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            return answer.status, {name.lower(): text for name, text in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    return ask


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"t-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def role(client: Client, name: str) -> Callable[..., str]:
    """Makes a role that a service may assume, with statements of the caller's choice; returns its ARN."""

    def make(service: str, *statements: dict[str, Any]) -> str:
        iam = client("iam")
        role_name = f"{name}-{service.partition('.')[0]}"
        trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        made = iam.create_role(RoleName=role_name, AssumeRolePolicyDocument=policy(trust))
        if statements:
            iam.put_role_policy(RoleName=role_name, PolicyName="own", PolicyDocument=policy(*statements))
        return str(made["Role"]["Arn"])

    return make


@pytest.fixture
def stack(client: Client, name: str) -> Iterator[Stack]:
    """Deploys (first creates, then updates) a template's resources; returns physical ids by logical id."""
    cloudformation = client("cloudformation")
    yield lambda resources: deploy(cloudformation, name, resources)
    delete(cloudformation, name)


@pytest.fixture
def function(client: Client, role: Callable[..., str], name: str) -> Callable[..., str]:
    """Makes a function of a module's source; returns its ARN."""

    def make(source: str, *statements: dict[str, Any], **settings: Any) -> str:
        made = client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.11",
            Handler="app.handler",
            Role=role("lambda.amazonaws.com", *statements),
            Code={"ZipFile": zipped(app=source)},
            **settings,
        )
        return str(made["FunctionArn"])

    return make


def may(action: str, alias: str) -> dict[str, Any]:
    """The statement that allows an action of Step Functions by an alias alone."""
    machine, _, qualifier = alias.rpartition(":")
    condition = {"ForAnyValue:StringEquals": {"states:StateMachineQualifier": qualifier}}
    return {"Effect": "Allow", "Action": f"states:{action}", "Resource": machine, "Condition": condition}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def zipped(**files: str) -> bytes:
    """A zip archive; ``__`` in a name stands for a slash, and names end with ``.py``."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package:
        for path, content in files.items():
            package.writestr(f"{path.replace('__', '/')}.py", content)
    return archive.getvalue()
