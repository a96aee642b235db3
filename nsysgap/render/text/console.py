"""What every text renderer prints with: tables that fit the terminal, notices, plain text or colours.

Results are plain text that fits 80 columns, colour only where the console has it.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from nsysgap.units import printable, printable_lines

Document = Mapping[str, Any]
NARROWEST = 8
NARROWEST_CONSOLE = 80
LONGEST_NOTICE = 480  # an exception that nsys prints may fill the screen
LEVEL_STYLE = {"incomplete": "bold red", "warning": "yellow", "note": "dim"}


class PrintableConsole(Console):
    """A console on which no text of a report can move the cursor, colour lines or turn their direction."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is printed, piece by piece: the last place that every text comes by."""
        for piece in super().render(renderable, options):
            yield piece if piece.control else Segment(printable_lines(piece.text), piece.style)


def console(width: int | None = None, *, file: Any = None) -> Console:
    """A console for results: `width` columns, else the terminal's, 80 where there is none and at least."""
    made = PrintableConsole(file=file, width=width, highlight=False, emoji=False, markup=False, soft_wrap=False)
    made.width = max(made.width, NARROWEST_CONSOLE)  # lines that wrap say more than figures cut to "1…", or nothing
    return made


def table(*columns: str) -> Table:
    """A borderless table. Heads tell how a column is set: "<" text that may be cut, "|" text, else a figure."""
    made = Table(box=None, pad_edge=False, padding=(0, 1), header_style="dim")
    for column in columns:
        justify: Any = "left" if column.startswith(("<", "|")) else "right"
        flexible = column.startswith("<")
        head = Text(column.lstrip("<|"))
        made.add_column(head, justify=justify, no_wrap=True, overflow="ellipsis", min_width=3 if flexible else None)
    return made


def fit(made: Table, width: int) -> None:
    """Set the columns' widths so that only flexible ones give way: to the widest gets the most taken."""
    natural = [
        max((cell_len(str(cell)) for cell in [column.header, *column.cells]), default=0) for column in made.columns
    ]
    flexible = [i for i, column in enumerate(made.columns) if column.min_width is not None]
    excess = sum(natural) + 2 * (len(natural) - 1) - width
    while excess > 0 and flexible:
        widest = max(flexible, key=lambda i: natural[i])
        if natural[widest] <= NARROWEST:
            break
        natural[widest] -= 1
        excess -= 1
    for column, size in zip(made.columns, natural, strict=True):
        column.width = size


def add(made: Table, *cells: RenderableType) -> None:
    """A row; texts are taken as they are, without markup."""
    made.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells))


def notices(warnings: Sequence[Document], levels: tuple[str, ...]) -> Iterable[RenderableType]:
    """What the figures do not show, one line each."""
    lines = [notice for notice in warnings if notice["level"] in levels]
    if not lines:
        return
    made = Table.grid(padding=(0, 1))
    for notice in lines:
        text = printable(notice["text"], LONGEST_NOTICE)
        made.add_row(Text(f"{notice['level']}:", style=LEVEL_STYLE[notice["level"]]), Text(text))
    yield made


class Hanging:
    """Lines that go on two columns further in than they began, so that each is seen to be one."""

    def __init__(self, text: Text) -> None:
        self.text = text

    def __rich_console__(self, to: Console, options: ConsoleOptions) -> Iterable[RenderableType]:
        """The lines, wrapped."""
        for line in self.text.split("\n", allow_blank=True):
            further = cell_len(line.plain) - cell_len(line.plain.lstrip()) + 2
            first, *rest = line.wrap(to, options.max_width - further)
            yield first
            yield from (Text(" " * further).append_text(wrapped) for wrapped in rest)


def print_blocks(to: Console, blocks: Iterable[RenderableType]) -> None:
    """Print blocks with an empty line between them."""
    for i, block in enumerate(blocks):
        if isinstance(block, Text) and block.no_wrap:  # lines of it may be commands to paste: never cut or broken
            to.print(*([""] if i else []), block, sep="\n", soft_wrap=True)
            continue
        if isinstance(block, Table) and block.show_header and all(column.no_wrap for column in block.columns):
            fit(block, to.width)
        to.print(Padding(block, (1 if i else 0, 0, 0, 0), expand=False))


def as_text(blocks: Iterable[RenderableType], *, color: bool) -> str:
    """Blocks as text of the terminal's width (80 without one), with its colours if wanted; no trailing blanks."""
    made = console() if color else console(console().width, file=io.StringIO())
    with made.capture() as captured:
        print_blocks(made, blocks)
    return "\n".join(line.rstrip() for line in captured.get().split("\n"))
