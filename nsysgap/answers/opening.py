"""A report opened for questions: its Trace, and what answers share, read or worked out once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, TypeVar
from weakref import ref

from nsysgap.analysis.idle.attribution import HIDDEN_AFTER_NS, Onlooker
from nsysgap.analysis.idle.idle_report import IdleReport, WholeTrace
from nsysgap.analysis.questions import why_no_kernels
from nsysgap.answers.selection import WHOLE, Selected, Selection
from nsysgap.errors import NsysgapError
from nsysgap.figures import Header
from nsysgap.fleet.names import is_url, report_name
from nsysgap.fleet.remote import fetched
from nsysgap.intervals import union_of
from nsysgap.memory import give_back_memory
from nsysgap.report import open_source, read_trace
from nsysgap.report.catalog import SAMPLE_TABLES
from nsysgap.tables import OP_DETAILS, Notice, Stacks, Table, Trace
from nsysgap.units import count, counted, duration, printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nsysgap.analysis.loops.steps import Steps
    from nsysgap.report.source import Source

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""(what is done, how much there is to do) -> a context that gives a function to call with the amount done."""


class OpenReport:
    """A report that was read. Everything but the Trace is read or worked out when first asked for, then kept."""

    def __init__(self, trace: Trace, source: Source | None = None, progress: Progress | None = None) -> None:
        self.trace = trace
        self.progress = progress or silent
        self._source = source
        self._idle: dict[Selection, IdleReport] = {}
        self._steps: dict[int, Steps] = {}
        self._selected: dict[Selection, Selected] = {}

    @property
    def path(self) -> str:
        """What the user named."""
        return self.trace.path

    def header(self, notices: Sequence[Notice] | None = None) -> Header:
        """The header of a document; with these notices instead of the reader's own."""
        return Header.of(self.trace, notices)

    def select(self, selection: Selection) -> Selected:
        """The selected time and the words for it. Raises NsysgapError where nothing is selected."""
        if selection not in self._selected:
            chosen = selection.resolve(self.trace, self.whole)
            self._selected[selection] = self._loop(selection) if selection.loop and chosen.time is None else chosen
        return self._selected[selection]

    def _loop(self, selection: Selection) -> Selected:
        """The GPU windows of the main loops; everything where there are none."""
        steps = self.steps(selection.hidden_after_ns)
        if not steps.judged:
            return Selected(None, "")
        time = steps.judged_time
        give_back_memory()
        loops = steps.judged_loops
        named = ", ".join(f"{count(loop.count)} x {printable(loop.label, 40)}" for loop in loops[:3])
        more = f" and {counted(len(loops) - 3, 'more loop', 'more loops')}" if len(loops) > 3 else ""
        window = {gpu.device: gpu.window for gpu in self.whole.gaps}
        before, after = (
            max(length)
            for length in zip(
                *(
                    (int(covered.starts[0]) - window[device][0], window[device][1] - int(covered.ends[-1]))
                    for device, covered in time.items()
                ),
                strict=True,
            )
        )
        words = f"the loop, {named}{more}: {duration(before)} of set-up and {duration(after)} after it left out"
        return Selected(union_of(*time.values()), words, by_device=time, by_process=steps.judged_host_time)

    def idle(self, selection: Selection = WHOLE, *, all_at_once: bool = False) -> IdleReport:
        """The idle time inside a selection; kept for the whole report and for the selection asked for last.

        `all_at_once`: latencies and sync calls too, on another core.
        """
        return self._kept_idle(selection, all_at_once, {})

    def idle_with_windows(self, selection: Selection) -> IdleReport:
        """`idle`, all at once, and what `steps` will be asked for of the main loops too: what passed in their windows.

        For reports with GPU work.
        """
        steps = self.steps(selection.hidden_after_ns)
        with steps.shapes_beside():
            self.select(selection)
            clocks = steps.judged_clocks
            steps.order.let_go()  # of which the clocks know all that is wanted until the gaps are cut
            give_back_memory()
            return self._kept_idle(selection, True, clocks)

    def _kept_idle(self, selection: Selection, all_at_once: bool, onlookers: Mapping[int, Onlooker]) -> IdleReport:
        if selection not in self._idle:
            chosen = self.select(selection)
            self._idle = {known: idle for known, idle in self._idle.items() if known == WHOLE}
            self._idle[selection] = IdleReport(
                self.trace,
                selection=chosen.time,
                by_device=chosen.by_device,
                device=selection.device,
                hidden_after_ns=selection.hidden_after_ns,
                all_at_once=all_at_once,
                whole=self.whole,
                onlookers=onlookers,
            )
            give_back_memory()
        return self._idle[selection]

    @cached_property
    def whole(self) -> WholeTrace:
        """Launch calls and gaps of the whole report."""
        return WholeTrace(self.trace)

    def steps(self, hidden_after_ns: int = HIDDEN_AFTER_NS) -> Steps:
        """The loops of the report; they are found and measured when asked for, then kept."""
        if hidden_after_ns not in self._steps:
            self._steps[hidden_after_ns] = self._new_steps(hidden_after_ns)
            give_back_memory()  # of what matching launches and ops took
        return self._steps[hidden_after_ns]

    def _new_steps(self, hidden_after_ns: int) -> Steps:
        from nsysgap.analysis.loops.sequences import SHAPE_COLUMNS, op_shapes
        from nsysgap.analysis.loops.steps import Steps
        from nsysgap.report.details import details_by_kind

        trace, report = self.trace, ref(self)  # a circle of references would keep both until there is a collection

        def shapes() -> NDArray[np.int32]:
            alive = report()
            with _read_again(trace.path) if alive is None else alive.source() as source:
                wanted = [column for column in OP_DETAILS.columns if column.name in SHAPE_COLUMNS]
                return op_shapes(trace, details_by_kind(source, trace, wanted))

        return Steps(self.whole, shapes, hidden_after_ns=hidden_after_ns)

    @contextmanager
    def source(self) -> Iterator[Source]:
        """The report's file; opened again if it was closed, so it must still be there."""
        if self._source is not None:
            yield self._source
            return
        with _read_again(self.path) as source:
            yield source

    def close(self) -> None:
        """Let go of the file: whatever is still to be read opens it again."""
        self._source = None

    @cached_property
    def details(self) -> Table:
        """The table OP_DETAILS beside the ops: grids, blocks, shared memory, ..."""
        from nsysgap.report.details import read_op_details

        with self.source() as source:
            return read_op_details(source, self.trace)

    @cached_property
    def stacks(self) -> Stacks:
        """Everything that the report holds of call stacks."""
        from nsysgap.report.stacks import read_stacks

        with self.source() as source:
            return read_stacks(source, self.trace)

    @cached_property
    def samples(self) -> Stacks | None:
        """The sampled call stacks; None if the report has no table of them."""
        if not self.trace.tables_present & SAMPLE_TABLES:
            return None
        from nsysgap.report.stacks import read_samples

        with self.source() as source:
            return read_samples(source, self.trace)


