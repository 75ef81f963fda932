"""Complete writes of items, whatever DynamoDB answers."""

import http.server
import threading
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import CredentialRetrievalError

from tasks.errors import AccessRefused, ItemsRefused, ServiceUnavailable
from tasks.scoring import item_store
from tasks.scoring.item_store import SignedBatchWrites, TableWriter
from tests.tasks.conftest import forget_clients


def requests(count):
    return [orjson.dumps({"PutRequest": {"Item": {"predictionId": {"S": str(n)}}}}) for n in range(count)]


def keys(body):
    return [r["PutRequest"]["Item"]["predictionId"]["S"] for r in orjson.loads(body)["RequestItems"]["predictions"]]


class Table:
    """Answers with the scripted status and errors first, then stores."""

    def __init__(self, *script):
        self.script = list(script)
        self.stored = []
        self.sizes = []
        self.lock = threading.Lock()

    def __call__(self, body):
        with self.lock:
            self.sizes.append(len(keys(body)))
            answer = self.script.pop(0) if self.script else None
            if isinstance(answer, Exception):
                raise answer
            if isinstance(answer, tuple):
                return answer
            taken = keys(body) if answer is None else keys(body)[:answer]
            self.stored += taken
            left = [
                r
                for r in orjson.loads(body)["RequestItems"]["predictions"]
                if r["PutRequest"]["Item"]["predictionId"]["S"] not in taken
            ]
            return 200, orjson.dumps({"UnprocessedItems": {"predictions": left} if left else {}})


@pytest.fixture
def waits(monkeypatch):
    waits = []
    monkeypatch.setattr(item_store.time, "sleep", waits.append)
    return waits


def test_every_item_is_stored_once_in_requests_of_at_most_25(waits):
    table = Table()

    assert TableWriter("predictions", table).put(iter(requests(1_003))) == 1_003
    assert sorted(table.stored, key=int) == [str(n) for n in range(1_003)]
    assert sorted(table.sizes) == [3] + [25] * 40
    assert waits == []


def test_what_was_not_processed_is_sent_again_and_nothing_else(waits):
    table = Table(10, 5)

    TableWriter("predictions", table).put(requests(25))

    assert table.sizes == [25, 15, 10]
    assert sorted(table.stored, key=int) == [str(n) for n in range(25)]


@pytest.mark.parametrize(
    "trouble",
    [
        (400, b'{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}'),
        (400, b'{"__type":"ThrottlingException"}'),
        (500, b'{"__type":"InternalServerError"}'),
        (503, b"<html>"),
        urllib3.exceptions.ReadTimeoutError(None, "/", "too slow"),
    ],
)
def test_passing_trouble_is_waited_out_with_full_jitter(waits, trouble):
    table = Table(trouble, trouble)

    assert TableWriter("predictions", table).put(requests(3)) == 3
    assert len(waits) == 2
    assert 0 <= waits[0] <= 0.1
    assert 0 <= waits[1] <= 0.2


def test_lasting_trouble_ends_as_service_unavailable(waits):
    with pytest.raises(ServiceUnavailable, match="did not take items in 10 attempts: slow down"):
        TableWriter("predictions", lambda body: (503, b"slow down")).put(requests(1))
    assert len(waits) == 9
    assert max(waits) <= 20


def test_a_caller_that_waits_can_give_up_sooner(waits):
    table = Table(*[(503, b"slow down")] * 3)

    with pytest.raises(ServiceUnavailable, match="in 3 attempts"):
        TableWriter("predictions", table, attempts=3).put(requests(1))
    assert len(table.sizes) == 3


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b'{"__type":"ValidationException","message":"empty key"}', ItemsRefused),
        (b'{"__type":"ResourceNotFoundException"}', ItemsRefused),
        (b'{"__type":"AccessDeniedException"}', AccessRefused),
    ],
)
def test_a_refusal_is_not_repeated(waits, answer, error):
    table = Table((400, answer))

    with pytest.raises(error):
        TableWriter("predictions", table).put(requests(1))
    assert table.sizes == [1]


def test_after_a_refusal_what_waits_for_its_turn_is_not_tried(waits, monkeypatch):
    sent = []
    released = threading.Event()

    class Pool(ThreadPoolExecutor):
        """Lets the requests that are under way go on once the writer has given up."""

        def shutdown(self, *arguments, **options):
            super().shutdown(*arguments, **options)
            released.set()

    def refuse(body):
        sent.append(body)
        if "0" not in keys(body):
            released.wait(5)
        return 400, b'{"__type":"AccessDeniedException"}'

    monkeypatch.setattr(item_store, "ThreadPoolExecutor", Pool)
    with pytest.raises(AccessRefused):
        TableWriter("predictions", refuse).put(requests(10_000))

    assert len(sent) <= item_store.REQUESTS_AT_ONCE + 1


def test_credentials_that_cannot_be_renewed_have_a_name(settings, monkeypatch):
    def lost(self):
        raise CredentialRetrievalError(provider="container-role", error_msg="it is gone")

    send = SignedBatchWrites()
    monkeypatch.setattr(Credentials, "get_frozen_credentials", lost)

    with pytest.raises(AccessRefused, match="it is gone"):
        send(b"{}")
    send.close()


def test_memory_stays_bounded_because_items_are_taken_lazily(waits):
    taken = 0
    most = 0
    table = Table()

    def endless():
        nonlocal taken, most
        for request in requests(5_000):
            taken += 1
            most = max(most, taken - len(table.stored))
            yield request

    TableWriter("predictions", table).put(endless())
    assert most <= 25 * (2 * item_store.REQUESTS_AT_ONCE + 1)


def test_requests_are_signed_and_sent_to_the_endpoint_of_the_environment(monkeypatch):
    seen = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            seen["headers"] = dict(self.headers)
            seen["body"] = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *arguments):
            pass

    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        forget_clients()
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        send = SignedBatchWrites()
        assert send(b'{"RequestItems":{}}') == (200, b"{}")
        send.close()
        thread.join()
        forget_clients()

    headers = seen["headers"]
    assert seen["body"] == b'{"RequestItems":{}}'
    assert headers["X-Amz-Target"] == "DynamoDB_20120810.BatchWriteItem"
    again = AWSRequest("POST", f"http://{headers['Host']}/", data=seen["body"])
    for name in ("Content-Type", "X-Amz-Target", "X-Amz-Date", "X-Amz-Security-Token"):
        again.headers[name] = headers[name]
    again.context["timestamp"] = headers["X-Amz-Date"]
    auth = SigV4Auth(Credentials("key", "secret", "token"), "dynamodb", "eu-west-1")
    signature = auth.signature(auth.string_to_sign(again, auth.canonical_request(again)), again)
    assert headers["Authorization"].endswith(f"Signature={signature}")
    assert "/eu-west-1/dynamodb/aws4_request" in headers["Authorization"]
