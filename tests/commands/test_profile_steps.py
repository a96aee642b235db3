"""`nsysgap profile`: what a step takes plain and under nsys. The report is a made one that a stand-in copies."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from browser import missing
from command_line import Done, run
from report_builder import ReportBuilder
from stand_in_nsys import stand_in

PROGRAM = """
import nvtx, time
for number in range(5):
    with nvtx.annotate(f"token {number}"):
        time.sleep(0.001)
"""
STEP = 3_000_000


@pytest.fixture
def folder(kept_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """program.py, and an nsys whose report has its loop: five tokens of 3 ms, each with a kernel."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept_cache))
    report = ReportBuilder()
    for number in range(5):
        start = 1_000 + number * STEP
        report.nvtx(start, start + STEP, f"token {number}")
        report.call(start + 10, start + 20, number + 1).kernel(start + 25, start + 65, number + 1)
    report.row("ANALYSIS_DETAILS", globalVid=1, duration=6 * STEP, startTime=0, stopTime=6 * STEP)
    made = report.save(tmp_path, "made.sqlite")
    stand_in(tmp_path / "nsys", f'cp "{made}" "$out.sqlite"; echo > "$out.nsys-rep"')
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path


def profile(folder: Path, *options: str, environment: dict[str, str] | None = None) -> tuple[Done, dict[str, Any]]:
    if shutil.which("cc") is None:
        missing("a C compiler")
    given = ("profile", "--nsys", folder / "nsys", *options, "program.py")
    done = run(*given, cwd=folder, environment=environment or {})
    assert done.returncode == 0, done.stderr
    return done, json.loads((folder / "program.json").read_text())


def test_each_loop_has_its_plain_step_beside_that_under_nsys(folder: Path) -> None:
    done, summary = profile(folder)
    (loop,) = summary["loops"]
    assert (loop["label"], loop["domain"], loop["count"]) == ("token #", "", 5)
    assert loop["profiled_step_ns"] == [STEP]
    (plain,) = loop["plain_step_ns"]
    assert plain >= 1_000_000  # what the program sleeps at least
    assert loop["ratio"] == round(STEP / plain, 4)
    assert summary["no_loops"] is None
    assert summary["repeats"] is None
    assert summary["report"]["path"] == "program.sqlite"
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("token #: "))
    first_screen = [line[:12].strip() for line in done.stdout.splitlines()]
    assert {"loop", "GPU 0", "launches", "careful", "next"} <= set(first_screen)
    assert line.endswith(f" plain, 3.00 ms under nsys ({loop['ratio']:.2f}x)")


def test_loops_of_every_domain_are_paired(folder: Path) -> None:
    report = ReportBuilder().nvtx(1, 1, "library", event_type=75, domainId=3).process(1, "python")
    for number in range(5):
        start = 1_000 + number * STEP
        report.nvtx(start, start + STEP, f"token {number}", domainId=3)
        report.call(start + 10, start + 20, number + 1).kernel(start + 25, start + 65, number + 1)
    report.save(folder, "made.sqlite")
    (folder / "program.py").write_text(PROGRAM.replace('")', '", domain="library")'))
    (loop,) = profile(folder)[1]["loops"]
    assert (loop["label"], loop["domain"], loop["count"], len(loop["plain_span_ns"])) == ("token #", "library", 5, 1)


def test_repeats_run_in_turn_and_say_their_spread(folder: Path) -> None:
    done, summary = profile(folder, "--repeat", "3")
    said = [line for line in done.stderr.splitlines() if "program.py, " in line]
    assert ["plain run" in line for line in said] == [True, False] * 3
    assert [line.split("program.py, ")[1][:6] for line in said] == [f"{k} of 3" for k in (1, 1, 2, 2, 3, 3)]
    (loop,) = summary["loops"]
    assert (len(loop["plain_step_ns"]), loop["profiled_step_ns"]) == (3, [STEP] * 3)
    assert [len(summary["repeats"][key]) for key in ("plain_s", "profiled_s")] == [3, 3]
    words = " ".join(done.stdout.split())
    assert "3.00 ms (3.00 ms to 3.00 ms) under nsys" in words
    assert "3 rounds, the whole run: " in words
    assert not list(folder.glob(".program*"))


@pytest.mark.parametrize(
    ("environment", "program", "said"),
    [
        ({"NVTX_INJECTION64_PATH": "/somebody/else.so"}, "pass", "NVTX_INJECTION64_PATH is set already."),
        ({}, "pass", "The plain run made no NVTX ranges."),
        ({}, PROGRAM.replace("token", "stride"), "The report and the plain run have no loop of NVTX ranges in common."),
    ],
)
def test_why_there_are_no_step_times_is_said(
    environment: dict[str, str], program: str, said: str, folder: Path
) -> None:
    (folder / "program.py").write_text(program)
    done, summary = profile(folder, environment=environment)
    assert summary["loops"] == []
    assert said in summary["no_loops"]
    assert said in " ".join(done.stdout.split())


def test_without_a_compiler_the_capture_is_made_all_the_same(folder: Path) -> None:
    tools = folder / "tools"
    tools.mkdir()
    for name in ("sh", "cp"):
        (tools / name).symlink_to(shutil.which(name) or "")
    _, summary = profile(folder, environment={"PATH": str(tools), "CC": "", "XDG_CACHE_HOME": str(tools / "cache")})
    assert "There is no C compiler (cc) here." in summary["no_loops"]
    assert summary["figures"] is not None
