"""The page: one HTML file with everything in it, in the order that a browser needs to show something early."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from nsysgap.causes import LOADING
from nsysgap.fleet.names import report_name
from nsysgap.kernel_names import short_kernel_name
from nsysgap.render.pages.bundle import Script, asset, bundle, digest, filled, head, inline, policy
from nsysgap.render.pages.flame_graph import COLORS, KIND_NAMES
from nsysgap.render.pages.iterations import loop_columns
from nsysgap.render.pages.timeline.bins import Grid, TrackBins
from nsysgap.render.pages.timeline.categories import cause_styles, shown_categories
from nsysgap.render.pages.timeline.histogram import histograms
from nsysgap.render.pages.timeline.lines import packed_lines
from nsysgap.render.pages.timeline.model import HeldLike, Spans, TimelineLike
from nsysgap.render.pages.timeline.pack import pack_text
from nsysgap.render.pages.timeline.tracks import Tracks
from nsysgap.render.pages.timeline.tree import row_tree, thread_labels
from nsysgap.units import printable
from nsysgap.version import __version__

PLOTLY_VERSION = "4.1.1"
CDN = f"https://cdn.plot.ly/plotly-basic-{PLOTLY_VERSION}.min.js"
# The order of definition: a module comes after those it imports.
MODULES = (
    *("codec", "format", "categories", "track", "lines", "bins", "store", "explain", "state", "filter", "rows"),
    *("draw", "overlay", "pointing", "minimap", "charts", "bars", "strip", "tables", "search", "flame", "icicle"),
    *("keys", "export", "main"),
)
OF_LINES = frozenset(("lines", "flame", "icicle"))
OF_STEPS = frozenset(("bars", "strip"))
Json = dict[str, Any]


def page_parts(data: TimelineLike, plotlyjs: str = "inline") -> Iterator[str]:
    """The page in pieces of text, to be written one after the other.

    `plotlyjs`: "inline" puts Plotly into the page, "cdn" loads it from Plotly's own address, anything else is the path
    or address of a file to load it from, relative to the page.
    """
    base, last = _extent(data)
    reduced = data.reduced is not None
    grid = Grid(base, last) if reduced else None
    tracks = Tracks(data, base, grid)
    packed, bins = tracks.packed(), tracks.binned()
    for (entry, _), binned in zip(packed, bins, strict=False):
        entry["bins"] = [level.specs for level in binned.levels]
    plotly, app = page_scripts(data, plotlyjs)
    style = _asset("style.css") + cause_styles() + (_asset("icicle.css") if data.lines is not None else "")
    meta = _meta(data, tracks, base, last)
    meta["reduced"] = _reduced(data, base, grid, bins)
    meta["tracks"] = [entry for entry, _ in packed]
    columns = [packed_columns for _, packed_columns in packed]
    if data.lines is not None:
        meta["lines"], of_lines = packed_lines(data.lines, base)
        meta["lines"]["kinds"] = {kind: [COLORS[kind], KIND_NAMES[kind]] for kind in COLORS if kind}
        columns += of_lines
    shell = _asset("page.html").split("<!-- SPLIT -->")
    title = printable(report_name(data.trace.path), 80)
    allowed = policy(f"{plotly.allow} {app.allow}", "'unsafe-inline'", "img-src data: blob:", "font-src data:")
    yield head(f"{title} - nsysgap timeline", "\n" + style, allowed) + filled(shell[0], TITLE=html.escape(title))
    categories = json.dumps(shown_categories(paths=bool(data.paths)), separators=(",", ":"))
    yield f'<script type="application/json" id="categories">{categories}</script>\n'
    yield f'<script type="text/plain" id="meta">{packed_json(meta)}</script>\n'
    for number, packed_columns in enumerate(columns):
        yield f'<script type="text/plain" id="track-{number}">{packed_columns.text}</script>\n'
    for number, track in enumerate(bins):
        for level, values in enumerate(track.levels):
            yield f'<script type="text/plain" id="bins-{number}-{level}">{values.text}</script>\n'
    yield plotly.tag + "\n" + app.tag + shell[1]


def _extent(data: TimelineLike) -> tuple[int, int]:
    """The first start and the last end of everything shown, ns."""
    tracks = data.reduced.whole if data.reduced is not None else data.tracks
    starts = [int(track.start.min()) for track in tracks if len(track.start)]
    ends = [int(track.end.max()) for track in tracks if len(track.end)]
    starts += [device["window_ns"][0] for device in data.summary["devices"]]
    ends += [device["window_ns"][1] for device in data.summary["devices"]]
    first = min(starts, default=0)
    return first, max([*ends, first + 1])


def _meta(data: TimelineLike, tracks: Tracks, base: int, last: int) -> Json:
    names = tracks.names
    texts = [printable(data.trace.name(int(index))) for index in names]
    gap_tracks = {device: len(data.tracks) + i for i, device in enumerate(tracks.devices)}
    positions = {int(index): i for i, index in enumerate(names)}
    ids = _gpu_ids(data)
    return {
        "nsysgap": __version__,
        "base": str(base),
        "span": last - base,
        "facts": [[key, printable(value, 200)] for key, value in data.facts],
        "gpus": {device.id: printable(device.label, 40) for device in data.trace.devices if device.which},
        "summary": _shown_summary(data, base),
        "causes": [int(number) for number in data.gaps_by_cause],
        "selection": _spans(data.selection, base),
        "selected": printable(data.selected),
        "untraced": _spans(data.untraced, base),
        "names": texts + [printable(text) for text in tracks.path_texts],
        "held": {marks.device: _held(marks, base) for marks in data.held},
        "short": _short_names(texts, [positions[row["name"]] for row in data.op_names]),
        "configs": tracks.configs,
        "palette": tracks.palette,
        "threads": thread_labels(data),
        "tree": row_tree(data, gap_tracks),
        "ops": [_row(row, positions, base) for row in data.op_names],
        "ranges": [_row(row, positions, base) for row in data.range_names],
        "histograms": histograms(data),
        "hint": data.hint,
        "migrations": data.migrations,
        "loading": _loading(data.loading),
        "rate": data.rate and f"the launch rate limits: {data.rate}. Launch less often, not earlier.",
        "steps": [
            {**columns, "device": ids.get((columns["device"], columns["which"]), columns["device"])}
            for loop in data.steps
            for columns in loop_columns(loop, base)
        ],
    }


def _loading(ns: int) -> Json | None:
    """Idle time in which modules were loaded, and what helps instead of what helps against its causes."""
    return {"ns": ns, "advice": f"most of it is {LOADING.name}: {LOADING.advice}"} if ns else None


def _short_names(texts: list[str], ops: list[int]) -> dict[str, str]:
    """The short forms of op names that look like C++, by place."""
    cpp = [i for i in sorted(ops) if re.search(r"[(<]|::", texts[i])]
    return {str(i): short for i in cpp if (short := short_kernel_name(texts[i])) != texts[i]}


def _gpu_ids(data: TimelineLike) -> dict[tuple[int | None, str], int]:
    """Device.id, which the page's tracks carry, by what documents name a GPU by: its number and `which`."""
    return {(device.number, device.which or ""): device.id for device in data.trace.devices}


