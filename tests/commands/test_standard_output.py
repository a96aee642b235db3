"""Outputs that take nothing, terminals of odd widths, closed pipes: real processes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from command_line import run
from folders import NAIVE, ROOT


@pytest.mark.parametrize("command", ["graphs", "launches", "gaps", "info"])
def test_a_narrow_terminal_gets_the_tables_of_80_columns(command: str) -> None:
    """It wraps their lines; cut to its width the figures would be gone."""
    narrow, usual = (run(command, ROOT / "sample_traces/graph_pitfalls.sqlite.xz", columns=one) for one in (40, 80))
    assert narrow.returncode == 0, narrow.stderr
    assert narrow.stdout == usual.stdout
    assert max(map(len, usual.stdout.splitlines())) <= 80


@pytest.mark.parametrize(("redirect", "words"), [("> /dev/full", "cannot be written"), (">&-", "is closed")])
@pytest.mark.parametrize(
    "arguments",
    [
        *(["gaps", NAIVE], ["info", NAIVE], ["launches", NAIVE]),
        *(["graphs", ROOT / "sample_traces/graph.sqlite.xz"], ["stacks", ROOT / "sample_traces/slow_host.sqlite.xz"]),
    ],
    ids=lambda arguments: str(arguments[0]),
)
def test_an_output_that_takes_nothing(arguments: list[object], redirect: str, words: str) -> None:
    command = f"{sys.executable} -m nsysgap {' '.join(map(str, arguments))} {redirect}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1
    first, hint = done.stderr.strip().split("\n")
    assert first.startswith("nsysgap: Standard output ")
    assert words in first
    assert hint.strip()


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m nsysgap gaps {NAIVE} --top all --format csv | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.stdout.splitlines()[-1] == "0"
    assert done.stderr == ""
