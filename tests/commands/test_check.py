"""`nsysgap check`: limits, baselines, what cannot be told, exit codes, every format."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import run
from compared_reports import loop_report, saved
from junitparser import Error, Failure, JUnitXml
from report_builder import ReportBuilder

Document = dict[str, Any]


def checked(*arguments: object) -> tuple[int, Document]:
    """(exit code, document) of a check."""
    done = run("check", *arguments, "--format", "json")
    return done.returncode, json.loads(done.stdout)


def verdicts(document: Document) -> list[str]:
    """The verdict of every limit."""
    return [row["verdict"] for row in document["limits"]]


def baseline(folder: Path, *reports: Path, **more: Any) -> Path:
    """A baseline of reports, or of one of `loop_report`."""
    path = folder / f"baseline{len(list(folder.iterdir()))}.json"
    done = run("check", *(reports or [saved(folder, path.stem, **more)]), "--save-baseline", path)
    assert done.returncode == 0, done.stderr
    return path


# ---------------------------------------------------------------- absolute limits

# A step of saved(): 100 ns of host code, 10 + 5 + 1000 ns for each of two kernels: 2,130 ns, of them 130 idle.


@pytest.mark.parametrize(
    ("option", "holds", "breaks", "value"),
    [
        ("--max-idle", "6.11", "6.1", 6.1033),
        ("--max-step", "2130ns", "2129ns", 2130),
        ("--max-gap", "115ns", "114ns", 115),
        ("--max-launches", "2", "1", 2),
        ("--max-starved", "6.11%", "6.1%", 6.1033),
        ("--max-cause", "host=4.7", "host=4.6", 4.6948),
    ],
)
def test_a_limit_holds_or_breaks(option: str, holds: str, breaks: str, value: float, tmp_path: Path) -> None:
    path = saved(tmp_path, "a")
    kept, broken = checked(path, option, holds), checked(path, option, breaks)
    assert (kept[0], verdicts(kept[1])) == (0, ["pass"])
    assert (broken[0], verdicts(broken[1])) == (3, ["fail"])
    assert kept[1]["limits"][0]["value"] == broken[1]["limits"][0]["value"] == value


def test_a_limit_that_is_met_exactly_holds(tmp_path: Path) -> None:
    path = saved(tmp_path, "a", host=0, kernels=("a",), kernel_ns=85)  # 15 of 100 ns
    assert checked(path, "--max-idle", "15")[0] == 0


def test_the_median_of_several_captures_counts(tmp_path: Path) -> None:
    paths = [saved(tmp_path, f"r{host}", host=host) for host in (100, 110, 900)]
    assert checked(*paths, "--max-step", "2140ns")[0] == 0
    assert checked(*paths, "--max-step", "2139ns")[0] == 3


def test_one_line_a_limit_and_where_to_look_next(tmp_path: Path) -> None:
    done = run("check", saved(tmp_path, "a"), "--max-idle", "1", "--max-step", "1ms", "--max-cause", "os=1")
    lines = done.stdout.splitlines()
    assert done.returncode == 3
    assert lines[0] == "a.sqlite: 8 x step #"
    assert lines[3].split() == ["FAIL", "max-idle", "1", "%", "6.103", "%", "mostly", "host:", "nsysgap", "gaps"]
    assert lines[4].split() == ["PASS", "max-step", "1.00", "ms", "2.13", "us"]
    assert lines[5].split() == ["UNKNOWN", "max-cause", "os", "1", "%", "-", "nsysgap", "info"]
    assert lines[-2:] == [
        "max-cause os: the report did not record what tells os.",
        "1 of 3 limits is broken.",
    ]
    assert max(map(len, lines)) <= 80


# ---------------------------------------------------------------- what cannot be told


def test_no_gpu_work_cannot_be_told(tmp_path: Path) -> None:
    path = ReportBuilder().call(0, 10, 1).save(tmp_path)
    code, document = checked(path, "--max-idle", "50")
    assert (code, verdicts(document)) == (4, ["unknown"])
    assert document["limits"][0]["why"].endswith("holds no GPU work")


def test_lost_events_cannot_be_told(tmp_path: Path, real_report: Callable[[str], Path]) -> None:
    report = loop_report()
    report.diagnostic(3, "CUDA device 0: Not all CUDA events might have been collected.")
    code, document = checked(report.save(tmp_path), "--max-idle", "50", "--max-step", "1s")
    assert (code, verdicts(document)) == (4, ["unknown", "unknown"])
    assert "is incomplete" in document["limits"][0]["why"]


def test_lost_launches_cannot_be_told(tmp_path: Path) -> None:
    report = loop_report()
    report.call(5, 9, 77)  # a launch that left no kernel
    code, document = checked(report.save(tmp_path), "--max-idle", "50")
    assert (code, verdicts(document)) == (4, ["unknown"])
    assert "1 of 17 launches left no kernel (process 1" in document["limits"][0]["why"]


def test_a_window_beside_the_recorded_work_cannot_be_told(tmp_path: Path) -> None:
    code, document = checked(saved(tmp_path, "a"), "--max-idle", "50", "--from", "16us", "--to", "2s")
    assert code == 4
    assert "of the selected time lies where GPU work was recorded" in document["limits"][0]["why"]


def test_a_broken_limit_outweighs_one_that_cannot_be_told(tmp_path: Path) -> None:
    assert checked(saved(tmp_path, "a"), "--max-idle", "1", "--max-cause", "os=1")[0] == 3
    assert checked(saved(tmp_path, "a"), "--max-idle", "99", "--max-cause", "os=1")[0] == 4


def test_without_a_loop_a_step_cannot_be_told_but_idle_time_can(tmp_path: Path) -> None:
    path = saved(tmp_path, "a", steps=1)
    _, document = checked(path, "--max-step", "1s", "--max-launches", "9", "--max-idle", "99")
    assert verdicts(document) == ["pass", "unknown", "unknown"]
    assert checked(path, "--max-step", "1s", "--whole")[0] == 0  # a window that was asked for


def test_collectives_of_other_ranks_cannot_be_told(tmp_path: Path) -> None:
    path = saved(tmp_path, "a", kernels=("ncclDevKernel_AllReduce_Sum_f32_RING_LL", "gemm"))
    assert verdicts(checked(path, "--max-starved", "99", "--max-idle", "99")[1]) == ["pass", "unknown"]


def test_reports_of_two_loops_are_not_one_program(tmp_path: Path) -> None:
    code, document = checked(saved(tmp_path, "a"), saved(tmp_path, "b", label="token {}"), "--max-idle", "99")
    assert (code, document["limits"][0]["why"]) == (4, "the reports do not have the same loop")


# ---------------------------------------------------------------- baselines


def test_a_baseline_is_small_versioned_and_names_no_place(tmp_path: Path) -> None:
    text = baseline(tmp_path).read_text()
    assert json.loads(text)["schema"] == "nsysgap.baseline/1"
    assert len(text) < 2000
    assert str(tmp_path) not in text


@pytest.mark.parametrize("as_report", [True, False])
def test_slower_than_the_baseline_breaks(as_report: bool, tmp_path: Path) -> None:
    before = saved(tmp_path, "before") if as_report else baseline(tmp_path)
    slower = saved(tmp_path, "slower", host=330)  # 2,360 instead of 2,130 ns: 10.8 % more
    assert checked(slower, "--baseline", before, "--max-slower", "11")[0] == 0
    code, document = checked(slower, "--baseline", before, "--max-slower", "10")
    assert (code, document["limits"][0]["value"]) == (3, 10.7981)
    assert document["limits"][0]["why"] == "1 capture before, 1 now: noise not judged"


@pytest.mark.parametrize(
    ("figure", "code"), [("idle_host=230", 0), ("host=229", 3), ("launches=0", 0), ("busy_ns=0", 0)]
)
def test_any_figure_may_have_its_own_limit(figure: str, code: int, tmp_path: Path) -> None:
    slower = saved(tmp_path, "slower", host=330)
    assert checked(slower, "--baseline", baseline(tmp_path), "--max-worse", figure)[0] == code


def test_worse_than_nothing_is_broken(tmp_path: Path) -> None:
    _, document = checked(saved(tmp_path, "a"), "--baseline", baseline(tmp_path, host=0), "--max-worse", "host=1000")
    assert (verdicts(document), document["limits"][0]["value"]) == (["fail"], None)


@pytest.mark.parametrize(
    "more", [{"gpu": "NVIDIA H100"}, {"label": "token {}"}, {"kernels": ("a",) * 5}, {"steps": 1}], ids=str
)
def test_what_is_not_comparable_cannot_be_told(more: dict[str, Any], tmp_path: Path) -> None:
    code, document = checked(
        saved(tmp_path, "a"), "--baseline", baseline(tmp_path, **more), "--max-slower", "1000", "--max-idle", "99"
    )
    assert (code, verdicts(document)) == (4, ["pass", "unknown"])
    assert document["reasons"]


def test_anyway_compares_other_loops_and_launches(tmp_path: Path) -> None:
    for more in ({"label": "token {}"}, {"kernels": ("a",) * 5}):
        before = baseline(tmp_path, **more)
        assert checked(saved(tmp_path, "a"), "--baseline", before, "--max-slower", "1000", "--anyway")[0] == 0
    before = baseline(tmp_path, steps=1)  # but a step is never held against a window
    assert checked(saved(tmp_path, "a"), "--baseline", before, "--max-slower", "1000", "--anyway")[0] == 4


def test_graphs_traced_in_two_ways_cannot_be_told(tmp_path: Path) -> None:
    before = baseline(tmp_path, graph="node")
    assert checked(saved(tmp_path, "a", graph="graph"), "--baseline", before, "--max-slower", "1000")[0] == 4


def four(folder: Path, name: str, *hosts: int) -> list[Path]:
    """Captures that differ in their host time."""
    return [saved(folder, f"{name}{host}", host=host) for host in hosts]


def test_a_baseline_with_noise_needs_captures_with_noise(tmp_path: Path) -> None:
    before = baseline(tmp_path, *four(tmp_path, "a", 100, 101, 102, 103))
    code, document = checked(saved(tmp_path, "b"), "--baseline", before, "--max-slower", "50")
    assert code == 4
    assert document["limits"][0]["why"].startswith("the baseline has 4 captures, so noise is judged: give 4 or more")


def test_noise_breaks_no_limit_and_a_change_does(tmp_path: Path) -> None:
    before = baseline(tmp_path, *four(tmp_path, "a", 100, 300, 500, 700))
    noisy = four(tmp_path, "b", 200, 600, 620, 750)  # median + 14 %, which chance explains
    slower = four(tmp_path, "c", 1000, 1001, 1002, 1003)
    code, document = checked(*noisy, "--baseline", before, "--max-slower", "5")
    assert (code, document["limits"][0]["value"] > 5) == (0, True)
    assert document["limits"][0]["why"].startswith("no change shown, p = 0.")
    code, document = checked(*slower, "--baseline", before, "--max-slower", "5")
    assert (code, document["limits"][0]["why"]) == (3, "changed, p = 0.029")


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"schema": "nsysgap.baseline/2"}',
        '{"schema": "nsysgap.baseline/1", "captures": []}',
        '{"schema": "nsysgap.baseline/1", "captures": [{"report": "a"}]}',
        '{"schema": "nsysgap.baseline/1", "captures": 7}',
        "{" * 100_000,
        '{"schema"',
    ],
    ids=lambda text: text[:24],
)
def test_what_is_no_baseline_is_one_sentence(text: str, tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    path.write_text(text)
    done = run("check", saved(tmp_path, "a"), "--baseline", path, "--max-slower", "5")
    assert (done.returncode, done.stdout) == (1, "")
    assert "baseline" in done.stderr or "JSON" in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_is_saved_of_what_cannot_be_told_or_breaks(tmp_path: Path) -> None:
    empty = ReportBuilder().call(0, 10, 1).save(tmp_path)
    target = tmp_path / "out.json"
    assert run("check", empty, "--save-baseline", target).returncode == 4
    assert run("check", saved(tmp_path, "a"), "--save-baseline", target, "--max-idle", "1").returncode == 3
    assert not target.exists()
    assert run("check", saved(tmp_path, "a"), "--save-baseline", target, "--max-idle", "9").returncode == 0
    again = run("check", saved(tmp_path, "a"), "--save-baseline", target)
    assert (again.returncode, "exists already" in again.stderr) == (1, True)


# ---------------------------------------------------------------- wrong usage, formats


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--max-slower", "5"),
        ("--max-idle", "a lot"),
        ("--max-idle", "-1"),
        ("--max-idle", "nan"),
        ("--max-cause", "host"),
        ("--max-cause", "boredom=5"),
        ("--max-worse", "beauty=5"),
        ("--max-idle", "5", "--loop", "step #", "--from", "0"),
    ],
)
def test_wrong_usage(options: tuple[str, ...], tmp_path: Path) -> None:
    done = run("check", saved(tmp_path, "a"), *options)
    assert (done.returncode, done.stdout) == (2, "")


def test_a_report_that_cannot_be_read_is_no_broken_limit(tmp_path: Path) -> None:
    assert run("check", tmp_path / "none.sqlite", "--max-idle", "5").returncode == 1


def test_junit_is_read_back_by_a_consumer_of_junit(tmp_path: Path) -> None:
    path = saved(tmp_path, "a", label="st\x1bep <&> é {}")
    target = tmp_path / "check.xml"
    done = run("check", path, "--max-idle", "1", "--max-step", "1s", "--max-cause", "os=1", "-o", target)
    assert done.returncode == 3
    [suite] = list(JUnitXml.fromfile(str(target)))
    assert (suite.name, suite.tests, suite.failures, suite.errors, suite.skipped) == ("nsysgap check", 3, 1, 1, 0)
    cases = {case.name: case for case in suite}
    assert list(cases) == ["max-idle 1 %", "max-step 1.00 s", "max-cause os 1 %"]
    assert [type(one) for one in cases["max-idle 1 %"].result] == [Failure]
    assert cases["max-idle 1 %"].result[0].message == "6.103 %"
    assert cases["max-step 1.00 s"].result == []
    assert [type(one) for one in cases["max-cause os 1 %"].result] == [Error]
    assert cases["max-idle 1 %"].classname == "nsysgap.st\ufffdep <&> é #"


def test_markdown_is_a_table_with_the_outcome_first(tmp_path: Path) -> None:
    text = run("check", saved(tmp_path, "a|b<img>"), "--max-idle", "1", "--format", "markdown").stdout
    assert text.startswith("**The limit is broken.**")
    assert "<img>" not in text
    table = next(block for block in text.split("\n\n") if block.startswith("|")).splitlines()
    assert table[2] == "| FAIL | max-idle | 1 % | 6.103 % | mostly host: nsysgap gaps |"


def test_the_document_says_everything(tmp_path: Path) -> None:
    code, document = checked(saved(tmp_path, "a"), "--max-step", "1s")
    assert list(document) == [
        *("schema", "reports", "unit", "baseline", "verdict", "exit_code", "text", "limits", "figures", "reasons"),
        "warnings",
    ]
    assert (document["schema"], document["exit_code"], document["verdict"]) == ("nsysgap.check/1", code, "pass")


def test_a_real_program_is_gated(real_report: Callable[[str], Path], tmp_path: Path) -> None:
    kept = baseline(tmp_path, real_report("host_half"))
    code, document = checked(real_report("host_full"), "--baseline", kept, "--max-slower", "5", "--max-launches", "13")
    assert (code, verdicts(document)) == (3, ["pass", "fail"])
    assert document["limits"][1]["value"] == pytest.approx(28.2918, abs=1e-4)
