"""Tracks as packed columns: what the page knows of every slice, and how slices refer to one another.

All slices of a page have one numbering, track after track (`base` + position). References are such numbers plus one,
0 for none: an op to its launch call, a gap to the ops at its edges, a projected range to its range on the thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.arrays import codes
from nsysgap.op_sizes import shared_memory
from nsysgap.render.pages.timeline.bins import Grid, TrackBins, fill
from nsysgap.render.pages.timeline.categories import call_categories, nvtx_colors, op_categories
from nsysgap.render.pages.timeline.model import PathLike, TimelineLike, Times, TrackLike
from nsysgap.render.pages.timeline.pack import Packed, pack_columns
from nsysgap.tables import NONE, OP_DETAILS, OPEN_END, names_launch

Columns = dict[str, NDArray[Any]]
Json = dict[str, Any]
WORKERS = 2


class Tracks:
    """Every track of a page: `packed` yields (description, columns), `names` the name indices that slices use."""

    def __init__(self, data: TimelineLike, base: int, grid: Grid | None = None) -> None:
        self.data = data
        self.base = base
        self.grid = grid
        self.palette = [""]
        self.names = used_names(data)
        self.path_texts, self._path_numbers = _path_names(data, len(self.names))
        self.devices = sorted({int(device) for device in np.unique(data.gaps.device[data.gap_rows])})
        self.gap_rows = {device: data.gap_rows[data.gaps.device[data.gap_rows] == device] for device in self.devices}
        self.bases = self._number()
        self.configs, self._config = _configurations(data)
        self._op_category = op_categories(data.trace.ops, data.trace)
        self._color = nvtx_colors(data.trace.nvtx["color"], self.palette)
        self._api_category = call_categories(data.trace.api["name"], data.call_groups)

    def _number(self) -> list[int]:
        """The base of each track; gap tracks come after the others. Fills the positions that references point to."""
        trace = self.data.trace
        self._slice = {
            name: np.zeros(rows, np.int64)
            for name, rows in (("ops", trace.ops.rows), ("api", trace.api.rows), ("nvtx", trace.nvtx.rows))
        }
        bases, base = [], 0
        for track in self.data.tracks:
            bases.append(base)
            table = {"stream": "ops", "api": "api", "nvtx": "nvtx"}.get(track.kind)
            if table:
                self._slice[table][track.rows] = base + 1 + np.arange(len(track.rows))
            base += len(track.rows)
        for device in self.devices:
            bases.append(base)
            base += len(self.gap_rows[device])
        return bases

    def packed(self) -> list[tuple[Json, Packed]]:
        """(what the page's directory says of a track, its packed columns), in the order of the numbering."""
        with ThreadPoolExecutor(WORKERS) as pool:
            return list(pool.map(lambda build: build(), self._builds()))

    def binned(self) -> list[TrackBins]:
        """The bins of every track of a shortened page, gaps after the others."""
        if self.data.reduced is None or self.grid is None:
            return []
        kinds = [track.kind for track in self.data.reduced.whole] + ["gaps"] * len(self.devices)
        bins = [TrackBins(kind, partial(self._slices, number), self.grid) for number, kind in enumerate(kinds)]
        with ThreadPoolExecutor(WORKERS) as pool:
            fill(bins, pool)
        return bins

    def _slices(self, number: int) -> Iterator[tuple[str, Times, Times]]:
        """All slices of a track, also those that a shortened page leaves out: ("lane category", start, end)."""
        whole = self.data.reduced.whole if self.data.reduced is not None else self.data.tracks
        if number < len(whole):
            track = whole[number]
            start, end, category, lanes = track.start, track.end, self.category_of(track), track.lanes.tolist()
        else:
            gaps = self.data.gaps
            mine = gaps.device == self.devices[number - len(whole)]
            start, end, category, lanes = gaps.start[mine], gaps.end[mine], gaps.cause[mine], [0, int(mine.sum())]
        for lane, (low, high) in enumerate(pairwise(lanes)):
            for category_number in np.unique(category[low:high]).tolist():
                chosen = category[low:high] == category_number
                yield f"{lane} {category_number}", start[low:high][chosen], end[low:high][chosen]

    def _builds(self) -> Iterator[Callable[[], tuple[Json, Packed]]]:
        for number, track in enumerate(self.data.tracks):
            yield lambda number=number, track=track: self._track(number, track)  # type: ignore[misc]
        for number, device in enumerate(self.devices, len(self.data.tracks)):
            yield lambda number=number, device=device: self._gaps(number, device)  # type: ignore[misc]

    def _track(self, number: int, track: TrackLike) -> tuple[Json, Packed]:
        columns = {"start": track.start - self.base, "dur": track.end - track.start, **self.columns_of(track)}
        if track.kind != "critical_path":
            columns["name"] = np.searchsorted(self.names, columns["name"])
        columns["cat"] = self.category_of(track)
        entry: Json = {
            "kind": track.kind,
            "n": len(track.rows),
            "base": self.bases[number],
            "lanes": track.lanes.tolist(),
            "thread": track.thread,
            "device": track.device,
        }
        return self._packed(entry, columns, track.lanes)

    def _packed(self, entry: Json, columns: Columns, lanes: NDArray[np.intp]) -> tuple[Json, Packed]:
        rows = entry["n"]
        begins = np.unique(lanes[lanes < rows])
        deltas = dict.fromkeys(("corr", "call", "node", "after", "before", "source"), np.array([0]))
        deltas["start"] = begins
        packed = pack_columns(
            columns, {name: positions for name, positions in deltas.items() if name in columns and rows}
        )
        for name, values in columns.items():
            packed.specs[name]["n"] = len(values)
        entry["columns"] = packed.specs
        return entry, packed

    def category_of(self, track: TrackLike) -> NDArray[Any]:
        """The category number of each slice of a track."""
        if track.kind == "stream":
            return self._op_category[track.rows]
        if track.kind == "api":
            return self._api_category[track.rows]
        if track.kind in ("nvtx", "projected"):
            return self._color[track.rows]
        if track.kind == "critical_path":
            return self._path_of(track).part[track.rows].astype(np.uint8)
        return np.zeros(len(track.rows), np.uint8)

    def columns_of(self, track: TrackLike) -> Columns:
        """What a track's tooltips need beside start, duration and category."""
        trace, rows = self.data.trace, track.rows
        if track.kind == "stream":
            ops = trace.ops
            corr = ops["correlation"][rows]
            corr = np.where(names_launch(corr), corr, 0)
            columns = {"name": ops["name"][rows], "corr": corr, "config": self._config[rows]}
            call = self.data.calls[rows]
            known = call != NONE
            columns["call"] = np.zeros(len(rows), np.int64)
            columns["call"][known] = self._slice["api"][call[known]]
            return {**columns, "node": ops["graph_node"][rows]}
        if track.kind == "critical_path":
            return {"name": self._path_numbers[track.process][self._path_of(track).name[rows]]}
        table = trace.nvtx if track.kind == "projected" else getattr(trace, track.kind)
        columns = {"name": table["name"][rows]}
        if track.kind == "api":
            columns |= {"corr": table["correlation"][rows], "failed": table["failed"][rows]}
        elif track.kind == "nvtx":
            columns["open"] = (table["end"][rows] == OPEN_END).astype(np.uint8)
        elif track.kind == "projected":
            columns["source"] = self._slice["nvtx"][rows]
        return columns

    def _path_of(self, track: TrackLike) -> PathLike:
        return next(path for path in self.data.paths if path.process == track.process)

    def _gaps(self, number: int, device: int) -> tuple[Json, Packed]:
        gaps, rows = self.data.gaps, self.gap_rows[device]
        cut = self.data.stretches
        first, last = (np.searchsorted(cut.gap, rows, side=side) for side in ("left", "right"))
        # A device's gaps have numbers in a row, and so have their stretches.
        mine = slice(int(first[0]), int(last[-1])) if len(rows) else slice(0)
        columns: Columns = {
            "start": gaps.start[rows] - self.base,
            "dur": gaps.end[rows] - gaps.start[rows],
            "cat": gaps.cause[rows],
            "after": self._op_reference(gaps.after[rows]),
            "before": self._op_reference(gaps.before[rows]),
            "stretches": last - first,
            "part": cut.part[mine],
            "ns": (cut.end - cut.start)[mine],
        }
        lanes = np.array([0, len(rows)])
        entry: Json = {
            "kind": "gaps",
            "n": len(rows),
            "base": self.bases[number],
            "lanes": lanes.tolist(),
            "thread": NONE,
            "device": device,
        }
        return self._packed(entry, columns, lanes)

    def _op_reference(self, ops: NDArray[np.int64]) -> NDArray[np.int64]:
        references = np.zeros(len(ops), np.int64)
        known = ops != NONE
        references[known] = self._slice["ops"][ops[known]]
        return references


def _configurations(data: TimelineLike) -> tuple[Json, NDArray[np.int32]]:
    """(the distinct launch configurations and sizes, a list per column; which of them each op has)."""
    number = np.zeros(data.trace.ops.rows, np.int32)
    shown = [track.rows for track in data.tracks if track.kind == "stream" and len(track.rows)]
    if data.details is None or not shown:
        return {}, number
    rows = np.concatenate(shown)
    columns = [data.details[column.name][rows] for column in OP_DETAILS.columns]
    code = np.zeros(len(rows), np.int64)
    for values in columns:
        present, index = codes(values)
        # Renumbering after each column keeps the product below the number of rows squared.
        code = codes(code * len(present) + index)[1].astype(np.int64) if len(present) > 1 else code
    _, first = np.unique(code, return_index=True)
    number[rows] = code
    configurations = {c.name: values[first].tolist() for c, values in zip(OP_DETAILS.columns, columns, strict=True)}
    return {**configurations, "shared": shared_memory(data.details, rows[first]).tolist()}, number


def _path_names(data: TimelineLike, first: int) -> tuple[list[str], dict[int, NDArray[np.int64]]]:
    """(the texts of critical paths, by process the place of each of its texts); places are numbered from `first` on."""
    numbers: dict[str, int] = {}
    by_process = {
        path.process: np.array([numbers.setdefault(text, first + len(numbers)) for text in path.texts], np.int64)
        for path in data.paths
    }
    return list(numbers), by_process


def used_names(data: TimelineLike) -> NDArray[np.int64]:
    """The name indices that slices and summaries use, sorted."""
    trace = data.trace
    tables = {"stream": trace.ops, "projected": trace.nvtx}
    used = [
        np.unique(tables.get(track.kind, getattr(trace, track.kind, trace.ops))["name"][track.rows])
        for track in data.tracks
        if track.kind != "critical_path"
    ]
    summaries: Sequence[Json] = [*data.op_names, *data.range_names]
    used.append(np.array([summary["name"] for summary in summaries], np.int64))
    return np.unique(np.concatenate(used)).astype(np.int64)
