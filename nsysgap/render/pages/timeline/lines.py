"""The lines of the program that ran while the GPU was idle, as packed columns for the page (page/lines.js)."""

from __future__ import annotations

from typing import Any

import numpy as np

from nsysgap.render.pages.timeline.model import LinesLike
from nsysgap.render.pages.timeline.pack import Packed, pack_columns
from nsysgap.units import printable

Json = dict[str, Any]


def packed_lines(lines: LinesLike, base: int) -> tuple[Json, list[Packed]]:
    """(what the page's directory says of them, the columns of the pieces and those of the tree).

    In the columns 0 stands for none: `node` and `frame` of a piece without a sample, `parent` of an outermost node.
    """
    devices, first = np.unique(lines.device, return_index=True)
    pieces = {
        "start": lines.start - base,
        "dur": lines.end - lines.start,
        "part": lines.part,
        "node": lines.node + 1,
        "frame": lines.frame + 1,
    }
    packed = [
        pack_columns(pieces, {"start": first} if len(first) else {}),
        pack_columns({"parent": lines.parent + 1, "frame": lines.node_frame + 1}, {}),
    ]
    said: Json = {
        "devices": [[int(device), int(at)] for device, at in zip(devices, first, strict=True)],
        "frames": [_frame(frame) for frame in lines.frames],
        "pieces": _counted(packed[0], len(lines.start)),
        "tree": _counted(packed[1], len(lines.parent)),
    }
    return said, packed


def _frame(frame: Json) -> list[Any]:
    """[function, path in short, whole path, line, whose code, the line as `gaps` prints it]."""
    short, file = (printable(frame[key] or "", 300) for key in ("short", "file"))
    return [printable(frame["function"], 300), short, file, frame["line"], frame["kind"], printable(frame["text"], 300)]


def _counted(packed: Packed, number: int) -> Json:
    return {name: {**spec, "n": number} for name, spec in packed.specs.items()}
