"""The model server as a process of its own, by HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from batch_jobs.scorers import container_scorer
from batch_jobs.serving.application import MOST_BYTES, Application
from batch_jobs.serving.traffic import Traffic
from tests.batch_jobs.model_files import RECORDS, extract, model_directory, scores
from tests.batch_jobs.other_frameworks import matrix, sklearn_artifact, xgboost_artifact
from tests.tasks.conftest import GOOD

ROOT = Path(__file__).parents[2]
JSON = {"Content-Type": "application/json"}
ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "ML_PIPELINE_MODEL_VERSION": "v7"}


class Server:
    """A running `serve`, and what it printed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        line = process.stdout.readline()
        assert line, process.stderr.read()
        self.ready = json.loads(line)
        self.port = self.ready["port"]

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=20)

    def ask(self, method, path, body=None, headers=JSON):
        """One request on a connection of its own: status, headers and body."""
        connection = self.connect()
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def invoke(self, records):
        status, _, body = self.ask("POST", "/invocations", json.dumps({"records": records}))
        return status, json.loads(body)

    def stop(self) -> list[dict]:
        """End it as SageMaker does; its further lines."""
        self.process.terminate()
        output, errors = self.process.communicate(timeout=30)
        assert errors == ""
        return [json.loads(line) for line in output.splitlines()]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return model_directory(tmp_path_factory.mktemp("model"))


@contextmanager
def serving(directory, *options, **environment):
    process = subprocess.Popen(
        [sys.executable, "-m", "batch_jobs", "serve", "--model", str(directory), "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT | environment,
    )
    try:
        yield Server(process)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def server(directory):
    with serving(directory) as running:
        yield running


@pytest.mark.parametrize("records", [RECORDS[:1], RECORDS, RECORDS * 300], ids=["one", "three", "nine hundred"])
def test_it_predicts_what_batch_scoring_predicts(server, records):
    status, answer = server.invoke(records)

    assert status == 200
    assert answer["modelVersion"] == "v7"
    assert [each["score"] for each in answer["predictions"]] == scores(records)
    assert [each["prediction"] for each in answer["predictions"]] == [score >= 0.5 for score in scores(records)]


@pytest.mark.parametrize("make", [xgboost_artifact, sklearn_artifact])
def test_it_serves_other_frameworks_alike(make, tmp_path):
    artifact = make()
    records = [entry["record"] for entry in artifact.golden]
    with serving(extract(tmp_path, artifact)) as server:
        assert server.ready["framework"] == artifact.framework
        for asked in (records[:1], records, records * 40):
            status, answer = server.invoke(asked)
            assert status == 200
            assert [each["score"] for each in answer["predictions"]] == container_scorer(artifact).scores(
                matrix(asked)
            ).tolist()
        bad = [GOOD | {"wind": "strong"}, GOOD | {"origin": "LHR"}, {"origin": "JFK"}, GOOD | {"colour": "red"}]
        status, answer = server.invoke([GOOD, *bad])
        named = [(each["record"], each["field"]) for each in answer["errors"]]
        assert (status, named) == (400, [(1, "wind"), (2, "origin"), (3, "distance"), (4, "colour")])
        assert server.ask("POST", "/invocations", '{"records": [{"distance": NaN}]}')[0] == 400
        assert server.ask("POST", "/invocations", " " * 10_000_000)[0] == 413
        assert server.ask("GET", "/ping")[0] == 200
        assert server.stop()[-1]["message"] == "stopped"


def test_it_answers_pings_with_nothing(server):
    status, _, body = server.ask("GET", "/ping", headers={})

    assert (status, body) == (200, b"")


def test_bad_records_are_named(server):
    status, answer = server.invoke([GOOD, GOOD | {"wind": "strong", "colour": "red"}, 5])

    assert status == 400
    assert answer["error"] == "InvalidRecords"
    assert [(each["record"], each["field"]) for each in answer["errors"]] == [(1, "colour"), (1, "wind"), (2, None)]


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "error"),
    [
        ("POST", "/invocations", "{", JSON, 400, "InvalidRequest"),
        ("POST", "/invocations", '{"records": [NaN]}', JSON, 400, "InvalidRecords"),
        ("POST", "/invocations", "", JSON, 400, "InvalidRequest"),
        ("GET", "/", None, {}, 404, "NotFound"),
        ("POST", "/ping", "{}", JSON, 405, "MethodNotAllowed"),
        ("GET", "/invocations", None, {}, 405, "MethodNotAllowed"),
        ("POST", "/invocations", "a,b", {"Content-Type": "text/csv"}, 415, "UnsupportedMediaType"),
        ("POST", "/invocations", "{}", {}, 415, "UnsupportedMediaType"),
        ("POST", "/invocations", " " * (MOST_BYTES + 1), JSON, 413, "TooLarge"),
        ("POST", "/invocations", iter([b" " * 2**20] * 7), JSON, 413, "TooLarge"),
    ],
)
def test_what_cannot_be_answered_is_refused_and_the_server_goes_on(server, method, path, body, headers, status, error):
    answered, _, text = server.ask(method, path, body, headers)

    assert (answered, json.loads(text)["error"]) == (status, error)
    assert server.invoke([GOOD])[0] == 200


