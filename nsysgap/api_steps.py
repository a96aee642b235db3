"""The loops of a report in Python: what `Report.steps()` gives, as frames, as a document and as a figure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING

from nsysgap.answers.opening import OpenReport
from nsysgap.answers.steps import StepsAnswer, StepsOptions
from nsysgap.answers.steps import steps as answered
from nsysgap.shown import ShownDocument, shown
from nsysgap.units import count, counted, duration, printable

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


def steps_of(report: OpenReport, loop: str | None, hidden_after_ns: int) -> Steps:
    """The loops, with the iterations of those of the label `loop`, else of the main loops, else of the first."""
    main = len(report.steps(hidden_after_ns).main)
    return Steps(answered(report, StepsOptions(loop, max(main, 1), hidden_after_ns)))


@dataclass(frozen=True)
class Steps:
    """What repeats in a report. All times are integer nanoseconds.

    Iterations are those of the loops that `Report.steps` was asked for: of a label, else of each process's main loop.
    """

    answer: StepsAnswer

    def loops(self) -> pd.DataFrame:
        """One row per loop and GPU: the rows of `nsysgap steps --format csv`."""
        return replace(self.answer, iterations=()).frame()

    def iterations(self) -> pd.DataFrame:
        """One row per iteration and GPU: the rows of `nsysgap steps --loop LABEL --format csv`.

        Columns: label, process, thread of the loop, iteration, start_ns, end_ns, duration_ns (on the host), launches,
        ops, api_calls, identical, outlier, device, window_start_ns, window_end_ns, window_ns, busy_ns, idle_ns and
        <part>_ns for each of the ten parts of idle time; missing where the GPU's time is not known. Empty without one.
        """
        return self.answer.frame() if self.answer.iterations else self.loops().iloc[:0]

    def figure(self, first: int = 0) -> go.Figure:
        """A Plotly figure, a bar an iteration: the GPU's time split into busy and the causes, outliers marked.

        A line says how long the iteration was on the host; one that launched nothing is as high as that. Several loops
        or GPUs are chosen from a menu. At most 2,000 iterations are drawn, from the iteration `first` on.
        """
        from nsysgap.render.pages.steps.figure import steps_figure

        return steps_figure(self.answer.document(), first)

    def document(self) -> ShownDocument:
        """The contract "nsysgap.steps/1", as `nsysgap steps --format json` writes it, with the iterations."""
        return shown(self.answer.document())

    def __repr__(self) -> str:
        return f"<nsysgap steps: {'; '.join(self._sentences()) or 'nothing repeats'}>"

    def _sentences(self) -> list[str]:
        return [
            f"{count(loop['count'])} x {printable(loop['label'], 80)}, {duration(loop['step_ns'])} a step, "
            f"{counted(loop['launches']['median'], 'launch', 'launches')}"
            for loop, detail in zip(self.answer.loops, self.answer.details, strict=True)
            if detail.main
        ]

    def _repr_html_(self) -> str:
        """The loops as a notebook shows them: a sentence per main loop, a row per loop and GPU. Names are escaped."""
        said = self._sentences() or ["No loop is the main one." if self.answer.loops else "Nothing repeats."]
        said += [] if self.answer.refusal is None else [self.answer.refusal.message]
        table = self.loops().to_html(index=False, escape=True) if self.answer.loops else ""
        return "".join(f"<p>{escape(text)}</p>" for text in said) + table
