"""Unpacks deployment packages and layers, once per content, for all workers to share."""

import functools
import hashlib
import importlib.util
import io
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

RUNTIME_PACKAGES = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
"""What AWS's Python runtimes bring beside the standard library (Lambda developer guide, "Python runtimes")."""

UNUSED_SECONDS = 7 * 24 * 3600


class Packages:
    """Directories of unpacked packages below `home`; those unused for a week are removed."""

    def __init__(self, home: Path) -> None:
        self._home = home
        home.mkdir(parents=True, exist_ok=True)
        for directory in home.iterdir():
            if time.time() - directory.stat().st_mtime > UNUSED_SECONDS:
                shutil.rmtree(directory)
        self.runtime = self._runtime()

    def unpack(self, archives: Sequence[bytes]) -> Path:
        """Return a directory with the archives unpacked over each other in order, as Lambda does with layers.

        Raises
        ------
        zipfile.BadZipFile
            If one is not a zip archive.
        """
        digest = hashlib.sha256(b"".join(map(_digest, archives))).hexdigest()
        directory = self._home / digest
        if not directory.exists():
            scratch = Path(tempfile.mkdtemp(dir=self._home))
            for archive in archives:
                _extract(archive, scratch)
            try:
                scratch.rename(directory)
            except OSError:  # another thread was first
                shutil.rmtree(scratch)
        os.utime(directory)
        return directory

    def _runtime(self) -> Path:
        """Make a directory through which workers see the packages of AWS's runtime, and no others of ours."""
        directory = self._home / "runtime"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        for name in RUNTIME_PACKAGES:
            spec = importlib.util.find_spec(name)
            if spec is None or spec.origin is None:
                raise ModuleNotFoundError(f"{name}, which Lambda's runtime brings, is not installed")
            origin = Path(spec.origin)
            source = origin.parent if spec.submodule_search_locations else origin
            (directory / source.name).symlink_to(source)
        return directory


@functools.lru_cache(maxsize=32)
def _digest(archive: bytes) -> bytes:
    """Return the archive's digest; a layer of 100 MB is not read again at each cold start."""
    return hashlib.sha256(archive).digest()


def _extract(archive: bytes, target: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(archive)) as package:
        for member in package.infolist():
            written = Path(package.extract(member, target))
            mode = member.external_attr >> 16
            if mode and not member.is_dir():
                written.chmod(mode & 0o777 | 0o600)
