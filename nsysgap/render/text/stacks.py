"""`nsysgap stacks` as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from nsysgap.render.text.console import add, notices, table
from nsysgap.render.text.folded import folded_lines
from nsysgap.units import count, duration, percent, printable

Document = Mapping[str, Any]
SAID = {
    "python": "Python samples",
    "native": "CPU samples",
    "calls": "calls whose stack was recorded",
    "nvtx": "NVTX ranges",
    "launch": "the lines that launched the op after each gap",
}


def stacks_blocks(
    document: Document, top: int | None, sources: Sequence[str | None] = (), *, full_paths: bool = False
) -> Iterable[RenderableType]:
    """All blocks, in reading order. `sources`: the text of each row's source line, where it is known."""
    yield _head(document)
    yield from notices(document["report"]["warnings"], ("incomplete",))
    yield _rows(document, top, sources, full_paths=full_paths)
    yield from folded_lines(document.get("folded", ()), [row["function"] for row in _shown(document)[:top]])
    if any(row["few_samples"] and row["self_ns"] for row in _shown(document)[:top]) and _sampled(document):
        yield Text("~ fewer than 10 samples: there is time on this line, how much is a guess.", style="dim")
    if any(_launched_near(document, row) for row in _shown(document)[:top]):
        yield Text("* in whole or in part by the last sample before the launch, not by its own stack.", style="dim")
    yield from notices(document["report"]["warnings"], ("warning", "note"))


def _sampled(document: Document) -> bool:
    return document["stacks"] in ("python", "native")


def _launched_near(document: Document, row: Document) -> bool:
    """Whether the row's launches are known by samples before them: near, but not the launches themselves."""
    return bool(document["stacks"] == "launch" and row["nearest_ns"])


def _head(document: Document) -> Text:
    chosen, idle = document["chosen_ns"], document["idle_ns"]
    causes = "all causes" if len(document["causes"]) == 10 else " + ".join(document["causes"])
    text = Text(printable(document["report"]["path"]), style="bold")
    text.append(f"\n{duration(chosen)} of idle time ({causes}), {percent(chosen, idle)} of {duration(idle)}", "default")
    if document.get("selection"):
        text.append(f"\nOnly {document['selection']}.", style="cyan")
    text.append(f"\nby {SAID[document['stacks']]}{_sharing(document)}{_whose(document)}", style="dim")
    return text


def _whose(document: Document) -> str:
    """Whose line a stack's own time is, and which time the rows are ordered by."""
    by = document["by"]
    if document["stacks"] == "nvtx":
        return ""
    own = f"the innermost {by} of the program's own code (--innermost: of any)"
    whose = own if document["self"] == "own code" else f"the innermost {by} of any code"
    return f"\nself: {whose}{'; most inclusive time first' if document['sort'] == 'inclusive' else ''}"


def _sharing(document: Document) -> str:
    chosen = document["chosen_ns"]
    if document["stacks"] in ("calls", "nvtx"):
        return f", exact; {percent(document['no_stack_ns'], chosen)} in none"
    inside, near = percent(document["inside_ns"], chosen), percent(document["nearest_ns"], chosen)
    rest = percent(document["no_stack_ns"], chosen)
    if document["stacks"] == "launch":
        return f": {inside} by the call's own stack, {near} by the sample before it, {rest} not known"
    every = f", one every {duration(document['period_ns'])}" if document["period_ns"] else ""
    return f" ({count(document['samples'])}{every}): {inside} within it, {near} nearest to it, {rest} not sampled"


def _shown(document: Document) -> list[Document]:
    """The rows with time of their own; all of them by inclusive time, or where none has any."""
    if document["sort"] == "inclusive":
        return list(document["rows"])
    return [row for row in document["rows"] if row["self_ns"]] or document["rows"]


def _rows(document: Document, top: int | None, sources: Sequence[str | None], *, full_paths: bool) -> Table:
    sampled, total = _sampled(document), document["chosen_ns"]
    counted = "samples" if sampled else "gaps" if document["stacks"] == "launch" else "pieces"
    made = table(f"<idle by {document['by']}", "self", "share", *(["95 %"] if sampled else []), "incl.", counted)
    rows = _shown(document)
    known = _file_names(rows[:top])
    for i, row in enumerate(rows[:top]):
        bounds = [_bounds(row, total)] if sampled else []
        share = percent(row["self_ns"], total)
        figures = (
            duration(row["self_ns"]),
            share,
            *bounds,
            percent(row["inclusive_ns"], total),
            count(row["self_samples"]),
        )
        where = _where(row, row["file"] if full_paths else known[row["file"]])
        add(made, where.append(" *", style="dim") if _launched_near(document, row) else where, *figures)
        if i < len(sources) and sources[i]:
            add(made, Text(f"  {printable(str(sources[i]))}", style="dim"), *[""] * (len(made.columns) - 1))
    rest = rows[len(rows[:top]) :]
    if rest:
        time = sum(row["self_ns"] for row in rest)
        number = sum(row["self_samples"] for row in rest)
        blank = [""] if sampled else []
        add(made, f"({len(rest):,} more)", duration(time), percent(time, total), *blank, "", count(number))
    return made


def line_cells(document: Document, top: int) -> list[list[str]]:
    """The lines with most idle time of their own, after a line of heads: where, time, share."""
    rows = _shown(document)[:top]
    known, total = _file_names(rows), document["chosen_ns"]
    shares = [[duration(row["self_ns"]), percent(row["self_ns"], total)] for row in rows]
    lines = [_where(row, known[row["file"]]).plain for row in rows]
    return [[document["by"], "time", "share"], *([line, *share] for line, share in zip(lines, shares, strict=True))]


def lines_said(document: Document) -> str:
    """What the rows are shares of, and what they rest on."""
    causes = "all causes" if len(document["causes"]) == 10 else " + ".join(document["causes"])
    chosen, idle = document["chosen_ns"], document["idle_ns"]
    said = f"{duration(chosen)} of idle time ({causes}), {percent(chosen, idle)} of {duration(idle)}; "
    return f"{said}by {SAID[document['stacks']]}{_sharing(document)}."


def _file_names(rows: Sequence[Document]) -> dict[str | None, str]:
    """What to call each file where room is scarce: its name, with its folder if another one has the same name."""
    short = {row["file"]: row["short"] for row in rows if row["file"]}
    names = [path.rsplit("/", 1)[-1] for path in short.values()]
    labels: dict[str | None, str] = {None: ""}
    for file, path in short.items():
        parts = path.split("/")
        labels[file] = "/".join(parts[-2:] if names.count(parts[-1]) > 1 else parts[-1:])
    return labels


def _where(row: Document, file_name: str | None) -> Text:
    """ "rotate_half modeling_llama.py:134", marked if it rests on few samples."""
    text = Text("~ " if row["few_samples"] and row["self_ns"] else "")
    if row["function"] is not None:
        text.append(printable(row["function"]), style="dim" if row["placeholder"] else "default")
    if file_name:
        line = f":{row['line']}" if row["line"] else ""
        text.append(f"{' ' if row['function'] is not None else ''}{printable(file_name)}{line}", style="cyan")
    return text


def _bounds(row: Document, total: int) -> str:
    if not total or row["placeholder"]:
        return ""
    return f"{100 * row['self_low_ns'] / total:.1f}-{100 * row['self_high_ns'] / total:.1f}"
