"""Renderers that are imported when they are called: who writes JSON waits neither for rich nor for a page's parts."""

from __future__ import annotations

from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any


def late(package: str, names: Collection[str]) -> Callable[[str], Callable[..., Any]]:
    """The `__getattr__` of a package whose `names` are called after the modules they are in: X_blocks is of X."""

    def renderer(name: str) -> Callable[..., Any]:
        if name not in names:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")

        def render(*given: Any, **options: Any) -> Any:
            return getattr(import_module(f"{package}.{name.rpartition('_')[0]}"), name)(*given, **options)

        return render

    return renderer
