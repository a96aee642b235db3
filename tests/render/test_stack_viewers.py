"""Stack samples in traces for Perfetto and Chrome."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from perfetto_reader import Engine
from stack_reports import StackReport
from timeline_pages import sample
from trace_files import document, write
from two_thread_report import NASTY

from nsysgap.answers.selection import Selection
from nsysgap.report import open_source, read_trace
from nsysgap.report.stacks import read_samples
from nsysgap.tables import NONE


def moments(trace: Path) -> list[tuple[str, str, float, str | None]]:
    """(category, name, ts, stack) of the samples of a Chrome trace."""
    events = document(trace)["traceEvents"]
    found = [one for one in events if one.get("cat") in ("python_sample", "cpu_sample")]
    assert all(one["ph"] == "X" and one["dur"] == 0 for one in found)
    return [(one["cat"], one["name"], one["ts"], one.get("args", {}).get("stack")) for one in found]


def test_samples_are_moments_on_a_track_of_their_thread(two_thread_stacks: Path, tmp_path: Path) -> None:
    trace = write(two_thread_stacks, tmp_path / "t.json")
    assert moments(trace) == [
        ("python_sample", "work a.py:7", 1.1, "work a.py:7 < main a.py:3"),
        ("python_sample", "work a.py:7", 1.2, "work a.py:7 < main a.py:3"),
        ("python_sample", f"{NASTY[0]} a.py:9", 1.3, f"{NASTY[0]} a.py:9 < main a.py:3"),
        ("cpu_sample", "spin prog", 1.25, "spin prog"),
        ("python_sample", "other b.py:1", 1.15, "other b.py:1"),
    ]
    names = [one["args"]["name"] for one in document(trace)["traceEvents"] if one["name"] == "thread_name"]
    assert [name for name in names if "samples" in name] == [
        *("thread 7 Python samples", "thread 7 CPU samples", "thread 8 Python samples"),
    ]


@pytest.mark.parametrize(
    ("options", "number"),
    [
        ({}, 5),
        ({"samples": False}, 0),
        ({"kernels_only": True}, 0),
        ({"selection": Selection(since=1200, until=1300)}, 2),
        ({"selection": Selection(device=0)}, 5),
    ],
)
def test_samples_are_cut_like_everything_else(
    two_thread_stacks: Path, tmp_path: Path, options: Any, number: int
) -> None:
    trace = write(two_thread_stacks, tmp_path / "t.json", **options)
    assert len(moments(trace)) == number
    assert ("no stack samples" in document(trace)["otherData"]["cut"]) is ("samples" in options)


def test_minimal_args_leave_the_stack_out(two_thread_stacks: Path, tmp_path: Path) -> None:
    assert {stack for *_, stack in moments(write(two_thread_stacks, tmp_path / "t.json", args="minimal"))} == {None}


def test_deep_stacks_are_cut_and_say_so(tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 2000)
    report.python(1100, [("f" * 90, "/p/a.py", line) for line in range(1, 101)])
    [(_, _, _, stack)] = moments(write(report.write(tmp_path / "r.sqlite"), tmp_path / "t.json"))
    assert stack is not None
    assert len(stack) < 2_200
    assert stack.endswith(f"a.py:{stack.count(' < ')} < {100 - stack.count(' < ')} more")


@pytest.mark.parametrize("form", ["json", "pftrace"])
def test_perfetto_shows_every_sample(form: str, tmp_path: Path, perfetto: Engine) -> None:
    report = sample("slow_host", tmp_path)
    with open_source(report) as source:
        stacks = read_samples(source, read_trace(source))
    assert stacks is not None
    with perfetto.open(write(report, tmp_path / f"t.{form}")) as trace:
        assert trace.losses() == []
        found = trace.rows("SELECT category, count(*) AS n, sum(dur) AS total FROM slice GROUP BY 1")
        rows = {row["category"]: (row["n"], row["total"]) for row in found}
        assert rows["python_sample"] == (int((stacks.samples["thread"] != NONE).sum()), 0)
        assert trace.values("SELECT count(*) FROM slice WHERE name LIKE 'prepare_batch slow_host.py:%'")[0] > 100
