"""What can be asked for: each change by its name, made to what it is meant for, with what it rests on and why not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.schedule.bodies import Bodies
from nsysgap.analysis.schedule.calibration import USUAL_CONSTANTS, Constants
from nsysgap.analysis.schedule.change_copies import (
    COHERENT,
    overlappable,
    overlapped,
    pageable_copies,
    pinned,
    pinned_rate,
)
from nsysgap.analysis.schedule.change_graph import graph, left_out_before, longest_path, node_gaps, node_steps
from nsysgap.analysis.schedule.change_host import (
    cheaper_launches,
    covered_gaps,
    dropped_syncs,
    fewer_syncs,
    shorter_gaps,
)
from nsysgap.analysis.schedule.change_kernels import batched, faster_kernels, fused, neighbours
from nsysgap.analysis.schedule.constants import FOREIGN_FIGURE
from nsysgap.analysis.schedule.predict import Change
from nsysgap.analysis.schedule.typical import median
from nsysgap.arrays import codes, combined_codes, distinct
from nsysgap.intervals import IntervalSet, union
from nsysgap.range_labels import label_of
from nsysgap.tables import KERNEL, NONE, OPEN_END, Stacks
from nsysgap.units import duration, printable

Indices = NDArray[np.intp]
Times = NDArray[np.int64]
Evidence = Mapping[str, object]
GRAPH_SAID = "the value read in a step must not decide what the next one launches: this cannot be seen"
GRAPH_OWN_WORK = (
    ". {} of the host's time before the first launch of a step is left out, at worst all of it stays: what of it is the"
    " program's own work, or calls such as cudaMalloc, and prepares no launch is gained by no graph"
)
PIN_SAID = "the host's time to fill the pinned buffer is not in it"


@dataclass(frozen=True, slots=True)
class Asked:
    """A change as it is asked for: its name, what it is made to ("" for all that fits), and by how much."""

    name: str
    target: str = ""
    factor: float = 0


@dataclass(frozen=True)
class Candidate:
    """A change to predict, or why not: `refused`. `evidence`: what it rests on, `said`: what it leaves out."""

    asked: Asked
    change: Change | None
    evidence: Evidence = field(default_factory=dict)
    refused: str = ""
    said: str = ""


class Changes:
    """The changes that can be made to a loop. `tracing`: "nsys" or "plain", for what graphs cost; `stacks`: where lines
    of the program are known; `constants`: what graphs and pinned copies cost."""

    def __init__(
        self,
        bodies: Bodies,
        tracing: str = "nsys",
        stacks: Stacks | None = None,
        constants: Constants = USUAL_CONSTANTS,
    ) -> None:
        self.bodies = bodies
        self.tracing = tracing
        self.stacks = stacks
        self.constants = constants

    def candidate(self, asked: Asked) -> Candidate:
        """One change, ready to be predicted or refused."""
        makers: Mapping[str, Callable[[Asked], Candidate]] = {
            "graph": self._graph,
            "fewer-syncs": self._fewer_syncs,
            "pinned": self._pinned,
            "overlapped": self._overlapped,
            "elsewhere": self._elsewhere,
            "faster": self._faster,
            "cheaper-launches": self._cheaper_launches,
            "fused": self._fused,
            "batched": self._batched,
            "os-waits": self._os_waits,
        }
        return makers[asked.name](asked)

    def _graph(self, asked: Asked) -> Candidate:
        bodies = self.bodies
        segments = bodies.segments
        if asked.target and asked.target != bodies.stretch.label:
            spans = self.range_spans(asked.target)
            if not len(spans.starts):
                return _no_range(asked)
            segments = _inside(bodies, segments, spans)
        if not segments:
            why = (
                "Nothing can be captured: no two launches without a wait, a copy to the host or an allocation between."
            )
            return Candidate(asked, None, refused=why)
        model = bodies.model
        gaps, steps = node_gaps(model, self.tracing, self.constants), node_steps(model)
        paths = [longest_path(model.schedule, steps, bodies.op_of[calls], gaps) for calls in segments]
        of_body = np.searchsorted(bodies.calls, [calls[0] for calls in segments])
        nodes = np.bincount(bodies.body[of_body], [len(calls) for calls in segments])
        nodes = nodes[nodes > 0]
        evidence = {
            "identical": list(self.identical),
            "graphs": len(segments),
            "nodes_per_iteration": median(nodes.astype(np.int64)),
            "longest_path_ns": sum(paths) // bodies.count,
        }
        left_out = left_out_before(bodies, segments)
        own = GRAPH_OWN_WORK.format(duration(left_out)) if left_out else ""
        change = Change(
            "graph",
            asked.target,
            lambda made, case: graph(bodies, made, segments, steps, gaps, case),
            wider=FOREIGN_FIGURE if self.constants.foreign else 0.0,
            unsure=left_out > 0,
        )
        return Candidate(asked, change, evidence, said=GRAPH_SAID + own)

    def _fewer_syncs(self, asked: Asked) -> Candidate:
        every = max(int(asked.factor), 1)
        dropped = dropped_syncs(self.bodies, every)
        if not len(dropped):
            return Candidate(asked, None, refused="The loop makes no call that only waits, or keeps every one of them.")
        evidence = {"syncs_dropped": len(dropped), "kept_every": every}
        change = Change("fewer-syncs", "", lambda made, case: fewer_syncs(self.bodies, made, every, case))
        return Candidate(asked, change, evidence, said=GRAPH_SAID)

    def _pinned(self, asked: Asked) -> Candidate:
        copies = pageable_copies(self.bodies)
        if not len(copies):
            return Candidate(asked, None, refused="No copy of 64 KiB or more in the loop is of pageable memory.")
        model = self.bodies.model
        coherent = next((device.name for device in model.trace.devices if COHERENT.search(device.name or "")), None)
        if coherent is not None:
            why = (
                f"{printable(coherent)} reaches the host's memory over NVLink: how pinned copies do there is not known."
            )
            return Candidate(asked, None, refused=why)
        rates = {
            int(way): pinned_rate(model, int(way), self.constants) for way in np.unique(model.ops.direction[copies])
        }
        evidence = {
            "copies": len(copies),
            "bytes_per_iteration": int(model.ops.bytes[copies].sum()) // self.bodies.count,
            "rate_gb_per_s": round(min(rate for rate, _ in rates.values()), 1),
            "rate_is": next(iter(rates.values()))[1],
        }
        change = Change("pinned", "", lambda made, case: pinned(self.bodies, made, case, self.constants))
        return Candidate(asked, change, evidence, said=PIN_SAID)

    def _overlapped(self, asked: Asked) -> Candidate:
        copies = overlappable(self.bodies)
        if not len(copies):
            return Candidate(
                asked, None, refused="No copy of 1 MB or more from pinned memory in the loop: pin it first."
            )
        change = Change("overlapped", "", lambda made, case: overlapped(self.bodies, made, copies, case))
        return Candidate(asked, change, {"copies": len(copies)})

    def _elsewhere(self, asked: Asked) -> Candidate:
        spans = self.range_spans(asked.target)
        if not len(spans.starts):
            return _no_range(asked)
        taken = covered_gaps(self.bodies, spans)
        length = self.bodies.stretch
        inside = np.minimum(spans.ends, length.end.time) - np.maximum(spans.starts, length.start)
        total = int(inside[inside > 0].sum())

        change = Change(
            "elsewhere",
            asked.target,
            lambda made, case: made if case == "worst" else shorter_gaps(made, taken),
            at_least=total,
        )
        return Candidate(asked, change, {"range_ns": total // self.bodies.count})

    def _faster(self, asked: Asked) -> Candidate:
        taken = self._own_time(asked.target)
        if taken.any():
            evidence: Evidence = {"own_code_ns": int(taken.sum()) // self.bodies.count}
            less = (taken * (1 - 1 / asked.factor)).astype(np.int64)
            change = Change("faster", asked.target, lambda made, _: shorter_gaps(made, less))
            return Candidate(asked, change, evidence)
        which = self.ops_named(asked.target)
        mine = self.bodies.ops[which[self.bodies.ops]]
        if not len(mine):
            what = printable(asked.target, 60)
            return Candidate(
                asked, None, refused=f"Neither a range, a line nor a kernel of the loop is called '{what}'."
            )
        evidence = {
            "launches": len(mine),
            "busy_ns": int(self.bodies.model.ops.duration[mine].sum()) // self.bodies.count,
        }
        change = Change("faster", asked.target, lambda made, _: faster_kernels(self.bodies, made, which, asked.factor))
        return Candidate(asked, change, evidence)

    def _own_time(self, target: str) -> Times:
        """The program's own time in a range or a line ("decode.py:12") in the gap before each call, ns."""
        spans = self.range_spans(target)
        if len(spans.starts) or self.stacks is None:
            return covered_gaps(self.bodies, spans)
        stretch, calls = self.bodies.stretch, self.bodies.model.calls
        mine = np.flatnonzero((calls.thread == stretch.logical) & (calls.gap > 0))
        low = np.maximum(calls.start[mine] - calls.gap[mine], stretch.start)
        high = np.minimum(calls.start[mine], stretch.end.time)
        mine, low, high = mine[high > low], low[high > low], high[high > low]
        from nsysgap.analysis.schedule.path_lines import line_time  # with all that is done with stacks

        taken = np.zeros(len(calls.row), np.int64)
        taken[mine] = line_time(self.bodies.model.trace, self.stacks, low, high, calls.row[mine], target)
        return taken

    def _cheaper_launches(self, asked: Asked) -> Candidate:
        change = Change("cheaper-launches", "", lambda made, _: cheaper_launches(self.bodies, made, asked.factor))
        return Candidate(asked, change, {"launches": len(self.bodies.ops)})

    def _fused(self, asked: Asked) -> Candidate:
        runs = neighbours(self.bodies, self.ops_named(asked.target))
        if not runs:
            return _no_neighbours(asked)
        change = Change("fused", asked.target, lambda made, case: fused(self.bodies, made, runs, case))
        return Candidate(asked, change, _runs(runs, self.bodies.count))

    def _batched(self, asked: Asked) -> Candidate:
        runs = neighbours(self.bodies, self.ops_named(asked.target), max(int(asked.factor), 2))
        if not runs:
            return _no_neighbours(asked)
        change = Change("batched", asked.target, lambda made, case: batched(made, runs, case))
        return Candidate(asked, change, _runs(runs, self.bodies.count))

    def _os_waits(self, asked: Asked) -> Candidate:
        trace, bodies = self.bodies.model.trace, self.bodies
        mine = np.isin(trace.osrt["thread"], bodies.model.calls.threads[bodies.stretch.logical])
        taken = covered_gaps(bodies, union(trace.osrt["start"][mine], trace.osrt["end"][mine]))
        if not taken.any():
            return Candidate(asked, None, refused="No OS call in the loop's own time, or they were not recorded.")
        change = Change("os-waits", "", lambda made, case: shorter_gaps(made, taken) if case == "best" else made)
        return Candidate(asked, change, {"os_ns": int(taken.sum()) // bodies.count})

    def range_spans(self, target: str) -> IntervalSet:
        """The times of the ranges on the loop's thread with that name or label (numbers as #)."""
        trace = self.bodies.model.trace
        names = {
            index
            for index in trace.nvtx.distinct("name").tolist()
            if target in (trace.name(index), label_of(trace.name(index)))
        }
        threads = self.bodies.model.calls.threads[self.bodies.stretch.logical]
        mine = np.isin(trace.nvtx["name"], list(names)) & np.isin(trace.nvtx["thread"], threads)
        mine &= trace.nvtx["end"] != OPEN_END
        return union(trace.nvtx["start"][mine], trace.nvtx["end"][mine])

    def ops_named(self, target: str) -> NDArray[np.bool_]:
        """Which ops have that name, or one in which it is found as a regular expression."""
        trace, ops = self.bodies.model.trace, self.bodies.model.ops
        name = trace.ops["name"][ops.row]
        pattern = re.compile(target)
        present = distinct(name).tolist()
        exact = [index for index in present if trace.name(index) == target]
        names = exact or [index for index in present if pattern.search(trace.name(index))]
        named: NDArray[np.bool_] = np.isin(name, names) & (ops.kind == KERNEL)
        return named

    @cached_property
    def identical(self) -> tuple[int, int]:
        """(how many bodies launch exactly the most common sequence, of how many)."""
        bodies, ops, sizes = self.bodies, self.bodies.model.ops, self.bodies.model.sizes
        columns = [sizes[name][ops.row] for name in ("grid_x", "grid_y", "grid_z", "block_x", "block_y", "block_z")]
        code, _ = combined_codes(ops.kind, self.bodies.model.trace.ops["name"][ops.row])
        for column in (*columns, ops.bytes, ops.nodes):
            code = codes(combined_codes(code, column)[0].astype(np.int64))[1]
        launched = (bodies.op_of[calls] for _, calls in bodies.each())
        seen = Counter(code[op[op != NONE]].tobytes() for op in launched)
        return max(seen.values(), default=0), bodies.count


def _no_range(asked: Asked) -> Candidate:
    what = printable(asked.target, 60)
    return Candidate(asked, None, refused=f"The loop's thread has no range called '{what}'.")


def _no_neighbours(asked: Asked) -> Candidate:
    what = printable(asked.target, 60)
    return Candidate(asked, None, refused=f"No two kernels called '{what}' follow each other on a stream of the loop.")


def _runs(runs: list[Indices], bodies: int) -> Evidence:
    return {"runs": len(runs), "kernels_per_iteration": sum(map(len, runs)) // bodies}


def _inside(bodies: Bodies, segments: list[Indices], spans: IntervalSet) -> list[Indices]:
    """The parts of segments whose calls begin inside one span; two calls or more."""
    parts = []
    for calls in segments:
        start = bodies.model.calls.start[calls]
        span = np.searchsorted(spans.starts, start, side="right") - 1
        within = (span >= 0) & (start < spans.ends[np.maximum(span, 0)])
        span = np.where(within, span, -1)
        parts += [
            part
            for part in np.split(calls, np.flatnonzero(np.diff(span)) + 1)
            if len(part) >= 2 and span[np.flatnonzero(calls == part[0])[0]] >= 0
        ]
    return parts
