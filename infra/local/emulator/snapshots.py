"""Saves the emulator's state so that a kill at any moment leaves a whole snapshot behind.

The emulator itself saves at a clean stop only, service by service. Here all services are staged first and
published together: a kill while staging leaves the snapshot before, a kill while publishing is completed by the
next start.
"""

import contextlib
import json
import shutil
import threading
import time
from pathlib import Path

from infra.local.emulator.private_names import Needs, module
from infra.local.errors import StateDamagedError

NEEDS: Needs = {
    "app": ("_build_persistence_save_dict", "PERSIST_STATE"),
    "core.persistence": ("STATE_DIR", "save_all"),
}

QUIET_SECONDS = 2.0
STAGE = "stage"
STAGED = "staged"


def recover(directory: Path) -> None:
    """Finish or discard what a killed emulator was saving, and check what is there.

    Raises
    ------
    StateDamagedError
        If a file of the snapshot cannot be read.
    """
    stage = directory / STAGE
    if (stage / STAGED).exists():
        _publish(directory)
    shutil.rmtree(stage, ignore_errors=True)
    for file in directory.glob("*.json"):
        try:
            json.loads(file.read_bytes())
        except (ValueError, RecursionError) as error:
            raise StateDamagedError(file, str(error)) from error


class Snapshots:
    """Saves after calls that may have changed something, as soon as nobody has called for a while.

    Parameters
    ----------
    directory
        Where the emulator loads its state from.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._app = module("app")
        self._persistence = module("core.persistence")
        self._saving = threading.Lock()
        self._changed_at: float | None = None

    def note_call(self, method: str) -> None:
        """Note a call; GET and HEAD change nothing."""
        if method not in ("GET", "HEAD"):
            self._changed_at = time.monotonic()

    def save_when_quiet(self) -> None:
        """Save if something changed and nothing has been called for `QUIET_SECONDS`."""
        changed_at = self._changed_at
        if changed_at is not None and time.monotonic() - changed_at >= QUIET_SECONDS:
            self.save()

    def save(self) -> None:
        """Save every service's state now."""
        with self._saving:
            self._changed_at = None
            stage = self._directory / STAGE
            shutil.rmtree(stage, ignore_errors=True)
            stage.mkdir(parents=True)
            self._persistence.STATE_DIR = str(stage)
            try:
                self._persistence.save_all(self._app._build_persistence_save_dict())
            finally:
                self._persistence.STATE_DIR = str(self._directory)
            (stage / STAGED).touch()
            _publish(self._directory)
            shutil.rmtree(stage)

    def take_over(self) -> None:
        """Keep the emulator from saving by itself at its end: it would write file by file over the snapshot."""
        self._app.PERSIST_STATE = False


def _publish(directory: Path) -> None:
    for file in (directory / STAGE).glob("*.json"):
        with contextlib.suppress(FileNotFoundError):
            file.replace(directory / file.name)
