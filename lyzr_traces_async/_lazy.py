"""Packages that import their modules only when one of their names is first used (PEP 562).

There are two reasons. If this library is installed, pytest loads its plugin, and with it the packages around it, in
every test run. And the command line can handle Ctrl-C during its imports only if nothing was imported before.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["lazily"]


def lazily(package: str, names: Sequence[str], *homes: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the functions ``__getattr__`` and ``__dir__`` for a package.

    :param package: the full name of the package.
    :param names: its public names.
    :param homes: the modules of the package that define these names, in the order in which they are searched. The
        modules are attributes of the package too.
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
