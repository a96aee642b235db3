"""What CUDA graphs, queue gaps and copies cost on a machine, from runs of one program plain and under nsys.

The program is nsysgap/profiling/calibration_program.py. The plain runs' host clock says what a series takes without
nsys; the report with graphs traced by node what calls, latencies and gaps are under nsys, and how long kernels run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.relations.calls import SYNCS
from nsysgap.analysis.relations.launches import launch_calls
from nsysgap.analysis.schedule.calibration import Calibration
from nsysgap.analysis.schedule.constants import GRAPH_CALL
from nsysgap.errors import NsysgapError
from nsysgap.tables import GRAPH, NO_GRAPH_NODE, NONE, Trace

GRAPH_KINDS = ("alternating", "same", "copies")  # in the order of node gaps: different kernels, one kernel, copies
LONG_KERNEL = 40  # us: the host is far ahead, so that kernels follow one another as fast as they can
RATE_SIZES = (16, 64)  # MB
AGAIN = "Make it again: nsysgap calibrate"
Times = NDArray[np.int64]
Record = Mapping[str, Any]


def calibrate(plain: Sequence[Record], trace: Trace, whole: Trace | None = None) -> Calibration:
    """The costs of a machine. `plain`: the records of plain runs of the program; `trace`: of its report with graphs
    traced by node, `whole`: with graphs traced as a whole, None where there is none.

    Of several plain runs each series' fastest counts: whatever else the machine did made them slower. Raises
    NsysgapError where a series is missing.
    """
    try:
        return _calibration(_Plain(plain), _Series(trace), None if whole is None else _Series(whole))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise NsysgapError(f"The runs are not whole ({type(error).__name__}: {error}).", AGAIN) from None


def _calibration(plain: _Plain, series: _Series, whole: _Series | None) -> Calibration:
    nodes, us = plain.nodes, plain.node_us
    traced = [series.graph(f"graph same {n} {us}") for n in nodes]
    kinds = [series.graph(f"graph {kind} {nodes[-1]} {us}") for kind in GRAPH_KINDS]
    gaps = [plain.node_gap(kind, times["mean_duration"]) for kind, times in zip(GRAPH_KINDS, kinds, strict=True)]
    call = {"nsys": _line(nodes, [times["call"] for times in traced]), "plain": plain.graph_call()}
    latency = {
        "nsys": _line(nodes, [times["latency"] for times in traced]),
        "plain": (
            plain.graph_latency(traced[0]["mean_duration"], gaps[1], series.tail(f"graph same {nodes[0]} {us}")),
            0,
        ),
    }
    if whole is not None:
        at_once = [whole.graph(f"graph same {n} {us}") for n in nodes]
        call["graph"], latency["graph"] = (
            _line(nodes, [times[key] for times in at_once]) for key in ("call", "latency")
        )
    return Calibration(
        gpu=str(plain.first["gpu"]),
        driver=str(plain.first.get("driver") or ""),
        nsys=series.trace.nsys_version or "",
        graph_call=call,
        graph_latency=latency,
        node_gaps={
            "nsys": (kinds[0]["gap"], kinds[1]["gap"], kinds[2]["gap"]),
            "plain": (gaps[0], gaps[1], gaps[2]),
        },
        plain_queue_gap=plain.queue_gap(series),
        pinned_rate=(plain.rate("pinned", "HtoD"), plain.rate("pinned", "DtoH")),
        pageable_rate=(plain.rate("pageable", "HtoD"), plain.rate("pageable", "DtoH")),
    )


def _line(nodes: Sequence[int], values: Sequence[float]) -> tuple[int, int]:
    """(of a graph, more per node) by least squares of what is off in %, neither below 0: small graphs count as much."""
    slope, start = np.polyfit(nodes, values, 1, w=1 / np.array(values, np.float64))
    return max(round(float(start)), 0), max(round(float(slope)), 0)


class _Plain:
    """What each series took in the plain runs, ns: `took` with the wait at its end, `launched` the host's calls."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.first = records[0]
        self.took = _fastest(records, "us")
        self.launched = _fastest(records, "us_call")
        graphs = [name.split() for name in self.took if name.startswith("graph ")]
        self.nodes = sorted({int(words[2]) for words in graphs})
        self.node_us = max(int(words[3]) for words in graphs)

    def per_node(self, kind: str) -> float:
        """What one more node adds to a replay."""
        few, many = (self.took[f"graph {kind} {n} {self.node_us}"] for n in (self.nodes[0], self.nodes[-1]))
        return (many - few) / (self.nodes[-1] - self.nodes[0])

    def node_gap(self, kind: str, duration: float) -> int:
        """From node to node: what a node adds to a replay less how long it runs under nsys."""
        return round(self.per_node(kind) - duration)

    def graph_call(self) -> tuple[int, int]:
        """What the call takes that launches a graph; the usual where the program did not time it."""
        names = [f"graph same {n} {self.node_us}" for n in self.nodes]
        if any(name not in self.launched for name in names):
            return GRAPH_CALL["plain"]
        nothing = self.launched.get("empty", 0)
        return _line(self.nodes, [self.launched[name] - nothing for name in names])

    def graph_latency(self, duration: float, gap: int, tail: int) -> int:
        """From the call that launches a graph to its first node: what is left of a replay without nodes and wait."""
        few = self.nodes[0]
        path = few * duration + (few - 1) * gap
        return max(round(self.took[f"graph same {few} {self.node_us}"] - path - tail), 0)

    def queue_gap(self, series: _Series) -> int:
        """By how much ops of a full queue follow each other faster without nsys, ns; never below 0."""
        name = f"stream same {LONG_KERNEL}"
        start, end = series.ops(name)
        traced, duration = int(np.median(start[1:] - end[:-1])), int(np.median(end - start))
        alone = self.took[f"single {LONG_KERNEL}"]  # the first of the queue, and the wait
        launches = int(self.first["back_to_back"])
        return max(round(traced - ((self.took[name] - alone) / (launches - 1) - duration)), 0)

    def rate(self, memory: str, direction: str) -> float:
        """GB/s of large copies: what more bytes take, so that starting one is not in it."""
        small, large = (self.took[f"copy {memory} {direction} {size}"] for size in RATE_SIZES)
        return round((RATE_SIZES[1] - RATE_SIZES[0]) * (1 << 20) / max(large - small, 1), 1)


