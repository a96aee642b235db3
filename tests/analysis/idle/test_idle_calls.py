"""Idle time by call: CUDA's and the operating system's, by name; Python's lock where a call stack shows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_builder import ReportBuilder
from stack_reports import MAIN, StackReport

from nsysgap.analysis.idle.grouping import Group
from nsysgap.analysis.idle.idle_calls import idle_by_call
from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.report import open_source, read_trace
from nsysgap.report.stacks import read_stacks


def table(groups: list[Group]) -> dict[str, tuple[int, int, int, str]]:
    return {group.name: (group.idle, group.gaps, group.longest, group.main_cause) for group in groups}


def test_every_call_by_its_name(mixed: ReportBuilder, tmp_path: Path) -> None:
    assert table(idle_by_call(mixed.idle(tmp_path))) == {
        "cudaLaunchKernel": (6 + 6 + 5, 3, 6, "launch"),
        "cudaGraphLaunch": (4, 1, 4, "launch"),
        "cudaDeviceSynchronize": (20, 1, 20, "sync"),
        "cudaMalloc": (20, 1, 20, "cuda_api"),  # the outer of the nested calls
        "(launched, not yet started)": (19, 3, 10, "queued"),
        "(from node to node of a CUDA graph)": (10, 1, 10, "in_graph"),
        "(nsys's own work on that thread)": (6, 1, 6, "profiler"),
        "poll": (4, 1, 4, "os"),
        "(in the program's own code)": (10, 3, 4, "host"),
        "(no launch call known)": (10, 1, 10, "unknown"),
    }


def test_nothing_idle_passed_in_no_call(report: ReportBuilder, tmp_path: Path) -> None:
    assert idle_by_call(report.kernel(0, 10).idle(tmp_path)) == []


def test_a_waiting_call_is_untraced_where_that_is_most_of_it(report: ReportBuilder, tmp_path: Path) -> None:
    report.kernel(0, 10, 1).sync(10, 500).launch((510, 511), (520, 530))
    groups = table(idle_by_call(report.idle(tmp_path, hidden_after_ns=100)))
    assert groups["cudaDeviceSynchronize"] == (490, 1, 490, "untraced")


INTERPRETER, LIBC = "/usr/bin/python3.12", "/usr/lib/libc.so.6"


@pytest.mark.parametrize(
    ("call", "frames", "name"),
    [
        (
            "pthread_cond_timedwait",
            [("pthread_cond_timedwait", LIBC), ("0x5fbe07", INTERPRETER), ("_PyEval_EvalFrameDefault", INTERPRETER)],
            "pthread_cond_timedwait (Python's lock, GIL)",
        ),
        (
            "pthread_cond_timedwait",
            [("___pthread_cond_timedwait64", LIBC), ("take_gil", "/opt/conda/lib/libpython3.11.so.1.0")],
            "pthread_cond_timedwait (Python's lock, GIL)",
        ),
        (
            "pthread_cond_timedwait",  # a queue of the program's own, called from Python
            [("pthread_cond_timedwait", LIBC), ("Queue::pop", "/app/queue.so"), ("0x5fbe07", INTERPRETER)],
            "pthread_cond_timedwait",
        ),
        ("read", [("read", LIBC), ("0x5fbe07", INTERPRETER)], "read"),
        ("pthread_cond_timedwait", [], "pthread_cond_timedwait"),
    ],
    ids=["stripped interpreter", "named", "another condition", "another call", "no stack"],
)
def test_the_lock_of_python_is_told_by_the_call_s_stack(
    tmp_path: Path, call: str, frames: list[tuple[str, str]], name: str
) -> None:
    report = StackReport()
    report.gap(100, 300)
    chain = report.chain("OSRT", frames, 1) if frames else None
    report.rows["OSRT_API"].append((120, 280, MAIN, report.text(call), chain))
    with open_source(report.write(tmp_path / "r.sqlite")) as source:
        trace = read_trace(source)
        found = idle_by_call(IdleReport(trace), read_stacks(source, trace))
    assert table(found)[name] == (160, 1, 160, "os")
    assert sum(group.idle for group in found) == 200


@pytest.mark.parametrize(
    ("call", "text", "domain", "locked"),
    [
        ("pthread_cond_timedwait", "Waiting for GIL", 1, True),
        ("pthread_cond_timedwait", "Waiting for GIL", 0, False),  # the program's own range
        ("pthread_cond_timedwait", "Holding GIL", 1, False),
        ("poll", "Waiting for GIL", 1, False),
    ],
)
def test_the_lock_of_python_is_told_by_the_thread(
    report: ReportBuilder, tmp_path: Path, call: str, text: str, domain: int, locked: bool
) -> None:
    """nsys --trace=python-gil writes ranges in a domain of its own; the second call begins after the wait."""
    report.launch((0, 5), (10, 100)).nvtx(110, 150, text, domainId=domain).nvtx(110, 190, text, domainId=domain, tid=2)
    report.osrt(112, 149, call).osrt(160, 180, call).launch((190, 195), (200, 210))
    found = {name: row[0] for name, row in table(idle_by_call(report.idle(tmp_path))).items() if name.startswith(call)}
    assert found == ({call: 20, f"{call} (Python's lock, GIL)": 37} if locked else {call: 57})
