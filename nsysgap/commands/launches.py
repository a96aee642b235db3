"""`nsysgap launches`: what launching costs, per kernel and per NVTX range."""

from __future__ import annotations

import re
from typing import Any

import click

from nsysgap.commands.common import (
    Duration,
    Pattern,
    Top,
    opened,
    output_file,
    output_options,
    select_time,
    to_terminal,
)
from nsysgap.errors import NsysgapError

DEFAULT_TOP = 20
ALL = -1


@click.command("launches")
@click.argument("report", metavar="REPORT")
@click.option("--nvtx", type=Pattern(), metavar="REGEX", help="Only inside NVTX ranges whose name matches.")
@click.option("--from", "since", type=Duration(), metavar="TIME", help="Only from this time of the session on.")
@click.option("--to", "until", type=Duration(), metavar="TIME", help="Only before this time, e.g. 1.2s or 350ms.")
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
    nvtx: re.Pattern[str] | None,
    since: int | None,
    until: int | None,
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
        selected = select_time(trace, nvtx, since, until)
        details = read_op_details(source, trace)
    document = _document(trace, details, selected.time)
    if selected.said:
        document["selection"] = selected.said
    if not document["kernels"]:
        raise NsysgapError(
            f"{report} holds no kernels{' in the selection' if selected.said else ''}.",
            "Record them: nsys profile --trace=cuda --cuda-graph-trace=node ...",
        )
    with output_file(output, force=force) as file:
        file.write(_made(document, top, form, color=to_terminal(output)))


def _document(trace: Any, details: Any, selection: Any) -> dict[str, Any]:
    from nsysgap.analysis.launch_costs import launches_document
    from nsysgap.analysis.relations.launches import launch_calls
    from nsysgap.render.data import as_json

    document: dict[str, Any] = as_json(launches_document(trace, launch_calls(trace), details, selection))
    return document


def _made(document: dict[str, Any], top: int | None, form: str, *, color: bool) -> bytes:
    if form == "json":
        from nsysgap.render.data import dump_json

        return (dump_json(document) + "\n").encode()
    if form == "csv":
        return _csv(document)
    from nsysgap.render.text.console import as_text
    from nsysgap.render.text.graphs import launches_blocks

    most = DEFAULT_TOP if top is None else None if top == ALL else top
    return as_text(launches_blocks(document, most), color=color).encode("utf-8", "replace")


def _csv(document: dict[str, Any]) -> bytes:
    """One row per kernel: totals and medians, the most frequent grid and block."""
    import pandas as pd

    plain = ("name", "count", "in_graphs", "call_per_run", "costs_more_than_it_runs", "back_to_back")
    rows = []
    for one in document["kernels"]:
        row = {key: one[key] for key in plain}
        shape = one["grids"][0]
        for key in ("grid", "block"):
            row[key] = None if min(shape[key]) < 0 else "x".join(map(str, shape[key]))
        row |= {"of_that_grid": shape["count"], "other_grids": len(one["grids"]) - 1}
        for key in ("duration_ns", "call_ns", "latency_ns", "unqueued_latency_ns"):
            for figure in ("total", "median"):
                row[f"{figure}_{key}"] = None if one[key] is None else one[key][figure]
        rows.append(row)
    frame = pd.DataFrame(rows)
    whole = [name for name in frame.columns if name.endswith("_ns")]
    text: str = frame.astype(dict.fromkeys(whole, "Int64")).to_csv(index=False)
    return text.encode("utf-8", "replace")
