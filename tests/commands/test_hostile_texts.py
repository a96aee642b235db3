"""Texts of a report that would move the cursor, set the window's title or turn the direction: replaced on terminals."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from command_line import run
from report_builder import ReportBuilder

from nsysgap.commands import COMMANDS, outputs

HOSTILE = "\x1b]0;owned\x07\x9b31m\u202e\u2066\u061c\r\n\x00\x7f\u200f"
FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
MORE: dict[str, list[list[str]]] = {
    "gaps": [[], ["--top", "all"], *(["--by", by] for by in ("cause", "kernel", "nvtx", "thread", "process", "api"))],
    "stacks": [[], ["--format", "collapsed"]],
    "scrub": [["-o", "out.sqlite", "--force"]],
    "to-chrome": [["-o", "out.json", "--force"]],
    "timeline": [["-o", "out.html", "--force"]],
    "report": [["-o", "out.html", "--force"], ["--format", "markdown"]],
}
WALKED = [name for name in COMMANDS if name not in {"view", "profile"}]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of which every text is hostile, those that nsys writes itself too, and its own name."""
    report = ReportBuilder().versions("2025" + HOSTILE, "3" + HOSTILE).gpu(0, "GPU" + HOSTILE)
    report.process(1, "python" + HOSTILE).thread(1, 1, "main" + HOSTILE)
    for step in range(20):
        begin = 1_000 * step
        report.nvtx(begin, begin + 900, "step" + HOSTILE).osrt(begin + 11, begin + 13, name="poll" + HOSTILE)
        report.launch((begin, begin + 10), (begin + 20, begin + 300), name=f"k{HOSTILE}<int>(x)")
        report.memcpy(begin + 310, begin + 330).sync(begin + 320, begin + 340)
    report.diagnostic(3, f"CUDA{HOSTILE} events lost").diagnostic(1, "note" + HOSTILE)
    report.row("TARGET_INFO_SESSION_START_TIME", utcEpochNs=1, utcTime="2026" + HOSTILE)
    report.row("META_DATA_CAPTURE", name="PROCESS_0:COMMAND", value="python" + HOSTILE)
    report.row("META_DATA_CAPTURE", name="OPTION" + HOSTILE, value="value" + HOSTILE)
    report.row("TARGET_INFO_SYSTEM_ENV", name="Hostname", value="host" + HOSTILE)
    report.row("MY_EVENTS" + HOSTILE.replace("\x00", ""), start=1, value=2)
    return report.save(tmp_path_factory.mktemp("hostile"), "r\x1b[31m\u202e.sqlite")


@pytest.mark.parametrize("command", WALKED)
def test_no_text_reaches_the_terminal_as_it_is(hostile: Path, command: str) -> None:
    for options in MORE.get(command, [[]]):
        done = run(command, hostile, *options, cwd=hostile.parent)
        for printed in (done.stdout, done.stderr):
            assert not FORBIDDEN.search(printed), (command, options)


def test_a_table_is_made_printable_on_a_terminal_only(hostile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = run("gaps", hostile, "--format", "csv", "--top", "all").stdout
    assert FORBIDDEN.search(plain)
    monkeypatch.setattr(outputs, "on_terminal", lambda: True)
    seen = run("gaps", hostile, "--format", "csv", "--top", "all").stdout
    assert not FORBIDDEN.search(seen)
    assert re.sub("\N{REPLACEMENT CHARACTER}", "", seen) == FORBIDDEN.sub("", plain.replace("\r", ""))
