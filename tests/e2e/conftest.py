"""The main job runs once for all end-to-end tests; what it leaves behind is served again, as `make local` serves it.

The tests of a worker share an embedded AWS, so each uses run ids and prefixes of its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import pyarrow.parquet as pq
import pytest
from botocore.config import Config

from infra.naming import Names

BIN = Path(sys.executable).parent
DEPLOYED = Names("dev", "us-east-1", "000000000000")
SECONDS_FOR_A_RUN = 120


@dataclass
class World:
    """The running embedded AWS, as a user has it: a folder to work in, a command line, and any AWS client."""

    url: str
    folder: Path

    @cached_property
    def environment(self) -> dict[str, str]:
        return {
            **without_aws(os.environ),
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
        }

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    @cached_property
    def s3(self) -> Any:
        return self.client("s3")

    def cli(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(BIN / "ml-pipeline"), *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert not check or done.returncode == 0, f"{arguments} exited {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def upload(self, prefix: str, files: dict[str, bytes]) -> str:
        for name, body in files.items():
            self.s3.put_object(Bucket=DEPLOYED.bucket("data"), Key=f"{prefix}/{name}", Body=body)
        return f"s3://{DEPLOYED.bucket('data')}/{prefix}/"

    def run(self, run_id: str, source: str, **more: Any) -> dict[str, Any]:
        """Run batch inference to its end; gives the execution as Step Functions describes it."""
        states = self.client("stepfunctions")
        arn = f"arn:aws:states:us-east-1:000000000000:stateMachine:{DEPLOYED.state_machine('batch-inference')}"
        started = states.start_execution(
            stateMachineArn=f"{arn}:live",
            input=json.dumps({"runId": run_id, "input": source, **more}),
        )
        return self.wait(started["executionArn"])

    def wait(self, execution: str) -> dict[str, Any]:
        states = self.client("stepfunctions")
        deadline = time.monotonic() + SECONDS_FOR_A_RUN
        while time.monotonic() < deadline:
            described: dict[str, Any] = states.describe_execution(executionArn=execution)
            if described["status"] != "RUNNING":
                return described
            time.sleep(0.2)
        raise AssertionError(f"{execution} still runs after {SECONDS_FOR_A_RUN} seconds")

    def objects(self, prefix: str) -> dict[str, bytes]:
        bucket = DEPLOYED.bucket("results")
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {key: self.s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    def results(self, run_id: str) -> dict[str, bytes]:
        """The Parquet objects of a run by shard."""
        found = self.objects("predictions/")
        return {key.rsplit("/", 1)[1]: body for key, body in found.items() if f"/run_id={run_id}/" in key}

    def rows(self, run_id: str) -> list[dict[str, Any]]:
        import io

        return [row for body in self.results(run_id).values() for row in pq.read_table(io.BytesIO(body)).to_pylist()]

    def quarantined(self, run_id: str) -> list[dict[str, Any]]:
        found = self.objects("quarantine/")
        return [
            json.loads(line)
            for key, body in sorted(found.items())
            if f"/run_id={run_id}/" in key
            for line in body.splitlines()
        ]

    def items(self, source: str) -> dict[str, dict[str, Any]]:
        """The items of the predictions that came from below a source prefix, by prediction id."""
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=DEPLOYED.table)
        items = [item for page in pages for item in page["Items"] if item["source"]["S"].startswith(source)]
        by_id = {item["predictionId"]["S"]: item for item in items}
        assert len(by_id) == len(items)
        return by_id


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder in which the main job has run, as `make run` runs it, and has ended. Nobody changes it."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    folder = shared / "example"
    with (shared / "example.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            folder.mkdir()
            done = subprocess.run(
                [str(BIN / "ml-pipeline"), "example"],
                cwd=folder,
                env=without_aws(os.environ),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=600,
            )
            (folder / "example.out").write_text(done.stdout)
            (folder / "example.code").write_text(str(done.returncode))
    assert (folder / "example.code").read_text() == "0", (folder / "example.out").read_text()
    return folder


@pytest.fixture(scope="session")
def world(example: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The embedded AWS as the main job left it, served again from a copy of its state."""
    with served_again(example, tmp_path_factory.mktemp("world")) as world:
        yield world


@contextlib.contextmanager
def served_again(example: Path, folder: Path) -> Iterator[World]:
    """Serve a copy of what the main job left, in a folder of its own."""
    templates = shutil.ignore_patterns("cdk.out")  # large, and built anew by whoever wants them
    shutil.copytree(example / ".ml-pipeline", folder / ".ml-pipeline", ignore=templates)
    with embedded_aws(folder) as url:
        yield World(url, folder)


def without_aws(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which no credentials, region or endpoint of the machine's owner lead a test astray."""
    return {key: value for key, value in environment.items() if not key.startswith("AWS_")}


@contextlib.contextmanager
def embedded_aws(folder: Path) -> Iterator[str]:
    """`ml-pipeline local` in a folder, until the end of the block."""
    with (
        (folder / "local.log").open("w") as log,
        subprocess.Popen(
            [str(BIN / "ml-pipeline"), "local", "--port", "0"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert "http://127.0.0.1:" in line, (folder / "local.log").read_text()
            yield line.split()[-1]
        finally:
            process.terminate()
            process.wait(60)
