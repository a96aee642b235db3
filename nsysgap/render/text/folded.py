"""What a row "token # (48)" of numbered NVTX ranges stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.text import Text

from nsysgap.units import count, duration, extent, printable

Document = Mapping[str, Any]
SHOWN = 3


def folded_lines(folded: Sequence[Document], names: Iterable[str]) -> Iterable[Text]:
    """A line for each of the first rows (their `names`) that stand for several ranges: how long, how busy the GPU."""
    by_name = {_row_name(row): row for row in folded}
    said = [_line(by_name[name]) for name in names if name in by_name][:SHOWN]
    if said:
        yield Text("\n".join(said))


def _row_name(row: Document) -> str:
    return f"{row['label']} ({count(row['texts'])})"


def _line(row: Document) -> str:
    """ "token # (48): 9.44 ms median, 8.30 to 13.4; busy 0.89"."""
    times, median = row["duration"], duration(row["duration"]["median"])
    name = f"{printable(row['label'], 50)} ({count(row['texts'])})"
    busy = "" if row["busy"] is None else f"; busy {row['busy']:.2f}"
    return f"{name}: {median} median, {extent(times['min'], times['max'], median)}{busy}"
