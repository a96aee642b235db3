"""A critical path as slices in time, for pictures: one after the other, each with its part and what it was spent on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.schedule.calls import LAUNCH
from nsysgap.analysis.schedule.model import Model
from nsysgap.analysis.schedule.path import Path
from nsysgap.analysis.schedule.path_rows import OWN_CODE, PARTS, HostTime
from nsysgap.tables import NONE

Times = NDArray[np.int64]
_OWN = -2  # stands for OWN_CODE among the names' indices


@dataclass(frozen=True)
class PathSlices:
    """Slices of one process's path by start, arrays of shape (slices,): `start`, `end` in ns, `part` (a number of
    PARTS), `name`: a number of `texts`. Parts that are less than nothing are not here."""

    process: int
    start: Times
    end: Times
    part: NDArray[np.int8]
    name: NDArray[np.int64]
    texts: tuple[str, ...]


def path_slices(model: Model, path: Path, host: HostTime) -> PathSlices:
    """The slices of an unchanged replay's path."""
    columns = [np.concatenate(column) for column in zip(*_pieces(model, path, host), strict=True)]
    start, end, part, name = columns
    order = np.argsort(start, kind="stable")
    # A call that returned before its copy: what came after it begins inside the copy.
    reach = np.maximum.accumulate(end[order])
    start[order[1:]] = np.maximum(start[order[1:]], reach[:-1])
    order = order[end[order] > start[order]]
    present, number = np.unique(name[order], return_inverse=True)
    texts = tuple(OWN_CODE if index == _OWN else model.trace.name(index) for index in present.tolist())
    return PathSlices(
        model.calls.process, start[order], end[order], part[order].astype(np.int8), number.reshape(-1), texts
    )


def _pieces(model: Model, path: Path, host: HostTime) -> Iterator[tuple[Times, Times, Times, Times]]:
    """(start, end, part, index of the name) of the slices of every kind."""
    ops, calls, trace, pieces = model.ops, model.calls, model.trace, host.pieces
    of_op = trace.ops["name"][ops.row].astype(np.int64)
    of_call = trace.api["name"][calls.row].astype(np.int64)
    launches = np.where(calls.role == LAUNCH, PARTS.index("launch_calls"), PARTS.index("other_calls"))
    for part, until, ns, names in (
        ("gpu", ops.end, path.gpu, of_op),
        ("between_ops", ops.start, path.between, of_op),
        ("launch_latency", ops.start, path.latency, of_op),
        ("", calls.end, path.call, of_call),
        ("sync_tail", calls.end, path.tail, of_call),
    ):
        some = np.flatnonzero(ns > 0)
        number = launches[some] if not part else np.full(len(some), PARTS.index(part))
        yield until[some] - ns[some], until[some], number, names[some]
    waiting = pieces.os != NONE
    named = np.full(len(pieces.start), _OWN, np.int64)
    inside = np.flatnonzero(~waiting & (pieces.range != NONE))
    named[inside] = trace.nvtx["name"][pieces.range[inside]]
    named[waiting] = trace.osrt["name"][pieces.os[waiting]]
    yield pieces.start, pieces.end, np.where(waiting, PARTS.index("os_wait"), PARTS.index("host")), named
