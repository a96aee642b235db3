"""What a unit brings to the comparison: its GPU, its time between collectives, the range its host time was in."""

from __future__ import annotations

from pathlib import Path

from rank_reports import ALL_REDUCE, CALL, KERNEL_NS, Rank, save_job
from report_builder import ReportBuilder

from nsysgap.analysis.collectives.units import device_of
from nsysgap.answers.opening import ask
from nsysgap.answers.rank_units import RankOptions, Unit, report_units
from nsysgap.causes import PARTS


def units(path: Path, **options: bool) -> tuple[Unit, ...]:
    return ask(path, report_units, RankOptions(**options)).units  # type: ignore[arg-type]


def test_the_gpu_of_a_process_is_that_of_its_collectives(report: ReportBuilder, tmp_path: Path) -> None:
    report.launch((0, 1), (2, 3), ALL_REDUCE, device=1)
    for time in range(10, 50, 10):
        report.launch((time, time + 1), (time + 2, time + 3), device=0)
    assert device_of(report.trace(tmp_path), 0) == 1


def test_without_collectives_it_is_that_of_most_ops(report: ReportBuilder, tmp_path: Path) -> None:
    report.launch((0, 1), (2, 3), device=1).launch((4, 5), (6, 7), device=0).launch((8, 9), (10, 11), device=0)
    assert device_of(report.trace(tmp_path), 0) == 0


def test_between_collectives_by_busy_time_and_part(tmp_path: Path) -> None:
    """From each AllReduce's end: 500 (rank 1: 800) of host code, the launch call, 10 queued, the kernel."""
    late, first = (units(path)[0].facts for path in reversed(save_job(tmp_path, [Rank([500] * 5), Rank([800] * 5)])))
    for facts, host in ((first, 500), (late, 800)):
        for row in facts.between.tolist():
            assert row[0] == KERNEL_NS
            assert {part: ns for part, ns in zip(PARTS, row[1:], strict=True) if ns} == {
                "host": host,
                "launch": CALL,
                "queued": CALL,
            }
        assert len(facts.between) == 4
        assert facts.busy + facts.idle == facts.window == facts.selection.total
        assert facts.host_by_range == {"load": host * 4}  # the loop's first window begins with its first kernel


def test_the_selection_is_the_loop_or_everything(tmp_path: Path) -> None:
    (path, _) = save_job(tmp_path, [Rank([500] * 5), Rank([500] * 5)])
    (loop,), (whole,) = units(path), units(path, whole=True)
    assert loop.facts.loop is not None
    assert (loop.facts.loop.label, loop.facts.loop.count) == ("step #", 5)
    assert loop.facts.window == whole.facts.window  # nothing ran outside


def test_a_report_without_gpu_work_has_no_unit(report: ReportBuilder, tmp_path: Path) -> None:
    answer = ask(report.call(0, 1).save(tmp_path), report_units, RankOptions())
    assert (answer.status, answer.units) == ("no-gpu-work", ())
    assert answer.text
