"""A Plotly figure for a notebook: a loop's iterations as bars, split by what the GPU did in them."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nsysgap.causes import CAUSES
from nsysgap.render.pages.iterations import Columns, loop_columns
from nsysgap.units import count, duration

if TYPE_CHECKING:
    import plotly.graph_objects as go

Document = Mapping[str, Any]
MAX_BARS = 2_000
BUSY, UNKNOWN, MARK = "#3f7fd9", "#c8c8c8", "#d6455c"  # as in bars.js


def steps_figure(document: Document, first: int = 0) -> go.Figure:
    """The figure of a document "nsysgap.steps/1", of the loops that have their iterations.

    Heights are milliseconds. At most MAX_BARS iterations are drawn, from `first` on (a number beyond the last means the
    last one); a menu chooses where there are several loops or GPUs.
    """
    import plotly.graph_objects as go

    loops = [columns for loop in document["loops"] if "iterations" in loop for columns in loop_columns(loop)]
    made = go.Figure()
    if not loops:
        return made.update_layout(title="Nothing repeats in this report")
    titles, owner = [], []
    for number, loop in enumerate(loops):
        shown = _shown(loop, first)
        titles.append(_title(loop, shown))
        for bars in _traces(loop, shown):
            made.add_trace(getattr(go, bars.pop("kind"))(visible=number == 0, **bars))
            owner.append(number)
    _lay_out(made, titles, owner)
    return made


def _shown(loop: Columns, first: int) -> range:
    total = len(loop["start"])
    start = max(0, min(first, total - 1))
    return range(start, min(start + MAX_BARS, total))


def _title(loop: Columns, shown: range) -> str:
    """Plotly reads <b>, <a> and entities in its texts: names must show as they are."""
    title = html.escape(loop["title"])
    total = len(loop["start"])
    if len(shown) == total:
        return title
    return f"{title}<br>iterations {count(shown[0])} to {count(shown[-1])} of {count(total)}"


def _traces(loop: Columns, shown: range) -> Iterator[dict[str, Any]]:
    """Bars of busy time and of each cause that the loop has, largest first; the host's time; marks of outliers."""
    launched = [loop["from"][i] is not None for i in shown]
    sets = [("busy", "the GPU worked", BUSY, "", [loop["busy"][i] for i in shown])]
    parts = [
        (cause.key, cause.label, cause.color, cause.hatch, [column[i] for i in shown])
        for cause, column in zip(CAUSES, loop["parts"], strict=True)
    ]
    sets += sorted(parts, key=lambda part: -sum(part[-1]))
    without = [0 if known else loop["duration"][i] for i, known in zip(shown, launched, strict=True)]
    sets.append(("no launch", "nothing launched: the time on the host", UNKNOWN, "", without))
    for key, label, color, hatch, ns in sets:
        if any(ns):
            yield _bars(key, f"{key}: {label}", (color, hatch), shown, ns)
    host = [loop["duration"][i] for i in shown]
    yield _marks("on the host", "line-ew-open", "#808080", shown, host)
    outliers = [i for i in shown if loop["outlier"][i]]
    if outliers:
        yield _marks("outlier", "triangle-down", MARK, outliers, [_height(loop, i) for i in outliers])


def _height(loop: Columns, i: int) -> int:
    """The longer of the GPU's window and the host's range, ns."""
    window = 0 if loop["from"][i] is None else loop["to"][i] - loop["from"][i]
    return max(int(loop["duration"][i]), window)


def _bars(key: str, name: str, drawn: tuple[str, str], shown: range, ns: list[int]) -> dict[str, Any]:
    color, hatch = drawn
    pattern = {"shape": hatch, "solidity": 0.25, "size": 6}
    marker = {"color": color, "line": {"width": 0}, "pattern": pattern}
    return {"kind": "Bar", "name": name, "marker": marker, **_heights(key, shown, ns)}


def _marks(name: str, symbol: str, color: str, shown: Sequence[int], ns: list[int]) -> dict[str, Any]:
    marker = {"symbol": symbol, "color": color, "size": 9, "line": {"width": 1.5, "color": color}}
    return {"kind": "Scatter", "mode": "markers", "name": name, "marker": marker, **_heights(name, shown, ns)}


def _heights(name: str, shown: Sequence[int], ns: list[int]) -> dict[str, Any]:
    """Heights in ms, and what hovering says of them."""
    return {
        "x": list(shown),
        "y": [height / 1e6 for height in ns],
        "hovertext": [f"iteration {i}: {name} {duration(height)}" for i, height in zip(shown, ns, strict=True)],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _lay_out(made: go.Figure, titles: list[str], owner: list[int]) -> None:
    buttons = [
        {
            "label": title,
            "method": "update",
            "args": [{"visible": [mine == number for mine in owner]}, {"title.text": title}],
        }
        for number, title in enumerate(titles)
    ]
    menu = {"buttons": buttons, "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "pad": {"b": 12}}
    made.update_layout(
        barmode="stack",
        bargap=0.1,
        height=460,
        margin={"t": 110 if len(titles) > 1 else 70, "b": 60, "l": 10, "r": 10},
        title={"text": titles[0]},
        xaxis={"title": "iteration", "tickformat": ",d"},
        yaxis={"title": "ms", "rangemode": "tozero", "automargin": True},
        updatemenus=[menu] if len(titles) > 1 else [],
        legend={"orientation": "h", "y": -0.2, "yanchor": "top", "traceorder": "normal"},
    )
