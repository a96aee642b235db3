"""Models of small reports and of real ones."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
from report_builder import ReportBuilder

from nsysgap.analysis.relations.launches import launch_calls
from nsysgap.analysis.schedule.model import Model, process_model
from nsysgap.analysis.schedule.schedule import Replay
from nsysgap.op_sizes import OP_SIZES
from nsysgap.report import open_source, read_trace
from nsysgap.report.details import read_op_details


def models_of(path: Path) -> list[Model]:
    """The models of all processes of a report that ran something on a GPU."""
    with open_source(path) as source:
        trace = read_trace(source)
        sizes = read_op_details(source, trace, schema=OP_SIZES)
    owner = launch_calls(trace)
    processes = sorted(set(trace.ops["process"].tolist()) - {-1})
    return [process_model(trace, sizes, owner, process) for process in processes]


def model_of(report: ReportBuilder, folder: Path) -> Model:
    """The model of a small report's one process."""
    (model,) = models_of(report.save(folder))
    return model


def same_replay(one: Replay, other: Replay, of: str = "") -> None:
    """All times of two replays (of this report) are the same."""
    for name in Replay.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=f"{of} {name}")


def full_queue(blocked: int, steps: int = 0) -> ReportBuilder:
    """1,005 launches fill a stream's queue; the ones after wait, each for room: the end of the 1,005th op before.

    `steps`: ranges of as many launches each, the last of which also waits for the GPU.
    """
    report, launches = ReportBuilder(), 1_005 + blocked
    begins = [0]
    ends: list[int] = []
    at = 0
    for number in range(launches):
        call_end = at + 2_000 if number < 1_005 else ends[number - 1_005] + 4_000
        start = max(at + 1_500, ends[-1] + 100) if ends else 10_000_000
        took = 100_000 + 37 * (number * 7_919 % 1_000)
        report.launch((at, call_end), (start, start + took))
        ends.append(start + took)
        at = call_end + 500
        if steps and (number + 1) % (launches // steps) == 0:
            begins.append(at)
    if steps:
        report.sync(at, ends[-1] + 3_000)
        begins[-1] = ends[-1] + 3_500
    for number, (begin, end) in enumerate(pairwise(begins)):
        report.nvtx(begin, end, f"step {number}")
    return report
