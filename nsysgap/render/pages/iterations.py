"""A loop's iterations as columns, for the pages that draw them as bars (bars.js)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nsysgap.causes import PARTS
from nsysgap.units import count, counted, duration, printable

Document = Mapping[str, Any]
Columns = dict[str, Any]


def loop_columns(loop: Document, zero: int | None = None) -> list[Columns]:
    """The columns of a loop with its iterations on each of its GPUs: times relative to `zero`, else to its start."""
    base = loop["span_ns"][0] if zero is None else zero
    devices = [_gpu(device) for device in loop["devices"]] or [(None, "")]
    columns = []
    for device, which in devices:
        rows = [row for row in loop["iterations"] if _gpu(row) == (device, which)]
        gpu = "" if device is None else f", GPU {device} {which}".rstrip()
        title = printable(
            f"{loop['label']} ({count(loop['count'])}){gpu}, thread {loop['process']}/{loop['thread']}", 120
        )
        about = {"title": title, "said": _loop_said(loop), "base": str(base), "device": device, "which": which}
        columns.append({**about, **_columns(rows, base)})
    return columns


def _gpu(row: Document) -> tuple[int | None, str]:
    """What names a GPU: its number, and which of several with that number."""
    return row["device"], row.get("which", "")


def _loop_said(loop: Document) -> str:
    times = loop["duration_ns"]
    said = f"{count(loop['count'])} x {printable(loop['label'], 80)}: {duration(loop['step_ns'])} a step, "
    said += f"{duration(times['min'])} to {duration(times['max'])} on the host; "
    said += f"{counted(loop['launches']['median'], 'launch', 'launches')} a step, "
    return said + f"{count(loop['identical'])} of {count(loop['count'])} launched the same."


def _columns(rows: Sequence[Document], base: int) -> Columns:
    def since(key: str) -> list[int | None]:
        return [None if row[key] is None else row[key] - base for row in rows]

    none: Document = {}
    return {
        "start": since("start_ns"),
        "end": since("end_ns"),
        "from": since("window_start_ns"),
        "to": since("window_end_ns"),
        "duration": [row["duration_ns"] for row in rows],
        "busy": [row["busy_ns"] or 0 for row in rows],
        "parts": [[(row["idle_by_cause_ns"] or none).get(part, 0) for row in rows] for part in PARTS],
        "launches": [row["launches"] for row in rows],
        "identical": [int(row["identical"]) for row in rows],
        "outlier": [int(row["outlier"]) for row in rows],
    }
