"""The sections of a summary's page, as HTML: whatever a report holds is escaped."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

from nsysgap.causes import CAUSES
from nsysgap.render.pages.critical_path import path_nodes
from nsysgap.render.pages.markup import paragraph, text
from nsysgap.render.text.report_words import (
    ADVISED,
    LISTED,
    Cells,
    Share,
    busy_cells,
    busy_said,
    cure_of,
    device_name,
    facts,
    loop_cells,
    notices_of,
    path_cells,
    path_head,
    share_cells,
    shares,
    spent_cells,
)
from nsysgap.render.text.stacks import line_cells, lines_said
from nsysgap.render.text.whatif import UNSURE, change_text, predictions_rows
from nsysgap.units import count, duration, percent

if TYPE_CHECKING:
    from nsysgap.answers.report import SummaryAnswer
    from nsysgap.answers.screen import ScreenDevice
    from nsysgap.render.pages.report import Timeline

WIDE, HIGH = 10_000, 28
MOST_DEVICES = 16
IN_FULL = 4
"""So many GPUs have their tables shown, those of more are folded."""
_CODE = re.compile(r"`([^`]*)`")
_UNIT = re.compile(r"(?<=\d) (?=(?:%|ns|us|ms|s)(?!\w))")


def remarks(answer: SummaryAnswer) -> str:
    """What is incomplete, above everything else."""
    lost = notices_of(answer, "incomplete")
    said = (
        f"<ul>{''.join(f'<li>{prose(notice)}</li>' for notice in lost)}</ul>"
        if len(lost) > 1
        else "".join(map(prose, lost))
    )
    return f'<div class="lost"><b>This report is incomplete.</b> {said}</div>' if lost else ""


def sections(answer: SummaryAnswer, timeline: Timeline | None) -> str:
    """All sections, in reading order."""
    parts = [_facts(answer), _open(answer, timeline)]
    if answer.screen.holds.ops:
        parts += [_steps(answer), _path(answer), _idle(answer), _advice(answer), _busy(answer), _lines(answer)]
    elif answer.refusal is not None:
        parts.append(_section("record", "What to record", f"<p>{text(answer.refusal.hint)}</p>"))
    parts.append(_careful(answer))
    return "\n".join([*parts, _defined() if answer.screen.holds.ops else "", _again(answer)])


def _section(key: str, title: str, *parts: str) -> str:
    return f'<section id="{key}" aria-labelledby="h-{key}"><h2 id="h-{key}">{title}</h2>\n{"".join(parts)}</section>'


def _facts(answer: SummaryAnswer) -> str:
    rows = "".join(
        f"<dt>{text(label)}</dt><dd>{''.join(f'<div>{prose(line)}</div>' for line in lines)}</dd>"
        for label, lines in facts(answer)
    )
    return _section("facts", "At a glance", _bars(answer.screen.devices), f'<dl class="facts">{rows}</dl>')


def _bars(devices: Sequence[ScreenDevice]) -> str:
    """One bar a GPU: its window split into busy and causes of idle time."""
    if not devices:
        return ""
    bars = "".join(_bar(device, several=len(devices) > 1) for device in devices[:MOST_DEVICES])
    sums: dict[tuple[str, str], int] = {}
    for share in (share for device in devices for share in shares(device)):
        sums[share.color, share.key] = sums.get((share.color, share.key), 0) + share.ns
    order = sorted(sums, key=lambda named: (named[1] != "busy", -sums[named]))
    return bars + _legend(order)


def _bar(device: ScreenDevice, *, several: bool) -> str:
    window, left = max(device.busy_ns + device.idle_ns, 1), 0
    parts = []
    for share in shares(device):
        parts.append(_rect(share, left, window))
        left += share.ns
    name = f"GPU {device.number}" if several else ""
    label = escape(f"{device_name(device)}: busy {percent(device.busy_ns, window)}")
    box = f'viewBox="0 0 {WIDE} {HIGH}" preserveAspectRatio="none"'
    drawn = f'<svg {box} role="img" aria-label="{label}">{"".join(parts)}</svg>'
    return f'<div class="bar">{f"<span>{text(name)}</span>" if name else ""}{drawn}</div>'


def _rect(share: Share, left: int, window: int) -> str:
    title = escape(f"{share.key} ({share.label}): {percent(share.ns, window)}")
    start, wide = WIDE * left / window, WIDE * share.ns / window
    return (
        f'<rect x="{start:.1f}" width="{wide:.1f}" height="{HIGH}" fill="{share.color}"><title>{title}</title></rect>'
    )


def _legend(colors: Sequence[tuple[str, str]]) -> str:
    return f'<ul class="legend">{"".join(f"<li>{_swatch(color)}{text(said)}</li>" for color, said in colors)}</ul>'


def _swatch(color: str) -> str:
    return f'<svg class="swatch" viewBox="0 0 1 1" aria-hidden="true"><rect width="1" height="1" fill="{color}"/></svg>'


def _open(answer: SummaryAnswer, timeline: Timeline | None) -> str:
    """How the timeline is opened."""
    if timeline is None:
        return ""
    fewer = (
        " Of this long report only the surroundings of its longest gaps are in it in full." if timeline.reduced else ""
    )
    gap = next(iter(answer.screen.gaps.gaps), None)
    around = ""
    if gap is not None:
        room = max(gap["duration_ns"] // 2, 1_000)
        spot = f"{gap['start_ns'] - room},{gap['end_ns'] + room}"
        around = f' <button type="button" class="open" data-at="#v={spot}">At the longest gap</button>'
    buttons = f'<button type="button" class="open main" data-at="">Open the timeline</button>{around}'
    said = f"Every op, call and gap, each gap explained.{fewer}"
    return _section("timeline", "Timeline", f'<p>{said}</p><p class="buttons">{buttons}</p>')


def _steps(answer: SummaryAnswer) -> str:
    if not answer.steps.loops:
        return _section("steps", "Steps", "<p>Nothing repeats in this report: all figures are of everything.</p>")
    drawn = ""
    if answer.drawn:
        drawn = """<div class="tools"><label>Loop <select id="loop"></select></label></div><p id="about"></p>
