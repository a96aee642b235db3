"""Ranks as a terminal table: one row a rank, the verdict, slow iterations, what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from nsysgap.fleet.names import report_name
from nsysgap.render.gpu_names import gpu_label
from nsysgap.render.text.console import add, table
from nsysgap.units import count, counted, duration, file_size, percent, printable

Document = Mapping[str, Any]
SHOWN = 8
"""Ranks: with the rest of the answer one screen of 24 lines."""
SLOW_SHOWN = 3
BAD_SHOWN = 3
GROUPS_SHOWN, NAMES_SHOWN = 3, 4


def ranks_blocks(document: Document, shown: int | None = SHOWN) -> Iterable[RenderableType]:
    """All blocks of `nsysgap ranks`. `shown`: how many ranks to list, those that starve most first; None for all."""
    units = document["units"]
    yield _head(document)
    listed, folded = _units(units, _straggler(document), shown)
    yield listed
    if folded:
        yield Text(folded, "dim")
    yield Text(printable(document["verdict"]["text"]), style="bold")
    yield from _lateness(document)
    yield from _slow(document["slow_iterations"])
    yield from _notes(document)


def _head(document: Document) -> Text:
    units, collectives = document["units"], document["collectives"]
    loops = {(unit["loop"], unit["iterations"]) for unit in units}
    said = [counted(len(units), "rank", "ranks")]
    if len(loops) == 1:
        label, iterations = loops.pop()
        said.append("the whole run" if label is None else f"{iterations} x {printable(label, 40)}")
    if collectives["matched"]:
        kinds = ", ".join(f"{row['count']:,} {row['kind']}{_messages(row)}" for row in collectives["by_kind"])
        said.append(f"shared: {kinds}")
    return Text("; ".join(said))


def _messages(row: Document) -> str:
    """ " of 8 bytes to 16.8 MB", where NCCL's payloads tell."""
    sizes = row["message_bytes"]
    if sizes is None:
        return ""
    least, most = file_size(sizes["min"]), file_size(sizes["max"])
    return f" of {least}" if least == most else f" of {least} to {most}"


def _units(units: Sequence[Document], straggler: Document | None, shown: int | None) -> tuple[Table, str]:
    """The table of those that starve most first, and a sentence on those that are not listed."""
    several_hosts = len({unit["host"] for unit in units}) > 1
    made = table(
        "|rank", *(["<host"] if several_hosts else []), "GPU", "step", "busy", "idle", "waits", "starved", "last"
    )
    order = sorted(units, key=lambda unit: -_share(unit["starved_ns"], unit["window_ns"]))
    few = shown is None or len(units) <= shown
    listed = order if few else _listed(order, straggler, shown or 0)
    for unit in listed:
        add(made, *_cells(unit, several_hosts=several_hosts))
    if len(listed) < len(units):
        rest = [unit for unit in order if unit not in listed]
        low, high = (pick(_share(u["starved_ns"], u["window_ns"]) for u in rest) for pick in (min, max))
        said = f"({len(rest):,} more, starved {100 * low:.1f} to {100 * high:.1f} %: --top all)"
        return made, said
    return made, ""


def _listed(order: Sequence[Document], straggler: Document | None, shown: int) -> list[Document]:
    """Those that starve most, and whom they wait for: a straggler itself starves least."""
    listed = list(order[:shown])
    return listed if straggler is None or straggler in listed else [*listed[: max(shown - 1, 1)], straggler]


def _cells(unit: Document, *, several_hosts: bool) -> list[str]:
    window = unit["window_ns"]
    shares = [percent(unit[key], window) for key in ("busy_ns", "idle_ns", "exposed_wait_ns", "starved_ns")]
    step = "-" if unit["step_ns"] is None else duration(unit["step_ns"])
    last = "-" if unit["arrived_last"] is None else count(unit["arrived_last"])
    where = [printable(unit["host"] or "-", 16)] if several_hosts else []
    return [_name(unit).removeprefix("rank "), *where, gpu_label(unit), step, *shares, last]


def _name(unit: Document) -> str:
    return f"rank {unit['rank']}" if unit["rank"] is not None else f"pid {unit['process']}"


def _straggler(document: Document) -> Document | None:
    """The unit that the verdict names."""
    said = document["verdict"]
    key = (said["rank"], said["process"])
    return next((unit for unit in document["units"] if (unit["rank"], unit["process"]) == key), None)


def _share(value: int, whole: int) -> float:
    return value / whole if whole else 0.0


