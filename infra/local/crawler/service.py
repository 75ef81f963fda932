"""Crawlers with a life: READY, RUNNING, STOPPING, READY again, with what the last crawl came to."""

import json
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.local.clients import Clients
from infra.local.crawler.layout import CrawlError
from infra.local.emulator import Emulator
from infra.local.errors import LocalError
from infra.local.logs import Logs
from infra.local.wire import Handler, Request, Response, error_response, json_response

LOG_GROUP = "/aws-glue/crawlers"
JOIN_SECONDS = 5.0

Key = tuple[str, str, str]
"""Account, region and name of a crawler."""


@dataclass
class _Run:
    """The latest crawl of a crawler."""

    state: str = "READY"
    started_at: float = field(default_factory=time.time)
    last: dict[str, Any] | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None


class CrawlerService:
    """Answers Glue's calls about running crawlers and hands the rest on to the emulator.

    Symptom: the emulator's crawler says SUCCEEDED after a moment and catalogs nothing.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._clients = Clients(emulator.url)
        self._logs = Logs(emulator.services)
        self._runs: dict[Key, _Run] = {}
        self._lock = threading.Lock()

    async def handle(self, request: Request, glue: Handler) -> Response:
        """Serve a request to Glue."""
        if request.action in ("GetCrawlers", "BatchGetCrawlers", "GetCrawler"):
            return self._described(request, await glue(request))
        if request.action == "StartCrawler":
            found = await _get(request, glue)
            return self._start(request, json.loads(found.body)["Crawler"]) if found.status == 200 else found
        if request.action == "StopCrawler":
            found = await _get(request, glue)
            return self._stop(request) if found.status == 200 else found
        if request.action in ("DeleteCrawler", "UpdateCrawler") and self._run(request).state != "READY":
            return _running(request.json().get("Name", ""))
        return await glue(request)

    def stop(self) -> None:
        """Cancel the crawls that run and wait for them."""
        with self._lock:
            running = [run for run in self._runs.values() if run.thread and run.thread.is_alive()]
        for run in running:
            run.stop.set()
        for run in running:
            if run.thread:
                run.thread.join(JOIN_SECONDS)

    def save(self) -> Any:
        """Return what the last crawls came to."""
        with self._lock:
            return [[*key, run.last] for key, run in self._runs.items() if run.last]

    def load(self, saved: Any) -> None:
        """Take what `save` returned."""
        self._runs = {(account, region, name): _Run(last=last) for account, region, name, last in saved}

    def reset(self) -> None:
        """Forget every crawl."""
        self.stop()
        self._runs.clear()

    def _run(self, request: Request) -> _Run:
        key = (request.account, request.region, str(request.json().get("Name", "")))
        return self._runs.get(key, _Run())

    def _start(self, request: Request, crawler: Mapping[str, Any]) -> Response:
        key = (request.account, request.region, crawler["Name"])
        run = _Run(state="RUNNING")
        with self._lock:
            before = self._runs.get(key)
            if before and before.state != "READY":
                return _running(crawler["Name"])
            run.last = before.last if before else None
            self._runs[key] = run
        run.thread = threading.Thread(target=self._work, args=(key, crawler, run), name=f"crawl {crawler['Name']}")
        run.thread.start()
        return json_response({})

    def _stop(self, request: Request) -> Response:
        run = self._run(request)
        if run.state != "RUNNING":
            name = request.json()["Name"]
            return error_response("CrawlerNotRunningException", f"Crawler with name {name} isn't running")
        run.state = "STOPPING"
        run.stop.set()
        return json_response({})

    def _work(self, key: Key, crawler: Mapping[str, Any], run: _Run) -> None:
        from infra.local.crawler.crawl import crawl  # pyarrow takes longer to import than the emulator to start

        account, region, name = key
        stream = f"{name}-{uuid.uuid4()}"
        last: dict[str, Any] = {
            "Status": "SUCCEEDED",
            "LogGroup": LOG_GROUP,
            "LogStream": stream,
            "MessagePrefix": str(uuid.uuid4()),
            "StartTime": run.started_at,
        }
        with self._emulator.services.scope(account, region):
            said: list[str] = []
            try:
                role = str(crawler["Role"])
                arn = role if role.startswith("arn:") else f"arn:aws:iam::{account}:role/{role}"
                credentials = self._emulator.identities.assume(arn, "glue.amazonaws.com", "AWS-Crawler")
                s3, glue = (self._clients.of(credentials, service, region) for service in ("s3", "glue"))
                crawl(crawler, s3, glue, said.append, run.stop.is_set)
            except (CrawlError, LocalError) as error:
                last |= {"Status": "FAILED", "ErrorMessage": str(error)}
            except Exception as error:
                last |= {"Status": "FAILED", "ErrorMessage": f"Internal error: {error!r}"}
            if run.stop.is_set() and last["Status"] == "SUCCEEDED":
                last["Status"] = "CANCELLED"
            run.state = "STOPPING"
            self._logs.write(LOG_GROUP, stream, [*said, f"{last['Status']} {last.get('ErrorMessage', '')}".strip()])
        run.last = last
        run.state = "READY"

    def _described(self, request: Request, response: Response) -> Response:
        if response.status != 200:
            return response
        answer = json.loads(response.body)
        for crawler in answer.get("Crawlers", []) + ([answer["Crawler"]] if "Crawler" in answer else []):
            run = self._runs.get((request.account, request.region, crawler["Name"]))
            if run:
                elapsed = (time.time() - run.started_at) * 1000 if run.state != "READY" else 0
                crawler |= {"State": run.state, "CrawlElapsedTime": int(elapsed)}
                crawler |= {"LastCrawl": run.last} if run.last else {}
        return json_response(answer, content_type="application/x-amz-json-1.1")


async def _get(request: Request, glue: Handler) -> Response:
    """Fetch the crawler that a request names."""
    headers = {**request.headers, "x-amz-target": "AWSGlue.GetCrawler"}
    body = json.dumps({"Name": request.json().get("Name")}).encode()
    return await glue(
        Request(request.method, request.path, headers, body, request.query, request.account, request.region)
    )


def _running(name: str) -> Response:
    return error_response("CrawlerRunningException", f"Crawler with name {name} has already started")
