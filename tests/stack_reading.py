"""Stacks read from reports that tests made."""

from __future__ import annotations

from pathlib import Path

from stack_reports import StackReport, stack_blob

from nsysgap.report import open_source, read_trace
from nsysgap.report.stacks import read_stacks
from nsysgap.tables import Stacks, Trace

Read = tuple[Trace, Stacks]


def read(path: Path) -> Read:
    with open_source(path) as source:
        trace = read_trace(source)
        return trace, read_stacks(source, trace)


def with_work() -> StackReport:
    report = StackReport()
    report.gap(1000, 2000)
    return report


GOOD = stack_blob([(1, 2, 3), (1, 2, 4)])
