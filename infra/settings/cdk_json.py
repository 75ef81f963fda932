"""Reads `cdk.json` more strictly than JSON asks for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.errors import SettingsError


def read_cdk_json(path: Path) -> dict[str, Any]:
    """Read `cdk.json`, and refuse two keys with one name.

    Readers of JSON take the last of them without a word, the CDK command line too: of two environments with the same
    name, one would never be deployed.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    What it holds.

    Raises
    ------
    SettingsError
        If it cannot be read, is no JSON object, or has a key twice in one object; names the key and its place.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_Object)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise SettingsError(f"{path} is no JSON: {error}.") from error
    if not isinstance(document, dict):
        raise SettingsError(f"{path} must hold a JSON object.")
    for place, key in _repeated(document, ()):
        where = ".".join(place) or "the top"
        raise SettingsError(f"{path} has the key {key!r} twice at {where}. Keep one of them, or rename one.")
    return document


class _Object(dict[str, Any]):
    """A JSON object that remembers which keys came more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        keys = [key for key, _ in pairs]
        self.repeated = sorted(key for key in self if keys.count(key) > 1)


def _repeated(value: Any, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, _Object):
        yield from ((place, key) for key in value.repeated)
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from _repeated(child, (*place, str(key)))
