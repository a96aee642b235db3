"""Which frame stands for a native stack, and what `stacks` and `info` say of samples that tell no line."""

from __future__ import annotations

from pathlib import Path

import pytest
from stack_reports import OTHER, StackReport

from nsysgap.analysis.stacks.code_owner import ABOVE, BELOW, OWN, tells
from nsysgap.answers.gaps import GapsOptions, gaps
from nsysgap.answers.info import InfoOptions, info
from nsysgap.answers.opening import ask
from nsysgap.answers.stacks import StacksAnswer, StacksOptions, stacks
from nsysgap.errors import NsysgapError

DRIVER = ("0x7f72b474d6c9", "/usr/lib/x86_64-linux-gnu/libcuda.so.525.105.17")
VDSO = ("0x7fff81a8b858", "[vdso]")
LIBC = ("clock_gettime", "/usr/lib/x86_64-linux-gnu/libc.so.6")
BLAS = ("cublasSgemm", "/opt/cuda/lib64/libcublas.so.12")
MAIN_FRAME = ("main", "/home/me/solver")


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (DRIVER[1], BELOW),
        ("[vdso]", BELOW),
        ("[kernel.kallsyms]", BELOW),
        (LIBC[1], BELOW),
        ("/lib64/libc-2.31.so", BELOW),
        ("C:\\Windows\\System32\\nvcuda64.dll", BELOW),
        ("", BELOW),
        ("/usr/lib/libcudart.so.12", ABOVE),
        ("/usr/lib/libcrypto.so.3", ABOVE),
        (BLAS[1], ABOVE),
        (MAIN_FRAME[1], OWN),
    ],
)
def test_how_much_a_module_tells(file: str, told: int) -> None:
    assert tells(file, native=True) == told


def asked(report: StackReport, folder: Path) -> StacksAnswer:
    return ask(report.write(folder / "r.sqlite"), stacks, StacksOptions())


@pytest.mark.parametrize(
    ("chain", "line"),
    [
        ([VDSO, LIBC, DRIVER, BLAS, MAIN_FRAME], "main"),
        ([VDSO, LIBC, DRIVER, BLAS], "cublasSgemm"),
        ([DRIVER, VDSO], "0x7f72b474d6c9"),
    ],
)
def test_the_first_frame_above_the_system_stands_for_a_stack(
    tmp_path: Path, chain: list[tuple[str, str]], line: str
) -> None:
    report = StackReport()
    report.gap(1000, 2000)
    report.native(1500, chain)
    rows = asked(report, tmp_path).document()["rows"]
    assert [row["function"] for row in rows if row["self_ns"]] == [line]
    answer = ask(tmp_path / "r.sqlite", gaps, GapsOptions(by="line"))
    named = {one.name.split()[0] for one in answer.groups}
    assert named == {"(libcuda.so.525.105.17)" if line.startswith("0x") else line}


def test_without_idle_time_in_host_all_of_it_counts(tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 2000, call_ns=1000)
    report.native(1500, [MAIN_FRAME])
    answer = asked(report, tmp_path)
    assert answer.document()["chosen_ns"] == 1000
    assert "None of the idle time is 'host'" in " ".join(one.text for one in answer.header.warnings)


@pytest.mark.parametrize("part", ["", ".cold"])  # GCC puts what runs rarely into a part of its own
@pytest.mark.parametrize(("inside", "hinted"), [(5, True), (2, True), (1, False), (0, False)])
def test_cpu_samples_of_the_interpreter_point_to_python_sampling(
    tmp_path: Path, inside: int, hinted: bool, part: str
) -> None:
    report = StackReport()
    report.gap(1000, 2000)
    for i in range(10):
        callers = [(f"_PyEval_EvalFrameDefault{part}", "/usr/bin/python3.11")] if i < inside else []
        report.native(1050 + 100 * i, [("work", "/home/me/x.so"), *callers])
    said = " ".join(one.text for one in asked(report, tmp_path).header.warnings)
    assert ("Python sampling does" in said) == hinted


@pytest.mark.parametrize("on_launcher", [True, False])
def test_info_promises_lines_only_of_threads_that_launched(tmp_path: Path, on_launcher: bool) -> None:
    report = StackReport()
    report.gap(1000, 2000)
    report.call("cudaMalloc", 1, 2, tid=OTHER)
    report.native(1500, [MAIN_FRAME], **({} if on_launcher else {"tid": OTHER}))
    path = report.write(tmp_path / "r.sqlite")
    questions = ask(path, info, InfoOptions()).document()["questions"]
    (promised,) = (one for one in questions if one["text"] == "Which line of the program?")
    assert promised["answered"] == on_launcher
    if not on_launcher:
        with pytest.raises(NsysgapError, match="no stacks of a thread that launched work, only of others"):
            ask(path, stacks, StacksOptions())
