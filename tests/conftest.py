"""What holds for all tests."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pytest
from hypothesis import HealthCheck, settings

# How long an example takes tells of the machine, not of the code: it may be busy, and in a fresh clone Hypothesis first
# builds its table of Unicode within the first test that draws text.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

TESTS = Path(__file__).parent
#: What begins, in this order; the rest follows as it is. All end-to-end tests stand on the example and wait for it, so
#: something else is done meanwhile; and they are long, so what is short comes last and fills the gaps.
FIRST = (TESTS / "e2e" / "test_example.py", TESTS / "batch_jobs", TESTS / "tasks", TESTS / "e2e")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep all processors busy until the end."""
    items.sort(key=lambda item: [not item.path.is_relative_to(place) for place in FIRST])


@pytest.fixture(autouse=True, scope="session")
def botocore_reads_each_service_once() -> Iterator[None]:
    """Share what botocore has read of its services: moto makes a session for each test, which would parse it anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", functools.cache(botocore.session.create_loader))
        yield
