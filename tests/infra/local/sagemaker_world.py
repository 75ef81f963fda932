"""Models of a tiny server in the place of `batch_jobs serve`, and endpoints of them on the embedded AWS."""

import io
import json
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from .image_world import manifest

PATIENCE_SECONDS = 60
WAITER = {"Delay": 0.1, "MaxAttempts": 600}

# What the archive says decides who it claims to be; what a request says decides what happens to it.
SERVER = """
import http.server, json, os, sys, time

model = sys.argv[sys.argv.index("--model") + 1]
who = open(os.path.join(model, "model.txt")).read()
print("serving", who, flush=True)
if who == "broken":
    sys.exit("cannot load the model")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200 if who != "unhealthy" else 503, {})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        order = body.decode(errors="replace")
        if order == "crash":
            os._exit(3)
        if order.startswith("sleep"):
            time.sleep(float(order.split()[1]))
        status = int(order.split()[1]) if order.startswith("status") else 200
        self.answer(status, {"who": who, "pid": os.getpid(), "size": len(body), "headers": dict(self.headers),
                             "environment": dict(os.environ)})

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Amzn-SageMaker-Custom-Attributes", "from=" + who)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        pass


Server(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""


def archive(**files: str) -> bytes:
    """A model.tar.gz with ``model.txt`` or other text files; ``__`` in a name stands for a slash."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name.replace("__", "/"))
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


class SageMakerWorld:
    """A bucket, a role that may read it and the image's repository, and names that are this world's alone."""

    def __init__(self, client: Any, name: str, role: str, programs: Path) -> None:
        self.name = name
        self.role = role
        self.sagemaker, self.runtime = client("sagemaker"), client("sagemaker-runtime")
        self.s3, self.ecr = client("s3"), client("ecr")
        self.image = f"000000000000.dkr.ecr.us-east-1.amazonaws.com/{name}:v1"
        self._programs = programs
        (programs / "batch_jobs").mkdir()
        (programs / "batch_jobs" / "__init__.py").touch()
        (programs / "batch_jobs" / "__main__.py").write_text(SERVER)
        self.s3.create_bucket(Bucket=name)
        self.ecr.create_repository(repositoryName=name)
        self.ecr.put_image(repositoryName=name, imageManifest=manifest(), imageTag="v1")

    def model(self, who: str, body: bytes | None = None, **members: Any) -> str:
        """Make a model that says `who` it is; returns its name."""
        key, model = f"{who}/model.tar.gz", f"{self.name}-{who}"
        self.s3.put_object(Bucket=self.name, Key=key, Body=body or archive(**{"model.txt": who}))
        self.sagemaker.create_model(**{**self.model_request(who, key), "ModelName": model, **members})
        return model

    def model_request(self, who: str, key: str) -> dict[str, Any]:
        return {
            "ModelName": f"{self.name}-{who}",
            "PrimaryContainer": {
                "Image": self.image,
                "ModelDataUrl": f"s3://{self.name}/{key}",
                "Environment": {"PYTHONPATH": str(self._programs), "COLOUR": "blue"},
            },
            "ExecutionRoleArn": self.role,
        }

    def config(self, suffix: str, *variants: dict[str, Any]) -> str:
        name = f"{self.name}-{suffix}"
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=list(variants))
        return name

    def endpoint(self, config: str) -> str:
        """Create an endpoint and wait until it is in service."""
        self.sagemaker.create_endpoint(EndpointName=self.name, EndpointConfigName=config)
        self.wait()
        return self.name

    def wait(self) -> dict[str, Any]:
        self.sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=self.name, WaiterConfig=WAITER)
        return self.describe()

    def settle(self) -> dict[str, Any]:
        """Wait until nothing is being changed."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (found := self.describe())["EndpointStatus"] not in ("InService", "Failed"):
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        return found

    def describe(self) -> dict[str, Any]:
        found: dict[str, Any] = self.sagemaker.describe_endpoint(EndpointName=self.name)
        return found

    def variant(self, name: str) -> dict[str, Any]:
        (found,) = [v for v in self.describe()["ProductionVariants"] if v["VariantName"] == name]
        return dict(found)

    def invoke(self, body: bytes | str = b"{}", **members: Any) -> dict[str, Any]:
        """Return what the server answered, with ``variant`` beside."""
        request = {"EndpointName": self.name, "Body": body, **members}
        answer = self.runtime.invoke_endpoint(**request)
        return {**json.loads(answer["Body"].read()), "variant": answer["InvokedProductionVariant"]}

    def servers(self) -> set[int]:
        """Pids of the model servers that run."""
        return {process.pid for process in self._processes()}

    def remove(self) -> None:
        """Delete what was made, and wait until no model server is left."""
        for endpoint in self.sagemaker.list_endpoints(NameContains=self.name)["Endpoints"]:
            self.settle()
            self.sagemaker.delete_endpoint(EndpointName=endpoint["EndpointName"])
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.servers() or self.sagemaker.list_endpoints(NameContains=self.name)["Endpoints"]:
            assert time.monotonic() < deadline, self.servers()
            time.sleep(0.05)

    def _processes(self) -> Iterator[psutil.Process]:
        # Of the whole machine: what an embedded AWS leaves behind is nobody's child.
        for process in psutil.process_iter():
            try:
                if "serve" in process.cmdline() and process.environ().get("PYTHONPATH") == str(self._programs):
                    yield process
            except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
                continue


def production_variant(name: str, model: str, weight: float = 1.0, count: int = 1, **members: Any) -> dict[str, Any]:
    return {
        "VariantName": name,
        "ModelName": model,
        "InitialInstanceCount": count,
        "InstanceType": "ml.m5.large",
        "InitialVariantWeight": weight,
        **members,
    }
