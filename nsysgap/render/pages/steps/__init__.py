"""The steps of a report as one HTML page: a bar an iteration, split by what the GPU did; it loads nothing."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from nsysgap.fleet.names import report_name
from nsysgap.render.pages.bundle import DRAWN, asset, bundle, filled, head, inline, policy
from nsysgap.render.pages.iterations import loop_columns
from nsysgap.render.pages.markup import SHOWN_CAUSES, data_script, text
from nsysgap.units import count, counted, printable

Document = Mapping[str, Any]
MODULES = ("timeline/page/format.js", "timeline/page/bars.js", "steps/steps.js")


def steps_page(document: Document, timeline: str | None = None) -> str:
    """The page of a document "nsysgap.steps/1", of the loops that have their iterations.

    `timeline`: the address of the report's timeline page, which an iteration then opens in.
    """
    report = document["report"]
    name = printable(report_name(report["path"]), 80)
    loops = [columns for loop in document["loops"] if "iterations" in loop for columns in loop_columns(loop)]
    script = inline(bundle(MODULES))
    data = {
        "loops": loops,
        "causes": SHOWN_CAUSES,
        "timeline": None if timeline is None else quote(timeline, safe="/:.~%"),
        "report": printable(report["path"]),
    }
    body, tail = asset("steps/page.html").split("<!-- SPLIT -->")
    shown = filled(body, TITLE=text(name), SAID=html.escape(_said(document, len(loops))))
    top = head(f"{name} - nsysgap steps", "\n" + asset("steps/style.css"), policy(script.allow, *DRAWN))
    return f"{top}{shown}{data_script(data)}\n{script.tag}{tail}"


def _said(document: Document, shown: int) -> str:
    if not document["loops"]:
        return "Nothing repeats in this report."
    version = document["report"]["nsys_version"]
    said = f"{counted(len(document['loops']), 'loop', 'loops')}, {count(shown)} of them with their iterations here"
    return f"{said}; nsys {version}." if version else f"{said}."
