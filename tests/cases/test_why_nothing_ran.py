"""Why a report holds no GPU work, in the program's own last words and by the error codes of its calls."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_builder import ReportBuilder, global_pid

from nsysgap.analysis.questions import why_no_kernels


def why(report: ReportBuilder, folder: Path) -> str:
    found = why_no_kernels(report.trace(folder))
    assert found is not None
    return " ".join([found[0], *found[2], found[1]])


def wrote(report: ReportBuilder, text: str, file: str = "/tmp/x/stderr.log") -> ReportBuilder:
    ids = {"filenameId": report.text(file), "contentId": report.text(text)}
    return report.row("ProcessStreams", globalPid=global_pid(1), **ids)


def test_the_program_s_last_words(report: ReportBuilder, tmp_path: Path) -> None:
    """At most five lines, without control characters."""
    lines = [f"line {i}" for i in range(9)]
    found = why(wrote(report.osrt(0, 1), "\n".join([*lines, "", "\x1b[31mImportError: torch"]) + "\n"), tmp_path)
    assert "\x1b" not in found
    assert "ImportError: torch" in found
    assert ("line 5" in found, "line 4" in found) == (True, False)


def test_the_last_words_are_what_a_terminal_shows(report: ReportBuilder, tmp_path: Path) -> None:
    """Of a progress bar its last state; no colours, titles, bells."""
    bar = "\r".join(f"{i} %|#" for i in range(0, 101, 10))
    title = "\x1b]0;train\x07"
    wrote(report.osrt(0, 1), f"first\r\n{bar}\r\n{title}\x1b[1;31mKilled\x1b[0m by\x07 the\x00\tkernel\r\n")
    lines = report.trace(tmp_path).last_words
    assert lines == ("first", "100 %|#", "Killed by the kernel")


def test_standard_output_is_not_asked(report: ReportBuilder, tmp_path: Path) -> None:
    assert "last words" not in why(wrote(report.osrt(0, 1), "all is well", "/tmp/x/stdout.log"), tmp_path)


@pytest.mark.parametrize(("code", "means"), [(222, "the driver is too old for the PTX"), (209, "no kernel image")])
def test_all_launches_failed(report: ReportBuilder, tmp_path: Path, code: int, means: str) -> None:
    for i in range(21):
        report.call(i, i + 1, i + 1, returnValue=code)
    found = why(report, tmp_path)
    assert f"all 21 launches returned an error (21 x {code}, " in found
    assert means in found


@pytest.mark.parametrize(
    ("launches", "call", "code", "words"),
    [
        (
            5,
            "cudaDeviceSynchronize_v3020",
            700,
            "5 launches succeeded and left no kernel row: cudaDeviceSynchronize returned 700, illegal address: run",
        ),
        (0, "cuInit", 100, "No launch was recorded: cuInit returned 100, no CUDA device. Mend what its CUDA calls"),
        (0, "cudaMalloc_v3020", 2, "No launch was recorded: cudaMalloc returned 2, out of memory."),
        (5, "cudaStreamQuery_v3020", 600, "5 launches succeeded and left no kernel row: nsys could not trace the GPU"),
        (0, "cuGetProcAddress_v2", 500, "The CUDA calls that were recorded launch no kernel."),
    ],
)
def test_what_other_calls_returned(
    report: ReportBuilder, tmp_path: Path, launches: int, call: str, code: int, words: str
) -> None:
    """Not ready and not found are no errors of the program."""
    for i in range(launches):
        report.call(i, i + 1, i + 1)
    assert words in why(report.call(90, 99, 90, call, returnValue=code), tmp_path)


def test_of_several_errors_the_most_frequent_are_named(report: ReportBuilder, tmp_path: Path) -> None:
    for number, (call, code) in enumerate(
        [("cudaDeviceSynchronize_v3020", 700), *[("cudaMalloc_v3020", 2)] * 3, *[("cuInit", 100)] * 2]
    ):
        report.call(number, number + 1, number + 1, call, returnValue=code)
    said = "No launch was recorded: cudaMalloc returned 2, out of memory; cuInit returned 100, no CUDA device. Mend"
    assert said in why(report, tmp_path)


def test_launches_of_which_some_failed(report: ReportBuilder, tmp_path: Path) -> None:
    report.call(0, 1, 1)
    for i in range(1, 4):
        report.call(i, i + 1, i + 1, returnValue=700)
    assert "1 launch succeeded and left no kernel row: cudaLaunchKernel returned 700, illegal" in why(report, tmp_path)
