"""NCCL's kernels as collectives: which of them no rank can leave before all ranks have entered.

AllReduce, AllGather, ReduceScatter and AllToAll are such barriers. Broadcast, Reduce and SendRecv are not: their ends
were measured up to 2.4 ms apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.arrays import distinct, is_any
from nsysgap.tables import KERNEL, Trace

Times = NDArray[np.int64]
Indices = NDArray[np.intp]
KINDS = ("AllReduce", "AllGather", "ReduceScatter", "AllToAll")
_BARRIER = re.compile(r"^nccl\w*?(AllReduce|AllGather|ReduceScatter|All[Tt]oAll)")
_COLLECTIVE = re.compile(r"^nccl")


@dataclass(frozen=True)
class Collectives:
    """The barrier collectives of one process on one GPU, by start: arrays of shape (collectives,).

    `kind` is an index into KINDS, `communicator` its ID (0 where the report does not tell), times are ns.
    """

    op: Indices
    kind: NDArray[np.int8]
    communicator: NDArray[np.uint64]
    start: Times
    end: Times

    def __len__(self) -> int:
        return len(self.op)


def collective_kernels(trace: Trace) -> NDArray[np.bool_]:
    """Which ops are NCCL's kernels, barrier or not: bool of shape (ops,)."""
    return _named(trace, {name for name, text in _kernel_names(trace) if _COLLECTIVE.match(text)})


def barrier_collectives(
    trace: Trace, process: int, device: int, communicator: NDArray[np.uint64] | None = None
) -> Collectives:
    """The barrier collectives of a process (row of processes) on a GPU. `communicator`: of each op, if known."""
    kinds = {name: match.group(1) for name, text in _kernel_names(trace) if (match := _BARRIER.match(text))}
    ops = trace.ops
    mine = _named(trace, set(kinds)) & (ops["process"] == process) & (ops["device"] == device)
    rows = np.flatnonzero(mine)
    lowered = [kind.lower() for kind in KINDS]
    number = {name: lowered.index(kind.lower()) for name, kind in kinds.items()}
    kind = np.array([number[name] for name in ops["name"][rows].tolist()], np.int8)
    known = np.zeros(len(rows), np.uint64) if communicator is None else communicator[rows]
    return Collectives(rows, kind, known, ops["start"][rows], ops["end"][rows])


def _kernel_names(trace: Trace) -> list[tuple[int, str]]:
    names = distinct(trace.ops["name"][trace.ops["kind"] == KERNEL]).tolist()
    return [(name, trace.names[name]) for name in names]


def _named(trace: Trace, names: set[int]) -> NDArray[np.bool_]:
    ops = trace.ops
    chosen: NDArray[np.bool_] = is_any(ops["name"], names) & (ops["kind"] == KERNEL)
    return chosen
