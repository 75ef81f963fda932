"""The active version of the registry, as a process that serves requests sees it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tasks.errors import ServiceUnavailable
from tasks.models import Registry
from tasks.signature import Signature

#: A newer active version is noticed after this time at the latest.
FRESH_SECONDS = 60.0
#: After Parameter Store or S3 did not answer, they are left in peace for this long.
_REST_SECONDS = 10.0


@dataclass(frozen=True)
class ActiveModel:
    """What serving needs of the active version."""

    version_id: str
    signature: Signature


class ActiveVersion:
    """Remembers the active version, and looks once a minute whether another one is active.

    Parameters
    ----------
    registry
        Where to look.
    clock
        Gives seconds that never run backwards.
    """

    def __init__(self, registry: Registry, clock: Callable[[], float] = time.monotonic) -> None:
        self._registry, self._clock = registry, clock
        self._known: ActiveModel | None = None
        self._look_again_at = float("-inf")

    def get(self) -> ActiveModel:
        """The active version, at most `FRESH_SECONDS` old; older only while Parameter Store or S3 does not answer.

        Raises
        ------
        NoSuchVersion
            If none is active.
        InvalidRegistration, ArtifactMissing, ArtifactTampered
            If it is not registered as it should be, or its signature is not what was registered.
        ServiceUnavailable
            If Parameter Store or S3 does not answer, and nothing is known yet.
        """
        if self._known is None or self._clock() >= self._look_again_at:
            self._known = self._look(self._known)
        return self._known

    def _look(self, known: ActiveModel | None) -> ActiveModel:
        try:
            active = self._registry.active()
            # A registered version never changes.
            found = known if known is not None and known.version_id == active else self._read(active)
        except ServiceUnavailable:
            if known is None:
                raise
            self._look_again_at = self._clock() + _REST_SECONDS
            return known
        self._look_again_at = self._clock() + FRESH_SECONDS
        return found

    def _read(self, version_id: str) -> ActiveModel:
        return ActiveModel(version_id, self._registry.signature(version_id))
