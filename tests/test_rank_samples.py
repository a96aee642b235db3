"""The captures of workloads/pytorch/ranks.py on two GPUs: the verdict names rank, cause and steps."""

from __future__ import annotations

import json
from typing import Any

import pytest
from command_line import run
from folders import SAMPLES

RANKS = SAMPLES / "ranks"
SLOW = range(20, 26)
"""The slow steps of the form "stretch"."""


def document(form: str) -> dict[str, Any]:
    reports = sorted(RANKS.glob(f"{form}_rank*.sqlite.xz"))
    assert len(reports) == 2
    done = run("ranks", *reports, "--workers", 1, "--format", "json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(("form", "cause", "last"), [("host", "host", 173), ("gpu", "gpu", 167)])
def test_the_late_rank_and_its_cause(form: str, cause: str, last: int) -> None:
    found = document(form)
    assert [(unit["rank"], unit["world_size"], unit["rank_source"]) for unit in found["units"]] == [
        (0, 2, "NCCL"),
        (1, 2, "NCCL"),
    ]
    verdict = found["verdict"]
    assert (verdict["kind"], verdict["rank"], verdict["cause"]) == ("straggler", 1, cause)
    assert [unit["arrived_last"] for unit in found["units"]] == [173 - last, last]
    # 4 ms more a step were asked for, of 44 steps.
    assert 4_000_000 * 44 < verdict["late_by_ns"][cause] < 4_500_000 * 44
    # In the form "gpu" the median of the ends lies 2 us outside the bounds that the shortest collective sets.
    assert found["clocks"]["aligned"] == (form == "host")
    assert found["clocks"]["residual_p95_ns"] < 50_000


def test_the_slow_steps() -> None:
    found = document("stretch")
    slow = {one["iteration"]: one["last"] for one in found["slow_iterations"]}
    assert set(slow) == {0, 1, *SLOW}  # the first ones warm up
    assert {slow[step] for step in SLOW} == {1}


def test_both_ranks_in_one_report() -> None:
    report = RANKS / "one_report.sqlite.xz"
    found = json.loads(run("ranks", report, "--format", "json").stdout)
    verdict = found["verdict"]
    assert (verdict["kind"], verdict["process"], verdict["cause"]) == ("straggler", 2880, "host")
    assert [unit["arrived_last"] for unit in found["units"]] == [5, 88]
    screen = " ".join(run("gaps", report).stdout.split())
    assert verdict["text"] in screen
    assert "waiting for pid 2880" in screen
