"""What holds for all tests."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import botocore.session
import pytest
from hypothesis import HealthCheck, settings

# How long an example takes tells of the machine, not of the code: it may be busy, and in a fresh clone Hypothesis first
# builds its table of Unicode within the first test that draws text.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(autouse=True, scope="session")
def botocore_reads_each_service_once() -> Iterator[None]:
    """Share what botocore has read of its services: moto makes a session for each test, which would parse it anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", functools.cache(botocore.session.create_loader))
        yield
