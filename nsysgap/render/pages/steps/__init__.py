"""The steps of a report as one HTML page: a bar an iteration, split by what the GPU did; it loads nothing."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from nsysgap.causes import CAUSES, PARTS
from nsysgap.render.pages.bundle import asset, bundle, inline
from nsysgap.units import count, counted, duration, printable

Document = Mapping[str, Any]
Columns = dict[str, Any]
MODULES = ("timeline/page/format.js", "timeline/page/bars.js", "steps/steps.js")


def steps_page(document: Document, timeline: str | None = None) -> str:
    """The page of a document "nsysgap.steps/1", of the loops that have their iterations.

    `timeline`: the address of the report's timeline page, which an iteration then opens in.
    """
    report = document["report"]
    name = printable(PurePosixPath(report["path"]).name, 80)
    loops = [columns for loop in document["loops"] if "iterations" in loop for columns in _loops(loop)]
    script = inline(bundle(MODULES))
    data = {
        "loops": loops,
        "causes": [{key: asdict(cause)[key] for key in ("key", "label", "color")} for cause in CAUSES],
        "timeline": None if timeline is None else quote(timeline, safe="/:.~%"),
        "report": printable(report["path"]),
    }
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    said = _said(document, len(loops))
    head, tail = asset("steps/page.html").split("<!-- SPLIT -->")
    head = head.replace("SCRIPTS", script.allow).replace("STYLE", asset("steps/style.css"))
    head = head.replace("TITLE", html.escape(name)).replace("SAID", html.escape(said))
    return f'{head}<script type="application/json" id="data">{text}</script>\n{script.tag}{tail}'


def _said(document: Document, shown: int) -> str:
    if not document["loops"]:
        return "Nothing repeats in this report."
    version = document["report"]["nsys_version"]
    said = f"{counted(len(document['loops']), 'loop', 'loops')}, {count(shown)} of them with their iterations here"
    return f"{said}; nsys {version}." if version else f"{said}."


def _loops(loop: Document) -> list[Columns]:
    """The columns of a loop on each of its GPUs; times relative to the first iteration's start."""
    base = loop["span_ns"][0]
    devices = [device["device"] for device in loop["devices"]] or [None]
    found = []
    for device in devices:
        rows = [row for row in loop["iterations"] if row["device"] == device]
        gpu = "" if device is None else f", GPU {device}"
        title = printable(
            f"{loop['label']} ({count(loop['count'])}){gpu}, thread {loop['process']}/{loop['thread']}", 120
        )
        found.append({"title": title, "said": _loop_said(loop), "base": str(base), **_columns(rows, base)})
    return found


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
