"""Kernels' names in tables: where several share a short name, the cell keeps what tells them apart when it is cut."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

from nsysgap.kernel_names import KernelName, told_apart
from nsysgap.units import printable

LEAST_HEAD = 6  # characters of the short name that are left when the rest tells it apart


class NameCell:
    """A kernel's name that is cut in its short name first, then in the middle of what tells it apart.

    One without a detail is cut in the middle: names that nothing else tells apart often end differently.
    """

    def __init__(self, name: KernelName) -> None:
        self.short, self.detail = printable(name.short), printable(name.detail)

    def __str__(self) -> str:
        return f"{self.short}<{self.detail}>" if self.detail else self.short

    def cut(self, width: int) -> str:
        """The name in `width` characters."""
        if len(str(self)) <= width or not self.detail:
            return printable(str(self), max(width, 1))
        detail = printable(self.detail, max(width - min(LEAST_HEAD, len(self.short)) - 3, 1))
        room = width - len(detail) - 2
        short = self.short if len(self.short) <= room else f"{self.short[: room - 1]}…"
        return f"{short}<{detail}>"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(self.cut(options.max_width), no_wrap=True, overflow="ellipsis")

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(LEAST_HEAD, len(str(self)))


def kernel_names(names: Sequence[str], kernels: Sequence[bool] | None = None) -> list[NameCell | Text]:
    """A cell for each name, as many as there are; `kernels` says which are kernels: other names stand as they are."""
    chosen = [True] * len(names) if kernels is None else kernels
    short = told_apart(name for name, kernel in zip(names, chosen, strict=True) if kernel)
    return [
        NameCell(short[name]) if kernel else Text(printable(name)) for name, kernel in zip(names, chosen, strict=True)
    ]
