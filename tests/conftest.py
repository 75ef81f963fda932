"""What holds for all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# How long an example takes tells of the machine, not of the code: it may be busy, and in a fresh clone Hypothesis first
# builds its table of Unicode within the first test that draws text.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
