"""What a slice is, for its colour: the categories of ops and calls as data, and which one each row is.

The page gets them and the causes from `shown_categories`; a slice carries the number of its category.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nsysgap.causes import CAUSES
from nsysgap.render.pages.path_colors import COLORS
from nsysgap.tables import GRAPH, KERNEL, MEMCPY, MEMSET, NO_GRAPH_NODE, NONE, Table, Trace


class Category(NamedTuple):
    """What slices of one colour are called; `color` is #rrggbb."""

    key: str
    label: str
    color: str


# Kernels blue, copies to the device green and to the host magenta, as in Nsight Systems.
OP_CATEGORIES = (
    Category("kernel", "Kernel", "#3f7fd9"),
    Category("graph_kernel", "Kernel in a CUDA graph", "#5aa0ef"),
    Category("graph", "Whole CUDA graph", "#6f63d2"),
    Category("to_device", "Copy host to device", "#2f9d57"),
    Category("to_host", "Copy device to host", "#c13aa5"),
    Category("on_device", "Copy on or between devices", "#c98a12"),
    Category("other_copy", "Other copy", "#8a7f6a"),
    Category("memset", "Memset", "#1799a3"),
)
CALL_CATEGORIES = (
    Category("api_launch", "Launch call", "#e07b1f"),
    Category("api_sync", "Synchronising call", "#d6455c"),
    Category("api_copy", "Copy or set call", "#4c9f70"),
    Category("api_memory", "Memory management", "#9a6b3f"),
    Category("api_call", "Other CUDA call", "#7c8798"),
)
OTHER_CATEGORIES = (
    Category("osrt", "OS runtime call", "#8d7ae0"),
    Category("overhead", "Profiler overhead", "#a88f6a"),
)
PATH_CATEGORIES = tuple(
    Category(f"path_{part}", f"Critical path: {words}", color) for part, (color, words) in COLORS.items()
)
OPS = tuple(category.key for category in OP_CATEGORIES)
CALLS = tuple(category.key for category in CALL_CATEGORIES)
# ENUM_CUDA_MEMCPY_OPER -> category; its names are the ops' names, so the report's own table is not needed.
_COPIES = {
    **dict.fromkeys(("Host-to-Device", "Host-to-Array", "Unified Host-to-Device"), "to_device"),
    **dict.fromkeys(("Device-to-Host", "Array-to-Host", "Unified Device-to-Host"), "to_host"),
    **dict.fromkeys(("Array-to-Array", "Array-to-Device", "Device-to-Array", "Device-to-Device"), "on_device"),
    **dict.fromkeys(("Peer-to-Peer", "Unified Device-to-Device"), "on_device"),
}


# Plotly's patterns of lines and dots as CSS backgrounds.
_LINES = "repeating-linear-gradient({}, #fff9 0 1.5px, transparent 1.5px {})"
_HATCHES = {
    "": "",
    "|": _LINES.format("90deg", "6px"),
    "-": _LINES.format("0deg", "5px"),
    "/": _LINES.format("-45deg", "6px"),
    "\\": _LINES.format("45deg", "6px"),
    "+": f"{_LINES.format('90deg', '6px')}, {_LINES.format('0deg', '6px')}",
    "x": f"{_LINES.format('45deg', '6px')}, {_LINES.format('-45deg', '6px')}",
    ".": "radial-gradient(#fffa 1px, transparent 1.3px) 0 0 / 5px 5px",
}


def shown_categories(*, paths: bool) -> dict[str, Any]:
    """All categories as the page's scripts read them; those of critical paths only where one is shown."""
    return {
        "ops": [category._asdict() for category in OP_CATEGORIES],
        "calls": [category._asdict() for category in CALL_CATEGORIES],
        "paths": [category._asdict() for category in PATH_CATEGORIES if paths],
        "others": [category._asdict() for category in OTHER_CATEGORIES],
        "causes": [{key: value for key, value in asdict(cause).items() if key != "pages"} for cause in CAUSES],
    }


def cause_styles() -> str:
    """The CSS class of each cause: its colour, hatched."""
    rules = []
    for cause in CAUSES:
        layers = [layer for layer in (_HATCHES[cause.hatch], cause.color) if layer]
        rules.append(f".hatch.{cause.key} {{ background: {', '.join(layers)}; }}\n")
    return "".join(rules)


def op_categories(ops: Table, trace: Trace) -> NDArray[np.uint8]:
    """The number of each op's category in OPS."""
    fixed = {KERNEL: "kernel", GRAPH: "graph", MEMCPY: "other_copy", MEMSET: "memset"}
    table = np.array([OPS.index(fixed[kind]) for kind in range(len(fixed))], np.uint8)
    numbers = table[ops["kind"]]
    numbers[(ops["kind"] == KERNEL) & (ops["graph_node"] != NO_GRAPH_NODE)] = OPS.index("graph_kernel")
    copies = ops["kind"] == MEMCPY
    for index in np.unique(ops["name"][copies]).tolist():
        direction = trace.name(index).removeprefix("[CUDA memcpy ").removesuffix("]")
        numbers[copies & (ops["name"] == index)] = OPS.index(_COPIES.get(direction, "other_copy"))
    return numbers


def call_categories(names: NDArray[np.int32], groups: Mapping[int, str]) -> NDArray[np.uint8]:
    """The number in CALLS of each API call's category, by its name's index; `groups`: the group of each name."""
    present = np.unique(names)
    table = np.array([CALLS.index(f"api_{groups[index]}") for index in present.tolist()], np.uint8)
    return table[np.searchsorted(present, names)]


def nvtx_colors(colors: NDArray[np.int64], palette: list[str]) -> NDArray[np.uint16]:
    """The number of each range's colour in `palette` ("" is the default colour), which grows as needed."""
    present = np.unique(colors)
    numbers = []
    for color in present.tolist():
        text = "" if color == NONE else f"#{color & 0xFFFFFF:06x}"
        if text not in palette:
            palette.append(text)
        numbers.append(palette.index(text))
    return np.array(numbers, np.uint16)[np.searchsorted(present, colors)]
