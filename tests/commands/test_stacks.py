"""`nsysgap stacks` from end to end: tables, selections, samples with known answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from folders import SAMPLES, WORKLOADS
from stack_answers import FILE, NASTY, gaps, stacks
from stack_reports import StackReport

from nsysgap.errors import NsysgapError

WORKLOAD = WORKLOADS / "slow_host.py"


def document(report: Path, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stacks(report, "--format", "json", *options))
    return found


def test_json_says_everything(hostile_stacks: Path) -> None:
    found = document(hostile_stacks)
    assert (found["schema"], found["stacks"], found["causes"]) == ("nsysgap.stacks/1", "python", ["host"])
    assert (found["chosen_ns"], found["inside_ns"], found["nearest_ns"], found["no_stack_ns"]) == (2000, 1000, 0, 1000)
    assert sum(row["self_ns"] for row in found["rows"]) == 2000
    by_name = {row["function"]: row for row in found["rows"]}
    assert by_name["work"]["self_ns"] == by_name["work"]["inclusive_ns"] == 750
    assert by_name["work"]["self_samples"] == 3
    assert by_name["main"] | {"self_ns": 250, "inclusive_ns": 1000} == by_name["main"]  # PyTorch's, which it called
    assert by_name[NASTY] | {"self_ns": 0, "inclusive_ns": 250} == by_name[NASTY]
    assert (found["self"], found["sort"]) == ("own code", "self")
    assert by_name["work"]["self_low_ns"] < 750 < by_name["work"]["self_high_ns"]
    assert by_name["(not sampled)"]["self_ns"] == 1000
    assert (by_name[NASTY]["kind"], by_name["work"]["kind"]) == ("framework", "program")
    assert (by_name[NASTY]["short"], by_name["work"]["short"]) == ("torch/nn/linear.py", "lib/prog.py")


def test_same_input_same_bytes(hostile_stacks: Path) -> None:
    for form in ("json", "csv", "collapsed", "speedscope", "html"):
        assert stacks(hostile_stacks, "--format", form) == stacks(hostile_stacks, "--format", form)


def test_text_marks_few_samples_and_strips_control_characters(hostile_stacks: Path) -> None:
    said = stacks(hostile_stacks)
    assert "~ work lib/prog.py:20" in said
    assert "self: the innermost line of the program's own code (--innermost: of any)" in said
    assert "\x1b" not in said
    assert "50.0 % not sampled" in said
    assert "1.00 us" in next(line for line in said.splitlines() if line.startswith("(not sampled)"))


def test_csv_has_a_row_per_line(hostile_stacks: Path) -> None:
    head, *rows = stacks(hostile_stacks, "--format", "csv").splitlines()
    assert head.startswith("function,file,line,kind,self_ns")
    assert "work,/home/u/p/lib/prog.py,20,program,750," in rows[1]


def test_source_lines_come_from_the_folder_alone(hostile_stacks: Path, tmp_path: Path) -> None:
    (tmp_path / "p" / "lib").mkdir(parents=True)
    (tmp_path / "p" / "lib" / "prog.py").write_text("\n" * 19 + "    while busy():\n")
    assert "while busy():" in stacks(hostile_stacks, "--source", str(tmp_path))
    (tmp_path / "p" / "lib" / "prog.py").unlink()
    (tmp_path / "p" / "lib" / "prog.py").symlink_to("/etc/passwd")
    assert "root:" not in stacks(hostile_stacks, "--source", str(tmp_path))
    assert "is not a folder" in stacks(hostile_stacks, "--source", str(tmp_path / "none"), code=1)


def test_causes_may_be_several_and_all_is_the_idle_time(hostile_stacks: Path) -> None:
    whole = document(hostile_stacks, "--cause", "all")
    assert whole["chosen_ns"] == whole["idle_ns"]
    assert document(hostile_stacks, "--cause", "host", "--cause", "launch")["causes"] == ["launch", "host"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--stacks", "native"), "holds no native stacks"),
        (("--stacks", "nvtx"), "holds no NVTX ranges"),
        (("--nvtx", "nothing"), "No NVTX range matches"),
        (("--device", "5"), "GPU 5 ran nothing"),
    ],
)
def test_what_is_missing_is_said_with_the_next_step(hostile_stacks: Path, options: tuple[str, ...], said: str) -> None:
    assert said in stacks(hostile_stacks, *options, code=1)


def test_report_without_stacks_falls_back_to_ranges_and_says_so(tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 2000)
    report.nvtx("step", 900, 1500)
    said = stacks(report.write(tmp_path / "r.sqlite"))
    assert "by NVTX ranges, exact; 50.0 % in none" in said
    assert "--include-blobs=true" in said


def with_call_stacks(path: Path, *, nvtx: bool = False) -> Path:
    """A gap whose launch call has a native stack; no samples."""
    report = StackReport()
    report.gap(1000, 2000, correlation=5)
    chain = report.chain("CUDA", [("go", "/b/p")], 9)
    report.call("cudaLaunchKernel", 2000, 2000, correlation=5, chain=chain, event_class=67)
    if nvtx:
        report.nvtx("step", 900, 3000)
    return report.write(path)


@pytest.mark.parametrize("nvtx", [True, False])
def test_launching_lines_come_from_the_calls_alone(tmp_path: Path, nvtx: bool) -> None:
    said = stacks(with_call_stacks(tmp_path / "r.sqlite", nvtx=nvtx), "--launched-from")
    assert "100.0 % by the call's own" in said
    assert "go p" in said
    assert "*" not in said
    assert "note:" not in said


def test_launching_lines_known_by_the_sample_before_are_marked(tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 2000, correlation=5)
    for time in (1500, 1990):
        report.python(time, [("f", FILE, 3)])
    path = report.write(tmp_path / "r.sqlite")
    said = stacks(path, "--launched-from")
    assert "f linear.py:3 *" in said
    assert "* in whole or in part by the last sample before the launch" in said
    assert document(path, "--launched-from")["rows"][0]["nearest_ns"] == 1000


def test_call_stacks_alone_are_stacks(tmp_path: Path) -> None:
    assert "by calls whose stack was recorded" in stacks(with_call_stacks(tmp_path / "r.sqlite"))


@pytest.mark.parametrize(
    ("options", "causes", "in_call"),
    [((), "all causes", 400), (("--stacks", "calls"), "all causes", 400), (("--cause", "host"), "host", 0)],
)
def test_by_stacks_of_calls_all_idle_time_counts(
    tmp_path: Path, options: tuple[str, ...], causes: str, in_call: int
) -> None:
    """Unless told: the program's own code is in no call, so it alone would be in no stack."""
    report = StackReport()
    report.gap(1000, 2000, correlation=5, call_ns=400)
    chain = report.chain("CUDA", [("go", "/b/p")], 9)
    report.call("cudaLaunchKernel", 1600, 2000, correlation=5, chain=chain, event_class=67)
    path = report.write(tmp_path / "r.sqlite")
    assert f"of idle time ({causes})" in stacks(path, *options)
    rows = document(path, *options)["rows"]
    assert sum(row["self_ns"] for row in rows if row["function"] == "go") == in_call


