"""The bodies of S3 objects: ranges are read from disk, and a body that cannot be written fails the request."""

import contextlib
import logging
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from infra.local.emulator.private_names import Needs, module, rebind

NEEDS: Needs = {
    "services.s3": (
        "_object_disk_path",
        "_persist_object",
        "_read_body",
        "_record_object_version",
        "_multipart_uploads",
        "_object_versions",
        "logger",
    )
}

_ranged: ContextVar[bool] = ContextVar("ranged", default=False)


class BodyNotKeptError(Exception):
    """An object's body could not be written to disk."""


class FileBody:
    """A body on disk of which only slices are read."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._size = file.stat().st_size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        start, end, _ = part.indices(self._size)
        with self._file.open("rb") as file:
            file.seek(start)
            return file.read(max(0, end - start))


class Objects:
    """The emulator's store of objects."""

    def __init__(self) -> None:
        self._s3 = module("services.s3")
        self._read_slices_of_ranged_reads()
        self._tell_what_was_not_kept()
        self._keep_versions_on_disk_alone()

    @contextlib.contextmanager
    def ranged_read(self) -> Iterator[None]:
        """Within the block a body that is read is only sliced, so that it need not be loaded."""
        token = _ranged.set(True)
        try:
            yield
        finally:
            _ranged.reset(token)

    def part_sizes(self, upload_id: str) -> dict[int, int]:
        """Return the sizes of an upload's parts in bytes, by number; nothing of an upload that is not there."""
        upload = self._s3._multipart_uploads.get(upload_id) or {"parts": {}}
        return {int(number): int(part["size"]) for number, part in upload["parts"].items()}

    def _read_slices_of_ranged_reads(self) -> None:
        # Symptom: every ranged read of an object loads all of it, on the event loop. A reader of a 1 GB object in
        # parts of 8 MB would make everyone wait for 125 GB.
        read_body = self._s3._read_body

        def read(bucket: str, key: str, record: dict[str, Any]) -> Any:
            path = self._s3._object_disk_path(bucket, key) if _ranged.get() and record.get("body") is None else None
            return FileBody(Path(path)) if path and Path(path).is_file() else read_body(bucket, key, record)

        rebind(read_body, read)

    def _tell_what_was_not_kept(self) -> None:
        # Symptom: when the disk is full, a write answers 200 and the object is gone after a restart.
        persist = self._s3._persist_object

        def persist_or_raise(bucket: str, key: str, record: Any) -> None:
            reasons = _Reasons()
            self._s3.logger.addHandler(reasons)
            try:
                persist(bucket, key, record)
            finally:
                self._s3.logger.removeHandler(reasons)
            if isinstance(record, dict) and record.get("body") is not None:
                raise BodyNotKeptError("; ".join(reasons.messages) or f"s3://{bucket}/{key} could not be written")

        rebind(persist, persist_or_raise)

    def _keep_versions_on_disk_alone(self) -> None:
        # Symptom: the bodies of all versions stay in memory besides, a gigabyte for a gigabyte.
        record_version = self._s3._record_object_version

        def record(bucket: str, key: str, prior: Any, current: dict[str, Any], data: Any) -> Any:
            version_id = record_version(bucket, key, prior, current, data)
            for version in self._s3._object_versions.get((bucket, key), [])[-1:]:
                version["data"] = None  # read from the current object, and from the version's file afterwards
            return version_id

        rebind(record_version, record)


class _Reasons(logging.Handler):
    """Collects what the emulator only logs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())