def _lateness(document: Document) -> Iterable[RenderableType]:
    """What the straggler did longer than the fastest rank, a step."""
    late, loops = document["verdict"]["late_by_ns"], [unit["iterations"] for unit in document["units"]]
    if not late or not any(late.values()):
        return
    steps = loops[0] or 1
    largest = sorted((item for item in late.items() if item[1]), key=lambda item: -abs(item[1]))[:4]
    parts = ", ".join(f"{name} {'+' if ns > 0 else '-'}{duration(abs(ns) // steps)}" for name, ns in largest)
    yield Text(f"Beyond the fastest rank, {'a step' if loops[0] else 'in all'}: {parts}.")


def _differences(units: Sequence[Document]) -> Iterable[RenderableType]:
    """Where ranks do not run the same loop, or not on the same GPUs: their figures are of different things."""
    loops: dict[str, list[str]] = {}
    models: dict[str, list[str]] = {}
    for unit in units:
        loop = "no loop" if unit["loop"] is None else f"{unit['iterations']:,} x {printable(unit['loop'], 40)}"
        loops.setdefault(loop, []).append(_name(unit))
        models.setdefault(printable(unit["device_name"] or "GPUs without a name", 40), []).append(_name(unit))
    for what, groups in (("loops: iterations are not compared", loops), ("GPUs", models)):
        if len(groups) > 1:
            said = "; ".join(f"{name}: {_some(of)}" for name, of in list(groups.items())[:GROUPS_SHOWN])
            more = f"; and {len(groups) - GROUPS_SHOWN:,} more" if len(groups) > GROUPS_SHOWN else ""
            yield Text(f"Different {what} ({said}{more}).", "yellow")


def _some(names: Sequence[str]) -> str:
    """ "ranks 0, 1, 3", "pid 668, pid 669"."""
    few = names[:NAMES_SHOWN]
    if len(names) > 1 and all(name.startswith("rank ") for name in names):
        few = ["ranks " + few[0].removeprefix("rank "), *(name.removeprefix("rank ") for name in few[1:])]
    more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(few) + more


def _slow(slow: Sequence[Document]) -> Iterable[RenderableType]:
    if not slow:
        return
    made, runs = table("slow iteration", "took", "|last"), _runs(slow)
    for first, last, longest, who in runs[:SLOW_SHOWN]:
        number = str(first) if first == last else f"{first} to {last}"
        add(made, number, duration(longest), who)
    yield made
    if len(runs) > SLOW_SHOWN:
        yield Text(f"({len(runs) - SLOW_SHOWN} more: --format json)", style="dim")


def _runs(slow: Sequence[Document]) -> list[tuple[int, int, int, str]]:
    """(first, last, longest, who came last) of each run of neighbouring slow iterations."""
    runs: list[tuple[int, int, int, str]] = []
    for row in slow:
        number, took = row["iteration"], row["duration_ns"]
        who = (
            "-" if row["process"] is None else f"pid {row['process']}" if row["last"] is None else f"rank {row['last']}"
        )
        if runs and runs[-1][1] == number - 1 and runs[-1][3] == who:
            first, _, longest, _ = runs.pop()
            runs.append((first, number, max(longest, took), who))
        else:
            runs.append((number, number, took, who))
    return runs


def _notes(document: Document) -> Iterable[RenderableType]:
    """What is missing: ranks without a report, reports without GPU work, clocks that cannot be aligned."""
    missing = document["missing_ranks"]
    if missing:
        numbers = ", ".join(map(str, missing[:20])) + (" ..." if len(missing) > 20 else "")
        yield Text(f"No report of {'rank' if len(missing) == 1 else 'ranks'} {numbers} is here.", "yellow")
    yield from _differences(document["units"])
    bad = [report for report in document["reports"] if report["status"] != "ok"]
    for report in bad[:BAD_SHOWN]:
        path = report_name(report["path"])
        named = "" if path in report["text"] else f"{path}: "
        yield Text(f"{report['status']}: {printable(named + report['text'])}", "yellow")
    if len(bad) > BAD_SHOWN:
        yield Text(f"({len(bad) - BAD_SHOWN:,} more reports without an answer: --format json)", "yellow")
    if document["collectives"]["matched"] and not document["clocks"]["aligned"]:
        yield Text("Their clocks cannot be aligned: no picture shows them in one time.", style="dim")
    sources = sorted({unit["rank_source"] for unit in document["units"] if unit["rank_source"]})
    if sources:
        yield Text(f"Ranks are known from: {', '.join(sources)}.", style="dim")
