"""NVTX ranges timed without nsys: real programs with the real NVTX, the library compiled here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from browser import missing

from nsysgap.errors import NsysgapError
from nsysgap.profiling import nvtx_times
from nsysgap.profiling.nvtx_times import RangeTimes, TimedRange, read_range_times, timing_environment, timing_library
from nsysgap.profiling.step_times import StepTimes, paired_loops, step_times
from nsysgap.range_labels import label_of

HERE = Path(__file__).parent


def run(program: str, tmp_path: Path) -> RangeTimes:
    """The ranges that a Python program noted."""
    if shutil.which("cc") is None:
        missing("a C compiler")
    noted = tmp_path / "noted"
    noted.mkdir()
    added = timing_environment(noted, {})
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, **added})
    return read_range_times(noted)


def names(times: RangeTimes) -> list[tuple[str, str]]:
    return [(timed.domain, timed.text) for timed in times.ranges]


@pytest.fixture(autouse=True)
def _cache(kept_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept_cache))


@pytest.fixture
def empty_cache(tmp_path: Path, _cache: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is compiled yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_every_way_of_making_a_range_is_noted(tmp_path: Path) -> None:
    times = run(
        """
import nvtx, threading
with nvtx.annotate("step 1"):
    with nvtx.annotate("inner", domain="library"):
        nvtx.push_range("pushed"); nvtx.pop_range()
identity = nvtx.start_range("elsewhere")
thread = threading.Thread(target=lambda: nvtx.end_range(identity)); thread.start(); thread.join()
nvtx.push_range("never popped")
nvtx.start_range("never ended")
nvtx.mark("no range")
nvtx.push_range("caf\\u00e9 \\U0001f600"); nvtx.pop_range()
""",
        tmp_path,
    )
    assert sorted(names(times)) == [
        ("", "café \U0001f600"), ("", "elsewhere"), ("", "pushed"), ("", "step 1"), ("library", "inner")
    ]  # fmt: skip
    assert (times.open, times.full) == (2, False)
    outer, inner = (next(one for one in times.ranges if one.text == text) for text in ("step 1", "inner"))
    assert outer.start <= inner.start <= inner.end <= outer.end


def test_threads_and_children_have_times_of_their_own(tmp_path: Path) -> None:
    times = run(
        """
import nvtx, os, threading
def work(name):
    for number in range(3):
        nvtx.push_range(f"{name} {number}"); nvtx.pop_range()
threads = [threading.Thread(target=work, args=(f"thread{i}",)) for i in range(4)]
[thread.start() for thread in threads]; [thread.join() for thread in threads]
nvtx.push_range("parent")
if os.fork() == 0:
    work("child")
    os._exit(0)  # no exit handler runs: what was noted is there all the same
os.wait()
nvtx.pop_range()
""",
        tmp_path,
    )
    assert len({timed.pid for timed in times.ranges}) == 2
    assert len({timed.tid for timed in times.ranges if timed.text.startswith("thread")}) == 4
    assert sum(timed.text.startswith("child") for timed in times.ranges) == 3
    assert names(times).count(("", "parent")) == 1


def test_a_killed_program_leaves_what_it_noted(tmp_path: Path) -> None:
    times = run(
        """
import nvtx, os, signal, subprocess, sys
if os.fork() == 0:
    for number in range(1000):
        nvtx.push_range(f"step {number}"); nvtx.pop_range()
    os.kill(os.getpid(), signal.SIGKILL)
os.wait()
""",
        tmp_path,
    )
    assert len(times.ranges) == 1000


def test_more_ranges_than_a_window_holds(tmp_path: Path) -> None:
    times = run(
        """
import nvtx
for number in range(60000):
    nvtx.push_range(f"a range with a name that is rather long, number {number}"); nvtx.pop_range()
""",
        tmp_path,
    )
    assert [label_of(timed.text) for timed in times.ranges] == [
        "a range with a name that is rather long, number #"
    ] * 60000
    assert all(a.end <= b.start for a, b in pairwise(times.ranges))


def test_names_that_begin_alike_at_any_depth(tmp_path: Path) -> None:
    times = run(
        """
import nvtx
for number in range(3):
    for depth in range(12):
        nvtx.push_range("x" * 10 * depth + f" {number}", domain="deep" if depth % 3 == 2 else None)
    for depth in range(12)[::-1]:
        nvtx.pop_range(domain="deep" if depth % 3 == 2 else None)
