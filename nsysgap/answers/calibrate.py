"""What CUDA graphs, queue gaps and copies cost on a machine: a calibration for predictions, from a program's runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nsysgap.analysis.schedule.calibrate import calibrate as measured
from nsysgap.analysis.schedule.calibration import USUAL, Calibration
from nsysgap.answers.calibrations import cache_file
from nsysgap.answers.opening import OpenReport, opened
from nsysgap.figures import Document, Figure

Record = dict[str, Any]


@dataclass(frozen=True)
class CalibrateOptions:
    """`plain`: the records of plain runs of the calibration's program; `whole`: the report of it with graphs traced as
    a whole, None where there is none."""

    plain: tuple[Record, ...]
    whole: Path | None = None


@dataclass(frozen=True)
class CalibrateAnswer:
    """The answer: `calibration` is what a file of it holds."""

    calibration: Calibration

    @property
    def usual(self) -> Calibration:
        """What predictions rest on without it."""
        return USUAL

    @property
    def kept(self) -> Path:
        """Where whatif and advise find it by GPU and driver, in the user's cache."""
        return cache_file(self.calibration.gpu, self.calibration.driver)

    def document(self) -> Document:
        """The contract "nsysgap.calibration/1": what whatif and advise take as --calibration FILE."""
        return self.calibration.document()

    def figures(self) -> tuple[Figure, ...]:
        """What graph launches cost, and the copies' rates."""
        calibration = self.calibration
        costs = [
            Figure(f"{name}_ns", values[how][0], "ns", "lower", how)
            for name, values in (("graph_call", calibration.graph_call), ("graph_latency", calibration.graph_latency))
            for how in values
        ]
        rates = zip(("to the GPU", "from it"), calibration.pinned_rate or (), strict=False)
        return (*costs, *(Figure("pinned_gb_per_s", rate, "GB/s", "higher", way) for way, rate in rates))


def calibrate(report: OpenReport, options: CalibrateOptions) -> CalibrateAnswer:
    """A calibration. `report`: of the calibration's program under nsys, with graphs traced by node.

    Raises NsysgapError where a series is missing from a run.
    """
    if options.whole is None:
        return CalibrateAnswer(measured(options.plain, report.trace))
    with opened(options.whole) as whole:
        return CalibrateAnswer(measured(options.plain, report.trace, whole.trace))
