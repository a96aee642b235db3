"""What launches, CUDA graphs and copies cost on a GPU: measured by `nsysgap calibrate`, or those of an H200.

A calibration is made from one program (nsysgap/profiling/calibration_program.py), run plain and under nsys: the plain
run's host clock says what a series takes without nsys, its report what calls, latencies and gaps are under nsys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.schedule.constants import (
    FOREIGN_COSTS,
    GRAPH_BEST_CALL,
    GRAPH_BEST_LATENCY,
    GRAPH_CALL,
    GRAPH_LATENCY,
    NODE_GAPS,
    PLAIN_QUEUE_GAP,
)
from nsysgap.errors import NsysgapError
from nsysgap.tables import NO_GRAPH_NODE, NONE, Trace

SCHEMA = "nsysgap.calibration/1"
GRAPH_KINDS = ("alternating", "same", "copies")  # in the order of node gaps: different kernels, one kernel, copies
LONG_KERNEL = 40  # us: the host is far ahead, so that kernels follow one another as fast as they can
RATE_SIZES = (16, 64)  # MB
Times = NDArray[np.int64]


@dataclass(frozen=True)
class Calibration:
    """Costs in ns, by "nsys" (node tracing) or "plain"; `gpu` as the report names it, "" of no certain one.

    `graph_call`, `graph_latency`: (of a graph, more per node); `node_gaps`: from node to node, of different kernels, of
    one kernel, to or from a copy; `plain_queue_gap`: by how much the gap between ops is shorter without nsys;
    `pinned_rate`: GB/s of large pinned copies, (to the GPU, from it), None where not measured.
    """

    gpu: str
    driver: str
    nsys: str
    graph_call: dict[str, tuple[int, int]]
    graph_latency: dict[str, tuple[int, int]]
    node_gaps: dict[str, tuple[int, int, int]]
    plain_queue_gap: int
    pinned_rate: tuple[float, float] | None = None

    def document(self) -> dict[str, Any]:
        """The JSON of a calibration file."""
        return {"schema": SCHEMA, **asdict(self)}


USUAL = Calibration("", "", "", dict(GRAPH_CALL), dict(GRAPH_LATENCY), dict(NODE_GAPS), PLAIN_QUEUE_GAP)
"""An H200's, from captures of many programs: where nothing was measured."""


@dataclass(frozen=True)
class Constants:
    """The costs that predictions rest on. `foreign`: they are another GPU's than the report's, and its range is wider;
    `source`: "usual", "shipped" or the file; `said`: which they are, a sentence."""

    calibration: Calibration = USUAL
    foreign: bool = False
    source: str = "usual"
    said: str = ""

    def scaled(self, cost: int, case: str) -> int:
        """A cost of another GPU: less at best, more at worst; this GPU's own stays."""
        return round(cost * FOREIGN_COSTS.get(case, 1)) if self.foreign else cost

    def graph_launch(self, nodes: int, tracing: str, case: str) -> tuple[int, int]:
        """(the call, the latency) of a graph launch of so many nodes, ns."""
        call, latency = (
            of_graph[tracing][0] + of_graph[tracing][1] * nodes
            for of_graph in (self.calibration.graph_call, self.calibration.graph_latency)
        )
        if case == "best":
            call, latency = max(call - GRAPH_BEST_CALL, 0), max(latency - GRAPH_BEST_LATENCY, 0)
        return self.scaled(call, case), self.scaled(latency, case)


USUAL_CONSTANTS = Constants()


def from_document(document: Mapping[str, Any]) -> Calibration:
    """A calibration from its JSON. Raises NsysgapError for what is none."""
    hint = "Make one: nsysgap calibrate"
    if document.get("schema") != SCHEMA:
        raise NsysgapError(f"This is no calibration: its schema is not {SCHEMA}.", hint)
    try:
        rate = document["pinned_rate"]
        return Calibration(
            gpu=str(document["gpu"]),
            driver=str(document["driver"]),
            nsys=str(document["nsys"]),
            graph_call={key: _pair(value) for key, value in document["graph_call"].items()},
            graph_latency={key: _pair(value) for key, value in document["graph_latency"].items()},
            node_gaps={key: _triple(value) for key, value in document["node_gaps"].items()},
            plain_queue_gap=int(document["plain_queue_gap"]),
            pinned_rate=None if rate is None else (float(rate[0]), float(rate[1])),
        )
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise NsysgapError(f"The calibration is not whole ({type(error).__name__}: {error}).", hint) from None


def _pair(values: Sequence[Any]) -> tuple[int, int]:
    return int(values[0]), int(values[1])


def _triple(values: Sequence[Any]) -> tuple[int, int, int]:
    return int(values[0]), int(values[1]), int(values[2])


