"""Before and after as text of at most 30 lines, or all of it: figures, what explains the change, kernels, verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nsysgap.causes import PARTS
from nsysgap.fleet.names import report_name
from nsysgap.kernel_names import told_apart
from nsysgap.render.text.console import add, as_text, fit, notices, table
from nsysgap.render.text.markdown import plain
from nsysgap.render.text.side_by_side import columns_markdown, columns_text
from nsysgap.units import NS_PER_UNIT, count, counted, duration, printable, rounded_together, scale_of

if TYPE_CHECKING:
    from nsysgap.answers.compare import CompareAnswer

Document = Mapping[str, Any]
MOST_LINES = 30
LONGEST_NOTICE = 150
ROOMS = (6, 5, 4, 3, 2, 1, 0)
"""How many kernels are listed, the most that fit."""
LABELS = {
    "step_ns": "a step",
    "busy_ns": "GPU busy",
    "idle_ns": "GPU idle",
    **{f"idle_{part}_ns": f"  {part}" for part in PARTS},
    "launches": "launches",
    "ops": "GPU ops",
    "api_calls": "CUDA calls",
    "sync_tail_ns": "return from waits",
    "exposed_wait_ns": "waiting for ranks",
}
MOST_KERNELS = 5
_PARTS = frozenset(f"idle_{part}_ns" for part in PARTS)


def compare_text(answer: CompareAnswer, *, detail: bool = False, color: bool = False) -> str:
    """All of `nsysgap compare`; without `detail` at most 30 lines, the last of them the verdict."""
    document, text = answer.document(), ""
    for room in (None,) if detail else ROOMS:
        text = as_text(_blocks(document, answer, room), color=color)
        if len(text.splitlines()) <= MOST_LINES:
            break
    return f"{answer.role.capitalize()}:\n{text}" if answer.role else text


def _blocks(document: Document, answer: CompareAnswer, room: int | None) -> Iterable[RenderableType]:
    """`room`: how many kernels to list, None for all of everything."""
    yield _sides(document)
    yield from _notices(document, room)
    yield Text(columns_text(figure_cells(document, room)))
    explained = explained_text(document, answer.explained)
    if explained:
        yield Text(explained)
    yield _kernels(document, answer.matched[0], room)
    last = [*_outcomes(document, room), Text(answer.noise, style="dim"), Text(answer.verdict, style="bold")]
    yield Group(*last)


def _sides(document: Document) -> Table:
    made = Table.grid(padding=(0, 2))
    for name in ("before", "after"):
        side = document[name]
        reports = side["reports"]
        first = reports[0]
        what = "whole window" if first["loop"] is None else f"{count(first['iterations'])} x {first['loop']}"
        named = report_name(first["path"])
        more = f" and {counted(len(reports) - 1, 'capture', 'captures')} more" if len(reports) > 1 else ""
        made.add_row(Text(name, style="dim"), Text(printable(named, 36) + more), Text(printable(what, 24)))
    return made


def _notices(document: Document, room: int | None) -> Iterator[RenderableType]:
    remarks = [{"level": "incomplete", "text": f"Not comparable. {text}"} for text in document["reasons"]]
    remarks += [{"level": "warning", "text": text} for text in document["warnings"]]
    shown = (
        remarks
        if room is None
        else [{**remark, "text": _cut(remark["text"])} for remark in remarks[: 2 if room else 1]]
    )
    yield from notices(shown, ("incomplete", "warning"))
    if len(shown) < len(remarks):
        yield Text(f"({counted(len(remarks) - len(shown), 'more remark', 'more remarks')}: --detail)", style="dim")


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_NOTICE else f"{text[: LONGEST_NOTICE - 1]}…"


def figure_cells(document: Document, room: int | None) -> list[list[str]]:
    """The table of figures as lines of cells, its heads first; `room`: see `ROOMS`."""
    rows = document["figures"]
    tested = any(row["p"] is not None for row in rows)
    window = document["before"]["unit"] == "window"
    parts = [row for row in rows if row["name"] in _PARTS and (row["before"] or row["after"])]
    parts.sort(key=lambda row: -abs(row["change"] or 0))
    shown = {row["name"] for row in parts[: None if room is None else max(2, min(room, 4))]}
    head = ["per window" if window else "per step", "before", "after", "change", "", *(["p"] if tested else [])]
    body = [
        [*_figure(row, window), *([_p(row)] if tested else [])]
        for row in rows
        if row["name"] not in _PARTS or row["name"] in shown
    ]
    return [head, *body]


def _figure(row: Document, window: bool) -> list[str]:
    label = "the window" if window and row["name"] == "step_ns" else LABELS[row["name"]]
    show: Callable[[int], str] = duration if row["unit"] == "ns" else count
    before, after = (_or_dash(row[side], show) for side in ("before", "after"))
    change = row["change"]
    if change is None:
        return [label, before, after, "-", ""]
    percent = "" if row["change_percent"] is None or not change else f"{row['change_percent']:+.1f} %"
    return [label, before, after, signed(change, show), percent]


def signed(change: int, show: Callable[[int], str]) -> str:
    """A change with its sign, "0" for none."""
    return f"{'+' if change > 0 else ''}{show(change)}" if change else "0"


def _or_dash(value: int | None, show: Callable[[int], str]) -> str:
    return "-" if value is None else show(value)


def _p(row: Document) -> str:
    if row["p"] is None:
        return "-"
    return f"{row['p']:.3f} changed" if row["verdict"] == "changed" else f"{row['p']:.3f}"


def explained_text(document: Document, explained: Sequence[tuple[str, int]]) -> str:
    """ "The step changed by -8.41 ms: host -5.05, ...; busy +0.03.": rounded, and it still adds up."""
    if not explained:
        return ""
    times = [ns for _, ns in explained]
    what = "The window" if document["before"]["unit"] == "window" else "The step"
    if not any(times):
        return f"{what} did not change."
    unit, scale = scale_of(max(map(abs, times)))
    numbers = dict(zip((name for name, _ in explained), rounded_together(times, scale), strict=True))
    show = _decimals(scale, NS_PER_UNIT[unit])
    idle = sorted((name for name in numbers if name in PARTS and numbers[name]), key=lambda name: -abs(numbers[name]))
    said = [", ".join(f"{name} {show(numbers[name])}" for name in idle)] if idle else []
    said += [f"{name} {show(numbers[name])}" for name in ("busy", "rest") if numbers[name]]
    if 10 * abs(numbers["rest"]) > abs(sum(numbers.values())):
        said[-1] += " (medians do not add up)"
    total = f"{what} changed by {show(sum(numbers.values()))} {unit}"
    return f"{total}: {'; '.join(said)}." if said else f"{total}."


def _decimals(scale: int, per_unit: int) -> Callable[[int], str]:
    """Shows multiples of `scale` ns in units of `per_unit` ns, signed, with as many decimals as they have."""
    digits = len(str(per_unit // scale)) - 1
    return lambda number: f"{number * scale / per_unit:+.{digits}f}"


def covered_text(document: Document, matched: int) -> str:
    """How much of the time the matching covers, and whether a side has no kernels."""
    ops = document["ops"]
    if not ops:
        return "No kernels, copies or memsets on either side."
    first, second = document["matched_percent"]
    said = f"{counted(matched, 'name', 'names')} in both: {first:.1f} % and {second:.1f} % of the time of GPU ops."
    for name, key in (("before", "before_count"), ("after", "after_count")):
        if not any(op["kind"] == "kernel" and op[key] for op in ops):
            said += f" No kernels {name}."
    return said


def _kernels(document: Document, matched: int, room: int | None) -> RenderableType:
    covered, ops = Text(covered_text(document, matched)), document["ops"]
    if not ops or room == 0:
        return covered
    per = "window" if document["before"]["unit"] == "window" else "step"
    made = table(f"<per {per}, by name", "before", "after", "change", "runs", "|")
    for cells in kernel_cells(ops, room):
        add(made, *cells)
    fit(made, 80)
    return Group(covered, made)


def kernel_cells(ops: Sequence[Document], room: int | None) -> list[list[str]]:
    """Name, before, after, change, runs and what came or went, of the first `room` ops; whole names for all."""
    names = told_apart(op["name"] for op in ops if op["kind"] == "kernel")
    rows = []
    for op in ops[:room]:
        name = str(names[op["name"]]) if op["kind"] == "kernel" and room is not None else op["name"]
        change = op["after_ns"] - op["before_ns"]
        mark = "gone" if not op["after_count"] else "new" if not op["before_count"] else ""
        times = [duration(op["before_ns"]), duration(op["after_ns"]), signed(change, duration)]
        rows.append([printable(name), *times, _runs(op), mark])
    return rows


def _runs(op: Document) -> str:
    before, after = (f"{op[key]:,.4g}" for key in ("before_count", "after_count"))
    return before if before == after else f"{before} -> {after}"


def _outcomes(document: Document, room: int | None) -> Iterator[RenderableType]:
    predicted = document.get("predicted")
    if predicted is None:
        return
    shown = predicted if room is None else predicted[: 2 if room else 1]
    for prediction in shown:
        yield Text(printable(outcome_text(prediction), None if room is None else 160))
    if len(shown) < len(predicted):
        yield Text(
            f"({counted(len(predicted) - len(shown), 'more prediction', 'more predictions')}: --detail)", style="dim"
        )


def outcome_text(prediction: Document) -> str:
    """How a prediction held, in a sentence."""
    what = f"Predicted for {prediction['change']}{' of ' + prediction['target'] if prediction['target'] else ''}"
    if prediction["best_ns"] is None or prediction["worst_ns"] is None:
        return f"{what}: nothing ({prediction['refused']})."
    held = "inside" if prediction["inside"] else "outside"
    between = f"{duration(prediction['best_ns'])} to {duration(prediction['worst_ns'])}"
    text = f"{what}: {between}; measured {duration(prediction['measured_ns'])} is {held}"
    if prediction["central_ns"] is not None:
        text += f", {prediction['off_percent']:+.1f} % off the central {duration(prediction['central_ns'])}"
    if prediction["predicted_gain_percent"] is not None:
        text += (
            f"; gain {prediction['measured_gain_percent']:.1f} % of the step, "
            f"predicted {prediction['predicted_gain_percent']:.1f} %"
        )
    return f"{text}."


def compare_markdown(answer: CompareAnswer, *, detail: bool = False) -> str:
    """The same for a pull request's comment: the verdict first, then tables."""
    document = answer.document()
    room = None if detail else MOST_KERNELS
    notes = [f"Not comparable. {text}" for text in document["reasons"]] + list(document["warnings"])
    what = "per window" if document["before"]["unit"] == "window" else "per step"
    kernels = [[plain(name), *cells] for name, *cells in kernel_cells(document["ops"], room)]
    blocks = [
        f"### {answer.role}" if answer.role else "",
        f"**{plain(answer.verdict)}**",
        *(f"- {plain(note)}" for note in notes),
        columns_markdown(figure_cells(document, room)),
        plain(explained_text(document, answer.explained)),
        plain(covered_text(document, answer.matched[0])),
        columns_markdown([[what, "before", "after", "change", "runs", ""], *kernels]) if kernels else "",
        *(plain(outcome_text(prediction)) for prediction in document.get("predicted", ())),
        plain(f"{_captures(document)} {answer.noise}"),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _captures(document: Document) -> str:
    sides = [
        f"{name} {', '.join(report_name(report['path']) for report in document[name]['reports'])}"
        for name in ("before", "after")
    ]
    return f"Captures: {'; '.join(sides)}."
