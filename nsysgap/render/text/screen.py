"""The first screen in the terminal: at most 24 lines of 80 columns, the most telling kept where there are more."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.text import Text

from nsysgap.render.text.console import console
from nsysgap.render.text.screen_lines import Line, screen_lines
from nsysgap.units import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from nsysgap.answers.screen import ScreenAnswer

MOST_LINES = 24
LABEL = 12
HINT = "All tables: --detail. What the words mean: --explain."


def screen_blocks(answer: ScreenAnswer, width: int | None = None) -> Iterable[RenderableType]:
    """The first screen as one block. `width`: of the terminal, as `console` says it for None."""
    columns = width or console().width
    lines = [*screen_lines(answer, columns - LABEL), *_next(answer, columns)]
    lines += [Line("", "", 9), Line("", HINT, 8, "dim")]
    made = Text("\n").join(_styled(line, columns) for line in fitted(lines))
    made.no_wrap = True
    yield made


def fitted(lines: Sequence[Line], most: int = MOST_LINES) -> list[Line]:
    """The lines that fit: of the highest ranks the last ones go first."""
    kept = list(range(len(lines)))
    while len(kept) > most:
        kept.remove(max(kept, key=lambda i: (lines[i].rank, i)))
    shown = set(kept)
    return [lines[i] if i + 1 in shown else replace(lines[i], text=lines[i].text.rstrip(";,")) for i in kept]


def _styled(line: Line, columns: int) -> Text:
    text = Text(printable(line.text), line.style, no_wrap=True)
    if not line.whole:
        text.truncate(columns - (LABEL if line.label or line.indented else 0), overflow="ellipsis")
    if not line.label and not line.indented:
        return text
    return Text.assemble((f"{line.label:<{LABEL}}", "cyan"), text)


def _next(answer: ScreenAnswer, columns: int) -> Iterable[Line]:
    yield Line("", "", 9)
    for number, command in enumerate(answer.next):
        lines = command_lines(command, columns - LABEL)
        for i, text in enumerate(lines):
            label = "next" if number == i == 0 else ""
            yield Line(label, text, 0, "bold", indented=True, whole=True)


def command_lines(command: Sequence[str], width: int) -> list[str]:
    """A command to paste into a shell, on several lines where it is too long for one: nothing of it is cut."""
    words = [shlex.quote(word) for word in command]
    lines, line = [], words[0]
    for word in words[1:]:
        if len(line) + 1 + len(word) > width - 2 and line.strip():
            lines.append(f"{line} \\")
            line = f"  {word}"
        else:
            line += f" {word}"
    return [*lines, line]
