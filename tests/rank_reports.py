"""Reports of a job of several ranks: each step some host time, a kernel and an AllReduce that ends for all at once.

    host   |--host--|call|
    GPU                  [kernel)[AllReduce: waits for the last rank, then TRANSFER)

What every rank waits follows by hand: the last one to arrive waits for nothing, the others until it is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from report_builder import ReportBuilder

CALL, TRANSFER, KERNEL_NS = 10, 100, 1000
ALL_REDUCE = "ncclDevKernel_AllReduce_Sum_f32_RING_LL(ncclDevKernelArgsStorage<4096ul>)"
UTC = 1_700_000_000_000_000_000


@dataclass(frozen=True)
class Rank:
    """What a rank does each step: host time, how long its kernel takes; `clock`: how far its session began later."""

    host: Sequence[int]
    kernel: int = KERNEL_NS
    clock: int = 0


def steady(ranks: int, steps: int, *, host: int = 500, late: dict[int, int] | None = None) -> list[Rank]:
    """Ranks that do the same each step, but for those in `late`, which work that much longer on the host."""
    return [Rank([host + (late or {}).get(rank, 0)] * steps) for rank in range(ranks)]


def write_job(reports: Sequence[ReportBuilder], job: Sequence[Rank], pids: Sequence[int]) -> None:
    """All steps of all ranks into one report each, or into the same one: process `pids[rank]` on GPU rank."""
    begin = 1000
    for step in range(len(job[0].host)):
        ready = [begin + rank.host[step] for rank in job]
        arrived = [ready[number] + 2 * CALL + rank.kernel for number, rank in enumerate(job)]
        end = max(arrived) + TRANSFER
        for number, rank in enumerate(job):
            report, pid, back = reports[number], pids[number], rank.clock
            call, device = ready[number] - back, number if len(set(map(id, reports))) == 1 else 0
            start = arrived[number] - back
            report.launch((call, call + CALL), (call + 2 * CALL, start), "gemm", pid=pid, device=device)
            report.launch((call + CALL, call + 2 * CALL), (start, end - back), ALL_REDUCE, pid=pid, device=device)
            report.nvtx(begin - back, end - back, f"step {step}", pid=pid)
            report.nvtx(begin - back, call, "load", pid=pid)
        begin = end


def environment(report: ReportBuilder, **variables: object) -> ReportBuilder:
    """The environment that nsys started the program with."""
    for name, value in variables.items():
        report.row("META_DATA_CAPTURE", name="PROCESS_0:ENVIRONMENT_VARIABLE", value=f'{name}="{value}"')
    return report


def save_job(folder: Path, job: Sequence[Rank], *, world: int | None = None, name: str = "rank{}.sqlite") -> list[Path]:
    """A report a rank, each of which says its rank, world size, host and when its session began."""
    reports = []
    for number, rank in enumerate(job):
        report = environment(ReportBuilder().versions(), RANK=number, WORLD_SIZE=world or len(job))
        report.gpu(0, "NVIDIA H200", uuid=f"GPU-{number}").device(1, 0, 0)
        report.row("TARGET_INFO_SYSTEM_ENV", name="Hostname", value=f"node{number // 8}")
        report.row("TARGET_INFO_SESSION_START_TIME", utcEpochNs=UTC + rank.clock)
        reports.append(report)
    write_job(reports, job, [1] * len(job))
    return [report.save(folder, name.format(number)) for number, report in enumerate(reports)]


def save_together(folder: Path, job: Sequence[Rank]) -> Path:
    """All ranks as processes of one report, each on a GPU of its own."""
    report = ReportBuilder().versions()
    for number in range(len(job)):
        report.gpu(number, "NVIDIA H200").device(100 + number, number, number)
    write_job([report] * len(job), job, [100 + number for number in range(len(job))])
    return report.save(folder, "together.sqlite")
