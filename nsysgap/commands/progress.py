"""How far a command is, on standard error: only on a terminal, and only where it takes more than a moment."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from nsysgap.fleet.names import report_name
from nsysgap.units import printable

PROGRESS_AFTER_S = 1.0


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A function to call with the amount done; draws on stderr, only on a terminal, only after a second."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    bar = _Bar(what, total)
    try:
        yield bar.advance
    finally:
        bar.stop()


@contextmanager
def progress_lines(total: int) -> Iterator[Callable[[str, str], None]]:
    """A function to call with each report that is ready and what came of it; a line each, as `progress_bar` draws."""
    if not sys.stderr.isatty():
        yield lambda _, __: None
        return
    began, waiting, number = time.monotonic(), [], 0

    def ready(path: str, said: str) -> None:
        nonlocal number
        number += 1
        waiting.append(f"{number}/{total} {printable(report_name(path), 60)}: {said}")
        if time.monotonic() - began > PROGRESS_AFTER_S:
            click.echo("\n".join(waiting), err=True)
            waiting.clear()

    yield ready


class _Bar:
    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.done = what, max(total, 1), 0
        self.began = time.monotonic()
        self.progress: Any = None

    def advance(self, amount: int) -> None:
        self.done = min(self.done + amount, self.total)
        if self.progress is None and self.done < self.total and time.monotonic() - self.began > PROGRESS_AFTER_S:
            from rich.console import Console
            from rich.progress import Progress

            self.progress = Progress(console=Console(stderr=True), transient=True)
            self.task = self.progress.add_task(self.what, total=self.total)
            self.progress.start()
        if self.progress is not None:
            self.progress.update(self.task, completed=self.done)
            if self.done >= self.total:
                self.stop()

    def stop(self) -> None:
        if self.progress is not None:
            self.progress.stop()
            self.progress = None
            self.total = 0