@pytest.mark.parametrize("options", [(), ("--stacks", "nvtx")])
def test_nvtx_ranges_launch_nothing(tmp_path: Path, options: tuple[str, ...]) -> None:
    report = StackReport()
    report.gap(1000, 2000)
    report.nvtx("step", 900, 1500)
    said = stacks(report.write(tmp_path / "r.sqlite"), "--launched-from", *options, code=1)
    assert "holds no stacks that say where something was launched" in said


def test_few_samples_are_explained_only_where_marked() -> None:
    said = stacks(SAMPLES / "slow_host.sqlite.xz", "--nvtx", "^measured$", "--by", "file")
    assert "~" not in said


def test_output_file_is_not_overwritten_unasked(hostile_stacks: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    stacks(hostile_stacks, "--format", "csv", "-o", str(target))
    assert "exists already" in stacks(hostile_stacks, "--format", "csv", "-o", str(target), code=1)
    stacks(hostile_stacks, "--format", "csv", "-o", str(target), "--force")


def share(found: dict[str, Any], name: str) -> float:
    own = sum(row["self_ns"] for row in found["rows"] if row["function"].split("(")[0] == name)
    return float(100 * own / found["chosen_ns"])


@pytest.mark.parametrize(("sample", "source"), [("slow_host", "python"), ("slow_host_native", "native")])
@pytest.mark.parametrize("by", ["line", "function"])
def test_slow_host_gives_60_30_10_within_5_points(sample: str, source: str, by: str) -> None:
    found = document(SAMPLES / f"{sample}.sqlite.xz", "--nvtx", "^measured$", "--by", by)
    assert found["stacks"] == source
    for name, right in (("prepare_batch", 60), ("collate", 30), ("log_step", 10)):
        assert share(found, name) == pytest.approx(right, abs=5)
    assert found["chosen_ns"] > 0.95 * found["idle_ns"]


def test_slow_host_with_its_source_lines() -> None:
    said = stacks(
        SAMPLES / "slow_host.sqlite.xz", "--nvtx", "^measured$", "--source", str(WORKLOAD.parent), "--top", "1"
    )
    assert "prepare_batch slow_host.py:" in said
    assert "while perf_counter() < until:" in said


def test_gaps_name_lines_where_there_are_samples(hostile_stacks: Path) -> None:
    assert "prog.py:20 work" in gaps(str(hostile_stacks))
    found = json.loads(gaps(str(hostile_stacks), "--format", "json", "--by", "line"))
    assert {gap["line"] for gap in found["gaps"]} == {"prog.py:20 work", None}
    assert sum(row["idle_ns"] for row in found["groups"]["rows"]) == found["devices"][0]["idle_ns"]


def test_gaps_by_line_without_samples_says_how_to_record_them() -> None:
    with pytest.raises(NsysgapError, match=r"holds no stack samples.*--stacks python"):
        gaps(str(SAMPLES / "naive.sqlite"), "--by", "line")


def test_innermost_lines_of_any_code(hostile_stacks: Path) -> None:
    found = document(hostile_stacks, "--innermost")
    by_name = {row["function"]: row["self_ns"] for row in found["rows"]}
    assert (found["self"], by_name["main"], by_name[NASTY], by_name["work"]) == ("innermost", 0, 250, 750)


def test_callers_come_first_by_inclusive_time(hostile_stacks: Path) -> None:
    found = document(hostile_stacks, "--sort", "inclusive")
    assert [(row["function"], row["inclusive_ns"]) for row in found["rows"]] == [
        *[("(not sampled)", 1000), ("main", 1000)],
        *[("work", 750), (NASTY, 250)],
    ]
    said = stacks(hostile_stacks, "--sort", "inclusive").splitlines()
    assert next(line.split()[0] for line in said if "main prog.py" in line or "linear.py" in line) == "~"
    assert "most inclusive time first" in " ".join(said)
