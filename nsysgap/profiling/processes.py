"""The processes of this machine as /proc tells them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process: its number, its parent's, its state ("Z": ended, not yet collected), its program's short name."""

    pid: int
    parent: int
    state: str
    program: str


def processes() -> Iterator[Process]:
    """All processes that can be read; none where there is no /proc."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError, ValueError):
            before, _, after = (folder / "stat").read_text(errors="replace").rpartition(")")
            state, parent = after.split()[:2]
            yield Process(int(folder.name), int(parent), state, before.partition("(")[2])
