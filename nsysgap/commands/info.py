"""`nsysgap info`: what a report holds and what it can answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nsysgap.commands.common import opened, output_file, output_options, raise_all, to_terminal
from nsysgap.errors import NsysgapError

if TYPE_CHECKING:
    from nsysgap.report.source import Source
    from nsysgap.tables import Trace


@click.command("info")
@click.argument("reports", nargs=-1, required=True, metavar="REPORT...")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@output_options
def command(reports: tuple[str, ...], form: str, output: str | None, force: bool) -> None:
    """What a report holds, what is missing, and which questions it can answer.

    \b
    Example: nsysgap info report.sqlite
    """
    documents = []
    failed: list[NsysgapError] = []
    for path in reports:
        try:
            with opened(path) as (source, trace):
                documents.append(_document(source, trace))
        except NsysgapError as error:
            failed.append(error)
    if documents:
        with output_file(output, force=force) as file:
            file.write((_json if form == "json" else _text)(documents, color=to_terminal(output)))
    raise_all(failed)


def _text(documents: list[dict[str, Any]], *, color: bool) -> bytes:
    from nsysgap.render.text.console import as_text
    from nsysgap.render.text.info import info_blocks

    return "\n".join(as_text(info_blocks(one), color=color) for one in documents).encode("utf-8", "replace")


def _json(documents: list[dict[str, Any]], *, color: bool) -> bytes:  # noqa: ARG001 - the same call as _text
    from nsysgap.render.data import dump_json

    return (dump_json(documents[0] if len(documents) == 1 else documents) + "\n").encode()


def _document(source: Source, trace: Trace) -> dict[str, Any]:
    from nsysgap.analysis.questions import limits, questions
    from nsysgap.report.describe import describe
    from nsysgap.report.diagnostics import is_incomplete

    found = describe(source)
    return {
        "schema": "nsysgap.info/1",
        "path": trace.path,
        "nsys_version": trace.nsys_version,
        "schema_version": trace.schema_version,
        "started": found.started,
        "duration_ns": trace.duration_ns,
        "span_ns": _span(trace),
        "command": found.command,
        "devices": _devices(trace),
        "processes": _processes(trace),
        "threads": _threads(trace),
        "tables": [{"table": table, "rows": rows} for table, rows in found.rows],
        "questions": [{"text": one.text, "answered": one.answered, "why": one.why} for one in questions(trace)],
        "missing": [
            {"missing": one.missing, "consequence": one.consequence, "remedy": one.remedy} for one in limits(trace)
        ],
        "diagnostics": [
            {"severity": severity, "incomplete": is_incomplete(said), "text": said}
            for severity, said in found.diagnostics
        ],
        "warnings": [{"level": one.level, "text": one.text} for one in trace.warnings],
        "capture": [{"name": name, "value": value} for name, value in found.capture],
    }


def _span(trace: Trace) -> list[int] | None:
    """First start and last end of all events."""
    from nsysgap.analysis.relations.ranges import trace_end

    tables = [table for table in (trace.ops, trace.api, trace.nvtx, trace.osrt) if table.rows]
    return [min(int(table["start"][0]) for table in tables), trace_end(trace)] if tables else None


def _devices(trace: Trace) -> list[dict[str, Any]]:
    import numpy as np

    described = {one.id for one in trace.devices}
    numbers = sorted(described | {int(number) for number in np.unique(trace.ops["device"])})
    return [
        {
            "device": number,
            "name": trace.device(number).name,
            "sm_count": trace.device(number).sm_count,
            "total_memory": trace.device(number).total_memory,
            "ops": int((trace.ops["device"] == number).sum()),
        }
        for number in numbers
    ]


def _processes(trace: Trace) -> list[dict[str, Any]]:
    """The processes with most GPU operations, then threads."""
    import numpy as np

    number = trace.processes.rows
    ops = np.bincount(trace.ops["process"], minlength=number)
    threads = np.bincount(trace.threads["process"], minlength=number)
    return [
        {
            "pid": int(trace.processes["pid"][row]),
            "name": trace.name(int(trace.processes["name"][row])),
            "devices": [int(one) for one in np.unique(trace.ops["device"][trace.ops["process"] == row])],
            "ops": int(ops[row]),
            "threads": int(threads[row]),
        }
        for row in np.lexsort((-threads, -ops)).tolist()
    ]


def _threads(trace: Trace) -> list[dict[str, Any]]:
    """The threads, those with most CUDA calls first, then NVTX ranges, then OS calls."""
    import numpy as np

    number = trace.threads.rows
    counts = {
        name: np.bincount(table["thread"], minlength=number)
        for name, table in (("api", trace.api), ("nvtx", trace.nvtx), ("osrt", trace.osrt))
    }
    order = np.lexsort((-counts["osrt"], -counts["nvtx"], -counts["api"]))
    return [
        {
            "pid": int(trace.processes["pid"][trace.threads["process"][row]]),
            "tid": int(trace.threads["tid"][row]),
            "process_name": trace.name(int(trace.processes["name"][trace.threads["process"][row]])),
            "thread_name": trace.name(int(trace.threads["name"][row])),
            **{name: int(count[row]) for name, count in counts.items()},
        }
        for row in order.tolist()
    ]