def calibrate(plain: Sequence[Mapping[str, Any]], trace: Trace, calls: NDArray[np.int32]) -> Calibration:
    """The costs of a machine. `plain`: the records of plain runs of the program; `trace`, `calls`: of its report.

    Of several plain runs each series' fastest counts: whatever else the machine did made them slower. Raises
    NsysgapError where a series is missing.
    """
    took = _fastest(plain)
    series = _Series(trace, calls)
    nodes = sorted({int(name.split()[2]) for name in took if name.startswith("graph ")})
    us = max(int(name.split()[3]) for name in took if name.startswith("graph "))
    call, latency = ([series.graph(f"graph same {n} {us}")[key] for n in nodes] for key in ("call", "latency"))
    gaps = [series.graph(f"graph {kind} {nodes[-1]} {us}")["gap"] for kind in GRAPH_KINDS]
    plain_gaps = [_plain_gap(took, series, kind, nodes, us) for kind in GRAPH_KINDS]
    return Calibration(
        gpu=str(plain[0]["gpu"]),
        driver=str(plain[0].get("driver") or ""),
        nsys=trace.nsys_version or "",
        graph_call={"nsys": _line(nodes, call), "plain": GRAPH_CALL["plain"]},
        graph_latency={"nsys": _line(nodes, latency), "plain": GRAPH_LATENCY["plain"]},
        node_gaps={"nsys": _triple(gaps), "plain": _triple(plain_gaps)},
        plain_queue_gap=_queue_gap(took, series, int(plain[0]["back_to_back"])),
        pinned_rate=(_rate(took, "HtoD"), _rate(took, "DtoH")),
    )


def _fastest(records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The time of each series, ns."""
    took: dict[str, float] = {}
    for record in records:
        for row in record["series"]:
            took[row["series"]] = min(1e3 * float(row["us"]), took.get(row["series"], np.inf))
    return took


def _line(nodes: Sequence[int], values: Sequence[int]) -> tuple[int, int]:
    """(of a graph, more per node) by least squares, neither below 0."""
    slope, start = np.polyfit(nodes, values, 1)
    return max(round(float(start)), 0), max(round(float(slope)), 0)


def _plain_gap(took: Mapping[str, float], series: _Series, kind: str, nodes: Sequence[int], us: int) -> int:
    """From node to node without nsys, ns: what a node adds to a replay less what nodes themselves take."""
    few, many = (took[f"graph {kind} {n} {us}"] for n in (nodes[0], nodes[-1]))
    per_node = (many - few) / (nodes[-1] - nodes[0])
    return round(per_node - series.graph(f"graph {kind} {nodes[-1]} {us}")["mean_duration"])


def _queue_gap(took: Mapping[str, float], series: _Series, launches: int) -> int:
    """By how much ops of a full queue follow each other faster without nsys, ns; never below 0."""
    name = f"stream same {LONG_KERNEL}"
    start, end = series.ops(name)
    traced = int(np.median(start[1:] - end[:-1]))
    duration = int(np.median(end - start))
    alone = took[f"single {LONG_KERNEL}"]  # the first of the queue, and the wait
    plain = (took[name] - alone) / (launches - 1) - duration
    return max(round(traced - plain), 0)


def _rate(took: Mapping[str, float], direction: str) -> float:
    """GB/s of pinned copies: what more bytes take, so that starting one is not in it."""
    small, large = (took[f"copy pinned {direction} {size}"] for size in RATE_SIZES)
    return round((RATE_SIZES[1] - RATE_SIZES[0]) * (1 << 20) / (large - small), 1)


class _Series:
    """The ops of each series of a report, by the NVTX range that it is."""

    def __init__(self, trace: Trace, calls: NDArray[np.int32]) -> None:
        self.trace = trace
        self.calls = calls
        self.launched = np.where(calls == NONE, -1, trace.api["start"][calls])

    def _rows(self, name: str) -> NDArray[np.intp]:
        nvtx = self.trace.nvtx
        named = np.flatnonzero(np.isin(nvtx["name"], list(self.trace.names.find([name]))))
        if not len(named):
            raise NsysgapError(f"The report lacks the range '{name}'.", "Make it again: nsysgap calibrate")
        low, high = nvtx["start"][named[0]], nvtx["end"][named[0]]
        return np.flatnonzero((self.launched >= low) & (self.launched < high))

    def ops(self, name: str) -> tuple[Times, Times]:
        """Start and end of the ops of the series' last repeat, ns."""
        rows = self._rows(name)
        start, end = self.trace.ops["start"][rows], self.trace.ops["end"][rows]
        repeat = np.flatnonzero(np.diff(start) > np.median(np.diff(start)) * 4)  # a wait lies between repeats
        first = int(repeat[-1]) + 1 if len(repeat) else 0
        return start[first:], end[first:]

    def graph(self, name: str) -> dict[str, int]:
        """Medians of a graph's replays: call, latency of its first op, gap between nodes; nodes' mean duration, ns."""
        rows = self._rows(name)
        ops, api = self.trace.ops, self.trace.api
        rows = rows[ops["graph_node"][rows] != NO_GRAPH_NODE]
        if not len(rows):
            raise NsysgapError(f"The report holds no graph nodes in '{name}'.", "Trace graphs by node.")
        call = self.calls[rows]
        order = np.lexsort((ops["start"][rows], call))
        rows, call = rows[order], call[order]
        first = np.flatnonzero(np.concatenate(([True], call[1:] != call[:-1])))
        inner = np.flatnonzero(call[1:] == call[:-1])
        start, end = ops["start"][rows], ops["end"][rows]
        return {
            "call": int(np.median(api["end"][call[first]] - api["start"][call[first]])),
            "latency": int(np.median(start[first] - api["start"][call[first]])),
            "gap": int(np.median(start[inner + 1] - end[inner])),
            "mean_duration": int((end - start).mean()),
        }
