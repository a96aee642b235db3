"""What tests/bench/measure.py prints can be relied upon: real processes, real times."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import generate
import measure
import pytest

needs_sqlite3 = pytest.mark.skipif(
    shutil.which("sqlite3") is None and os.environ.get("NSYSGAP_REQUIRE_ALL") != "1",
    reason="the floor is the sqlite3 command",
)


def test_wall_time_and_memory_are_the_childs() -> None:
    child = "import time; held = bytearray(200 << 20); held[::4096] = b'x' * (len(held) // 4096); time.sleep(0.2)"
    # In a process of its own: a child's peak begins at its parent's, and a test runner's can be large.
    script = f"import json, sys, measure; print(json.dumps(vars(measure.run_once([sys.executable, '-c', {child!r}]))))"
    printed = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(measure.__file__).parent, capture_output=True, check=True
    ).stdout
    run = json.loads(printed)
    assert run["wall_s"] >= 0.2
    assert 200 <= run["peak_mb"] < 300


def test_runs_are_counted_and_compared_with_the_first_command(monkeypatch: pytest.MonkeyPatch) -> None:
    times = {"a": iter([9.0, 0.5, 0.25]), "b": iter([9.0, 2.0, 1.0])}  # the first of each is the warm-up
    monkeypatch.setattr(measure, "run_once", lambda command: measure.Run(next(times[command[0]]), 10.0))
    first, second = measure.measure({"a": ["a"], "b": ["b"]}, runs=2, warmups=1)
    assert (first.name, first.runs, first.best_s, first.median_s, first.ratio) == ("a", 2, 0.25, 0.375, 1.0)
    assert (second.name, second.runs, second.best_s, second.median_s, second.ratio) == ("b", 2, 1.0, 1.5, 4.0)


def test_limits() -> None:
    result = measure.Result("x", "x", best_s=2.0, median_s=2.0, peak_mb=90.0, ratio=4.0, runs=1)
    assert measure.check(result, measure.Limit(wall_s=3, ratio=8, peak_mb=100)) == []
    assert measure.check(result, measure.Limit(wall_s=1.5, ratio=4)) == [
        "2.00 s, limit 1.5",
        "4.00 x the floor, limit 4",
    ]


@needs_sqlite3
def test_own_commands_against_the_floor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "r.sqlite"
    generate.generate(report, kernels=200)
    command = "size={python} -c \"import os, sys; sys.exit(not os.path.getsize('{report}'))\""
    assert measure.main(["--report", str(report), "--runs", "1", "--json", "--command", command]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [result["name"] for result in printed["results"]] == ["floor (sqlite3)", "size"]


def test_reports_are_generated_once(tmp_path: Path) -> None:
    path = measure.cached_report(tmp_path, "tiny", {"kernels": 100, "graph_launches": 1})
    written = path.stat().st_mtime_ns
    assert measure.cached_report(tmp_path, "tiny", {"kernels": 100, "graph_launches": 1}) == path
    assert path.stat().st_mtime_ns == written
    assert [file.name for file in tmp_path.iterdir()] == ["tiny.sqlite"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to measure"),
        (["gaps", "--size", "5k"], "no size '5k'; there are 300k, 3m"),
        (["gaps", "--report", "no-such-file"], "no-such-file is not a file"),
        (["--command", "words"], "expected NAME=COMMAND"),
        (["gaps", "--runs", "0"], "--runs must be at least 1"),
    ],
)
def test_bad_arguments(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert measure.main(arguments) == 2
    assert message in capsys.readouterr().err


def test_a_failing_command_is_no_measurement() -> None:
    with pytest.raises(measure.MeasureError, match=r"exit code 3 .*broken"):
        measure.run_once([sys.executable, "-c", "import sys; print('broken', file=sys.stderr); sys.exit(3)"])
    with pytest.raises(measure.MeasureError, match="cannot start no-such-command"):
        measure.run_once(["no-such-command"])


def test_the_cpu_time_against_the_same_work_without_a_list() -> None:
    plain = measure.Result(measure.PLAIN, "x", 1.0, 1.0, 90.0, 1.0, 1, cpu_s=2.0)
    listed = measure.Result("x", "x", 1.0, 1.0, 90.0, 1.0, 1, cpu_s=7.0)
    assert measure.check(listed, measure.Limit(cpu_ratio=4), plain) == []
    assert measure.check(listed, measure.Limit(cpu_ratio=3), plain) == ["3.50 x the CPU time without the list, limit 3"]
