"""A Plotly figure for a notebook: the time around the longest gaps, with a menu that goes from gap to gap."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.causes import CAUSES, PARTS
from nsysgap.kernel_names import short_kernel_name
from nsysgap.render.pages.timeline.categories import (
    CALL_CATEGORIES,
    CALLS,
    OP_CATEGORIES,
    OPS,
    call_categories,
    op_categories,
)
from nsysgap.render.pages.timeline.model import Indices, TimelineLike, Times, TrackLike
from nsysgap.tables import stream_name
from nsysgap.units import duration, printable

if TYPE_CHECKING:
    import plotly.graph_objects as go

MAX_SLICES = 4_000
CATEGORIES = {category.key: category for category in (*OP_CATEGORIES, *CALL_CATEGORIES)}
HATCHED = {cause.key: (cause.color, cause.hatch) for cause in CAUSES}


def figure(data: TimelineLike, top_gaps: int) -> go.Figure:
    """The figure. Times are microseconds from the first shown gap's window on; hovering tells the rest."""
    import plotly.graph_objects as go

    gaps = data.gaps
    length = gaps.end[data.gap_rows] - gaps.start[data.gap_rows]
    rows = data.gap_rows[np.lexsort((gaps.start[data.gap_rows], -length))[:top_gaps]]
    made = go.Figure()
    if not len(rows):
        known = bool(data.summary["devices"])
        return made.update_layout(title="No idle time" if known else "No GPU work in the report: idle time is unknown")
    low, high = 2 * gaps.start[rows] - gaps.end[rows], 2 * gaps.end[rows] - gaps.start[rows]
    zero = int(low.min())
    seen: set[str] = set()
    for bars in _bars(data, low, high, zero):
        # One entry of the legend shows and hides a category in every row.
        made.add_trace(go.Bar(orientation="h", legendgroup=bars["name"], showlegend=bars["name"] not in seen, **bars))
        seen.add(bars["name"])
    _lay_out(made, data, rows, list(zip(low.tolist(), high.tolist(), strict=True)), zero)
    return made


def _bars(data: TimelineLike, low: Times, high: Times, zero: int) -> Iterator[dict[str, Any]]:
    """One set of bars per row of the figure and category; what does not fit MAX_SLICES any more is left out, marked."""
    left = MAX_SLICES
    for device in np.unique(data.gaps.device[data.gap_rows]).tolist():
        mine = data.gap_rows[data.gaps.device[data.gap_rows] == device]
        start, end = data.gaps.start[mine], data.gaps.end[mine]
        shown = _inside(start, end, low, high)[:left]
        left -= len(shown)
        texts = [f"idle {duration(int(end[i] - start[i]))}: {CAUSES[data.gaps.cause[mine[i]]].named}" for i in shown]
        keys = np.array(PARTS)[data.gaps.cause[mine[shown]]]
        yield from _row(
            f"GPU {data.trace.device(device).label}: idle by cause",
            start[shown] - zero,
            end[shown] - zero,
            keys,
            texts,
            HATCHED,
        )
    tracks = [track for track in data.tracks if track.kind in ("stream", "api")]
    for track, label in zip(tracks, _labels(data, tracks), strict=True):
        shown = _inside(track.start, track.end, low, high)[:left]
        left -= len(shown)
        times = (track.start[shown] - zero, track.end[shown] - zero)
        yield from _row(label, *times, _keys(data, track, shown), _texts(data, track, shown), {})


def _inside(start: Times, end: Times, low: Times, high: Times) -> Indices:
    touches = np.zeros(len(start), np.bool_)
    for a, b in zip(low.tolist(), high.tolist(), strict=True):
        touches |= (start < b) & (end > a)
    return np.flatnonzero(touches)


def _keys(data: TimelineLike, track: TrackLike, shown: Indices) -> NDArray[np.str_]:
    rows = track.rows[shown]
    if track.kind == "stream":
        return np.array(OPS)[op_categories(data.trace.ops.take(rows), data.trace)]
    return np.array(CALLS)[call_categories(data.trace.api["name"][rows], data.call_groups)]


