"""The steps of a report as one HTML page: a bar an iteration, split by what the GPU did; it loads nothing."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from nsysgap.causes import CAUSES
from nsysgap.render.pages.bundle import asset, bundle, filled, inline
from nsysgap.render.pages.iterations import loop_columns
from nsysgap.units import count, counted, printable

Document = Mapping[str, Any]
MODULES = ("timeline/page/format.js", "timeline/page/bars.js", "steps/steps.js")


def steps_page(document: Document, timeline: str | None = None) -> str:
    """The page of a document "nsysgap.steps/1", of the loops that have their iterations.

    `timeline`: the address of the report's timeline page, which an iteration then opens in.
    """
    report = document["report"]
    name = printable(PurePosixPath(report["path"]).name, 80)
    loops = [columns for loop in document["loops"] if "iterations" in loop for columns in loop_columns(loop)]
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
    words = {"SCRIPTS": script.allow, "STYLE": asset("steps/style.css")}
    head = filled(head, **words, TITLE=html.escape(name), SAID=html.escape(said))
    return f'{head}<script type="application/json" id="data">{text}</script>\n{script.tag}{tail}'


def _said(document: Document, shown: int) -> str:
    if not document["loops"]:
        return "Nothing repeats in this report."
    version = document["report"]["nsys_version"]
    said = f"{counted(len(document['loops']), 'loop', 'loops')}, {count(shown)} of them with their iterations here"
    return f"{said}; nsys {version}." if version else f"{said}."
