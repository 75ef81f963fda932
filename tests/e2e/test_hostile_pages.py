"""Pages in a real browser try to drive everything that listens while the embedded AWS runs, and change nothing."""

from __future__ import annotations

import base64
import io
import json
import re
import time
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest

from tests.browser import chromium
from tests.e2e.attacker import ADDRESS, FOREIGN, REBOUND, attacking, baiting
from tests.e2e.conftest import DEPLOYED, World

SECONDS_FOR_A_PAGE = 120
FUNCTION = "hostile"
KEPT = "hostile/kept"
READ = re.compile(r"(?:basic|cors|xhr) (403|404|.*)", re.DOTALL)

pytestmark = pytest.mark.skipif(not chromium.RUNS_HERE, reason="the pinned browser runs on Linux on x86-64 alone")


def listeners(world: World) -> list[int]:
    """Ports on which the embedded AWS and everything that it started listens; its own is the first."""
    running = json.loads((world.folder / ".ml-pipeline" / "local.json").read_text())
    process = psutil.Process(running["pid"])
    deadline = time.monotonic() + SECONDS_FOR_A_PAGE
    while True:
        endpoint = world.client("sagemaker").describe_endpoint(EndpointName=DEPLOYED.endpoint)
        servers = sum(variant["CurrentInstanceCount"] for variant in endpoint["ProductionVariants"])
        found = [
            connection.laddr
            for each in (process, *process.children(recursive=True))
            for connection in each.net_connections()
            if connection.status == psutil.CONN_LISTEN
        ]
        if endpoint["EndpointStatus"] == "InService" and len(found) == 1 + servers > 1:
            break
        assert time.monotonic() < deadline, f"{found} listen, for {servers} model servers"
        time.sleep(0.2)
    assert {address.ip for address in found} == {"127.0.0.1"}
    return sorted((address.port for address in found), key=lambda port: not world.url.endswith(f":{port}"))


def in_query(service: str) -> str:
    """A made-up key where a page can put one."""
    scope = quote(f"AKIAEXAMPLEEXAMPLEXX/20261201/us-east-1/{service}/aws4_request", safe="")
    return f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={scope}"


def wishes(world: World, marker: Path) -> list[dict[str, str]]:
    """What an attacker would like to be done."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package:
        package.writestr("app.py", f"def handler(event, context):\n    open({str(marker)!r}, 'w').close()\n")
    role = world.client("lambda").list_functions()["Functions"][0]["Role"]
    code = {
        "FunctionName": FUNCTION,
        "Runtime": "python3.11",
        "Handler": "app.handler",
        "Role": role,
        "Code": {"ZipFile": base64.b64encode(archive.getvalue()).decode()},
    }
    api = world.client("apigateway").get_rest_apis()["items"][0]["id"]
    bucket = DEPLOYED.bucket("data")
    asked = [
        ("POST", f"/2015-03-31/functions?{in_query('lambda')}", json.dumps(code)),
        ("POST", f"/2015-03-31/functions/{FUNCTION}/invocations?{in_query('lambda')}", "{}"),
        ("GET", f"/apikeys?includeValues=true&{in_query('apigateway')}", ""),
        ("GET", f"/{bucket}/{KEPT}?{in_query('s3')}", ""),
        ("PUT", f"/{bucket}/hostile/written?{in_query('s3')}", "x"),
        ("DELETE", f"/{bucket}/{KEPT}?AWSAccessKeyId=x&Signature=x&Expires=4000000000", ""),
        ("POST", f"/?Action=CreateUser&UserName=hostile&Version=2010-05-08&{in_query('iam')}", ""),
        ("GET", f"/?Action=CreateUser&UserName=hostile&Version=2010-05-08&{in_query('iam')}", ""),
        ("POST", "/_ministack/reset", "{}"),
        ("POST", "/_ministack/config", json.dumps({"stepfunctions._SFN_WAIT_SCALE": 0})),
        ("GET", "/v2/_catalog", ""),
        ("POST", f"/restapis/{api}/v1/_user_request_/predict", '{"records": [{}]}'),
        ("POST", "/invocations", '{"records": [{}]}'),
        ("GET", "/ping", ""),
        ("SOCKET", f"/_aws/execute-api/{api}/v1", ""),
    ]
    return [{"method": method, "path": path, "body": body} for method, path, body in asked]


def state(world: World) -> dict[str, Any]:
    """What the attacker would have changed."""
    objects = world.s3.list_objects_v2(Bucket=DEPLOYED.bucket("data"), Prefix="hostile/").get("Contents", [])
    pages = world.client("lambda").get_paginator("list_functions").paginate()
    functions = [each for page in pages for each in page["Functions"]]
    return {
        "objects": {each["Key"]: each["ETag"] for each in objects},
        "functions": {each["FunctionName"]: each["CodeSha256"] for each in functions},
        "users": [each["UserName"] for each in world.client("iam").list_users()["Users"]],
        "buckets": [each["Name"] for each in world.s3.list_buckets()["Buckets"]],
    }


def test_hostile_pages_reach_every_listener_and_change_and_read_nothing(world: World, tmp_path: Path) -> None:
    chromium.install()
    marker = tmp_path / "code-has-run"
    world.s3.put_object(Bucket=DEPLOYED.bucket("data"), Key=KEPT, Body=b"precious")
    secrets = [key["value"] for key in world.client("apigateway").get_api_keys(includeValues=True)["items"]]
    assert secrets
    secrets.append("precious")
    ports, plan, before = listeners(world), wishes(world, marker), state(world)

    with (
        baiting() as (bait, reached),
        attacking(ports, bait, plan) as (attacker, first),
        chromium.visiting(first, {FOREIGN: ADDRESS, REBOUND: ADDRESS}),
    ):
        reports = [attacker.reports.get(timeout=SECONDS_FOR_A_PAGE) for _ in attacker.plans]

    pages = {report["page"]: [a for a in report["tried"] if not a["base"].endswith(f":{bait}")] for report in reports}
    tried = [attempt for attempts in pages.values() for attempt in attempts]
    assert len(pages) == 2 + len(ports)
    assert reached == {f"{each['method']} by {each['way']}" for each in tried}, "each way leads to an open endpoint"
    assert state(world) == before
    assert not marker.exists()
    assert not [each for each in tried if each["seen"] == "opened" or any(x in each["seen"] for x in secrets)]
    # The pages could read answers only where a name was rebound: refusals, and that a model server is healthy.
    read = {
        page: {found[1] for each in attempts if (found := READ.match(each["seen"]))} for page, attempts in pages.items()
    }
    aws, *servers = [read.pop(f"http://{REBOUND}:{port}") for port in ports]
    assert aws == {"403"}
    assert all(answers == {"403", "404", "200 "} for answers in servers)
    assert set().union(*read.values()) == set()
    world.s3.delete_object(Bucket=DEPLOYED.bucket("data"), Key=KEPT)
