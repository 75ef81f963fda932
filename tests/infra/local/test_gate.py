"""The gate before the embedded AWS: who is let through, judged by a request's name, origin and path."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.gate import Gate, is_loopback, refusal

HOST = "127.0.0.1:4566"
OWN = f"http://{HOST}"
FOREIGN = "http://evil.test"


def request(path: str = "/", kind: str = "http", host: str | None = HOST, **headers: str) -> dict[str, Any]:
    named = [(b"host", host.encode())] if host is not None else []
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": kind, "path": path, "method": "POST", "query_string": b"", "headers": named + sent}


def refuses(scope: dict[str, Any], *, permits: bool = False, opens: bool = False) -> bool:
    return refusal(scope, lambda *_: permits, lambda _: opens) is not None


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:4566", "127.0.0.1", "127.8.9.10:1", "localhost", "LOCALHOST:80", "bucket.localhost:4566", "[::1]:4566"],
)
def test_names_of_this_machine_are_served(host: str) -> None:
    assert not refuses(request(host=host))


@pytest.mark.parametrize(
    "host",
    [
        "evil.test:4566",
        "127.0.0.1.evil.test",
        "localhost.evil.test",
        "evil-localhost",
        "localhost.",
        "0.0.0.0:4566",
        "10.0.0.1",
        "[::]:4566",
        "[::ffff:10.0.0.1]",
        "2130706433",
        "127.0.0.1:4566@evil.test",
        "evil.test#.localhost",
        "evil.test/.localhost",
        "evil.test\t.localhost",
        "localhost:99999999",
        "",
    ],
)
def test_other_names_are_refused(host: str) -> None:
    assert refuses(request(host=host), permits=True, opens=True)


@given(st.from_regex(r"[a-zA-Z0-9._-]{1,40}", fullmatch=True))
def test_a_name_that_somebody_could_register_is_never_loopback(name: str) -> None:
    assert not is_loopback(f"{name}.test")
    assert not is_loopback(f"127.0.0.1.{name}.com:80")


def test_a_request_of_no_name_or_of_two_is_refused() -> None:
    twice = request()
    twice["headers"].append((b"Host", b"evil.test"))

    assert refuses(request(host=None))
    assert refuses(twice)


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    "told",
    [
        {"origin": FOREIGN},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://127.0.0.1:3000"},
        {"origin": "http://localhost:4566"},
        {"origin": "https://127.0.0.1:4566"},
        {"origin": OWN, "referer": f"{FOREIGN}/page"},
        {"origin": OWN, "sec_fetch_site": "cross-site"},
        {"referer": f"{FOREIGN}/{HOST}"},
        {"referer": f"http://{HOST}@evil.test/"},
        {"referer": "about:blank"},
        {"referer": "http://[::1"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "nonsense"},
        {"origin": OWN},
        {"referer": f"{OWN}/bucket/page.html"},
        {"sec_fetch_site": "same-origin"},
    ],
    ids=str,
)
def test_a_web_page_is_refused_however_its_browser_tells_of_it(kind: str, told: dict[str, str]) -> None:
    assert refuses(request(kind=kind, **told))


@pytest.mark.parametrize("told", [{}, {"sec_fetch_site": "none"}, {"sec_fetch_mode": "cors"}], ids=str)
def test_programs_and_what_the_user_types_are_served(told: dict[str, str]) -> None:
    assert not refuses(request(**told))


@pytest.mark.parametrize(
    ("told", "origin"),
    [
        ({"origin": FOREIGN, "sec_fetch_site": "cross-site"}, FOREIGN),
        ({"referer": f"{FOREIGN}/page", "sec_fetch_site": "cross-site"}, FOREIGN),
        ({"sec_fetch_site": "same-site"}, "null"),
        ({"origin": OWN, "referer": f"{OWN}/page", "sec_fetch_site": "same-origin"}, ""),
    ],
)
def test_an_application_is_asked_about_the_origin_and_decides(told: dict[str, str], origin: str) -> None:
    asked: list[str] = []

    assert refusal(request(**told), lambda _, named: asked.append(named) or True, lambda _: False) is None
    assert asked == [origin]


def test_two_origins_are_nobodys() -> None:
    scope = request(origin=FOREIGN)
    scope["headers"].append((b"origin", b"http://app.test"))
    asked: list[str] = []

    refusal(scope, lambda _, named: asked.append(named) or True, lambda _: False)

    assert asked == ["null"]


@pytest.mark.parametrize("path", ["/_ministack/reset", "/_localstack/health", "/_aws/sqs/messages", "/_"])
def test_internal_paths_are_shut_unless_the_emulator_opens_one(path: str) -> None:
    assert refuses(request(path))
    assert not refuses(request(path), opens=True)


def test_what_is_refused_never_reaches_a_service_and_is_told_why() -> None:
    reached: list[Any] = []

    async def service(scope: Any, *_: Any) -> None:
        reached.append(scope)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def answers(scope: dict[str, Any]) -> list[Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        await Gate(service, lambda *_: False, lambda _: False)(scope, receive, send)
        return sent

    start, end = asyncio.run(answers(request(host="<script>.test")))
    socket = asyncio.run(answers(request(kind="websocket", origin=FOREIGN)))
    let_through = asyncio.run(answers(request()))

    assert start["status"] == 403
    assert {b"x-content-type-options": b"nosniff", b"content-type": b"application/json"}.items() <= dict(
        start["headers"]
    ).items()
    assert "localhost" in json.loads(end["body"])["message"]
    assert [message["type"] for message in socket] == ["websocket.close"]
    assert let_through == []
    assert [scope["headers"] for scope in reached] == [request()["headers"]]