def _shown_summary(data: TimelineLike, base: int) -> Json:
    """The part of nsysgap.gaps/1 that the page shows, of GPUs the ID; texts are printable, windows from its zero."""
    summary, ids = data.summary, _gpu_ids(data)
    report = summary["report"]
    warnings = [{"level": warning["level"], "text": printable(warning["text"], 600)} for warning in report["warnings"]]
    devices = [
        {**device, "device": ids.get((device["device"], device.get("which", "")), device["device"])}
        | {"name": printable(device["name"] or "", 60), "window_ns": [time - base for time in device["window_ns"]]}
        for device in summary["devices"]
    ]
    shown = {key: printable(str(report[key] or ""), 300) for key in ("path", "nsys_version", "schema_version")}
    return {"report": {**shown, "warnings": warnings}, "devices": devices}


def _spans(spans: Spans | None, base: int) -> list[list[int]] | None:
    """Intervals relative to the page's zero; open ends of a selection stay within exact numbers."""
    if spans is None:
        return None
    limit = 2**52
    starts = [max(int(start) - base, -limit) for start in spans.starts]
    return [[start, min(int(end) - base, limit)] for start, end in zip(starts, spans.ends, strict=True)]


def _held(marks: HeldLike, base: int) -> Json:
    """Where launched work was held on a GPU, relative to the page's zero, and by what as far as it is recorded."""
    spans = np.column_stack((marks.start - base, marks.end - base, marks.holder)).tolist()
    return {"spans": spans, "names": [printable(name, 80) for name in marks.names]}


def _row(row: Json, positions: dict[int, int], base: int) -> Json:
    return {**row, "name": positions[row["name"]], "at": [row["at"][0] - base, row["at"][1] - base]}


def _reduced(data: TimelineLike, base: int, grid: Grid | None, bins: list[TrackBins]) -> Json | None:
    if data.reduced is None or grid is None:
        return None
    kept = sum(len(track.rows) for track in data.tracks)
    return {
        "windows": _spans(data.reduced.windows, base),
        "gaps": data.reduced.gaps,
        "allGaps": data.reduced.all_gaps,
        "shownGaps": len(data.gap_rows),
        "slices": data.reduced.slices,
        "kept": kept,
        "binNs": grid.width,
        "gapNs": min((grid.width // track.split for track in bins if track.kind == "gaps"), default=grid.width),
        "bins": len(grid.edges) - 1,
    }


def packed_json(value: Any) -> str:
    """JSON as base64 of a zlib stream: no name in it can become markup."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"), default=_plain)
    return pack_text(text.encode("ascii"))


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no JSON value")


def page_scripts(data: TimelineLike, plotlyjs: str = "inline") -> tuple[Script, Script]:
    """The scripts of a page: Plotly and its own."""
    return plotly_script(plotlyjs), inline(application(lines=data.lines is not None, steps=bool(data.steps)))


def application(*, lines: bool = True, steps: bool = True) -> str:
    """The page's own modules as one script: imports and comments dropped, exports made plain, one scope.

    A page without `lines` or without `steps` does without the modules that show them: nothing there asks for them.
    """
    unused = (frozenset() if lines else OF_LINES) | (frozenset() if steps else OF_STEPS)
    return bundle(f"timeline/page/{module}.js" for module in MODULES if module not in unused)


def plotly_script(plotlyjs: str) -> Script:
    """Plotly as the page has it."""
    if plotlyjs == "inline":
        return inline(_asset("plotly-basic.min.js", "vendor"))
    if plotlyjs == "cdn":
        integrity = digest(_asset("plotly-basic.min.js", "vendor"), "sha384")
        tag = f'<script src="{CDN}" integrity="{integrity}" crossorigin="anonymous" charset="utf-8"></script>'
        return Script(tag, "https://cdn.plot.ly")
    address = plotlyjs if re.match(r"(?:https?|file)://", plotlyjs) else quote(Path(plotlyjs).as_posix(), safe="/:.~")
    origin = re.match(r"https?://[^/]+", address)
    allow = origin[0] if origin else "'self' file:"
    return Script(f'<script src="{html.escape(address)}" charset="utf-8"></script>', html.escape(allow))


def _asset(name: str, folder: str = "page") -> str:
    return asset(f"timeline/{folder}/{name}")
