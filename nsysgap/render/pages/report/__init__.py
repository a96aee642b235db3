"""A report as one page to send: words, steps, critical path, idle time, kernels, lines, definitions; it loads nothing.

The timeline is behind a click: inside, as base64 of a zlib stream, or beside the page.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from nsysgap.fleet.names import report_name
from nsysgap.render.pages.bundle import asset, bundle, filled, hashed, head, inline, policy
from nsysgap.render.pages.critical_path import path_nodes
from nsysgap.render.pages.iterations import loop_columns
from nsysgap.render.pages.markup import SHOWN_CAUSES, data_script, text
from nsysgap.render.pages.report.sections import prose, remarks, sections
from nsysgap.render.pages.timeline.pack import pack_text
from nsysgap.render.pages.timeline.page import page_parts, page_scripts
from nsysgap.render.text.report_words import about, sentences, verdict
from nsysgap.terms import terms_in
from nsysgap.units import printable
from nsysgap.version import __version__

if TYPE_CHECKING:
    from nsysgap.answers.report import SummaryAnswer
    from nsysgap.render.pages.timeline.model import TimelineLike

MODULES = (
    *("timeline/page/codec.js", "timeline/page/format.js", "timeline/page/bars.js", "timeline/page/flame.js"),
    "report/report.js",
)
LARGEST = 12_000_000
"""Bytes of a page with its timeline."""
ROOM = 1_500_000
"""Of them for the summary itself."""
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class Timeline:
    """The timeline behind a summary: `page` whole, to lie inside it, with the scripts that it must be `allow`ed; or the
    `address` that it lies at; `reduced`: not everything is in it."""

    page: str = ""
    allow: str = ""
    address: str = ""
    reduced: bool = False


def fitting_timeline(candidates: Iterable[TimelineLike]) -> Timeline | None:
    """The first of several timelines whose page leaves room for a summary in LARGEST bytes; None without any."""
    for data in candidates:
        page = "".join(page_parts(data))
        if len(page) <= LARGEST - ROOM:  # ASCII but for names; inside it takes less
            allow = " ".join(script.allow for script in page_scripts(data))
            return Timeline(page, allow, reduced=data.reduced is not None)
    return None


def report_page(answer: SummaryAnswer, timeline: Timeline | None = None) -> str:
    """The page of a summary."""
    script, style = inline(bundle(MODULES)), asset("report/style.css") + asset("timeline/page/icicle.css")
    inside = timeline.page if timeline is not None and not timeline.address else ""
    name = printable(report_name(answer.header.path), 80)
    shown = filled(
        asset("report/page.html"),
        TITLE=text(name),
        ABOUT=text(about(answer)),
        VERDICT=prose(verdict(answer)),
        REMARKS=remarks(answer),
        SENTENCES="".join(f"<p>{prose(sentence)}</p>" for sentence in sentences(answer)),
        SECTIONS=sections(answer, timeline),
        VERSION=__version__,
        DATA=data_script(_data(answer, timeline)),
        PACKED=f'<script type="text/plain" id="packed">{pack_text(inside.encode())}</script>' if inside else "",
        SCRIPT=script.tag,
    )
    body = shown[shown.index("<main>") : shown.index('<section id="again"')]
    top = head(f"{name} - nsysgap", style, _policy(script.allow, style, timeline if inside else None))
    return top + shown.replace("<!-- TERMS -->", _terms(html.unescape(_TAG.sub(" ", body))), 1)


def _policy(script: str, style: str, inside: Timeline | None) -> str:
    """What the page may run. A page inside it may do no more than it: the timeline's drawings set styles."""
    if inside is None:
        return policy(script, hashed(style))
    drawn = "'unsafe-inline'", "img-src data: blob:", "font-src data:", "frame-src blob:"
    return policy(f"{script} {inside.allow}", *drawn)


def _data(answer: SummaryAnswer, timeline: Timeline | None) -> dict[str, Any]:
    """What the page's script draws."""
    nodes, whole, _ = path_nodes({"paths": []} if answer.path is None else answer.path.document())
    return {
        "loops": [columns for loop in answer.drawn for columns in loop_columns(loop)],
        "causes": SHOWN_CAUSES,
        "path": {"whole": whole, "nodes": nodes.columns()},
        "timeline": quote(timeline.address, safe="/:.~%") if timeline is not None else "",
    }


def _terms(used: str) -> str:
    """The definitions of the words that a text uses."""
    return "".join(f"<dt>{text(term.word)}</dt><dd>{text(term.meaning)}</dd>" for term in terms_in(used))
