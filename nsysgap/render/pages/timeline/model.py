"""What the page is made from, by shape alone: `nsysgap.analysis.pictures.page.timeline_data` makes such objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nsysgap.tables import Table, Trace

Times = NDArray[np.int64]
Indices = NDArray[np.intp]


class Spans(Protocol):
    """Half-open intervals in ns."""

    @property
    def starts(self) -> Times: ...  # noqa: D102
    @property
    def ends(self) -> Times: ...  # noqa: D102


class TrackLike(Protocol):
    """One line of the tree: slices by lane and start; ids are -1 where they do not apply."""

    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def process(self) -> int: ...  # noqa: D102
    @property
    def device(self) -> int: ...  # noqa: D102
    @property
    def thread(self) -> int: ...  # noqa: D102
    @property
    def context(self) -> int: ...  # noqa: D102
    @property
    def stream(self) -> int: ...  # noqa: D102
    @property
    def rows(self) -> Indices: ...  # noqa: D102
    @property
    def start(self) -> Times: ...  # noqa: D102
    @property
    def end(self) -> Times: ...  # noqa: D102
    @property
    def lanes(self) -> Indices: ...  # noqa: D102
    @property
    def domain(self) -> str: ...  # noqa: D102


class GapsLike(Protocol):
    """Gaps by device and start; times in ns, `after`, `before` rows of ops (-1 none), `cause` the number of a part."""

    @property
    def device(self) -> NDArray[np.int32]: ...  # noqa: D102
    @property
    def start(self) -> Times: ...  # noqa: D102
    @property
    def end(self) -> Times: ...  # noqa: D102
    @property
    def after(self) -> NDArray[np.int32]: ...  # noqa: D102
    @property
    def before(self) -> NDArray[np.int32]: ...  # noqa: D102
    @property
    def cause(self) -> NDArray[np.int8]: ...  # noqa: D102


class StretchesLike(Protocol):
    """What gaps consist of, by gap and start: times in ns, the number of the gap and of the part."""

    @property
    def start(self) -> Times: ...  # noqa: D102
    @property
    def end(self) -> Times: ...  # noqa: D102
    @property
    def gap(self) -> NDArray[np.int64]: ...  # noqa: D102
    @property
    def part(self) -> NDArray[np.int8]: ...  # noqa: D102


class LatenciesLike(Protocol):
    """Launch latency of ops, ns; `unqueued`: the op's stream was idle and empty when its call began."""

    @property
    def latency(self) -> Times: ...  # noqa: D102
    @property
    def unqueued(self) -> NDArray[np.bool_]: ...  # noqa: D102


class ReducedLike(Protocol):
    """What a shortened page keeps: full detail inside `windows`; `whole` are the tracks before the cut."""

    @property
    def windows(self) -> Spans: ...  # noqa: D102
    @property
    def gaps(self) -> int: ...  # noqa: D102
    @property
    def all_gaps(self) -> int: ...  # noqa: D102
    @property
    def whole(self) -> Sequence[TrackLike]: ...  # noqa: D102
    @property
    def slices(self) -> int: ...  # noqa: D102


class LinesLike(Protocol):
    """Idle time cut into pieces, by device and start, each with the call path that ran: see analysis.idle_lines."""

    @property
    def start(self) -> Times: ...  # noqa: D102
    @property
    def end(self) -> Times: ...  # noqa: D102
    @property
    def device(self) -> NDArray[np.int32]: ...  # noqa: D102
    @property
    def part(self) -> NDArray[np.int8]: ...  # noqa: D102
    @property
    def node(self) -> Times: ...  # noqa: D102
    @property
    def frame(self) -> Times: ...  # noqa: D102
    @property
    def parent(self) -> Times: ...  # noqa: D102
    @property
    def node_frame(self) -> Times: ...  # noqa: D102
    @property
    def frames(self) -> list[dict[str, Any]]: ...  # noqa: D102


class PathLike(Protocol):
    """A process's critical path: the number of each slice's part and of its name among `texts`."""

    @property
    def process(self) -> int: ...  # noqa: D102
    @property
    def part(self) -> NDArray[np.int8]: ...  # noqa: D102
    @property
    def name(self) -> NDArray[np.int64]: ...  # noqa: D102
    @property
    def texts(self) -> tuple[str, ...]: ...  # noqa: D102


class HeldLike(Protocol):
    """The held stretches of a GPU, ns; `holder` points into `names`, -1 where nothing is recorded that held."""

    @property
    def device(self) -> int: ...  # noqa: D102
    @property
    def start(self) -> Times: ...  # noqa: D102
    @property
    def end(self) -> Times: ...  # noqa: D102
    @property
    def holder(self) -> Times: ...  # noqa: D102
    @property
    def names(self) -> tuple[str, ...]: ...  # noqa: D102


class TimelineLike(Protocol):
    """A report laid out for a timeline."""

    @property
    def trace(self) -> Trace: ...  # noqa: D102
    @property
    def details(self) -> Table | None: ...  # noqa: D102
    @property
    def calls(self) -> NDArray[np.int32]: ...  # noqa: D102
    @property
    def call_groups(self) -> Mapping[int, str]: ...  # noqa: D102
    @property
    def gaps(self) -> GapsLike: ...  # noqa: D102
    @property
    def gap_rows(self) -> Indices: ...  # noqa: D102
    @property
    def stretches(self) -> StretchesLike: ...  # noqa: D102
    @property
    def tracks(self) -> Sequence[TrackLike]: ...  # noqa: D102
    @property
    def summary(self) -> dict[str, Any]: ...  # noqa: D102
    @property
    def gaps_by_cause(self) -> NDArray[np.int64]: ...  # noqa: D102
    @property
    def latencies(self) -> LatenciesLike: ...  # noqa: D102
    @property
    def untraced(self) -> Spans: ...  # noqa: D102
    @property
    def op_names(self) -> list[dict[str, Any]]: ...  # noqa: D102
    @property
    def range_names(self) -> list[dict[str, Any]]: ...  # noqa: D102
    @property
    def selection(self) -> Spans | None: ...  # noqa: D102
    @property
    def selected(self) -> str: ...  # noqa: D102
    @property
    def facts(self) -> tuple[tuple[str, str], ...]: ...  # noqa: D102
    @property
    def reduced(self) -> ReducedLike | None: ...  # noqa: D102
    @property
    def hint(self) -> str: ...  # noqa: D102
    @property
    def migrations(self) -> str: ...  # noqa: D102
    @property
    def loading(self) -> int: ...  # noqa: D102
    @property
    def rate(self) -> str: ...  # noqa: D102
    @property
    def lines(self) -> LinesLike | None: ...  # noqa: D102
    @property
    def steps(self) -> tuple[dict[str, Any], ...]: ...  # noqa: D102
    @property
    def paths(self) -> Sequence[PathLike]: ...  # noqa: D102
    @property
    def held(self) -> Sequence[HeldLike]: ...  # noqa: D102
