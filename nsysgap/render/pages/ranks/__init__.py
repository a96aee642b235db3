"""The ranks of a job as one HTML page: a heat map, one step of all ranks, collectives and waits; it loads nothing."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nsysgap.causes import CAUSES, PARTS
from nsysgap.render.gpu_names import gpu_label
from nsysgap.render.pages.bundle import DRAWN, asset, bundle, filled, head, inline, policy
from nsysgap.render.pages.markup import SHOWN_CAUSES, data_script, table, text
from nsysgap.units import count, counted, duration, file_size, percent, printable

if TYPE_CHECKING:
    from nsysgap.answers.ranks_picture import RanksPicture

Document = Mapping[str, Any]
Times = NDArray[np.int64]
MODULES = ("timeline/page/format.js", "ranks/ranks.js")
MOST_ROWS, MOST_COLUMNS = 256, 1000
MOST_CELLS = 65_536
MOST_CAUSES = 5
MOST_LISTED = 64
NO_VALUE = 65_535
"""In the page's cells, for an iteration that launched nothing."""
LABELS = {"step": "step", "starved": "starved: idle or waiting", "wait": "waiting in collectives", "busy": "GPU busy"}


def ranks_page(document: Document, picture: RanksPicture) -> str:
    """The page of a document "nsysgap.ranks/1"."""
    script = inline(bundle(MODULES))
    data = {
        "names": [printable(name, 60) for name in picture.names],
        "label": printable(picture.label, 60),
        "heat": heat(picture.layers),
        "step": picture.step,
        "causes": SHOWN_CAUSES,
    }
    body, tail = asset("ranks/page.html").split("<!-- SPLIT -->")
    headline = counted(len(document["units"]), "rank", "ranks")
    page = filled(
        body,
        HEADLINE=headline,
        VERDICT=text(document["verdict"]["text"]),
        REMARKS="".join(f'<p class="remark">{text(remark)}</p>' for remark in _remarks(document)),
        UNITTABLE=_units(document),
        KINDTABLE=_kinds(document["collectives"]["by_kind"]) or text(document["collectives"]["unmatched_reason"] or ""),
        WAITTABLE=_waits(picture.waits),
    )
    top = head(f"{headline} - nsysgap ranks", "\n" + asset("ranks/style.css"), policy(script.allow, *DRAWN))
    return f"{top}{page}{data_script(data)}\n{script.tag}{tail}"


def heat(layers: Mapping[str, Times]) -> Document | None:
    """The heat map's cells: step, starved, wait, busy and the largest causes, of many ranks or iterations the largest.

    A cell is 16 bits: the logarithm of its value, 1/65,534 of that of the layer's largest: values are known to 0.02 %.
    """
    if not layers:
        return None
    first = layers["step"]
    down, across = bins(*first.shape)
    sums = {part: int(layers[part].clip(0).sum()) for part in PARTS}
    causes = sorted((part for part in PARTS if sums[part]), key=lambda part: -sums[part])[:MOST_CAUSES]
    kept = [*LABELS, *causes]
    named = {cause.key: f"idle: {cause.key}, {cause.label}" for cause in CAUSES} | LABELS
    cells = {name: _binned(layers[name], down, across) for name in kept}
    rows, columns = cells["step"].shape
    return {
        "ranks": first.shape[0],
        "iterations": first.shape[1],
        "rows": rows,
        "columns": columns,
        "down": down,
        "across": across,
        "layers": [{"key": name, "label": named[name], **_coded(cells[name])} for name in kept],
    }


