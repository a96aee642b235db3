"""A replayed loop as a picture: its calls and ops in time, named after what they are and what a change made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nsysgap.analysis.relations.calls import call_groups
from nsysgap.analysis.schedule.bodies import Bodies
from nsysgap.analysis.schedule.loop_time import LoopRun, moved
from nsysgap.kernel_names import short_kernel_name
from nsysgap.tables import GRAPH, KERNEL, MEMCPY, NONE

Indices = NDArray[np.intp]
Times = NDArray[np.int64]
COPIES = {1: "to_device", 2: "to_host", 8: "on_device"}  # ENUM_CUDA_MEMCPY_OPER
Span = tuple[int, int]


@dataclass(frozen=True)
class Events:
    """Calls or ops by start, arrays of one length: `start`, `end` in ns, `name` into the timeline's texts, `category`
    into its categories, `lane` the logical thread or the stream's number, `body` the iteration (-1 outside), `call` the
    number of the call: of itself, or the one that launched the op."""

    start: Times
    end: Times
    name: Indices
    category: Indices
    lane: NDArray[np.int32]
    body: NDArray[np.int64]
    call: Indices

    def take(self, rows: Indices) -> Events:
        """Some of them."""
        return Events(*(getattr(self, column)[rows] for column in self.__dataclass_fields__))


@dataclass(frozen=True)
class Timeline:
    """A loop as it was recorded or as it would be. `case`: "" or "at best", "at worst"; `predicted`: by which change,
    "" for the recorded one; all times on the replay's clock, ns. `step`: the span of the iteration that is drawn."""

    predicted: str
    case: str
    start: int
    end: int
    calls: Events
    ops: Events
    texts: tuple[str, ...]
    categories: tuple[str, ...]
    step: Span

    @property
    def title(self) -> str:
        """What it is called."""
        return f"predicted: {self.predicted}{f', {self.case}' if self.case else ''}" if self.predicted else "recorded"


class _Words:
    """Texts or categories by number."""

    def __init__(self) -> None:
        self.number: dict[str, int] = {}

    def of(self, text: str) -> int:
        return self.number.setdefault(text, len(self.number))


def timeline(bodies: Bodies, run: LoopRun, step: int, predicted: str = "", case: str = "") -> Timeline:
    """What happens in a run of the loop. `step`: the iteration to draw; `predicted`: the changes made in it."""
    texts, categories = _Words(), _Words()
    calls = _calls(bodies, run, texts, categories, predicted)
    ops = _ops(bodies, run, texts, categories, as_graph="graph" in predicted)
    first = moved(bodies, run.times, int(bodies.stretch.starts[step]))
    last = moved(bodies, run.times, int(bodies.stretch.ends[step]))
    mine = ops.end[ops.body == step]
    return Timeline(
        predicted=predicted,
        case=case,
        start=run.start,
        end=run.end.time,
        calls=calls,
        ops=ops,
        texts=tuple(texts.number),
        categories=tuple(categories.number),
        step=(first, max(last, int(mine.max(initial=last)))),
    )


def median_step(bodies: Bodies) -> int:
    """The iteration with the median duration, of two the shorter, of equals the first."""
    took = bodies.stretch.ends - bodies.stretch.starts
    return int(np.argsort(took, kind="stable")[(len(took) - 1) // 2])


def _bodies_of_calls(bodies: Bodies) -> NDArray[np.int64]:
    body = np.full(len(bodies.model.calls.row), NONE, np.int64)
    body[bodies.calls] = bodies.body
    return body


def _calls(bodies: Bodies, run: LoopRun, texts: _Words, categories: _Words, predicted: str) -> Events:
    """The calls of the loop's time; of a changed schedule without those that take no time any more."""
    model, times = bodies.model, run.times
    start, end = times.call_start, times.call_end
    rows = np.flatnonzero((end >= run.start) & (start < run.end.time) & ((end > start) | (not predicted)))
    names = model.trace.api["name"][model.calls.row[rows]]
    present, number = np.unique(names, return_inverse=True)
    groups = call_groups(model.trace)
    name = np.array([texts.of(model.trace.name(index)) for index in present.tolist()], np.intp)[number.reshape(-1)]
    group = [categories.of(f"api_{groups[index]}") for index in present.tolist()]
    if predicted:
        merged = np.isin(rows, model.ops.call[_merged(bodies, run) > model.ops.nodes])
        name[merged] = texts.of("cudaGraphLaunch" if "graph" in predicted else "one launch instead of several")
    category = np.array(group, np.intp)[number.reshape(-1)]
    events = Events(
        start[rows], end[rows], name, category, run.schedule.thread[rows], _bodies_of_calls(bodies)[rows], rows
    )
    return events.take(np.argsort(events.start, kind="stable"))


def _merged(bodies: Bodies, run: LoopRun) -> Times:
    """How many recorded ops each op of a run stands for: those of its thread after it that are launched no more."""
    ops, alive = bodies.model.ops, run.schedule.alive
    thread = run.schedule.thread[ops.call]
    order = np.argsort(thread, kind="stable")
    last_alive = np.maximum.accumulate(np.where(alive[order], np.arange(len(order)), 0))
    nodes = np.bincount(order[last_alive], ops.nodes[order], minlength=len(order)).astype(np.int64)
    return np.where(alive, nodes, 0)


def _ops(bodies: Bodies, run: LoopRun, texts: _Words, categories: _Words, *, as_graph: bool) -> Events:
    """The ops of the loop's time, and those that it launched."""
    model, times = bodies.model, run.times
    ops, trace = model.ops, model.trace
    inside = (times.op_end > run.start) & (times.op_start < run.end.time)
    inside[bodies.ops] = True
    rows = np.flatnonzero(inside & run.schedule.alive)
    nodes, kind = _merged(bodies, run)[rows], ops.kind[rows]
    keys = np.stack((trace.ops["name"][ops.row[rows]], kind, nodes, ops.nodes[rows], ops.direction[rows]), axis=1)
    present, number = np.unique(keys.astype(np.int64), axis=0, return_inverse=True)
    named, shown = [], []
    for name, what, stands_for, recorded, direction in present.tolist():
        text, category = _op_words(trace.name(name), what, direction)
        if stands_for > recorded or what == GRAPH:
            graph = as_graph or what == GRAPH
            text = f"graph of {stands_for:,} ops" if graph else f"{stands_for:,} ops as one, the first {text}"
            category = "graph" if graph else category
        named.append(texts.of(text))
        shown.append(categories.of(category))
    which = number.reshape(-1)
    events = Events(
        times.op_start[rows],
        times.op_end[rows],
        np.array(named, np.intp)[which],
        np.array(shown, np.intp)[which],
        run.schedule.stream[rows],
        _bodies_of_calls(bodies)[ops.call[rows]],
        ops.call[rows],
    )
    return events.take(np.argsort(events.start, kind="stable"))


def _op_words(name: str, kind: int, direction: int) -> tuple[str, str]:
    """(what an op is called, its category)."""
    if kind == KERNEL:
        return f"kernel {short_kernel_name(name)}", "kernel"
    if kind == MEMCPY:
        return name, COPIES.get(direction, "other_copy")
    return name, "memset"
