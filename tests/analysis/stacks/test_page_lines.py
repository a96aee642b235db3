"""The lines of gaps as the timeline shows them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from stack_reports import MAIN, OTHER, StackReport
from two_thread_report import NASTY, two_threads

from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.stacks.gap_lines import idle_by_line
from nsysgap.analysis.stacks.page_lines import IdleLines, idle_lines
from nsysgap.report import open_source, read_trace
from nsysgap.report.stacks import read_samples
from nsysgap.tables import NONE


def lines_of(report: StackReport, path: Path, most_nodes: int = 1_000) -> tuple[IdleReport, IdleLines, Any]:
    with open_source(report.write(path)) as source:
        trace = read_trace(source)
        stacks = read_samples(source, trace)
    assert stacks is not None
    idle = IdleReport(trace)
    found = idle_lines(idle, stacks, np.arange(len(idle.gaps)), most_nodes)
    assert found is not None
    return idle, found, stacks


def path_of(lines: IdleLines, node: int) -> list[str]:
    """The lines of a node's path, outermost first."""
    found: list[str] = []
    while node != NONE:
        found.insert(0, str(lines.frames[int(lines.node_frame[node])]["text"]))
        node = int(lines.parent[node])
    return found


def test_pieces_of_a_gap_follow_the_samples(tmp_path: Path) -> None:
    _, lines, _ = lines_of(two_threads(), tmp_path / "r.sqlite")
    assert [(int(a), int(b)) for a, b in zip(lines.start, lines.end, strict=True)] == [
        *((1000, 1334), (1334, 1667), (1667, 2000), (90_000, 91_000)),
    ]
    assert [path_of(lines, int(node)) for node in lines.node] == [
        *(["a.py:3 main", "a.py:7 work"], ["a.py:3 main", "a.py:7 work"], ["a.py:3 main", f"a.py:9 {NASTY[0]}"], []),
    ]
    assert lines.frame[3] == NONE


FRAMES = st.lists(st.sampled_from([("f", "/p/a.py", 1), ("g", "/p/a.py", 2), ("h", "/p/b.py", 3)]), max_size=4)


@settings(max_examples=examples(40), deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5000), st.sampled_from([MAIN, OTHER]), FRAMES), min_size=1, max_size=12),
    st.integers(1, 8),
)
def test_pieces_fill_every_gap_whatever_the_samples(
    tmp_path_factory: pytest.TempPathFactory, samples: list[Any], most_nodes: int
) -> None:
    report = StackReport()
    report.gap(1000, 2000, call_ns=77)
    report.call("cudaGetDevice", 1200, 1300)
    report.gap(2500, 3000, tid=OTHER, call_ns=33)
    report.python(1001, [("f", "/p/a.py", 1)])
    for time, tid, frames in samples:
        report.python(time, frames, tid=tid)
    idle, lines, stacks = lines_of(report, tmp_path_factory.mktemp("r") / "r.sqlite", most_nodes)
    inside = [
        [(int(a), int(b)) for a, b in zip(lines.start, lines.end, strict=True) if start <= a < end]
        for start, end in zip(idle.gaps.start, idle.gaps.end, strict=True)
    ]
    for pieces, start, end in zip(inside, idle.gaps.start, idle.gaps.end, strict=True):
        assert [pieces[0][0], pieces[-1][1]] == [start, end]
        assert all(before[1] == after[0] for before, after in pairwise(pieces))
    ns = lines.end - lines.start
    by_part = np.bincount(lines.part, weights=ns, minlength=10).astype(int).tolist()
    assert by_part == idle.devices[0].idle_by_part.tolist()
    by_line = sorted(int(ns[lines.frame == one].sum()) for one in np.unique(lines.frame))
    assert by_line == sorted(group.idle for group in idle_by_line(idle, stacks))
    assert len(lines.parent) <= most_nodes + int((lines.parent == NONE).sum())
    assert (lines.parent < np.arange(len(lines.parent))).all()
    assert ((lines.node == NONE) == (lines.frame == NONE)).all()