def bins(ranks: int, iterations: int) -> tuple[int, int]:
    """How many ranks and iterations a cell of the page stands for: one each as long as there are few enough."""
    down, across = -(-ranks // MOST_ROWS), -(-iterations // MOST_COLUMNS)
    while -(-ranks // down) * -(-iterations // across) > MOST_CELLS:
        if iterations // across >= ranks // down:
            across += 1
        else:
            down += 1
    return down, across


def _binned(values: Times, down: int, across: int) -> Times:
    """The largest value of each cell."""
    rows = np.maximum.reduceat(values, np.arange(0, values.shape[0], down), axis=0)
    largest: Times = np.maximum.reduceat(rows, np.arange(0, values.shape[1], across), axis=1)
    return largest


def _coded(values: Times) -> Document:
    largest = max(int(values.max()), 1)
    factor = float(np.log1p(largest)) / (NO_VALUE - 1)
    codes = np.rint(np.log1p(values.clip(0)) / factor).astype("<u2")
    codes[values < 0] = NO_VALUE
    low, high = _shades(values[values >= 0])
    return {"factor": factor, "low": low, "high": high, "text": base64.b64encode(codes.tobytes()).decode("ascii")}


def _shades(known: Times) -> tuple[int, int]:
    """The values of the first and the last shade: a few slow iterations must not make all others look the same."""
    if not len(known):
        return 0, 0
    low, usual, high = (int(value) for value in np.percentile(known, (1, 90, 99)))
    return low, min(high, 2 * usual) if usual > low else high


def _remarks(document: Document) -> list[str]:
    said = []
    missing = document["missing_ranks"]
    if missing:
        said.append(f"No report of ranks {', '.join(map(str, missing[:40]))}{' ...' if len(missing) > 40 else ''}.")
    bad = [report for report in document["reports"] if report["status"] != "ok"]
    said += [f"{report['path']}: {report['text']}" for report in bad[:20]]
    if len(bad) > 20:
        said.append(f"{count(len(bad) - 20)} more reports gave no answer.")
    return said


def _units(document: Document) -> str:
    """Ranks by how much they starve; of very many the first ones and whom the verdict names."""
    units = sorted(document["units"], key=lambda unit: -(unit["starved_ns"] / (unit["window_ns"] or 1)))
    named = document["verdict"]["rank"], document["verdict"]["process"]
    shown = units[:MOST_LISTED]
    shown += [unit for unit in units[MOST_LISTED:] if (unit["rank"], unit["process"]) == named]
    rows = []
    for unit in shown:
        window = unit["window_ns"]
        shares = (percent(unit[key], window) for key in ("busy_ns", "idle_ns", "exposed_wait_ns", "starved_ns"))
        name = f"rank {unit['rank']}" if unit["rank"] is not None else f"pid {unit['process']}"
        step = "-" if unit["step_ns"] is None else duration(unit["step_ns"])
        last = "-" if unit["arrived_last"] is None else count(unit["arrived_last"])
        offset = "-" if unit["offset_ns"] is None else duration(unit["offset_ns"])
        gpu = f"{gpu_label(unit)} {unit['device_name'] or ''}".strip()
        rows.append([name, unit["host"] or "-", gpu, step, *shares, last, offset])
    heads = ("rank", "host", "GPU", "step", "busy", "idle", "waits", "starved", "arrived last", "clock ahead")
    rest = len(units) - len(shown)
    more = f"<p>{count(rest)} more ranks starve less.</p>" if rest else ""
    return table([heads, *rows], "units") + more


def _kinds(kinds: Sequence[Document]) -> str:
    heads = (
        "collective",
        "number",
        "message, median",
        "transfer, median",
        "longest",
        "wait of a rank, median",
        "p99",
        "longest",
        "in all",
    )
    rows = []
    for kind in kinds:
        transfer, wait = kind["transfer_ns"], kind["wait_ns"]
        times = (transfer["median"], transfer["max"], wait["median"], wait["p99"], wait["max"], wait["total"])
        size = "-" if kind["message_bytes"] is None else file_size(kind["message_bytes"]["median"])
        rows.append([kind["kind"], count(kind["count"]), size, *map(duration, times)])
    return table([heads, *rows], "kinds") if rows else ""


def _waits(waits: Sequence[Document]) -> str:
    heads = ("collective", "iteration", "transfer", "arrived last", "waited longest", "so long", "all together")
    rows = [
        [
            f"{wait['kind']} {wait['number']}",
            "-" if wait["iteration"] is None else count(wait["iteration"]),
            duration(wait["transfer_ns"]),
            wait["last"],
            wait["waited_longest"],
            duration(wait["wait_ns"]),
            duration(wait["together_ns"]),
        ]
        for wait in waits
    ]
    return table([heads, *rows], "waits") if rows else ""
