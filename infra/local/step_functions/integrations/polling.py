"""Waiting for work that goes on elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

_FIRST_SECONDS = 0.05
_LONGEST_SECONDS = 1.0
_GROWTH = 1.5


async def looks() -> AsyncIterator[None]:
    """Yield each time that it is worth looking again: soon at first, then every second. No thread waits meanwhile."""
    seconds = _FIRST_SECONDS
    while True:
        yield
        await asyncio.sleep(seconds)
        seconds = min(seconds * _GROWTH, _LONGEST_SECONDS)
