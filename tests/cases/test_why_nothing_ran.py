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


def test_standard_output_is_not_asked(report: ReportBuilder, tmp_path: Path) -> None:
    assert "last words" not in why(wrote(report.osrt(0, 1), "all is well", "/tmp/x/stdout.log"), tmp_path)


@pytest.mark.parametrize(("code", "means"), [(222, "the driver is too old for the PTX"), (209, "no kernel image")])
def test_all_launches_failed(report: ReportBuilder, tmp_path: Path, code: int, means: str) -> None:
    for i in range(21):
        report.call(i, i + 1, i + 1, returnValue=code)
    found = why(report, tmp_path)
    assert f"all 21 launches returned an error (21 x {code}, " in found
    assert means in found
