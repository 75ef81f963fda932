"""The active version of the registry, as a process that serves requests sees it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tasks.errors import ServiceUnavailable, TaskError
from tasks.models.registry import Registry
from tasks.models.version import RegisteredVersion
from tasks.records.signature import Signature

#: A newer active version is noticed after this time at the latest.
FRESH_SECONDS = 60.0
#: After the registry had no usable answer, it is left in peace for this long.
REST_SECONDS = 10.0


@dataclass(frozen=True)
class ActiveModel:
    """What serving needs of the active version."""

    version_id: str
    signature: Signature


@dataclass(frozen=True)
class Setback:
    """A look at the registry that brought nothing usable: why, and which version is used instead (None: there is none).

    `is_news` says whether the look before failed in another way, or did not.
    """

    failure: Exception
    instead: ActiveModel | None
    is_news: bool


Tell = Callable[[Setback], None]


class ActiveVersion:
    """Remembers the active version, and looks once a minute whether another one is active.

    What people write into the parameter must not end what is served. As long as the registry has no usable answer,
    whatever the reason, the last good version stays; a process that has none yet takes the version that was active
    before and is registered (decision 12).

    Parameters
    ----------
    registry
        Where to look.
    tell
        Is told of every look in vain; of these there is one in `REST_SECONDS`.
    clock
        Gives seconds that never run backwards.
    """

    def __init__(self, registry: Registry, tell: Tell, clock: Callable[[], float] = time.monotonic) -> None:
        self._registry, self._tell, self._clock = registry, tell, clock
        self._known: ActiveModel | None = None
        self._failure: Exception | None = None
        self._look_again_at = float("-inf")

    def get(self) -> ActiveModel:
        """The active version, at most `FRESH_SECONDS` old; an older one only while there is no usable answer.

        Raises
        ------
        ServiceUnavailable
            If there is none, and nothing is known yet.
        """
        if self._clock() >= self._look_again_at:
            self._look()
        if self._known is None:
            raise ServiceUnavailable(f"no usable model version is known: {self._failure}") from self._failure
        return self._known

    def _look(self) -> None:
        try:
            self._known = self._active()
        except Exception as failure:  # whatever it is, what serves goes on
            if self._known is None:
                self._known = self._active_before(failure)
            is_news = repr(failure) != repr(self._failure)
            self._failure = failure
            self._look_again_at = self._clock() + REST_SECONDS
            self._tell(Setback(failure, self._known, is_news))
        else:
            self._failure = None
            self._look_again_at = self._clock() + FRESH_SECONDS

    def _active(self) -> ActiveModel:
        known = self._known
        # A registered version never changes.
        if known is not None and known.version_id == self._registry.active():
            return known
        return self._read(self._registry.active_version())

    def _active_before(self, failure: Exception) -> ActiveModel | None:
        """The newest version of the parameter's history that can be used."""
        if isinstance(failure, ServiceUnavailable):
            return None  # the history is in the same place, and callers wait
        try:
            registered = set(self._registry.versions())
            for version_id in dict.fromkeys(self._registry.activations()):
                if version_id in registered and (found := self._usable(version_id)) is not None:
                    return found
        except Exception:  # what is told is why the active version is not usable
            return None
        return None

    def _usable(self, version_id: str) -> ActiveModel | None:
        try:
            return self._read(self._registry.get(version_id))
        except ServiceUnavailable:
            raise
        except TaskError:
            return None

    def _read(self, version: RegisteredVersion) -> ActiveModel:
        return ActiveModel(version.version_id, self._registry.signature_of(version))
