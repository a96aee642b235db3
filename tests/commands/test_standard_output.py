"""Standard outputs that take nothing, and terminals of odd widths.

In this process with real files for its output; what only a shell or the end of a process can show, in one of its own.
"""

from __future__ import annotations

import subprocess
from contextlib import nullcontext
from pathlib import Path

import pytest
from command_line import process, process_environment, run
from folders import NAIVE, SAMPLES

ANSWERS: list[list[object]] = [
    *(["gaps", NAIVE], ["info", NAIVE], ["launches", NAIVE]),
    *(["graphs", SAMPLES / "graph.sqlite.xz"], ["stacks", SAMPLES / "slow_host.sqlite.xz"]),
]
full_disk = pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no /dev/full")


@pytest.mark.parametrize("command", ["graphs", "launches", "gaps", "info"])
def test_a_narrow_terminal_gets_the_tables_of_80_columns(command: str) -> None:
    """It wraps their lines; cut to its width the figures would be gone."""
    narrow, usual = (run(command, SAMPLES / "graph_pitfalls.sqlite.xz", columns=one) for one in (40, 80))
    assert narrow.returncode == 0, narrow.stderr
    assert narrow.stdout == usual.stdout
    assert max(map(len, usual.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("place", "words"), [pytest.param("/dev/full", "cannot be written", marks=full_disk), (None, "is closed")]
)
@pytest.mark.parametrize("arguments", ANSWERS, ids=lambda arguments: str(arguments[0]))
def test_an_output_that_takes_nothing(arguments: list[object], place: str | None, words: str) -> None:
    with Path(place).open("w") if place else nullcontext() as output:
        done = run(*arguments, output=output)
    assert done.returncode == 1
    first, hint = done.stderr.strip().split("\n")
    assert first.startswith("nsysgap: Standard output ")
    assert words in first
    assert hint.strip()


@full_disk
@pytest.mark.parametrize(
    "arguments",
    [["gaps", str(NAIVE)], ["to-chrome", str(NAIVE), "-o", "-"], ["--help"], ["gaps", "--help"], ["--version"]],
    ids=" ".join,
)
def test_standard_output_on_a_full_disk(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = run(*arguments, output=full)
    assert done.returncode == 1
    assert done.stderr.startswith("nsysgap: Standard output cannot be written (No space left on device).\n")


@pytest.mark.parametrize(
    ("redirect", "words"),
    [
        pytest.param("> /dev/full", "cannot be written (No space left on device).", marks=full_disk),
        (">&-", "is closed."),
    ],
)
def test_a_process_whose_output_takes_nothing_ends_in_one_sentence(redirect: str, words: str) -> None:
    """Python writes what is left while it ends, and complains then."""
    done = in_bash(f"{' '.join(process('gaps', NAIVE))} {redirect}")
    assert done.returncode == 1
    first, hint = done.stderr.strip().split("\n")
    assert first == f"nsysgap: Standard output {words}"
    assert hint.strip()


def test_a_closed_pipe_is_no_error() -> None:
    done = in_bash(f"{' '.join(process('gaps', NAIVE))} --top all --format csv | head -n 1; echo ${{PIPESTATUS[0]}}")
    assert done.stdout.splitlines()[-1] == "0"
    assert done.stderr == ""


def in_bash(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=process_environment(), check=False)
