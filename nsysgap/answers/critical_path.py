"""What limits a process: the critical path of its main loop, by part and by what each part is spent on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nsysgap.analysis.questions import why_no_kernels
from nsysgap.analysis.schedule.cure import cure_text, limits_of
from nsysgap.analysis.schedule.host_pieces import loop_ranges
from nsysgap.analysis.schedule.limits import doubts, refusals
from nsysgap.analysis.schedule.model import Model
from nsysgap.analysis.schedule.path import critical_path
from nsysgap.analysis.schedule.path_rows import PARTS, host_time, parts_of, path_rows
from nsysgap.analysis.schedule.path_slices import PathSlices, path_slices
from nsysgap.analysis.schedule.stretch import Stretch
from nsysgap.answers.opening import OpenReport
from nsysgap.answers.schedules import ProcessLoop, chosen_loops
from nsysgap.errors import NsysgapError
from nsysgap.figures import Document, Figure, Header
from nsysgap.units import printable

if TYPE_CHECKING:
    import pandas as pd

    from nsysgap.analysis.schedule.host_pieces import Pieces
    from nsysgap.tables import Stacks, Trace

SCHEMA = "nsysgap.critical-path/1"
STILL_TRUE = "Idle time by cause does not rest on the model: nsysgap gaps REPORT."


@dataclass(frozen=True)
class CriticalPathOptions:
    """`loop`: the label of the loop to look at, None for each process's main loop; `whole`: everything instead of a
    loop, `since` and `until`: what lies between two times of the session, ns."""

    loop: str | None = None
    whole: bool = False
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True)
class CriticalPathAnswer:
    """The answer. `paths` as in the contract "nsysgap.critical-path/1"; `notes` are sentences beside each of them.

    `refused`: (pid, why) of the processes whose critical path cannot be told.
    """

    header: Header
    paths: tuple[Document, ...]
    notes: tuple[tuple[str, ...], ...]
    refused: tuple[tuple[int, str], ...]

    def document(self) -> Document:
        """The contract "nsysgap.critical-path/1"; processes that are refused stand under "refused"."""
        document: Document = {"schema": SCHEMA, "report": self.header.document(), "paths": list(self.paths)}
        if self.refused:
            document["refused"] = [{"process": pid, "why": why} for pid, why in self.refused]
        return document

    def figures(self) -> tuple[Figure, ...]:
        """Per path: its length per iteration and the share of each part."""
        return tuple(figure for path in self.paths for figure in _figures(path))

    def frame(self) -> pd.DataFrame:
        """One row per part and name."""
        import pandas as pd

        rows = [
            {"process": path["process"], "thread": path["thread"], "loop": path["loop"], **row}
            for path in self.paths
            for row in path["by"]
        ]
        columns = ["process", "thread", "loop", "part", "name", "detail", "ns", "share"]
        return pd.DataFrame(rows, columns=columns).assign(report=self.header.path)


def critical_paths(
    report: OpenReport,
    options: CriticalPathOptions = CriticalPathOptions(),
    loops: Iterable[ProcessLoop] | None = None,
) -> CriticalPathAnswer:
    """The critical path of every process. `loops`: what the options choose, where that is known already.

    Raises NsysgapError for a report without GPU work, for a loop that is not there, and where no process's path can be
    told: its text says why and what is still true.
    """
    why = why_no_kernels(report.trace)
    if why is not None and not report.trace.ops.rows:
        raise NsysgapError(*why)
    paths, notes, refused = [], [], []
    if loops is None:
        loops = chosen_loops(report, options.loop, whole=options.whole, since=options.since, until=options.until)
    for chosen in loops:
        against = refusals(chosen.model, chosen.stretch)
        if against:
            refused.append((chosen.pid, " ".join(against)))
            continue
        paths.append(path_document(report, chosen))
        notes.append(tuple(_notes(chosen.model, chosen.stretch)))
    if not paths:
        raise refused_all(report, refused)
    return CriticalPathAnswer(report.header(), tuple(paths), tuple(notes), tuple(refused))


def refused_all(report: OpenReport, refused: Sequence[tuple[int, str]]) -> NsysgapError:
    """Why nothing can be said of a report."""
    if not refused:
        return NsysgapError(
            f"{report.path} holds no CUDA API calls beside its GPU work: what waited for what is unknown.",
            f"Capture with nsys profile --trace=cuda,nvtx,osrt. {STILL_TRUE}",
        )
    said = refused[0][1] if len(refused) == 1 else " ".join(f"Process {pid}: {why}" for pid, why in refused)
    return NsysgapError(f"The critical path cannot be told. {said}", STILL_TRUE)


def _lines(trace: Trace, samples: Stacks, pieces: Pieces) -> list[tuple[int, str, int]]:
    """The path's time by line; what is done with stacks is imported only where a report has some."""
    from nsysgap.analysis.schedule.path_lines import path_lines

    return path_lines(trace, samples, pieces)


def path_document(report: OpenReport, chosen: ProcessLoop) -> Document:
    """One path as in the contract."""
    model, stretch = chosen.model, chosen.stretch
    path = critical_path(model.schedule, model.unchanged, stretch.start, stretch.end)
    host = host_time(model, path, loop_ranges(report.trace.nvtx, stretch.starts, stretch.ends))
    lines = [] if report.samples is None else _lines(report.trace, report.samples, host.pieces)
    parts, rows = parts_of(model, path, host), path_rows(model, path, host, lines)
    length = max(stretch.length, 1)
    return {
        "process": chosen.pid,
        "thread": int(report.trace.threads["tid"][stretch.thread]),
        "loop": stretch.label,
        "window_ns": [stretch.start, stretch.end.time],
        "iterations": stretch.iterations,
        "parts_ns": parts,
        "by": [
            {"part": row.part, "name": row.name, "detail": row.detail, "ns": row.ns, "share": round(row.ns / length, 6)}
            for row in rows
        ],
        "cure": cure_text(parts, limits_of(parts, rows)),
        "exact": model.off_by == 0,
    }


def path_tracks(report: OpenReport) -> tuple[PathSlices, ...]:
    """The path of every process's main loop as slices. Raises NsysgapError where none can be told."""
    slices, refused = [], []
    for chosen in chosen_loops(report):
        model, stretch = chosen.model, chosen.stretch
        against = refusals(model, stretch)
        if against:
            refused.append((chosen.pid, " ".join(against)))
            continue
        path = critical_path(model.schedule, model.unchanged, stretch.start, stretch.end)
        host = host_time(model, path, loop_ranges(report.trace.nvtx, stretch.starts, stretch.ends))
        slices.append(path_slices(model, path, host))
    if not slices:
        raise refused_all(report, refused)
    return tuple(slices)


def _notes(model: Model, stretch: Stretch) -> list[str]:
    names = [
        [printable(model.trace.name(int(model.trace.threads["name"][thread])) or "unnamed", 30) for thread in group]
        for group in model.calls.merged
    ]
    said = [f"Threads that hand over to each other count as one: {', '.join(group)}." for group in names]
    return said + doubts(model, stretch)


def _figures(path: Document) -> list[Figure]:
    whose = f"{path['loop'] or 'whole'} of {path['process']}"
    length = path["window_ns"][1] - path["window_ns"][0]
    return [
        Figure("critical_path_ns", length // path["iterations"], "ns", "lower", whose),
        *(Figure(f"path_{part}_ns", path["parts_ns"][part], "ns", "lower", whose) for part in PARTS),
    ]
