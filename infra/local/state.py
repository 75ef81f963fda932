"""The folder that an embedded AWS keeps its state in: one process's at a time, and nobody else's to read."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from infra.local.errors import StateInUseError


@contextlib.contextmanager
def folder(state_dir: Path | None) -> Iterator[Path]:
    """Hold `state_dir` for this process within the block, made and closed to others; a temporary one for ``None``.

    Raises
    ------
    StateInUseError
        If another embedded AWS holds it.
    """
    if state_dir is None:
        scratch = Path(tempfile.mkdtemp(prefix="ml-pipeline-local-"))
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return
    # Absolute, because Lambda workers import from below it and have a working directory of their own.
    state_dir = state_dir.resolve()
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    holds_states_alone = (state_dir / "lock").exists() or not any(state_dir.iterdir())
    with (state_dir / "lock").open("a+") as lock:
        _lock(lock, state_dir)
        if holds_states_alone:
            _close_to_others(state_dir)
        yield state_dir


def _close_to_others(state_dir: Path) -> None:
    """Let no other user read what is there, also if it was kept with looser modes."""
    for path in (state_dir, *state_dir.iterdir(), *state_dir.glob("snapshot/*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o700)


def _lock(lock: IO[str], state_dir: Path) -> None:
    """Hold the state for this process; the kernel releases it however the process ends."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        raise StateInUseError(state_dir, lock.read().strip()) from error
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
