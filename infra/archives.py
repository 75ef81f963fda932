"""Archives that are made once: the same content gives the same bytes, and is kept under `build/` for the next time."""

import hashlib
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / "build"

_EPOCH = (1980, 1, 1, 0, 0, 0)
_HASH_LENGTH = 16


def cached_archive(kind: str, recipe: bytes, make: Callable[[Path], None], cache: Path = CACHE) -> Path:
    """An archive, made at the first call and taken from the cache as long as its recipe is the same.

    Parameters
    ----------
    kind
        What it holds, such as `layer`; it begins the file's name. When another archive of a kind is made, the ones
        before it are deleted.
    recipe
        Everything that the content depends on.
    make
        Fills an empty directory with the content.
    cache
        Directory that keeps the archives.

    Returns
    -------
    Path of the zip file. It is there whole or not at all, also if `make` raises or the process is killed.
    """
    archive = cache / f"{kind}-{hashlib.sha256(recipe).hexdigest()[:_HASH_LENGTH]}.zip"
    if not archive.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=f"{kind}-") as scratch:
            content = Path(scratch) / "content"
            content.mkdir()
            make(content)
            unfinished = Path(scratch) / "archive.zip"
            _zip(content, unfinished)
            unfinished.replace(archive)
        for older in set(cache.glob(f"{kind}-{'[0-9a-f]' * _HASH_LENGTH}.zip")) - {archive}:
            older.unlink(missing_ok=True)
    return archive


def files(directory: Path) -> Iterator[Path]:
    """The files under a directory, in the order of their paths."""
    return iter(sorted((path for path in directory.rglob("*") if path.is_file()), key=Path.as_posix))


def _zip(directory: Path, archive: Path) -> None:
    """Pack a directory with sorted names, one time stamp and one mode: the same content gives the same bytes."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for path in files(directory):
            entry = zipfile.ZipInfo(path.relative_to(directory).as_posix(), _EPOCH)
            entry.external_attr = (0o755 if ".so" in path.name else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            opened.writestr(entry, path.read_bytes())
