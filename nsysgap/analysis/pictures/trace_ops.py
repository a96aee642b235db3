"""GPU operations as slices of a trace viewer, with the args that PyTorch's profiler gives them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.idle.idle_report import IdleReport
from nsysgap.analysis.pictures.arrows import LaunchFlows
from nsysgap.analysis.pictures.trace_options import Extras, Show
from nsysgap.analysis.pictures.trace_texts import OP_CATEGORIES, Namer
from nsysgap.op_sizes import shared_memory
from nsysgap.tables import KERNEL, MEMCPY, NO_GRAPH_NODE, NONE, names_launch, stream_ids
from nsysgap.tracks import FLOW_LAUNCH, Arg, Flow, Slices, Source

Rows = NDArray[np.integer[Any]]


class OpSlices:
    """Makes the sources of kernels, copies, memsets and whole graphs.

    `shared`: which calls share the moment they begin with another row of their thread (and one element more, for "no
    call").
    """

    def __init__(
        self,
        idle: IdleReport,
        extras: Extras,
        names: Namer,
        flows: LaunchFlows,
        shared: NDArray[np.bool_],
        show: Show,
    ) -> None:
        self.trace, self.calls = idle.trace, idle.calls
        self.extras, self.names, self.show = extras, names, show
        self.flows, self.shared = flows, shared

    def sources(self, rows: NDArray[np.int32], track: NDArray[np.int32]) -> list[Source]:
        """One source per kind of op; `track` is that of each row."""
        kind = self.trace.ops["kind"][rows]
        sources = []
        for number, category in OP_CATEGORIES.items():
            mine = np.flatnonzero(kind == number)
            whole = len(mine) == len(rows)
            sources.append(
                self._source(number, category, rows if whole else rows[mine], track if whole else track[mine])
            )
        return sources

    def _source(self, kind: int, category: str, rows: NDArray[np.int32], track: NDArray[np.int32]) -> Source:
        def make(low: int, high: int) -> Slices:
            part = rows[low:high]
            start, end = self.trace.ops["start"][part], self.trace.ops["end"][part]
            args, joins = self._args(kind, part), self.extras.joins
            flows = (self._flow(part), *(() if joins is None else joins.of(part, start)))
            return Slices(category, self.names.ops(part), start, end, track[low:high], args, flows)

        return Source(category, len(rows), make)

    def _flow(self, rows: Rows) -> Flow:
        call, start = self.calls[rows], self.trace.ops["start"][rows]
        ends = self.flows.ends[rows]
        begun = np.where(ends, self.trace.api["start"][call] if self.trace.api.rows else 0, start)
        ids = np.where(ends, self.flows.of_calls(call), 0) if self.trace.api.rows else np.zeros(len(rows), np.int64)
        pair = None if self.flows.fan is None else self.flows.fan.pair[rows]
        return Flow(FLOW_LAUNCH, False, ids, np.maximum(start, begun), self.shared[call] & ends, pair)

    def _args(self, kind: int, rows: Rows) -> tuple[Arg, ...]:
        ops = self.trace.ops
        correlation = ops["correlation"][rows]
        args = [Arg(name, ops[name][rows].astype(np.int64)) for name in ("device", "context")]
        args.append(Arg("stream", stream_ids(ops["stream"][rows])))
        args.append(Arg("correlation", correlation, names_launch(correlation)))
        if kind != KERNEL:
            args += self._copied(kind, rows)
        if self.show.full:
            args += self._launch(rows)
        if kind == KERNEL:
            args += self._kernel(rows) if self.show.full else []
            args.append(Arg("demangled", *self.names.demangled_names(rows)))
        return tuple(args)

    def _copied(self, kind: int, rows: Rows) -> list[Arg]:
        size = self.extras.copied[rows]
        lasts = self.trace.ops["end"][rows] - self.trace.ops["start"][rows]
        args = [Arg("bytes", size, size != NONE)]
        if kind == MEMCPY:
            rate = size * 1000 // np.maximum(lasts, 1)
            args.append(Arg("memory bandwidth (GB/s)", rate, (size != NONE) & (lasts > 0), thousandths=True))
        return args

    def _launch(self, rows: Rows) -> list[Arg]:
        ops, api = self.trace.ops, self.trace.api
        call, node = self.calls[rows], ops["graph_node"][rows]
        known = call != NONE
        latency = np.zeros(len(rows), np.int64)
        latency[known] = ops["start"][rows[known]] - api["start"][call[known]]
        args = [
            Arg("launch latency (ns)", latency, known & (node == NO_GRAPH_NODE)),
            Arg("graph node id", node, node != NO_GRAPH_NODE),
        ]
        if self.extras.details is not None:
            graph = self.extras.details["graph"][rows]
            args.append(Arg("graph id", graph, graph > 0))
        return args

    def _kernel(self, rows: Rows) -> list[Arg]:
        details = self.extras.details
        if details is None:
            return []
        sizes = {
            name: np.column_stack([details[f"{name}_{axis}"][rows] for axis in "xyz"]).astype(np.int64)
            for name in ("grid", "block")
        }
        args = [Arg(name, size, (size != NONE).any(axis=1)) for name, size in sizes.items()]
        registers = details["registers"][rows].astype(np.int64)
        args.append(Arg("registers per thread", registers, registers != NONE))
        shared = shared_memory(details, rows)
        static, dynamic = (details[column][rows].astype(np.int64) for column in ("static_shared", "dynamic_shared"))
        # What is no static shared memory is dynamic: said where there are both, since most kernels have none or one.
        args.append(Arg("static shared memory", static, static > 0))
        args.append(Arg("dynamic shared memory", dynamic, (static > 0) & (dynamic > 0)))
        args.append(Arg("shared memory", shared, shared != NONE))
        return args