def _labels(data: TimelineLike, tracks: list[TrackLike]) -> list[str]:
    """One label per track, no two alike: rows of one label would be drawn over one another."""
    pids = data.trace.processes["pid"]
    short = [_label(data, track) for track in tracks]
    several = Counter(short)
    labels = [
        f"process {int(pids[track.process])}, {label}" if several[label] > 1 else label
        for track, label in zip(tracks, short, strict=True)
    ]
    alike = Counter(labels)
    return [
        f"{label} of context {track.context}" if alike[label] > 1 else label
        for track, label in zip(tracks, labels, strict=True)
    ]


def _label(data: TimelineLike, track: TrackLike) -> str:
    if track.kind == "stream":
        return f"GPU {data.trace.device(track.device).label}: {stream_name(track.stream).lower()}"
    return f"thread {int(data.trace.threads['tid'][track.thread])}: CUDA API"


def _texts(data: TimelineLike, track: TrackLike, shown: Indices) -> list[str]:
    table = data.trace.ops if track.kind == "stream" else data.trace.api
    length = (track.end - track.start)[shown].tolist()
    names = [data.trace.name(int(index)) for index in table["name"][track.rows[shown]]]
    # Plotly reads <b>, <a> and entities in its texts: names must show as they are.
    return [
        f"{html.escape(printable(short_kernel_name(name), 60))}, {duration(ns)}"
        for name, ns in zip(names, length, strict=True)
    ]


def _row(
    label: str, start: Times, end: Times, keys: NDArray[np.str_], texts: list[str], patterns: dict[str, tuple[str, str]]
) -> Iterator[dict[str, Any]]:
    for key in sorted(set(keys.tolist())):
        mine = np.flatnonzero(keys == key)
        color, shape = patterns[key] if patterns else (CATEGORIES[key].color, "")
        yield {
            "name": f"idle: {key}" if patterns else CATEGORIES[key].label,
            "y": [label] * len(mine),
            "base": (start[mine] / 1e3).tolist(),
            "x": ((end - start)[mine] / 1e3).tolist(),
            "marker": {"color": color, "pattern": {"shape": shape, "solidity": 0.25, "size": 6}},
            "hovertext": [texts[i] for i in mine],
            "hovertemplate": "%{hovertext}<extra></extra>",
        }


def _seconds(ns: int) -> str:
    """All nine digits, also where a float has no room for them."""
    return f"{'-' * (ns < 0)}{abs(ns) // 10**9}.{abs(ns) % 10**9:09d}"


def _lay_out(made: go.Figure, data: TimelineLike, rows: Indices, windows: list[tuple[int, int]], zero: int) -> None:
    labels = list(dict.fromkeys(trace.y[0] for trace in made.data))
    gaps = data.gaps
    titles = [
        f"{number}. {duration(int(gaps.end[row] - gaps.start[row]))} {PARTS[gaps.cause[row]]}"
        for number, row in enumerate(rows.tolist(), 1)
    ]
    spans = [[(low - zero) / 1e3, (high - zero) / 1e3] for low, high in windows]
    buttons = [
        {"label": title, "method": "relayout", "args": [{"xaxis.range": span}]}
        for title, span in zip(titles, spans, strict=True)
    ]
    plot = 40 * len(labels)
    made.update_layout(
        barmode="overlay",
        bargap=0.25,
        height=200 + plot,
        margin={"t": 80, "b": 120, "l": 10, "r": 10},
        title=f"Longest gaps: {titles[0]}" if len(rows) == 1 else None,
        xaxis={"title": f"us from {_seconds(zero)} s on", "range": spans[0], "tickformat": ",.3~f"},
        yaxis={"categoryorder": "array", "categoryarray": labels[::-1], "fixedrange": True, "automargin": True},
        updatemenus=[{"buttons": buttons, "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "pad": {"b": 12}}]
        if len(rows) > 1
        else [],
        legend={"orientation": "h", "y": -60 / plot, "yanchor": "top"},
    )
