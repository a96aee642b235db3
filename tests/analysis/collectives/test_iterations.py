"""Every iteration on every rank, and the step that is drawn: by hand, and by the law busy + idle = window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rank_reports import CALL, KERNEL_NS, TRANSFER, Rank, save_job, steady
from report_builder import intervals

from nsysgap.analysis.collectives.drawing import DrawnStep, longest, usual
from nsysgap.analysis.collectives.iterations import iterations
from nsysgap.analysis.collectives.units import LoopOfUnit
from nsysgap.answers.fleet import ranks_of
from nsysgap.answers.rank_units import RankOptions
from nsysgap.answers.ranks_picture import ranks_picture
from nsysgap.causes import HOST, PARTS


def loop(*windows: tuple[int, int, int], count: int, label: str = "step #") -> LoopOfUnit:
    """(iteration, start, end), busy for 3 ns each, the rest host."""
    number, start, end = np.array(windows, np.int64).T
    busy = np.full(len(windows), 3, np.int64)
    parts = np.zeros((len(windows), len(PARTS)), np.int64)
    parts[:, HOST] = end - start - busy
    return LoopOfUnit(label, count, 10, np.full(count, 10, np.int64), start, end, number, busy, parts)


def test_by_ordinal_with_holes_where_nothing_was_launched() -> None:
    first, other = loop((0, 0, 10), (2, 10, 30), count=3), loop((0, 5, 15), (1, 15, 20), (2, 20, 28), count=3)
    found = iterations([first, other], [intervals((8, 14)), intervals()])
    assert found is not None
    assert found.window.tolist() == [[10, -1, 20], [10, 5, 8]]
    assert found.wait.tolist() == [[2, -1, 4], [0, 0, 0]]
    assert found.starved.tolist() == [[9, -1, 21], [7, 2, 5]]
    assert found.parts[0, :, HOST].tolist() == [7, -1, 17]


def test_none_where_loops_are_not_the_same() -> None:
    one = loop((0, 0, 10), count=3)
    for other in (None, loop((0, 0, 10), count=4), loop((0, 0, 10), count=3, label="token #")):
        assert iterations([one, other], [intervals(), intervals()]) is None


def test_the_longest_stretches_keep_their_order() -> None:
    stretches = np.array([[0, 5, 1], [6, 7, 2], [8, 20, 3]])
    assert longest(stretches, 2).tolist() == [[0, 5, 1], [8, 20, 3]]


def test_the_usual_one_of_those_that_all_bring() -> None:
    none = np.empty((0, 2), np.int64)
    steps = [tuple(DrawnStep(number, 0, 9, none, none) for number in numbers) for numbers in ((1, 2, 3), (0, 2, 3))]
    window = np.array([[5, 5, 90, 6], [5, 5, 9, 7]])
    assert usual(steps, window) == 3  # 1 is not brought by all, 2 is longest
    assert usual([steps[0], ()], window) is None


def test_one_step_of_all_ranks_on_one_clock(tmp_path: Path) -> None:
    """Rank 1 begins its session 1,500 ns later and works 700 ns longer: both are drawn in the time of rank 0."""
    job = [Rank([500] * 12), Rank([1200] * 12, clock=1500)]
    answer = ranks_of([str(path) for path in save_job(tmp_path, job)], RankOptions(draw=True), workers=1)
    picture = ranks_picture(answer)
    assert picture.names == ("rank 0", "rank 1")
    step = picture.step
    assert step is not None
    assert step["aligned"]
    zero, one = step["lanes"]
    # A window begins with the kernel, 510 or 1,210 after the last AllReduce, and reaches to the next one's.
    assert (zero["from"], zero["work"]) == (0, [[0, KERNEL_NS]])
    assert (one["from"], one["work"]) == (700, [[700, 700 + KERNEL_NS]])
    end = 700 + KERNEL_NS + TRANSFER
    assert zero["collectives"] == [[KERNEL_NS, end - TRANSFER, end, 0]]
    assert one["collectives"] == [[700 + KERNEL_NS, end - TRANSFER, end, 0]]
    assert zero["to"] == end + 500 + 2 * CALL
    assert sorted(PARTS[part] for _, _, part in zero["idle"]) == ["host", "launch", "queued"]
    assert sum(stop - start for start, stop, _ in zero["idle"]) == 500 + 2 * CALL


def test_the_longest_waits_first(tmp_path: Path) -> None:
    job = [Rank([500] * 4), Rank([500, 900, 500, 700])]
    answer = ranks_of([str(path) for path in save_job(tmp_path, job)], RankOptions(draw=True), workers=1)
    rows = [
        (one["iteration"], one["last"], one["waited_longest"], one["wait_ns"]) for one in ranks_picture(answer).waits
    ]
    assert rows == [(1, "rank 1", "rank 0", 400), (3, "rank 1", "rank 0", 200)]


def test_layers_sum_to_what_the_rows_say(tmp_path: Path) -> None:
    answer = ranks_of([str(path) for path in save_job(tmp_path, steady(3, 6, late={2: 900}))], RankOptions(), workers=1)
    layers = ranks_picture(answer).layers
    for number, row in enumerate(answer.unit_rows()):
        assert layers["step"][number].sum() == row["window_ns"]
        assert layers["starved"][number].sum() == row["starved_ns"]
        assert layers["wait"][number].sum() == row["exposed_wait_ns"]
        assert sum(layers[part][number].sum() for part in PARTS) == row["idle_ns"]
