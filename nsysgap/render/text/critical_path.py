"""A critical path in the terminal: what limits the loop, its parts, and what each part is spent on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from nsysgap.render.text.console import add, notices, table
from nsysgap.render.text.gaps import report_head
from nsysgap.units import count, duration, percent, printable

Document = Mapping[str, Any]
PART_NAMES = {
    "gpu": "GPU work",
    "between_ops": "between ops",
    "launch_latency": "launch latency",
    "launch_calls": "launch calls",
    "other_calls": "other CUDA calls",
    "sync_tail": "return from waits",
    "host": "host code",
    "os_wait": "waiting in the OS",
}


def critical_path_blocks(
    document: Document, notes: Sequence[Sequence[str]], top: int | None = None
) -> Iterable[RenderableType]:
    """All blocks of `nsysgap critical-path`. `notes`: sentences beside each path; `top`: how many rows (all: None)."""
    yield report_head(document["report"])
    yield from notices(document["report"]["warnings"], ("incomplete",))
    for path, said in zip(document["paths"], notes, strict=True):
        yield _head(path)
        yield _parts(path)
        yield _rows(path, top)
        yield from (Text(printable(sentence), style="dim") for sentence in said)
    for refusal in document.get("refused", ()):
        yield Text(f"Process {refusal['process']}: {printable(refusal['why'])}", "yellow")


def _head(path: Document) -> Text:
    length = path["window_ns"][1] - path["window_ns"][0]
    if path["loop"] is None:
        said = f"Process {path['process']}: {duration(length)}"
    else:
        step = duration(length // path["iterations"])
        said = f"{count(path['iterations'])} x {printable(path['loop'], 50)}  {step} each"
    text = Text(said, "bold")
    text.append(f"  process {path['process']}, thread {path['thread']}\n", "not bold")
    text.append(path["cure"], "not bold")
    return text


def _parts(path: Document) -> Table:
    each = "each" if path["loop"] is not None else "in all"
    made = table("|limited by", each, "%")
    length = path["window_ns"][1] - path["window_ns"][0]
    for part, ns in sorted(path["parts_ns"].items(), key=lambda part_ns: -part_ns[1]):
        if ns:
            add(made, PART_NAMES[part], duration(ns // path["iterations"]), percent(ns, length))
    return made


def _rows(path: Document, top: int | None) -> Table:
    made = table("|of it", "<spent on", "<", "each" if path["loop"] is not None else "in all", "%")
    rows = sorted(path["by"], key=lambda row: -row["ns"])
    length = path["window_ns"][1] - path["window_ns"][0]
    for row in rows[:top]:
        figures = duration(row["ns"] // path["iterations"]), percent(row["ns"], length)
        add(made, PART_NAMES[row["part"]], printable(row["name"]), printable(row["detail"]), *figures)
    if top is not None and len(rows) > top:
        rest = sum(row["ns"] for row in rows[top:])
        figures = duration(rest // path["iterations"]), percent(rest, length)
        add(made, "", f"{count(len(rows) - top)} more", "", *figures)
    return made
