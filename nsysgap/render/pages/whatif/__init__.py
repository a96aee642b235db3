"""What a change would gain as one HTML page: a step as it was recorded above the same step as it is predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from nsysgap.fleet.names import report_name
from nsysgap.render.pages.bundle import DRAWN, asset, bundle, filled, head, inline, policy
from nsysgap.render.pages.markup import paragraph, table, text
from nsysgap.render.pages.timeline.categories import CALL_CATEGORIES, OP_CATEGORIES
from nsysgap.render.text.whatif import UNSURE, change_text, predictions_rows
from nsysgap.units import count, counted, duration, printable

Document = Mapping[str, Any]
MODULES = ("whatif/whatif.js",)
WIDE = 10_000
"""Units across a drawing: it is stretched to the page's width."""
HIGH = 26
MOST = 2_000
NOT_DRAWN = " What runs on another thread instead, and waiting for it, is not drawn."
COLORS = {category.key: category for category in (*CALL_CATEGORIES, *OP_CATEGORIES)}


def whatif_page(document: Document, drawn: Sequence[Document], step: int) -> str:
    """The page of a document "nsysgap.whatif/1". `drawn`: the iteration `step` of each timeline, the recorded first."""
    script = inline(bundle(MODULES))
    body, tail = asset("whatif/page.html").split("<!-- SPLIT -->")
    longest = max(1, *(timeline["length"] for timeline in drawn))
    name = printable(report_name(document["report"]["path"]), 80)
    page = filled(
        body,
        HEADLINE=text(name),
        VERDICT=text(_said(document)),
        STEPNUMBER=f"{count(step + 1)} of {count(document['iterations'])}",
        DRAWNSTEPS="".join(_timeline(timeline, longest) for timeline in drawn) + _axis(longest),
        COLOURS=_legend(drawn),
        PREDICTIONS=table(predictions_rows(document)),
        RESTS="".join(paragraph(change_text(change, document["recorded_ns"])) for change in document["changes"]),
        REMARKS=text(
            UNSURE + (NOT_DRAWN if any(change["change"] == "elsewhere" for change in document["changes"]) else "")
        ),
    )
    top = head(f"{name} - nsysgap whatif", "\n" + asset("whatif/style.css"), policy(script.allow, *DRAWN))
    return f"{top}{page}{script.tag}{tail}"


def _said(document: Document) -> str:
    named = f"{count(document['iterations'])} x {document['loop']}"
    return f"{named}, {duration(document['recorded_ns'])} each under nsys. {document['cure']}"


def _axis(longest: int) -> str:
    return (
        f'<div class="lane"><span></span><div class="axis"><span>0</span><span>{duration(longest)}</span></div></div>'
    )


def _timeline(timeline: Document, longest: int) -> str:
    """The lanes of a timeline: threads, the launches from them to the streams, streams."""
    threads = sorted({row[2] for row in timeline["calls"]})
    streams = sorted({row[2] for row in timeline["ops"]})
    calls, fewer_calls = _most(timeline["calls"])
    ops, fewer_ops = _most(timeline["ops"])
    missing = fewer_calls + fewer_ops
    said = "predicted: " if timeline["predicted"] else ""
    said += f"{duration(timeline['length'])} from the step's beginning to the end of its last op"
    said += f"; {counted(missing, 'short event', 'short events')} not drawn" if missing else ""
    mark = ' class="predicted"' if timeline["predicted"] else ""
    title = escape(timeline["title"])
    lanes = [
        _lane(
            f"host {thread + 1}",
            f"{title}: calls of host thread {thread + 1}",
            [r for r in calls if r[2] == thread],
            longest,
        )
        for thread in threads
    ]
    lanes.append(_launches(timeline, longest))
    lanes += [
        _lane(
            f"stream {timeline['streams'][stream]}",
            f"{title}: stream {timeline['streams'][stream]}",
            [r for r in ops if r[2] == stream],
            longest,
        )
        for stream in streams
    ]
    return f'<section{mark} aria-label="{title}"><h3>{title}</h3><p>{said}.</p>{"".join(lanes)}</section>'


def _most(rows: Sequence[Sequence[Any]]) -> tuple[list[Sequence[Any]], int]:
    """(the longest rows, in order; how many others there are)."""
    kept = sorted(sorted(rows, key=lambda row: -row[1])[:MOST], key=lambda row: row[0])
    return kept, len(rows) - len(kept)


def _lane(name: str, label: str, rows: Sequence[Sequence[Any]], longest: int) -> str:
    parts = "".join(_rect(row, longest) for row in rows)
    return f'<div class="lane"><span>{escape(name)}</span>{_svg(parts, label)}</div>'


def _svg(parts: str, label: str) -> str:
    box = f'viewBox="0 0 {WIDE} {HIGH}" preserveAspectRatio="none"'
    return f'<svg {box} role="img" aria-label="{label}">{parts}</svg>'


def _rect(row: Sequence[Any], longest: int) -> str:
    """A call or an op, never too thin to be seen; paler where it belongs to another step."""
    start, length, _, category, name, of_step = row
    other = "" if of_step else ", of another step"
    title = escape(f"{printable(name, 120)}, {duration(length)} from {duration(start)} on{other}")
    shade = "" if of_step else ' opacity="0.35"'
    left, wide = WIDE * start / longest, max(WIDE * length / longest, 4)
    color = COLORS[category].color
    return (
        f'<rect x="{left:.1f}" width="{wide:.1f}" height="{HIGH}" fill="{color}"{shade}><title>{title}</title></rect>'
    )


def _launches(timeline: Document, longest: int) -> str:
    """A line from every launch call to its op."""
    drawn = timeline["launches"][:MOST]
    path = "".join(f"M{WIDE * at / longest:.1f} 0L{WIDE * max(op, 0) / longest:.1f} {HIGH}" for at, op, _ in drawn)
    label = f"{escape(timeline['title'])}: {counted(len(timeline['launches']), 'launch', 'launches')}"
    said = counted(len(timeline["launches"]), "launch", "launches")
    return f'<div class="lane"><span>{said}</span>{_svg(f"""<path d="{path}"/>""", label)}</div>'


def _legend(drawn: Sequence[Document]) -> str:
    present = {row[3] for timeline in drawn for row in (*timeline["calls"], *timeline["ops"])}
    shown = [category for key, category in COLORS.items() if key in present]
    return "".join(
        f'<li><i style="background:{category.color}"></i>{escape(category.label)}</li>' for category in shown
    )