@pytest.mark.parametrize(
    "told", [{"Origin": "http://127.0.0.1"}, {"Origin": "null"}, {"Sec-Fetch-Site": "same-origin"}]
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/invocations"), ("GET", "/ping"), ("GET", "/<script>")])
def test_a_web_page_gets_no_answer_of_whatever_origin_it_is(server, told, method, path):
    status, headers, body = server.ask(method, path, json.dumps({"records": [GOOD]}), JSON | told)

    assert (status, json.loads(body)["error"]) == (403, "FromWebPage")
    assert (headers["Content-Type"], headers["X-Content-Type-Options"]) == ("application/json", "nosniff")
    assert "<script>" not in body.decode()


def test_a_program_that_fetches_as_browsers_do_is_answered(server):
    told = {"Sec-Fetch-Mode": "cors"}  # Node.js's fetch sends it

    assert server.ask("POST", "/invocations", json.dumps({"records": [GOOD]}), JSON | told)[0] == 200


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_the_content_type_may_be_written_otherwise(server, content_type):
    body = json.dumps({"records": [GOOD]})

    assert server.ask("POST", "/invocations", body, {"Content-Type": content_type})[0] == 200


def test_the_largest_body_is_scored(server):
    body = json.dumps({"records": [GOOD] * 10_000})
    body += " " * (MOST_BYTES - len(body))

    status, _, answer = server.ask("POST", "/invocations", body)

    assert status == 200
    assert {each["score"] for each in json.loads(answer)["predictions"]} == set(scores([GOOD]))


def test_a_connection_serves_many_requests(server):
    connection = server.connect()
    body = json.dumps({"records": [GOOD]})
    connection.request("POST", "/invocations", body, JSON)
    connection.getresponse().read()
    local = connection.sock.getsockname()
    for _ in range(3):
        connection.request("POST", "/invocations", body, JSON)
        assert connection.getresponse().read()

    assert connection.sock.getsockname() == local
    connection.close()


def test_many_clients_get_their_own_answers(server):
    def answer(place):
        records = [GOOD | {"distance": place}, *RECORDS * (place % 3 * 20)]
        return server.invoke(records)[1]["predictions"], scores(records)

    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(answer, range(0, 1000, 10)))

    assert all([each["score"] for each in given] == expected for given, expected in answers)


@contextmanager
def half_sent(server):
    """A request whose body is on its way."""
    body = json.dumps({"records": [GOOD]}).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        connection.sendall(head.encode() + b"\r\n\r\n" + body[:5])

        def finish() -> bytes:
            connection.sendall(body[5:])
            answer = b""
            while b'"prediction":' not in answer:
                part = connection.recv(65_536)
                assert part, answer
                answer += part
            return answer

        yield connection, finish


def wait_until(condition):
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_request_under_way_is_answered_after_sigterm_and_no_other_is_taken(directory):
    with serving(directory) as server, half_sent(server) as (connection, finish):
        wait_until(lambda: server.ask("GET", "/ping")[0] == 200)
        server.process.terminate()
        wait_until(lambda: not can_connect(server.port))

        answer = finish()

        assert answer.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in answer
        assert connection.recv(1) == b""
        output, errors = server.process.communicate(timeout=20)
        assert (server.process.returncode, errors) == (0, "")
        assert [json.loads(line)["message"] for line in output.splitlines()] == ["traffic", "stopped"]


def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def test_requests_beyond_the_limit_are_sent_away_and_let_in_later(directory):
    with serving(directory, "--most-in-flight", "1") as server, half_sent(server) as (_, finish):
        wait_until(lambda: server.invoke([GOOD])[0] == 429)
        _, headers, body = server.ask("POST", "/invocations", "{}")
        assert headers["Retry-After"] == "1"
        assert json.loads(body)["error"] == "TooManyRequests"
        assert server.ask("GET", "/ping")[0] == 200

        assert finish().startswith(b"HTTP/1.1 200")
        assert server.invoke([GOOD])[0] == 200


def test_a_client_that_leaves_makes_room(directory):
    with serving(directory, "--most-in-flight", "1") as server:
        with half_sent(server):
            wait_until(lambda: server.invoke([GOOD])[0] == 429)
        wait_until(lambda: server.invoke([GOOD])[0] == 200)


