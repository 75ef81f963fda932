"""The worker's own disk: a directory for the duration of a shard, and a full disk under its own name."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.errors import NoSpaceForResults


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """A directory below `TMPDIR` that is gone afterwards.

    Raises
    ------
    NoSpaceForResults
        If the disk fills up while it is in use.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="ml-pipeline-") as name:
            yield Path(name)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        free = shutil.disk_usage(tempfile.gettempdir()).free
        raise NoSpaceForResults(
            f"no space left for the shard in {tempfile.gettempdir()} ({free >> 20:,} MiB free); "
            "give the worker more ephemeral storage, or plan smaller shards (shardRows)"
        ) from error
