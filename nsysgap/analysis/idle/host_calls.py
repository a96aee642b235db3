"""Calls of the host that nsys records beside CUDA's and the system's: MPI, cuDNN, cuBLAS; and launches that block."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nsysgap.activities import LIBRARY, MPI
from nsysgap.analysis.idle.idle_report import IdleReport, once
from nsysgap.analysis.relations.calls import KERNEL_LAUNCHES
from nsysgap.arrays import distinct, is_any
from nsysgap.intervals import covered_length, union
from nsysgap.tables import KERNEL, NONE, OPEN_END, OSRT, Notice, Table, Trace
from nsysgap.units import count, duration

MPI_RANGE = re.compile(r"P?MPI_[A-Z]\w*")  # as nsys and MPI libraries name the NVTX ranges of their calls
BLOCKING_LEAST = 10  # launches that must be there before they are called blocking, nine tenths of which must be
BLOCKING_SHARE = 0.9
NAMED = 3


def mpi_ranges(trace: Trace) -> NDArray[np.intp]:
    """Rows of nvtx that are MPI calls, by their names; those without an end are none."""
    mpi = [index for index in trace.nvtx.distinct("name").tolist() if MPI_RANGE.fullmatch(trace.names[index])]
    rows: NDArray[np.intp] = np.flatnonzero(is_any(trace.nvtx["name"], mpi) & (trace.nvtx["end"] != OPEN_END))
    return rows


def host_calls(trace: Trace, *, mpi: bool = True, libraries: bool = True) -> Table:
    """Calls of MPI, from its tables and as NVTX ranges, of cuDNN and of cuBLAS: spans of threads, sorted by start."""
    kinds = [kind for kind, wanted in ((MPI, mpi), (LIBRARY, libraries)) if wanted]
    parts = [trace.nvtx.take(mpi_ranges(trace))] if mpi else []
    table = trace.activities
    if table is not None:
        parts.append(table.take(np.flatnonzero(is_any(table["kind"], kinds) & (table["thread"] != NONE))))
    columns = {
        column.name: np.concatenate([np.empty(0, column.dtype), *(part[column.name] for part in parts)])
        for column in OSRT.columns
    }
    order = np.argsort(columns["start"], kind="stable")
    return Table(OSRT, {name: values[order] for name, values in columns.items()})


def idle_of_launchers(idle: IdleReport, table: Table, device: int | None = None) -> int:
    """How much of the gaps, of one GPU if given, passed while the thread that launched the after-op was in one of these
    spans, ns."""
    gaps, api = idle.gaps, idle.trace.api
    rows = np.flatnonzero((gaps.call != NONE) & (True if device is None else gaps.device == device))
    thread: NDArray[np.int32] = api["thread"][gaps.call[rows]] if len(rows) else np.empty(0, np.int32)
    total = 0
    for caller in distinct(table["thread"]).tolist():
        mine = rows[thread == caller]
        own = table["thread"] == caller
        covered = union(table["start"][own], table["end"][own])
        total += int(covered_length(covered, gaps.start[mine], gaps.end[mine]).sum())
    return total


@once
def blocking_launches(idle: IdleReport) -> dict[int, tuple[int, int]]:
    """By process (row of processes): (launch calls that return only after their kernel has ended, all launch calls of
    single kernels)."""
    trace, single = idle.trace, idle.latencies
    launches = KERNEL_LAUNCHES.rows(trace)
    rows = np.flatnonzero((trace.ops["kind"][single.op] == KERNEL) & launches[single.api_call])
    late = trace.api["end"][single.api_call[rows]] >= trace.ops["end"][single.op[rows]]
    number = trace.processes.rows
    process = trace.ops["process"][single.op[rows]]
    counts = zip(np.bincount(process[late], minlength=number), np.bincount(process, minlength=number), strict=True)
    return {row: (int(blocked), int(every)) for row, (blocked, every) in enumerate(counts) if every}


def launches_block(idle: IdleReport) -> bool:
    """Whether nearly all launch calls wait for their kernel: CUDA_LAUNCH_BLOCKING."""
    counts = blocking_launches(idle).values()
    return _block(sum(late for late, _ in counts), sum(number for _, number in counts))


def _block(late: int, number: int) -> bool:
    return number >= BLOCKING_LEAST and late >= BLOCKING_SHARE * number


def _blocking(idle: IdleReport) -> Iterator[tuple[str, int, int]]:
    """(whose, calls that wait, all calls) of launches that block: those of all processes, else of single ones."""
    counts = blocking_launches(idle)
    if launches_block(idle):
        yield "", sum(late for late, _ in counts.values()), sum(number for _, number in counts.values())
        return
    for process, (late, number) in counts.items():
        if _block(late, number):
            yield f" of process {int(idle.trace.processes['pid'][process])}", late, number


def host_call_notices(idle: IdleReport) -> Iterator[Notice]:
    """Blocking launches, and idle time that launching threads spent in MPI and in libraries, by function."""
    for whose, late, number in _blocking(idle):
        said = (
            f"CUDA_LAUNCH_BLOCKING=1 or a debug build: launches{whose} are blocking, {count(late)} of {count(number)} "
            "launch calls return only after their kernel has ended. The host cannot run ahead of the GPU."
        )
        yield Notice("warning", said)
    for what, table in (
        ("mpi", host_calls(idle.trace, libraries=False)),
        ("libraries", host_calls(idle.trace, mpi=False)),
    ):
        named = _most(idle, table)
        if named:
            whole = sum(device.idle for device in idle.devices)
            yield Notice("note", f"{what}: of {duration(whole)} idle time the launching thread spent {named}.")


def idle_in_functions(idle: IdleReport, table: Table, device: int | None = None) -> list[tuple[str, int]]:
    """(name, idle time in ns, of one GPU if given) of the functions in which idle time passed, the most first."""
    spent = {
        idle.trace.name(int(name)): idle_of_launchers(idle, table.take(table["name"] == name), device)
        for name in distinct(table["name"]).tolist()
    }
    return sorted((item for item in spent.items() if item[1]), key=lambda item: (-item[1], item[0]))


def _most(idle: IdleReport, table: Table) -> str:
    """The functions in which most idle time passed: "63.0 ms in MPI_Allreduce"."""
    return ", ".join(f"{duration(time)} in {name}" for name, time in idle_in_functions(idle, table)[:NAMED])
