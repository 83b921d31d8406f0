"""Packages whose names are imported when they are first asked for (PEP 562).

pytest loads the plugin, and with it the packages it is in, in every test run wherever this library is installed; and
Ctrl-C while the command line imports its libraries is met by the command line only if nothing was imported before.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["lazily"]


def lazily(package: str, names: Sequence[str], *homes: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the functions ``__getattr__`` and ``__dir__`` of a package.

    :param names: its public names.
    :param homes: its modules that have them, in the order in which a name is looked for. They are attributes of it too.
    """
    here = sys.modules[package]

    def getattr_(name: str) -> Any:
        if name in homes:
            return import_module(f"{package}.{name}")
        for home in homes if name in names else ():
            module = import_module(f"{package}.{home}")
            if hasattr(module, name):
                value = getattr(module, name)
                setattr(here, name, value)
                return value
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def dir_() -> list[str]:
        own = (name for name, value in vars(here).items() if name.startswith("_") or isinstance(value, ModuleType))
        return sorted({*own, *names, *homes})

    return getattr_, dir_
