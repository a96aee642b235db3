"""What is compared side by side, a column each: as plain text that fits 80 columns, and as a Markdown table."""

from __future__ import annotations

from collections.abc import Sequence

Cells = Sequence[Sequence[str]]
"""Lines of cells, the heads first; the first cell of each line is its label."""
WIDTH = 80
_GAP = "  "


def columns_text(cells: Cells, width: int = WIDTH) -> str:
    """As many columns side by side as fit, the others below, each time with the labels; no newline at the end."""
    label, *columns = zip(*cells, strict=True)
    left = max(map(len, label))
    blocks: list[list[tuple[str, ...]]] = [[]]
    room = width - left
    for column in columns:
        wide = len(_GAP) + max(map(len, column))
        if blocks[-1] and wide > room:
            blocks.append([])
            room = width - left
        blocks[-1].append(column)
        room -= wide
    return "\n\n".join(_table([label, *block]) for block in blocks)


def _table(columns: Sequence[Sequence[str]]) -> str:
    label, *rest = ([cell.ljust(max(map(len, columns[0]))) for cell in columns[0]], *columns[1:])
    right = [[cell.rjust(max(map(len, column))) for cell in column] for column in rest]
    return "\n".join(_GAP.join(line).rstrip() for line in zip(label, *right, strict=True))


def columns_markdown(cells: Cells, texts: int = 1) -> str:
    """A Markdown table, of which so many of the first columns are no figures; no newline at the end."""
    head, *body = [[_escaped(cell.strip()) for cell in line] for line in cells]
    rule = [*(["---"] * texts), *(["---:"] * (len(head) - texts))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *body))


def _escaped(cell: str) -> str:
    """A cell in which "|" ends nothing and "<" begins no tag."""
    return cell.replace("|", "\\|").replace("<", "&lt;")
