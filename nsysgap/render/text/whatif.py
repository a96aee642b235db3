"""Predictions in the terminal: recorded and predicted time of a step, what they rest on, what stands in their way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from nsysgap.render.text.console import Hanging, add, notices, table
from nsysgap.render.text.gaps import report_head
from nsysgap.render.text.side_by_side import columns_markdown
from nsysgap.units import count, duration, printable

Document = Mapping[str, Any]
BLOCKERS = 4
WORTH_A_WORD = 0.05  # of the changed loop's critical path
DAYS = 365
EVIDENCE = {
    "graphs": "graphs",
    "nodes_per_iteration": "nodes a step",
    "syncs_dropped": "waits dropped",
    "kept_every": "kept: one step in",
    "copies": "copies",
    "rate_gb_per_s": "GB/s",
    "launches": "launches",
    "runs": "runs",
    "kernels_per_iteration": "kernels a step",
}
TIMES = {
    "longest_path_ns": "longest path",
    "range_ns": "range",
    "own_code_ns": "own code",
    "busy_ns": "busy",
    "os_ns": "in OS calls",
}
UNSURE = (
    "Two runs of one program differed by up to 1.7x where the host limits: measure both forms in turn, several times."
)


def whatif_blocks(document: Document, *, advising: bool, kernel: str = "") -> Iterable[RenderableType]:
    """All blocks of `nsysgap whatif` and `advise`. `kernel`: the ncu command for the kernel with most of the path."""
    yield report_head(document["report"])
    yield from notices(document["report"]["warnings"], ("incomplete",))
    yield _head(document)
    changes = document["changes"]
    predicted = [change for change in changes if change["under_nsys"] is not None]
    if predicted:
        yield _predictions(document)
    for change in changes:
        yield Hanging(_change(change, document["recorded_ns"]))
    if advising and not changes:
        yield Text("Nothing here gains 2 %: the GPU is busy. Make its kernels faster:" if kernel else NOTHING, "bold")
    if kernel and (advising and not changes):
        yield Text(f"  {printable(kernel)}")
    if document["left_out"]:
        yield Text(f"{count(document['left_out'])} more would gain less than 2 %.", style="dim")
    if "scale" in document:
        yield _scale(document["scale"])
    if advising and predicted:
        named = printable(document["report"]["path"], 40)
        yield Text(f"To verify one: make it, capture again, nsysgap compare {named} AFTER.sqlite", style="dim")
    if any(_host_bound(change) for change in predicted):
        yield Text(UNSURE, "yellow")
    yield from (Text(printable(note), style="dim") for note in document["notes"])


NOTHING = "Nothing here gains 2 %."


def _host_bound(change: Document) -> bool:
    return bool(change["under_nsys"]["kind"] != "figure")


def _head(document: Document) -> Text:
    said = f"{count(document['iterations'])} x {printable(document['loop'], 50)}  {duration(document['recorded_ns'])}"
    text = Text(f"{said} each under nsys", "bold")
    if document["plain_ns"] is not None:
        text.append(f", {duration(document['plain_ns'])} plain", "bold")
    text.append(f"\n{document['cure']}", "not bold")
    return text


def _predictions(document: Document) -> Table:
    made = table("<change", "|", "predicted", "best", "worst", "gain")
    for row in predictions_rows(document)[1:]:
        add(made, *row)
    return made


def predictions_rows(document: Document) -> list[list[str]]:
    """Heads, then a row for every change of which something is said, under nsys and plain; all together last."""
    rows = [["change", "", "predicted", "best", "worst", "gain"]]
    changes = [(_name(change), change) for change in document["changes"] if change["under_nsys"] is not None]
    if "together" in document:
        changes.append(("all together", document["together"]))
    for name, change in changes:
        for where, said in (("under_nsys", "nsys"), ("plain", "plain")):
            if change[where] is not None:
                rows.append([name, said, *_cells(change[where], document, where)])
    return rows


def _cells(prediction: Document, document: Document, where: str) -> tuple[str, str, str, str]:
    recorded = document["recorded_ns"] if where == "under_nsys" else document["plain_ns"]
    central = prediction["central_ns"]
    edges = duration(prediction["best_ns"]), duration(prediction["worst_ns"])
    if prediction["kind"] == "range":
        least, most = (100 * (1 - prediction[key] / max(recorded, 1)) for key in ("worst_ns", "best_ns"))
        if most <= 0:
            return "range", *edges, "nothing"
        return "range", *edges, f"up to {most:.0f} %" if least < 0 else f"{least:.0f} to {most:.0f} %"
    said = f"{prediction['gain_percent']:.1f} %"
    return duration(central), *edges, f"{said} *" if prediction["kind"] == "gain" else said


def whatif_markdown(document: Document) -> str:
    """The predictions as a table in markdown, with what they rest on, what stands in their way, and why not."""
    head = f"**{count(document['iterations'])} x {_cell(document['loop'])}**, {duration(document['recorded_ns'])} each"
    rows = [["change", "", "predicted", "best", "worst", "gain"]]
    notes = []
    for change in document["changes"]:
        if change["refused"]:
            notes.append(f"- {_cell(_name(change))}: {_cell(change['refused'])}")
            continue
        for where, said in (("under_nsys", "nsys"), ("plain", "plain")):
            if change[where] is not None:
                rows.append([printable(_name(change), 60), said, *_cells(change[where], document, where)])
        rests = _evidence(change["evidence"])
        notes += [f"- {_cell(_name(change))} rests on {_cell(rests)}."] if rests else []
        notes += [f"  - in the way: {_cell(b['what'])} in {b['bodies']} of {b['of']}" for b in change["blockers"]]
    parts = [head, columns_markdown(rows) if len(rows) > 1 else "", "\n".join(notes), document["cure"], UNSURE]
    return "\n\n".join(part for part in parts if part) + "\n"


def _cell(text: str) -> str:
    """An untrusted name in a line of markdown."""
    return printable(text, 60).replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")


def _name(change: Document) -> str:
    target = f" {printable(change['target'])}" if change["target"] else ""
    factor = change["factor"]
    return f"{change['change']}{target}" + (f" = {factor:g}" if factor else "")


def change_text(change: Document, recorded: int) -> str:
    """What a prediction rests on, what stands in its way, or why there is none: lines for pages. `recorded`: of an
    iteration, ns."""
    return _change(change, recorded).plain


def _change(change: Document, recorded: int) -> Text:
    text = Text(_name(change), "bold")
    if change["refused"]:
        return text.append(f": {printable(change['refused'])}", "not bold yellow")
    said = _evidence(change["evidence"])
    if said:
        text.append(f"  rests on {said}.", "not bold")
    if change.get("then_limits"):
        parts = [
            f"{name} {100 * share:.0f} %" for name, share in change["then_limits"].items() if share >= WORTH_A_WORD
        ]
        text.append(f"\n  then limited by {', '.join(parts)}.", "not bold")
    blockers = change["blockers"]
    for blocker in blockers[:BLOCKERS]:
        where = f", {printable(blocker['where'], 50)}" if blocker["where"] else ""
        text.append(
            f"\n  in the way: {printable(blocker['what'], 40)} in {blocker['bodies']} of {blocker['of']}{where}",
            "not bold",
        )
    if change["said"]:
        text.append(f"\n  {change['said'][0].upper()}{change['said'][1:]}.", "not bold dim")
    if change["under_nsys"]["kind"] == "gain":
        text.append("\n  * at equal host speed.", "not bold dim")
    if change["under_nsys"]["worst_ns"] > recorded:
        worst = duration(change["under_nsys"]["worst_ns"])
        text.append(f"\n  May gain nothing: at worst a step takes {worst}.", "not bold dim")
    for line in change.get("how", ()):
        text.append(f"\n  {line}", "not bold")
    return text


def _evidence(evidence: Document) -> str:
    said = []
    if "identical" in evidence:
        same, of = evidence["identical"]
        said.append(f"launches identical in {same} of {of}")
    said += [f"{name} {duration(evidence[key])}" for key, name in TIMES.items() if key in evidence]
    said += [
        f"{name} {evidence[key]}" if key == "kept_every" else f"{evidence[key]:,} {name}"
        for key, name in EVIDENCE.items()
        if key in evidence
    ]
    return ", ".join(said)


def _scale(scale: Document) -> Text:
    """What a number of steps amounts to, a day and a year."""
    text = Text(f"{many(scale['per_day'])} steps a day: {_hours(scale, scale['hours'])}, ")
    text.append(f"{_hours(scale, scale['idle_hours'])} of them idle; {many(scale['launches'])} launches.")
    if "hours_with" not in scale:
        return text
    named, (least, most) = printable(scale["change"]), scale["gone_hours"]
    if most <= 0:
        text.append(f"\nWith {named} none of them are gone: it takes longer.")
    else:
        text.append(f"\nWith {named} {max(least, 0):,.1f} to {_hours(scale, most)} a day are gone")
        text.append(", at worst it takes longer" if least < 0 else "")
        text.append(f", {DAYS * max(least, 0):,.0f} to {DAYS * most:,.0f} of {DAYS * scale['hours']:,.0f} a year")
        text.append(
            f" ({DAYS * max(least, 0) * scale['price']:,.0f} to {DAYS * most * scale['price']:,.0f})."
            if "price" in scale
            else "."
        )
    if scale["launches_with"] != scale["launches"]:
        text.append(f"\n{many(scale['launches'])} launches become {many(scale['launches_with'])}.")
    return text


def many(number: float) -> str:
    """A large number as people say it: 4.1 billion, 10 million, 12,000."""
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if round(number / size, 1) >= 1:
            return f"{number / size:,.1f}".removesuffix(".0") + f" {word}"
    return f"{number:,.0f}"


def _hours(scale: Document, hours: float) -> str:
    said = f"{hours:,.1f} GPU hours"
    return f"{said} ({hours * scale['price']:,.2f})" if "price" in scale else said
