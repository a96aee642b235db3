"""Per op name the idle time before it: what a page's table of kernels shows as "Idle before it"."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.figures import Document
from nsysgap.tables import NONE

Indices = NDArray[np.intp]
Times = NDArray[np.int64]


def idle_before_ops(idle: IdleReport) -> list[Document]:
    """Per op name: how many, GPU time, the idle time that ended with one, and where: the longest such gap, or op."""
    ops, gaps = idle.trace.ops, idle.gaps
    rows = idle.selected_ops(idle.only_device)
    duration = ops["end"] - ops["start"]
    name = ops["name"][rows]
    present, code = np.unique(name, return_inverse=True)
    count = np.bincount(code, minlength=len(present))
    total, longest = sums_and_largest(code, duration[rows], len(present))
    ended = np.flatnonzero(gaps.after != NONE)
    slot = np.searchsorted(present, ops["name"][gaps.after[ended]])
    known = slot < len(present)
    ended, slot = ended[known], slot[known]
    idle_sum, worst = sums_and_largest(slot, gaps.duration[ended], len(present))
    documents = []
    for i, index in enumerate(present.tolist()):
        op, gap = int(rows[longest[i]]), int(ended[worst[i]]) if worst[i] != NONE else NONE
        at = (gaps.start[gap], gaps.end[gap]) if gap != NONE else (ops["start"][op], ops["end"][op])
        documents.append(
            {
                "name": index,
                "count": int(count[i]),
                "total_ns": int(total[i]),
                "longest_ns": int(duration[op]),
                "idle_ns": int(idle_sum[i]),
                "at": [int(at[0]), int(at[1])],
            }
        )
    return sorted(documents, key=lambda document: (-document["total_ns"], document["name"]))


def sums_and_largest(group: Indices, values: Times, number: int) -> tuple[Times, Indices]:
    """(the sum, the position of the largest value or -1) of each of `number` groups."""
    total = np.zeros(number, np.int64)
    np.add.at(total, group, values)
    order = np.lexsort((-values, group))
    largest = np.full(number, NONE, np.intp)
    if len(order):
        heads = order[np.concatenate(([True], group[order][1:] != group[order][:-1]))]
        largest[group[heads]] = heads
    return total, largest