<canvas id="bars" tabindex="0" role="img" aria-label="Iterations"></canvas><p id="pointed" role="status"></p>
<p class="quiet screen">One bar an iteration: its height is the time from its first work on the GPU to that of the next
one, split into busy and causes; the line across is the range on the host. A click says what an iteration was.</p>
"""
    return _section("steps", "Steps", drawn, _table(loop_cells(answer)))


def _path(answer: SummaryAnswer) -> str:
    title = "What limits it"
    if answer.path is None:
        why = answer.why_not("path")
        return _section("path", title, f"<p>The critical path cannot be told. {text(why)}</p>")
    document = answer.path.document()
    _, whole, legend = path_nodes(document)
    parts = ["<p>The critical path: what the loop waited for at each moment, every nanosecond once.</p>"]
    parts += ['<div id="plot" class="icicle-plot"></div>', _legend(legend)] if whole else []
    for path, notes in zip(document["paths"], answer.path.notes, strict=True):
        parts.append(f"<h3>{text(path_head(path))}</h3><p>{prose(cure_of(answer, path))}</p>")
        parts.append(f'<div class="pair">{_table(path_cells(path))}{_table(spent_cells(path), texts=2)}</div>')
        parts += [f'<p class="quiet">{text(note)}</p>' for note in notes]
    parts += [f"<p>Process {refusal['process']}: {text(refusal['why'])}</p>" for refusal in document.get("refused", ())]
    return _section("path", title, *parts)


def _idle(answer: SummaryAnswer) -> str:
    devices = answer.screen.devices
    parts = []
    for device in devices[:MOST_DEVICES]:
        table = _table(share_cells(device), texts=2)
        if len(devices) > IN_FULL:
            parts.append(f"<details><summary>{text(device_name(device))}</summary>{table}</details>")
        else:
            parts.append(f"<h3>{text(device_name(device))}</h3>{table}")
    if len(devices) > MOST_DEVICES:
        parts.append(f"<p>{count(len(devices) - MOST_DEVICES)} more GPUs: nsysgap gaps --detail</p>")
    present = {share.key: share.ns for device in devices for share in shares(device) if share.key != "busy"}
    helps = [f"<dt>{cause.key}</dt><dd>{_code(cause.advice)}</dd>" for cause in CAUSES if cause.key in present]
    if helps:
        advised = f'<dl class="terms">{"".join(helps)}</dl>'
        parts.append(f"<details><summary>What helps against each cause</summary>{advised}</details>")
    return _section("idle", "Why the GPU was idle", *parts)


def _advice(answer: SummaryAnswer) -> str:
    title = "What would gain"
    if answer.advice is None:
        return _section("advice", title, f"<p>No gain is predicted. {text(answer.why_not('advice'))}</p>")
    changes = answer.advice.changes[:ADVISED]
    document = {**answer.advice.document(), "changes": changes}
    if not changes:
        kernel = f" Make its kernels faster:</p><pre>{text(answer.kernel)}</pre><p>" if answer.kernel else ""
        return _section("advice", title, f"<p>Nothing here gains 2 %.{kernel}</p>")
    said = (
        f"{duration(answer.advice.recorded_ns)} a step under nsys; predicted by replaying the report with the change."
    )
    each = answer.advice.recorded_ns
    how = "".join(paragraph(change_text(change, each)) for change in changes)
    unsure = (
        f'<p class="quiet">{text(UNSURE)}</p>'
        if any(change["under_nsys"]["kind"] != "figure" for change in changes)
        else ""
    )
    return _section("advice", title, f"<p>{said}</p>", _table(predictions_rows(document), texts=2), how, unsure)


def _busy(answer: SummaryAnswer) -> str:
    return _section("busy", "What ran longest", _table(busy_cells(answer)), f'<p class="quiet">{busy_said(answer)}</p>')


def _lines(answer: SummaryAnswer) -> str:
    title = "Which code kept the GPU idle"
    if answer.lines is None:
        return _section("lines", title, f"<p>Lines are not known. {text(answer.why_not('lines'))}</p>")
    document = answer.lines.document()
    return _section("lines", title, f"<p>{text(lines_said(document))}</p>", _table(line_cells(document, LISTED)))


def _careful(answer: SummaryAnswer) -> str:
    plain = answer.screen.care.plain
    said = []
    if plain is not None:
        times = [duration(round(seconds * 1e9)) for seconds in (plain.plain_s, plain.profiled_s)]
        said.append(f"Plain, {plain.of} took {times[0]}, under nsys {times[1]}.")
    elif answer.screen.holds.calls:
        said.append("nsys itself makes launches and host code longer: compare with a plain run, nsysgap profile.")
    said += notices_of(answer, "warning", "note")
    run = "".join(f"<dt>{text(label)}</dt><dd>{text(value)}</dd>" for label, value in answer.facts)
    notes = f"<ul>{''.join(f'<li>{text(sentence)}</li>' for sentence in said)}</ul>" if said else ""
    return _section("careful", "About this report", f'<dl class="facts">{run}</dl>', notes)


def _defined() -> str:
    return _section("defined", "The words", '<dl class="terms"><!-- TERMS --></dl>')


def _again(answer: SummaryAnswer) -> str:
    rows = "".join(
        f"<dt>{text(question.asks)}</dt><dd><code>{text(shlex.join(question.command))}</code></dd>"
        for question in answer.again
    )
    return _section(
        "again", "Ask again", "<p>Exact, from the report itself, on any machine:</p>", f'<dl class="again">{rows}</dl>'
    )


def _table(cells: Cells, texts: int = 1) -> str:
    """A table of a line of heads and others. `texts`: so many of the first columns are no figures."""

    head, *body = ["".join(_cells(row, texts, "td" if i else "th")) for i, row in enumerate(cells)]
    rows = "".join(f"<tr>{row}</tr>" for row in body)
    made = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="wide" tabindex="0" role="region" aria-label="Table">{made}</div>'


def _cells(row: Sequence[str], texts: int, tag: str) -> Iterator[str]:
    for i, cell in enumerate(row):
        shown = ' class="text"' if i < texts else ""
        yield f"<{tag}{shown}>{text(cell)}</{tag}>"


def _code(own: str) -> str:
    """Text of our own with code between backticks."""
    return _CODE.sub(r"<code>\1</code>", escape(own))


def prose(sentence: str) -> str:
    """A sentence in which no line ends between a number and its unit."""
    return _UNIT.sub("&nbsp;", text(sentence))