nvtx.push_range("y" * 3000); nvtx.pop_range()
nvtx.pop_range()
nvtx.push_range(""); nvtx.pop_range()
""",
        tmp_path,
    )
    wanted = [("deep" if depth % 3 == 2 else "", "x" * 10 * depth + f" {n}") for n in range(3) for depth in range(12)]
    assert sorted(names(times)) == sorted([*wanted, ("", "y" * 1023), ("", "")])


def test_the_library_is_compiled_once_and_kept(empty_cache: None, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("cc") is None:
        missing("a C compiler")
    made = timing_library()
    monkeypatch.setattr(nvtx_times, "_compile", lambda *_: pytest.fail("compiled again"))
    assert timing_library() == made
    assert sorted(made.parent.iterdir()) == [made]


def test_without_a_compiler_there_is_a_sentence(empty_cache: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(NsysgapError, match="no C compiler"):
        timing_library()


def test_a_compiler_that_fails_says_so(empty_cache: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken-cc"
    broken.write_text("#!/bin/sh\necho 'no libc here' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))
    with pytest.raises(NsysgapError, match="no libc here"):
        timing_library()


def test_an_injected_library_of_somebody_else_stays() -> None:
    with pytest.raises(NsysgapError, match="NVTX_INJECTION64_PATH is set already"):
        timing_environment(HERE, {"NVTX_INJECTION64_PATH": "/opt/other.so"})


@pytest.mark.parametrize(
    ("data", "ranges"),
    [
        (b"", 0),
        (b"NSGNVTX3", 0),
        (b"another file", 0),
        (b"NSGNVTX3" + b"\1" * 11, 0),
        (b"NSGNVTX3" + b"\xff" * 64, 0),
        (b"NSGNVTX3" + bytes(16) + b"\0\0\0\0\4\0\3\0" + b"\0" * 64, 0),
    ],
)
def test_files_that_are_not_whole_are_read_as_far_as_they_go(data: bytes, ranges: int, tmp_path: Path) -> None:
    (tmp_path / "1-1-0.nvtx").write_bytes(data)
    assert len(read_range_times(tmp_path).ranges) == ranges


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("token 17", "token #"),
        ("step -4", "step #"),
        ("-4 steps", "# steps"),
        ("a-4", "a-#"),
        ("v1.22", "v#.#"),
        ("٣ steps", "٣ steps"),
        ("", ""),
    ],
)
def test_labels(text: str, label: str) -> None:
    assert label_of(text) == label


def timed(text: str, start: int, end: int, tid: int = 1) -> TimedRange:
    return TimedRange(1, tid, "", text, start, end)


def test_loops_are_ranges_of_one_label_that_do_not_overlap() -> None:
    ranges = (
        *(timed(f"step {i}", 100 * i, 100 * i + 60 + i) for i in range(4)),
        *(timed(f"nested {i}", 10, 100 - 10 * i) for i in range(3)),
        *(timed(f"rare {i}", 10 * i, 10 * i + 5) for i in range(2)),
        *(timed(f"other {i}", 10 * i, 10 * i + 5, 2) for i in range(3)),
    )
    assert step_times(RangeTimes(ranges)) == [
        # gaps of 40, 39 and 38 between: 61 + 117 // 3
        StepTimes("step #", "", 4, 61, 100, 363),
        StepTimes("other #", "", 3, 5, 10, 25),
    ]


def test_loops_are_paired_by_label_domain_and_count() -> None:
    plain = [[StepTimes("step #", "", 40, 900, 1000, 39_900)], [StepTimes("step #", "", 40, 900, 1100, 43_800)]]
    report = [{"label": "step #", "domain": "", "count": 40, "step_ns": 1500}]
    twice = [StepTimes("step #", "", 40, 900, 1000, 39_900)] * 2
    assert paired_loops(plain, [report, report]) == [
        {"label": "step #", "domain": "", "count": 40, "plain_step_ns": [1000, 1100], "plain_span_ns": [39_900, 43_800],
         "profiled_step_ns": [1500, 1500], "ratio": 1.5}
    ]  # fmt: skip
    assert paired_loops([twice], [report])[0]["plain_step_ns"] == []
    assert paired_loops([], [report])[0]["ratio"] is None


def test_times_are_those_of_the_clock(tmp_path: Path) -> None:
    """Over many of the moments at which both clocks are read, and after the last one: the program is killed."""
    program = """
import nvtx, os, signal, sys, time
nvtx.push_range("first"); nvtx.pop_range()
with open(sys.argv[1], "w") as told:
    for number in range(5):
        before = time.monotonic_ns()
        nvtx.push_range(f"step {number}")
        time.sleep(0.01)
        nvtx.pop_range()
        print(before, time.monotonic_ns(), file=told, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    noted = tmp_path / "noted"
    noted.mkdir()
    if shutil.which("cc") is None:
        missing("a C compiler")
    command = [sys.executable, "-c", program, str(tmp_path / "told")]
    subprocess.run(command, check=False, env={**os.environ, **timing_environment(noted, {})})
    steps = [one for one in read_range_times(noted).ranges if one.text.startswith("step")]
    told = [tuple(map(int, line.split())) for line in (tmp_path / "told").read_text().splitlines()]
    assert len(steps) == len(told) == 5
    reading = 100_000  # the two clocks are read one after the other, and the program may be interrupted between
    assert all(
        low - reading <= one.start and one.end <= high + reading for one, (low, high) in zip(steps, told, strict=True)
    )
    assert all(one.end - one.start >= 10_000_000 - reading for one in steps)
