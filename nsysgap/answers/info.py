"""What a report holds, what is missing, and which questions it can answer."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass

import numpy as np

from nsysgap.analysis.clock_notices import clock_notices
from nsysgap.analysis.events_from import events_from_to
from nsysgap.analysis.notices import in_order
from nsysgap.analysis.questions import has_samples, limits, questions
from nsysgap.analysis.relations.domains import domains
from nsysgap.analysis.relations.syncs import syncs
from nsysgap.analysis.relations.unqueued_latency import latencies
from nsysgap.answers.opening import OpenReport
from nsysgap.arrays import distinct, is_any
from nsysgap.figures import Document, Figure, Header
from nsysgap.report.describe import describe
from nsysgap.report.diagnostics import Diagnostic, of_whom
from nsysgap.tables import NONE, Notice, Trace

SCHEMA = "nsysgap.info/1"


@dataclass(frozen=True)
class InfoOptions:
    """Nothing to choose: a report holds what it holds."""


@dataclass(frozen=True)
class InfoAnswer:
    """The answer: `holds` is what follows the header in "nsysgap.info/1"."""

    header: Header
    holds: Document

    def document(self) -> Document:
        """The contract "nsysgap.info/1"."""
        return {"schema": SCHEMA, "report": self.header.document(), **self.holds}

    def figures(self) -> tuple[Figure, ...]:
        """The rows of each table of the report."""
        return tuple(Figure("rows", table["rows"], "", "none", table["table"]) for table in self.holds["tables"])


def info(report: OpenReport, options: InfoOptions = InfoOptions()) -> InfoAnswer:  # noqa: ARG001 - as every question
    """What a report holds; raises nothing for a report that could be opened."""
    trace = report.trace
    with report.source() as source:
        about = describe(source)
    holds = {
        "started": about.started,
        "span_ns": events_from_to(trace),
        "command": about.command,
        "devices": _devices(trace),
        "processes": _processes(trace),
        "threads": _threads(trace),
        "domains": [asdict(domain) for domain in domains(trace)],
        "tables": [{"table": table, "rows": rows} for table, rows in about.rows],
        "unread": [table for table, _ in about.rows if table in trace.unread],
        "questions": [asdict(question) for question in questions(trace, launchers_sampled=_launchers_sampled(report))],
        "missing": [asdict(limit) for limit in limits(trace)],
        "diagnostics": _diagnostics(about.diagnostics),
        "capture": [{"name": name, "value": value} for name, value in about.capture],
    }
    return InfoAnswer(report.header(_notices(report)), holds)


def _diagnostics(diagnostics: list[Diagnostic]) -> list[Document]:
    """What nsys said, equal texts counted; of processes that have nothing to do with the figures `of` says whom."""
    number = Counter(
        (diagnostic.severity, diagnostic.text, diagnostic.level, diagnostic.without) for diagnostic in diagnostics
    )
    processes: dict[tuple[str, str], set[int | None]] = {}
    for diagnostic in diagnostics:
        processes.setdefault((diagnostic.text, diagnostic.without), set()).add(diagnostic.process)
    return [
        {
            "severity": severity,
            "incomplete": level == "incomplete",
            "of": of_whom(len(processes[text, without]), without) if without else None,
            "text": text,
            "count": times,
        }
        for (severity, text, level, without), times in number.items()
    ]


def _notices(report: OpenReport) -> tuple[Notice, ...]:
    """What the reader says, and whether the clocks of host and GPU agree."""
    trace, calls = report.trace, report.whole.calls
    return in_order((*trace.warnings, *clock_notices(latencies(trace, calls), syncs(trace, calls))))


def _launchers_sampled(report: OpenReport) -> bool:
    """Whether any stack sample is of a thread that launched an op; true of a report without samples."""
    if not has_samples(report.trace) or not report.trace.ops.rows:
        return True
    calls = report.whole.calls
    launchers = distinct(report.trace.api["thread"][calls[calls != NONE]])
    return report.samples is not None and bool(is_any(report.samples.samples["thread"], launchers.tolist()).any())


def _devices(trace: Trace) -> list[Document]:
    described = {device.id for device in trace.devices}
    numbers = sorted(described | {int(number) for number in np.unique(trace.ops["device"])})
    return [
        {
            **trace.device(number).named(),
            "resolved": trace.device(number).resolved or None,
            "name": trace.device(number).name,
            "sm_count": trace.device(number).sm_count,
            "total_memory": trace.device(number).total_memory,
            "ops": int((trace.ops["device"] == number).sum()),
        }
        for number in numbers
    ]


def _processes(trace: Trace) -> list[Document]:
    """The processes with most GPU operations, then threads."""
    number = trace.processes.rows
    ops = np.bincount(trace.ops["process"], minlength=number)
    threads = np.bincount(trace.threads["process"], minlength=number)
    return [
        {
            "pid": int(trace.processes["pid"][row]),
            "name": trace.name(int(trace.processes["name"][row])),
            "devices": [
                trace.device(device).label if trace.device(device).which else trace.device(device).number
                for device in np.unique(trace.ops["device"][trace.ops["process"] == row]).tolist()
            ],
            "own_numbers": [
                {"own": own, **trace.device(device).named()}
                for (process, own), device in sorted(trace.gpu_of.items())
                if process == int(trace.processes["global_pid"][row])
            ],
            "ops": int(ops[row]),
            "threads": int(threads[row]),
        }
        for row in np.lexsort((-threads, -ops)).tolist()
    ]


def _threads(trace: Trace) -> list[Document]:
    """The threads, those with most CUDA calls first, then NVTX ranges, then OS calls."""
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
