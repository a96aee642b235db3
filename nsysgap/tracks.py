"""What a trace viewer shows: groups of tracks, slices on them with args and flow arrows, counters.

Between the analyses, which work them out, and the renderers, which write them as Chrome JSON or Perfetto protobuf. All
times are int64 ns as the report stores them; arrays of one object have the same length, one element per slice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.int64]
Indices = NDArray[np.intp]
Mask = NDArray[np.bool_]
FLOW_LAUNCH = "ac2g"
FLOW_EVENT = "event_wait"


@dataclass(frozen=True, slots=True)
class Group:
    """What viewers call a process: a GPU (`gpu` is its number) or a program's process (`gpu` is None).

    `pid` is unique among the groups and fits 31 bits; it is the process's own wherever that is free.
    """

    pid: int
    name: str
    gpu: int | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """A row of a viewer: `group` is a position among the groups, `tid` unique in it; a main thread has tid = pid."""

    group: int
    tid: int
    name: str


@dataclass(frozen=True)
class Texts:
    """A text per slice: `index` points into `texts`."""

    index: NDArray[np.integer[Any]]
    texts: Sequence[str]

    def take(self, rows: Indices | slice) -> Texts:
        """Those of some slices."""
        return Texts(self.index[rows], self.texts)


@dataclass(frozen=True)
class Arg:
    """A detail of each slice, where `present`: an integer (thousandths of the value if `thousandths`), several integers
    (2-D) or a text.

    With `within` it is an entry of the object of that name.
    """

    name: str
    values: Times | Texts
    present: Mask | None = None
    within: str = ""
    thousandths: bool = False

    def take(self, rows: Indices | slice) -> Arg:
        """That of some slices."""
        values = self.values.take(rows) if isinstance(self.values, Texts) else self.values[rows]
        present = None if self.present is None else self.present[rows]
        return Arg(self.name, values, present, self.within, self.thousandths)


@dataclass(frozen=True)
class Flow:
    """One end of flow arrows: `id` joins the ends, 0 is none; `at` is a moment inside the slice.

    `out`: the arrow starts here. `shared` marks slices that have another slice of their track beginning at the same
    moment, so that an arrow's end given by time alone might go to that one. Where several arrows start at one slice,
    `pair` numbers each arrow by itself, for formats that join one start with one end: at the end its own number, at the
    start the first one's is `id` and `more` others are numbered from `pair` on.
    """

    category: str
    out: bool
    id: Times
    at: Times
    shared: Mask | None = None
    pair: Times | None = None
    more: Times | None = None

    def take(self, rows: Indices | slice) -> Flow:
        """Those of some slices."""
        shared = None if self.shared is None else self.shared[rows]
        pair, more = (None if column is None else column[rows] for column in (self.pair, self.more))
        return Flow(self.category, self.out, self.id[rows], self.at[rows], shared, pair, more)


@dataclass(frozen=True)
class Slices:
    """Slices of one category, in order of start. `tied` marks those that begin together with another of their track."""

    category: str
    name: Texts
    start: Times
    end: Times
    track: NDArray[np.int32]
    args: tuple[Arg, ...] = ()
    flows: tuple[Flow, ...] = ()
    tied: Mask | None = None

    def __len__(self) -> int:
        return len(self.start)

    def take(self, rows: Indices | slice) -> Slices:
        """Some of the slices."""
        return Slices(
            self.category,
            self.name.take(rows),
            self.start[rows],
            self.end[rows],
            self.track[rows],
            tuple(arg.take(rows) for arg in self.args),
            tuple(flow.take(rows) for flow in self.flows),
            None if self.tied is None else self.tied[rows],
        )


@dataclass(frozen=True)
class Counter:
    """A value over time: `values` (thousandths of it if `thousandths`) hold from their time to the next one."""

    group: int
    name: str
    series: str
    unit: str
    time: Times
    values: Times
    thousandths: bool = False


@dataclass(frozen=True)
class Source:
    """Slices made piece by piece: `make(low, high)` gives numbers low to high of `count`."""

    category: str
    count: int
    make: Callable[[int, int], Slices]


@dataclass(frozen=True)
class Viewed:
    """All that a renderer writes. `zero` (ns) is what it subtracts from every time; `facts` goes into otherData."""

    groups: tuple[Group, ...]
    tracks: tuple[Track, ...]
    sources: tuple[Source, ...]
    counters: Callable[[], Iterable[Counter]]
    zero: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    gpus: tuple[dict[str, Any], ...] = ()

    @property
    def slice_count(self) -> int:
        """How many slices there are, of all categories."""
        return sum(source.count for source in self.sources)