@contextmanager
def opened(
    path: str | os.PathLike[str], progress: Progress | None = None, named: str | None = None
) -> Iterator[OpenReport]:
    """Open and read a report; its file stays open inside the context. `named`: what answers call it, if not `path`.

    One behind a URL is fetched, and called by it.

    Raises NsysgapError, whose text says what to do next, for anything that is not a readable report.
    """
    advance_of = progress or silent
    if is_url(path) and named is None:
        named = str(path)
    with fetched(path) as local, open_source(local) as source:
        with advance_of(f"Reading {report_name(str(path))}", source.rows_guess) as advance:
            trace = read_trace(source, advance)
            advance(source.rows_guess)
        if named is not None:
            trace = replace(trace, path=named)
        report = OpenReport(trace, source, progress)
        try:
            yield report
        finally:
            report.close()


@contextmanager
def _read_again(path: str) -> Iterator[Source]:
    with fetched(path) as local, open_source(local) as source:
        yield source


Options = TypeVar("Options")
Answer = TypeVar("Answer")
Question = Callable[[OpenReport, Options], Answer]
"""What every module of answers offers: a function from an opened report and its options to a picklable answer."""


def ask(
    path: str | os.PathLike[str],
    question: Question[Options, Answer],
    options: Options,
    progress: Progress | None = None,
    named: str | None = None,
) -> Answer:
    """The answer of one report, everything else released. Picklable in and out: workers can run it.

    `named`: what the answer calls the report, if it is not `path`.
    """
    with opened(path, progress, named) as report:
        return question(report, options)


class Asker(Protocol):
    """Who asks a report: `ask`, or one with a progress bar."""

    def __call__(self, path: str, question: Question[Options, Answer], options: Options, /) -> Answer:
        """The answer of the report at that path."""


def require_ops(trace: Trace) -> None:
    """Raise NsysgapError for a report without any GPU work that says why and how to record it."""
    why = why_no_kernels(trace)
    if why is not None and not trace.ops.rows:
        raise NsysgapError(*why)


def require_kernels(trace: Trace) -> None:
    """Raise NsysgapError for a report from which no idle time of kernels can be told."""
    why = why_no_kernels(trace)
    if why is not None:
        raise NsysgapError(*why)


def silent(_: str, __: int) -> AbstractContextManager[Callable[[int], None]]:
    """No progress shown."""
    return nullcontext(lambda _: None)
