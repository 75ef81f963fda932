"""Objects in local files with the interface of `tasks.storage.Storage`: no network, and no memory beyond a piece."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from tasks.storage import PIECE_BYTES, Location, Storage, StoredObject


class LocalObjects(Storage):
    """Buckets are directories below `root`; an etag is the time of the last change."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def _file(self, place: Location) -> Path:
        return self._root / place.bucket / place.key

    def find(self, place: Location) -> StoredObject | None:
        """The object at exactly this key, or None."""
        if not self._file(place).is_file():
            return None
        status = self._file(place).stat()
        changed = datetime.fromtimestamp(status.st_mtime, UTC)
        return StoredObject(place.key, status.st_size, str(status.st_mtime_ns), changed)

    def read(self, place: Location) -> bytes | None:
        """A whole object, or None."""
        return self._file(place).read_bytes() if self._file(place).is_file() else None

    def stream(self, place: Location, etag: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes of an object in pieces."""
        with self._file(place).open("rb") as file:
            file.seek(start)
            left = file.seek(0, 2) - start if end is None else end - start
            file.seek(start)
            while left > 0:
                piece = file.read(min(left, PIECE_BYTES))
                left -= len(piece)
                yield piece

    def write(self, place: Location, body: bytes) -> str:
        """Write a small object."""
        self._file(place).parent.mkdir(parents=True, exist_ok=True)
        self._file(place).write_bytes(body)
        return self._etag(place)

    def write_json(self, place: Location, document: Any) -> str:
        """Write a JSON object."""
        return self.write(place, orjson.dumps(document))

    def publish(self, place: Location, file: Path) -> str:
        """Take over a local file."""
        self._file(place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, self._file(place))
        return self._etag(place)

    def delete(self, place: Location) -> None:
        """Remove an object."""
        self._file(place).unlink(missing_ok=True)

    def _etag(self, place: Location) -> str:
        found = self.find(place)
        assert found is not None
        return found.etag
