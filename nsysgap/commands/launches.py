"""`nsysgap launches`: what launching costs, per kernel and per NVTX range."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from nsysgap.commands.common import (
    Top,
    check_device,
    opened,
    output_file,
    output_options,
    select_time,
    selection_options,
    to_terminal,
)
from nsysgap.errors import NsysgapError
from nsysgap.units import duration

if TYPE_CHECKING:
    from nsysgap.answers.selection import Selected
    from nsysgap.tables import Table, Trace

DEFAULT_TOP = 20
ALL = -1
_PLAIN = ("name", "count", "in_graphs", "call_per_run", "costs_more_than_it_runs", "back_to_back")
_TIMES = ("duration_ns", "call_ns", "latency_ns", "unqueued_latency_ns")
CSV_COLUMNS = (
    *(*_PLAIN, "grid", "block", "of_that_grid", "other_grids"),
    *(f"{figure}_{key}" for key in _TIMES for figure in ("total", "median")),
)


@click.command("launches")
@click.argument("report", metavar="REPORT")
@selection_options
@click.option("--top", type=Top(), metavar="N|all", help="How many kernels and ranges to list (20).")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "csv"]),
    default="text",
    show_default=True,
    help="json: the contract nsysgap.launches/1; csv: one row per kernel.",
)
@output_options
def command(
    report: str,
    device: int | None,
    nvtx: re.Pattern[str] | None,
    since: int | None,
    until: int | None,
    hidden_after_ns: int,  # noqa: ARG001 - launches have no untraced time
    top: int | None,
    form: str,
    output: str | None,
    force: bool,
) -> None:
    """What launching costs: per kernel beside its run time, per NVTX range, per million launches.

    \b
    Example: nsysgap launches report.sqlite --nvtx token
    """
    from nsysgap.report.details import read_op_details

    with opened(report) as (source, trace):
        check_device(trace, device)
        selected = select_time(trace, nvtx, since, until)
        details = read_op_details(source, trace)
    document = _document(trace, details, selected, device)
    with output_file(output, force=force) as file:
        file.write(_made(document, top, form, color=to_terminal(output)))


def _document(trace: Trace, details: Table, selected: Selected, device: int | None) -> dict[str, Any]:
    """The figures as plain values. Raises NsysgapError where the report has no kernels, or the selection no launch."""
    from nsysgap.analysis.launch_costs import LaunchSelection, launches_document
    from nsysgap.analysis.relations.launches import launch_calls
    from nsysgap.figures import as_json
    from nsysgap.tables import KERNEL

    if not (trace.ops["kind"] == KERNEL).any():
        hint = "Record them: nsys profile --trace=cuda --cuda-graph-trace=node ..."
        raise NsysgapError(f"{trace.path} holds no kernels.", hint)
    chosen = LaunchSelection(selected.time, device, selected.ranges)
    document: dict[str, Any] = as_json(launches_document(trace, launch_calls(trace), details, chosen))
    said = ", ".join([*([] if device is None else [f"GPU {device}"]), *([selected.words] if selected.words else [])])
    if not document["kernels"] and not document["all"]["launches"]:
        raise _nothing_selected(trace, said)
    return {**document, "selection": said} if said else document


def _nothing_selected(trace: Trace, said: str) -> NsysgapError:
    from nsysgap.tables import KERNEL

    kernels = trace.ops["kind"] == KERNEL
    first, last = trace.ops["start"][kernels].min(), trace.ops["end"][kernels].max()
    return NsysgapError(
        f"No kernel ran and none was launched in what was selected ({said}).",
        f"The kernels of this report ran from {duration(int(first))} to {duration(int(last))} of the session.",
    )


def _made(document: dict[str, Any], top: int | None, form: str, *, color: bool) -> bytes:
    if form == "json":
        from nsysgap.render.data import dump_json

        return (dump_json(document) + "\n").encode()
    if form == "csv":
        return _csv(document)
    from nsysgap.render.text.console import as_text
    from nsysgap.render.text.launches import launches_blocks

    most = DEFAULT_TOP if top is None else None if top == ALL else top
    return as_text(launches_blocks(document, most), color=color).encode("utf-8", "replace")


def _csv(document: dict[str, Any]) -> bytes:
    """One row per kernel: totals and medians, the most frequent grid and block."""
    import pandas as pd

    rows = []
    for one in document["kernels"]:
        row = {key: one[key] for key in _PLAIN}
        shape = one["grids"][0]
        for key in ("grid", "block"):
            row[key] = None if min(shape[key]) < 0 else "x".join(map(str, shape[key]))
        row |= {"of_that_grid": shape["count"], "other_grids": len(one["grids"]) - 1}
        for key in _TIMES:
            for figure in ("total", "median"):
                row[f"{figure}_{key}"] = None if one[key] is None else one[key][figure]
        rows.append(row)
    frame = pd.DataFrame(rows, columns=CSV_COLUMNS)
    whole = [name for name in frame.columns if name.endswith("_ns")]
    text: str = frame.astype(dict.fromkeys(whole, "Int64")).to_csv(index=False)
    return text.encode("utf-8", "replace")