def test_its_lines_tell_of_start_and_stop_and_of_requests_only_if_asked(directory):
    with serving(directory) as silent:
        silent.invoke([GOOD])
        assert silent.ready.items() >= {"level": "INFO", "message": "serving", "modelVersion": "v7"}.items()
        traffic, stopped = silent.stop()
        assert (traffic["message"], traffic["statuses"], traffic["predictions"]) == ("traffic", {"200": 1}, 1)
        assert stopped == {"level": "INFO", "message": "stopped", "modelVersion": "v7", "requests": 1}
    with serving(directory, "--access-log") as telling:
        telling.invoke([])
        telling.ask("GET", "/ping")
        lines = telling.stop()
        assert [(line["path"], line["status"]) for line in lines[:2]] == [("/invocations", 400), ("/ping", 200)]
        assert [line["message"] for line in lines[2:]] == ["traffic", "stopped"]


@pytest.mark.parametrize(
    ("options", "environment", "code", "message"),
    [
        (["--model", "/nowhere"], {}, 65, "ModelDirectoryIncomplete: /nowhere holds nothing"),
        ([], {"ML_PIPELINE_MODEL_VERSION": ""}, 65, "set ML_PIPELINE_MODEL_VERSION"),
        (["--threshold", "1.5"], {}, 65, "it must be a probability"),
        ([], {"ML_PIPELINE_THRESHOLD": "high"}, 2, "invalid float value: 'high'"),
        (["--port", "x"], {}, 2, "'x' is no port"),
        (["--port", "65536"], {}, 2, "'65536' is no port"),
        (["--most-in-flight", "0"], {}, 2, "'0' is no number of at least 1"),
    ],
)
def test_it_does_not_start_with_what_cannot_work(directory, options, environment, code, message):
    ended = start_in_vain(directory, *options, **environment)

    assert ended.returncode == code
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_it_says_which_port_is_taken(directory, server):
    ended = start_in_vain(directory, "--port", str(server.port))

    assert ended.returncode == 74
    assert f"cannot listen on 127.0.0.1:{server.port}: Address already in use" in ended.stderr


def start_in_vain(directory, *options, **environment):
    command = [sys.executable, "-m", "batch_jobs", "serve", "--model", str(directory), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=ENVIRONMENT | environment)


class Broken:
    """A predictor with a defect."""

    def plain_rows(self, body):
        raise ZeroDivisionError("a secret")


class Slow:
    """A predictor that needs a long time for large bodies, to read them or to score them."""

    most_at_once = 8

    def __init__(self, readable):
        self.readable, self.began, self.may_end = readable, threading.Event(), threading.Event()

    def plain_rows(self, body):
        return None if not self.readable and len(body) > 2 else [[1.0]] * len(body)

    def answer(self, body):
        return self.scores(body)

    def scores(self, rows):
        self.began.set()
        assert self.may_end.wait(20)
        return b"{}"

    def scores_one_by_one(self, rows):
        return b"{}"

    def written(self, scores):
        return scores


@pytest.mark.parametrize(("readable", "size"), [(True, 100), (False, 100), (True, 100_000)])
def test_pings_and_small_bodies_are_answered_while_a_large_one_is_scored(readable, size):
    predictor = Slow(readable)

    async def scene(application):
        large = asyncio.create_task(ask(application, "/invocations", "POST", b" " * size))
        await asyncio.to_thread(predictor.began.wait, 20)
        assert (await ask(application, "/ping"))[0] == 200
        assert (await ask(application, "/invocations", "POST", b"{}"))[0] == 200
        assert not large.done()
        predictor.may_end.set()
        return await large

    with ThreadPoolExecutor(1) as workers:
        application = Application(
            predictor, workers, Traffic("v1"), most_in_flight=2, is_stopping=lambda: False, access_log=False
        )
        assert asyncio.run(scene(application))[0] == 200


async def ask(application, path, method="GET", body=b"{}"):
    """Call an ASGI application; status, headers and body."""
    sent = []
    scope = {"type": "http", "path": path, "method": method, "headers": [(b"content-type", b"application/json")]}

    async def receive():
        return {"type": "http.request", "body": body}

    async def send(message):
        sent.append(message)

    await application(scope, receive, send)
    start, end = sent
    return start["status"], dict(start["headers"]), end["body"]


@pytest.mark.parametrize("path", ["/ping", "/invocations"])
def test_while_it_shuts_down_it_sends_clients_elsewhere(path):
    leaving = Application(Broken(), None, Traffic("v1"), most_in_flight=1, is_stopping=lambda: True, access_log=False)

    status, headers, body = asyncio.run(ask(leaving, path, "GET" if path == "/ping" else "POST"))

    assert (status, headers[b"retry-after"], json.loads(body)["error"]) == (503, b"1", "Stopping")


def test_a_defect_is_told_to_the_log_and_not_to_the_client(capsys):
    broken = Application(Broken(), None, Traffic("v1"), most_in_flight=1, is_stopping=lambda: False, access_log=False)

    status, _, body = asyncio.run(ask(broken, "/invocations", "POST"))

    assert (status, json.loads(body)["error"]) == (500, "InternalError")
    assert b"secret" not in body
    assert "Traceback" in json.loads(capsys.readouterr().out)["trace"]