def _fastest(records: Sequence[Record], key: str) -> dict[str, float]:
    took: dict[str, float] = {}
    for row in (row for record in records for row in record["series"] if key in row):
        took[row["series"]] = min(1e3 * float(row[key]), took.get(row["series"], np.inf))
    return took


class _Series:
    """The ops of each series of a report, by the NVTX range that it is."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.calls = launch_calls(trace)
        self.launched = np.where(self.calls == NONE, -1, trace.api["start"][self.calls])

    def _span(self, name: str) -> tuple[int, int]:
        nvtx = self.trace.nvtx
        named = np.flatnonzero(np.isin(nvtx["name"], list(self.trace.names.find([name]))))
        if not len(named):
            raise NsysgapError(f"The report lacks the range '{name}'.", AGAIN)
        return int(nvtx["start"][named[0]]), int(nvtx["end"][named[0]])

    def _rows(self, name: str) -> NDArray[np.intp]:
        low, high = self._span(name)
        return np.flatnonzero((self.launched >= low) & (self.launched < high))

    def ops(self, name: str) -> tuple[Times, Times]:
        """Start and end of the ops of the series' last repeat, ns."""
        rows = self._rows(name)
        start, end = self.trace.ops["start"][rows], self.trace.ops["end"][rows]
        repeat = np.flatnonzero(np.diff(start) > np.median(np.diff(start)) * 4)  # a wait lies between repeats
        first = int(repeat[-1]) + 1 if len(repeat) else 0
        return start[first:], end[first:]

    def tail(self, name: str) -> int:
        """From the end of what a repeat launched to the end of the wait for it, ns: the median of the repeats."""
        rows = self._rows(name)
        low, high = self._span(name)
        api, ops = self.trace.api, np.sort(self.trace.ops["end"][rows])
        waits = SYNCS.rows(self.trace) & (api["start"] >= low) & (api["start"] < high)
        ends = api["end"][waits]
        before = np.searchsorted(ops, ends, side="right") - 1
        return int(np.median((ends - ops[before])[before >= 0]))

    def graph(self, name: str) -> dict[str, int]:
        """Medians of a graph's replays: call, latency of its first op, gap between nodes; nodes' mean duration, ns.

        Of graphs that were traced as a whole there are no gaps, and one op a graph.
        """
        rows = self._rows(name)
        ops, api = self.trace.ops, self.trace.api
        rows = rows[(ops["graph_node"][rows] != NO_GRAPH_NODE) | (ops["kind"][rows] == GRAPH)]
        if not len(rows):
            raise NsysgapError(f"The report holds no graph in '{name}'.", AGAIN)
        call = self.calls[rows]
        order = np.lexsort((ops["start"][rows], call))
        rows, call = rows[order], call[order]
        first = np.flatnonzero(np.concatenate(([True], call[1:] != call[:-1])))
        inner = np.flatnonzero(call[1:] == call[:-1])
        start, end = ops["start"][rows], ops["end"][rows]
        return {
            "call": int(np.median(api["end"][call[first]] - api["start"][call[first]])),
            "latency": int(np.median(start[first] - api["start"][call[first]])),
            "gap": int(np.median(start[inner + 1] - end[inner])) if len(inner) else 0,
            "mean_duration": int((end - start).mean()),
        }
