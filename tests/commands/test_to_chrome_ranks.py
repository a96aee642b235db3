"""`nsysgap to-chrome --ranks`: several reports in one trace, read back by the real trace processor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from command_line import run
from rank_reports import TRANSFER, Rank, save_job, save_together, steady

REDUCE = "ncclDevKernel_AllReduce_Sum_f32_RING_LL"
STEPS, CLOCK = 12, 1500


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Rank 1 of three works 900 ns longer, rank 2's session began 1,500 ns later; all have pid 1 and GPU 0."""
    ranks = [Rank([500] * STEPS), Rank([1400] * STEPS), Rank([600] * STEPS, clock=CLOCK)]
    return save_job(tmp_path_factory.mktemp("job"), ranks)


@pytest.mark.parametrize("ending", ["json", "json.gz", "pftrace"])
def test_ranks_lie_in_one_time_with_arrows_between_collectives(
    job: list[Path], ending: str, tmp_path: Path, perfetto: Any
) -> None:
    target = tmp_path / f"trace.{ending}"
    done = run("to-chrome", "--ranks", *job, "-o", target)
    assert done.returncode == 0, done.stderr
    with perfetto.open(target) as trace:
        assert trace.losses() == []
        kernels = trace.rows(f"SELECT ts, dur, ts + dur AS fin FROM slice WHERE name = '{REDUCE}' ORDER BY ts")
        assert len(kernels) == 3 * STEPS
        ends = [row["fin"] for row in kernels]
        assert len(set(ends)) == STEPS  # all ranks leave each at one moment
        first = [row["dur"] for row in kernels if row["fin"] == min(ends)]
        assert sorted(first) == [TRANSFER, TRANSFER + 800, TRANSFER + 900]
        arrows = trace.rows(
            "SELECT a.dur AS given, b.dur AS got, a.ts + a.dur - b.ts - b.dur AS apart FROM flow f "
            "JOIN slice a ON a.id = f.slice_out JOIN slice b ON b.id = f.slice_in "
            f"WHERE a.name = '{REDUCE}' AND b.name = '{REDUCE}'"
        )
        assert len(arrows) == 2 * STEPS
        # In the order of arrival: rank 0, rank 2 100 ns later, rank 1 last.
        parts = {(row["given"], row["got"]) for row in arrows}
        assert parts == {(TRANSFER + 900, TRANSFER + 800), (TRANSFER + 800, TRANSFER)}
        assert {row["apart"] for row in arrows} == {0}
        launches = trace.one(
            "SELECT count(*) AS n FROM flow f JOIN slice a ON a.id = f.slice_out WHERE a.name LIKE 'cudaLaunchKernel%'"
        )
        assert launches["n"] == 3 * 2 * STEPS
        names = " ".join(map(str, trace.values("SELECT name FROM process UNION SELECT name FROM track")))
        assert all(f"rank {rank}: " in names for rank in range(3))
        steps = trace.rows("SELECT DISTINCT utid FROM slice s JOIN thread_track t ON s.track_id = t.id "
                           "WHERE s.name LIKE 'cudaLaunchKernel%'")  # fmt: skip
        assert len(steps) == 3  # no two ranks share a thread's row


def test_ranks_of_one_report_keep_its_clock(tmp_path: Path, perfetto: Any) -> None:
    together = save_together(tmp_path, steady(2, 3, late={1: 900}))
    assert run("to-chrome", "--ranks", together, "-o", tmp_path / "trace.json").returncode == 0
    with perfetto.open(tmp_path / "trace.json") as trace:
        assert trace.losses() == []
        query = f"JOIN slice b ON b.id = f.slice_in WHERE a.name = '{REDUCE}' AND b.name = '{REDUCE}'"
        assert trace.one(f"SELECT count(*) AS n FROM flow f JOIN slice a ON a.id = f.slice_out {query}")["n"] == 3


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (lambda job: job, "A trace is of one report", 2),
        (lambda job: ["--ranks", *job, "--per-gpu", "folder"], "take one", 2),
        (lambda job: [job[0], "--rank-regex", "x"], "--rank-regex needs --ranks", 2),
        (lambda job: ["--ranks", job[0], job[0].parent / "none.sqlite"], "does not exist", 1),
    ],
)
def test_what_does_not_go_together_is_said(
    job: list[Path], arguments: Any, said: str, code: int, tmp_path: Path
) -> None:
    done = run("to-chrome", *arguments(job), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_clocks_that_cannot_be_aligned_are_said(tmp_path: Path) -> None:
    paths = save_job(tmp_path, steady(2, 3))
    done = run("to-chrome", "--ranks", *paths, "-o", tmp_path / "trace.json")
    assert done.returncode == 1
    assert "cannot be aligned" in done.stderr
    assert not (tmp_path / "trace.json").exists()
