"""nsys's own lines: taken out of the program's output, and explained where nsys failed."""

from __future__ import annotations

import pytest

from nsysgap.profiling.capture import last_record
from nsysgap.profiling.nsyslines import NsysLines, explain

NSYS_SAID = (
    b"Generating '/tmp/nsys-report-4359.qdstrm'\n"
    b"\r[1/2] [0%                          ] report.nsys-rep\r[1/2] [=======================95%  ] report.nsys-rep\n"
    b"[2/2] [========================100%] report.sqlite\r[2/2] [========================100%] report.sqlite\n"
    b"Generated:\n    /tmp/x/report.nsys-rep\n\t/tmp/x/report.sqlite\n"
)


@pytest.mark.parametrize("size", [1, 2, 7, 64, 100_000])
def test_own_lines_are_taken_out_however_they_arrive(size: int) -> None:
    program = b"Generous output\nprogress 1/2\r[1/2] epoch\n  /not/nsys\nGenerated: 5 tokens\nno newline at the end\n"
    percents: list[int] = []
    lines = NsysLines(percents.append)
    stream = program + NSYS_SAID
    given = b"".join(lines(stream[i : i + size]) for i in range(0, len(stream), size)) + lines(b"")
    assert given.replace(b"\r", b"\n").split() == program.replace(b"\r", b"\n").split()
    assert percents == [0, 95, 100, 100]


@pytest.mark.parametrize("parts", [(b'{"a": 1}', NSYS_SAID), (b'{"a": 1}' + NSYS_SAID,)], ids=["apart", "at once"])
def test_own_lines_right_behind_an_unfinished_line_are_taken_out(parts: tuple[bytes, ...]) -> None:
    lines = NsysLines()
    given = b"".join(lines(part) for part in parts) + lines(b"")
    assert given == b'{"a": 1}'
    assert last_record(given) == {"a": 1}


def test_unfinished_line_of_the_program_comes_at_once() -> None:
    lines = NsysLines()
    assert lines(b"Password: ") == b"Password: "
    assert lines(b"[1/2] not") == b"[1/2] not"  # the line has begun with what is not nsys's
    assert lines(b"\nGener") == b"\n"
    assert lines(b"ous") == b"Generous"


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        ("Failed to create '/x.qdstrm': No space left on device.", "the disk is full", "TMPDIR"),
        ("Insufficient privilege, see ERR_NVGPUCTRPERM", "only root", "--gpu-metrics"),
        (
            "Illegal --gpu-metrics-device arguments.\nNone of the installed GPUs",
            "no GPU here",
            "Leave out --gpu-metrics",
        ),
        ("ptrace: Operation not permitted", "not permitted to trace", "SYS_ADMIN"),
        ("Executable not found in current directory", "program was not found", "target's path"),
        (
            "option '--sample' cannot be specified more than once\nTry 'nsys --help'",
            "one of its options",
            "--nsys-args",
        ),
        ("what(): boost::filesystem::temp_directory_path: Not a directory", "temporary folder", "TMPDIR"),
        ("something new\nusage: nsys profile\nTry 'nsys profile --help'", "something new", "by itself"),
        ("", "said nothing and ended with exit code 3", "by itself"),
    ],
)
def test_nsys_failures_have_a_next_step(said: str, message: str, hint: str) -> None:
    error = explain("a.py", said, 3)
    assert message in error.message
    assert hint in error.hint
