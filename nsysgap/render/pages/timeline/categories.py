"""What a slice is, for its colour: numbers that page/categories.js gives colours and words to, in the same order."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from nsysgap.tables import GRAPH, KERNEL, MEMCPY, MEMSET, NO_GRAPH_NODE, NONE, Table, Trace

OPS = ("kernel", "graph_kernel", "graph", "to_device", "to_host", "on_device", "other_copy", "memset")
CALLS = ("launch", "sync", "copy", "memory", "call")
# ENUM_CUDA_MEMCPY_OPER -> category; its names are the ops' names, so the report's own table is not needed.
_COPIES = {
    **dict.fromkeys(("Host-to-Device", "Host-to-Array", "Unified Host-to-Device"), "to_device"),
    **dict.fromkeys(("Device-to-Host", "Array-to-Host", "Unified Device-to-Host"), "to_host"),
    **dict.fromkeys(("Array-to-Array", "Array-to-Device", "Device-to-Array", "Device-to-Device"), "on_device"),
    **dict.fromkeys(("Peer-to-Peer", "Unified Device-to-Device"), "on_device"),
}
_CALLS = (
    ("launch", re.compile(r"cu(?:da)?(?:Graph)?Launch")),
    ("sync", re.compile(r"cu\w*Synchronize|cu(?:da)?StreamWaitEvent")),
    ("copy", re.compile(r"cu(?:da)?(?:Memcpy|Memset|MemPrefetch)")),
    ("memory", re.compile(r"cu(?:da)?(?:Mem|Malloc|Free|Host)")),
)


def op_categories(ops: Table, trace: Trace) -> NDArray[np.uint8]:
    """The number of each op's category in OPS."""
    fixed = {KERNEL: "kernel", GRAPH: "graph", MEMCPY: "other_copy", MEMSET: "memset"}
    table = np.array([OPS.index(fixed[kind]) for kind in range(len(fixed))], np.uint8)
    found = table[ops["kind"]]
    found[(ops["kind"] == KERNEL) & (ops["graph_node"] != NO_GRAPH_NODE)] = OPS.index("graph_kernel")
    copies = ops["kind"] == MEMCPY
    for index in np.unique(ops["name"][copies]).tolist():
        direction = trace.name(index).removeprefix("[CUDA memcpy ").removesuffix("]")
        found[copies & (ops["name"] == index)] = OPS.index(_COPIES.get(direction, "other_copy"))
    return found


def call_categories(names: NDArray[np.int32], trace: Trace) -> NDArray[np.uint8]:
    """The number in CALLS of each API call's category, by its name's index."""
    present = np.unique(names)
    table = np.array([CALLS.index(_call(trace.name(index))) for index in present.tolist()], np.uint8)
    return table[np.searchsorted(present, names)]


def _call(name: str) -> str:
    return next((category for category, pattern in _CALLS if pattern.match(name)), "call")


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
