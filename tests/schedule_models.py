"""Models of small reports and of real ones."""

from __future__ import annotations

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


def same_replay(one: Replay, other: Replay) -> None:
    """All times of two replays are the same."""
    for name in Replay.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
