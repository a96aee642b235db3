"""Idle time by stacks for tests: made reports read and shared out."""

from __future__ import annotations

from pathlib import Path

from stack_reports import StackReport

from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.idle.stretches import idle_stretches
from nsysgap.analysis.stacks.idle_stacks import IdleStacks, choose_source, idle_stacks, launched_from
from nsysgap.causes import HOST
from nsysgap.report import open_source, read_trace
from nsysgap.report.stacks import read_stacks

F = ("f", "/p/a.py", 1)
G = ("g", "/p/a.py", 2)
Answer = tuple[IdleReport, IdleStacks]


def answer(
    report: StackReport,
    path: Path,
    *,
    parts: tuple[int, ...] = (HOST,),
    source: str | None = None,
    launch: bool = False,
) -> Answer:
    with open_source(report.write(path)) as opened:
        trace = read_trace(opened)
        stacks = read_stacks(opened, trace)
    idle = IdleReport(trace)
    stretches = idle_stretches(idle, frozenset(parts))
    chosen = source or choose_source(stacks, stretches)
    share = launched_from if launch else idle_stacks
    return idle, share(idle, stretches, stacks, chosen)
