"""Fleets of real processes with short patience: never healthy, no longer healthy, slow to leave."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.local.emulator import Credentials
from infra.local.sagemaker.artifacts import Container
from infra.local.sagemaker.errors import DeploymentFailedError
from infra.local.sagemaker.fleet import Fleet, Limits
from infra.local.sagemaker.lines import Lines

from .sagemaker_world import SERVER

LIMITS = Limits(
    startup=20,
    ping_timeout=0.5,
    ping_interval=0.1,
    failed_pings=2,
    replacement_pause=0.05,
    drain=0.5,
    stop_grace=0.5,
)

Make = Callable[..., Fleet]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Make]:
    """Makes a fleet of a server that says who it is; its log lines are in `fleet.lines`."""
    made: list[Fleet] = []

    def make(who: str, limits: Limits = LIMITS, prelude: str = "") -> Fleet:
        model = tmp_path / f"model-{len(made)}"
        model.mkdir()
        (model / "model.txt").write_text(who)
        argv = [sys.executable, "-c", prelude + SERVER, "--model", str(model)]
        container = Container(argv, {}, model, Credentials("a", "s", "t", 0.0))
        lines: list[str] = []
        created = Fleet("V", container, lambda _, new: lines.extend(new), limits)
        created.lines = lines  # type: ignore[attr-defined]
        made.append(created)
        return created

    yield make
    for created in made:
        created.kill()


def eventually(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_instance_that_never_answers_its_pings_fails_and_is_killed(fleet: Make) -> None:
    unhealthy = fleet("unhealthy", Limits(startup=1.5, ping_timeout=0.5))
    launched = unhealthy.launch(1)

    with pytest.raises(DeploymentFailedError, match="variant V did not pass the ping health check"):
        unhealthy.bring_into_service(launched)

    assert launched[0].ended.wait(10)
    assert unhealthy.serving == ()


def test_an_instance_that_no_longer_answers_its_pings_is_replaced(fleet: Make) -> None:
    healthy = fleet("a")
    healthy.bring_into_service(healthy.launch(2))
    stuck, other = healthy.serving

    process = next(c for c in psutil.Process().children(recursive=True) if _listens(c, stuck.port))
    process.suspend()

    eventually(lambda: stuck.ended.is_set() and stuck not in healthy.serving and len(healthy.serving) == 2)
    assert other in healthy.serving


def test_a_fleet_that_stops_lets_requests_finish_and_removes_its_model(fleet: Make) -> None:
    stopping = fleet("a")
    stopping.bring_into_service(stopping.launch(1))
    (instance,) = stopping.serving
    instance.outstanding = 1
    began = time.monotonic()

    stopping.stop()

    assert time.monotonic() - began >= LIMITS.drain
    assert instance.ended.is_set()
    assert stopping.serving == ()
    assert not stopping._container.directory.exists()


def test_a_server_that_ignores_sigterm_is_killed_after_its_grace(fleet: Make) -> None:
    deaf = fleet("a", prelude="import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n")
    deaf.bring_into_service(deaf.launch(1))
    (instance,) = deaf.serving
    began = time.monotonic()

    deaf.stop()

    assert instance.ended.is_set()
    assert LIMITS.stop_grace <= time.monotonic() - began < 20


def test_what_a_broken_server_said_is_written_before_its_end_is_known(fleet: Make) -> None:
    broken = fleet("broken")
    with pytest.raises(DeploymentFailedError):
        broken.bring_into_service(broken.launch(1))

    assert broken.lines == ["serving broken", "cannot load the model"]  # type: ignore[attr-defined]


def test_lines_come_whole_and_unfinished_ones_at_the_end() -> None:
    written: list[str] = []
    lines = Lines(written.extend)

    lines.feed(b"one\ntw")
    lines.feed(b"o\r\n\nthree")
    lines.close()

    assert written == ["one", "two", "three"]


def _listens(process: psutil.Process, port: int) -> bool:
    try:
        return any(c.laddr.port == port and c.status == "LISTEN" for c in process.net_connections())
    except psutil.NoSuchProcess:
        return False
