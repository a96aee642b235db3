"""Stacks in viewers: samples in traces for Perfetto, lines and the flame graph of the window in the timeline."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import chromium, missing, watched_page
from hypothesis import given, settings
from hypothesis import strategies as st
from perfetto_reader import open_trace, require
from stack_reports import MAIN, OTHER, StackReport
from test_stack_output import gaps
from timeline_pages import READY, sample, write_page
from trace_files import document, write

from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.stacks.gap_lines import idle_by_line
from nsysgap.analysis.stacks.page_lines import IdleLines, idle_lines
from nsysgap.report import open_source, read_trace
from nsysgap.report.stacks import read_samples
from nsysgap.tables import NONE

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
MAIN_FRAME = ("main", "/p/a.py", 3)
NASTY = ("</script><img src=x onerror=alert(1)>", "/p/a.py", 9)


def two_threads() -> StackReport:
    """Two gaps: in the first `work` then a nasty name on the launching thread, in the second nothing was sampled."""
    report = StackReport()
    report.gap(1000, 2000)
    report.gap(90_000, 91_000)
    report.call("cudaGetDevice", 100, 110, tid=OTHER)
    report.python(1100, [("work", "/p/a.py", 7), MAIN_FRAME])
    report.python(1200, [("work", "/p/a.py", 7), MAIN_FRAME])
    report.python(1300, [NASTY, MAIN_FRAME])
    report.python(1150, [("other", "/p/b.py", 1)], tid=OTHER)
    report.native(1250, [("spin", "/bin/prog")])
    return report


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_threads().write(tmp_path_factory.mktemp("made") / "made.sqlite")


def moments(trace: Path) -> list[tuple[str, str, float, str | None]]:
    """(category, name, ts, stack) of the samples of a Chrome trace."""
    events = document(trace)["traceEvents"]
    found = [one for one in events if one.get("cat") in ("python_sample", "cpu_sample")]
    assert all(one["ph"] == "X" and one["dur"] == 0 for one in found)
    return [(one["cat"], one["name"], one["ts"], one.get("args", {}).get("stack")) for one in found]


def test_samples_are_moments_on_a_track_of_their_thread(made: Path, tmp_path: Path) -> None:
    trace = write(made, tmp_path / "t.json")
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
        ({"since": 1200, "until": 1300}, 2),
        ({"device": 0}, 5),
    ],
)
def test_samples_are_cut_like_everything_else(made: Path, tmp_path: Path, options: Any, number: int) -> None:
    trace = write(made, tmp_path / "t.json", **options)
    assert len(moments(trace)) == number
    assert ("no stack samples" in document(trace)["otherData"]["cut"]) is ("samples" in options)


def test_minimal_args_leave_the_stack_out(made: Path, tmp_path: Path) -> None:
    assert {stack for *_, stack in moments(write(made, tmp_path / "t.json", args="minimal"))} == {None}


def test_deep_stacks_are_cut_and_say_so(tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 2000)
    report.python(1100, [("f" * 90, "/p/a.py", line) for line in range(1, 101)])
    [(_, _, _, stack)] = moments(write(report.write(tmp_path / "r.sqlite"), tmp_path / "t.json"))
    assert stack is not None
    assert len(stack) < 2_200
    assert stack.endswith(f"a.py:{stack.count(' < ')} < {100 - stack.count(' < ')} more")


@pytest.mark.parametrize("form", ["json", "pftrace"])
def test_perfetto_shows_every_sample(form: str, tmp_path: Path) -> None:
    require()
    report = sample("slow_host", tmp_path)
    with open_source(report) as source:
        stacks = read_samples(source, read_trace(source))
    assert stacks is not None
    with open_trace(write(report, tmp_path / f"t.{form}")) as trace:
        assert trace.losses() == []
        found = trace.rows("SELECT category, count(*) AS n, sum(dur) AS total FROM slice GROUP BY 1")
        rows = {row["category"]: (row["n"], row["total"]) for row in found}
        assert rows["python_sample"] == (int((stacks.samples["thread"] != NONE).sum()), 0)
        assert trace.values("SELECT count(*) FROM slice WHERE name LIKE 'prepare_batch slow_host.py:%'")[0] > 100


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


@settings(max_examples=40, deadline=None)
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as one:
        yield one


SUMS = """() => {
  const { store, page } = nsysgap, [gaps] = store.gapTracks, wrong = [];
  for (let k = 0; k < 200; k++) {
    const from = Math.round(store.span * k / 250), until = from + Math.round(store.span / (1 + k % 40));
    const { whole } = store.lines.sums([gaps.device], from, until, -1);
    if (whole !== gaps.coveredIn(from, until)) wrong.push([from, until]);
  }
  return wrong;
}"""
LINES = """() => nsysgap.page.tables.listed.slice(0, 20).map(({ track, i }) => nsysgap.store.lines.ofGap(track, i))"""


def ready(watched: Any, page: Path) -> Any:
    opened = watched.open(page)
    opened.wait_for_selector(READY)
    opened.locator(".icicle-note", has_text="view").wait_for()
    return opened


def test_timeline_says_the_lines_that_gaps_says(browser: Any, tmp_path: Path) -> None:
    report = sample("slow_host", tmp_path)
    found = json.loads(gaps(str(report), "--format", "json"))
    with watched_page(browser) as watched:
        page = ready(watched, write_page(report))
        assert page.evaluate(LINES) == [gap["line"] or "" for gap in found["gaps"]]
        assert page.evaluate(SUMS) == []
        assert "Line" in page.inner_text("#gaps-table thead")
        page.click("#next button")
        assert "slow_host.py:" in page.inner_text("#details")
        watched.check()


def test_icicle_follows_the_window(browser: Any, made: Path) -> None:
    with watched_page(browser) as watched:
        page = ready(watched, write_page(made))
        assert page.inner_text(".icicle-note") == "2.00 us in view, 50.0 % not sampled"
        texts = page.locator(".icicle-bar").all_text_contents()
        assert sorted(texts) == sorted(["main a.py:3", "work a.py:7", f"{NASTY[0]} a.py:9", "(not sampled)"])
        page.evaluate("nsysgap.setView(nsysgap.state.limits[0], 1500 - Number(nsysgap.store.base))")
        page.locator(".icicle-note", has_text="500 ns in view, 0.0 % not sampled").wait_for()
        assert page.locator(".icicle-bar").all_text_contents() == ["main a.py:3", "work a.py:7"]
        assert "500 ns, 100.0 % of the idle time in view" in page.locator(".icicle-bar").nth(1).get_attribute("title")
        page.click(".icicle-bar >> text=work")
        assert page.is_visible("#lines button:has-text('Whole tree')")
        page.click("#lines button:has-text('Whole tree')")
        page.select_option("#lines select", label="the program's own code")
        assert page.inner_text(".icicle-note").startswith("500 ns in view")
        watched.check()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_icicle_has_nothing_serious_for_axe(browser: Any, made: Path, scheme: str) -> None:
    if not AXE.exists():
        missing("axe-core (npm ci --prefix tests)")
    with watched_page(browser, color_scheme=scheme) as watched:
        page = ready(watched, write_page(made))
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run('#lines')")["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []


def test_page_without_samples_has_no_panel(browser: Any, tmp_path: Path) -> None:
    with watched_page(browser) as watched:
        page = watched.open(write_page(sample("naive", tmp_path)))
        page.wait_for_selector(READY)
        assert page.locator("#lines").count() == 0
        assert "Line" not in page.inner_text("#gaps-table thead").split("\t")
        watched.check()
