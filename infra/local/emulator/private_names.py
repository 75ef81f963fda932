"""The emulator's private names that this package binds to, checked before anything is bound."""

import importlib
import importlib.metadata
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from infra.local.errors import EmulatorChangedError

Needs = Mapping[str, Iterable[str]]
"""Module of the emulator -> names that must exist in it."""


def check(*needs: Needs) -> None:
    """Import every module named in `needs` and look for every name.

    Raises
    ------
    EmulatorChangedError
        Naming all that is missing at once, so that an upgrade is judged in one look.
    """
    missing = [name for need in needs for name in _missing(need)]
    if missing:
        raise EmulatorChangedError(importlib.metadata.version("ministack"), sorted(set(missing)))


def module(name: str) -> Any:
    """Return a module of the emulator, e.g. ``module("services.sts")``."""
    return importlib.import_module(f"ministack.{name}")


def _missing(needs: Needs) -> Iterable[str]:
    for module_name, names in needs.items():
        try:
            found = module(module_name)
        except ImportError:
            yield f"ministack.{module_name}"
            continue
        for name in names:
            target: object = found
            for part in name.split("."):
                target = getattr(target, part, None)
            if target is None:
                yield f"ministack.{module_name}.{name}"


def rebind(old: object, new: object) -> None:
    """Replace `old` by `new` wherever a loaded module of the emulator holds it as a global.

    Its modules import functions from each other by name, so that one assignment would leave copies behind.
    """
    for name, loaded in list(sys.modules.items()):
        if name.startswith("ministack."):
            for attribute, value in list(vars(loaded).items()):
                if value is old:
                    setattr(loaded, attribute, new)
