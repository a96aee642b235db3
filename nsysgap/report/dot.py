"""Reads the DOT files that cudaGraphDebugDotPrint writes: nodes with kernel, grid and block, and the edges.

The format is nowhere documented; this reads what CUDA 12 and 13 write with cudaGraphDebugDotFlagsVerbose: a record per
node, whose label begins with the node's type, `{ID | 3 (topoId: 7) | kernel\\<\\<\\<grid,block,shared\\>\\>\\>}` for a
kernel, and one line per edge. Without the flag names are missing, and nodes bear their type alone.
"""

from __future__ import annotations

import re
from pathlib import Path

from nsysgap.drawing import Drawing, DrawnNode
from nsysgap.errors import NsysgapError

LARGEST_BYTES = 1 << 28
_NODE = re.compile(r'^"(graph_(\d+)_node_(\d+))"\s*\[[^\]]*?label="((?:[^"\\]|\\.)*)"', re.MULTILINE)
_EDGE = re.compile(r'^"(graph_\d+_node_\d+)"\s*->\s*"(graph_\d+_node_\d+)"', re.MULTILINE)
_KIND = re.compile(r"\s*\{?\s*([A-Z][A-Z_ ]*[A-Z])")
_SIZE = r"(\d+|[\\({]+[\d, x]+[\\)}]+)"
_KERNEL = re.compile(rf"\|\s*([^|{{}}]*?)\\<\\<\\<{_SIZE},\s*{_SIZE},\s*(\d+)\\>\\>\\>")
_COPY = re.compile(r"\{kind \|\s*([^}|]+)\}")
_KINDS = {"MEM_ALLOC": "alloc", "MEM_FREE": "free", "MEMCPY": "memcpy", "MEMSET": "memset"}


def read_dot(path: str | Path) -> Drawing:
    """The graph in a DOT file; of several the one with most nodes (others are bodies of it).

    Raises NsysgapError for a file that is no such DOT file.
    """
    text = _text(Path(path))
    graphs: dict[str, dict[str, DrawnNode]] = {}
    for name, graph, number, label in _NODE.findall(text):
        graphs.setdefault(graph, {})[name] = _node(int(number), label)
    if not graphs:
        raise NsysgapError(
            f"{path} holds no CUDA graph.", "Write one with cudaGraphDebugDotPrint, flag cudaGraphDebugDotFlagsVerbose."
        )
    nodes = max(graphs.values(), key=len)
    edges = {(nodes[a].number, nodes[b].number) for a, b in _EDGE.findall(text) if a in nodes and b in nodes}
    ordered = tuple(sorted(nodes.values(), key=lambda node: node.number))
    return Drawing(ordered, tuple(sorted(edges)), f"the DOT file {Path(path).name}")


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise NsysgapError(f"{path} is too large for a DOT file of one graph.", "Name a file of one graph.")
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise NsysgapError(f"{path} cannot be read ({error.strerror}).", "Check the path of --dot.") from None


def _node(number: int, label: str) -> DrawnNode:
    found = _KIND.match(label)
    word = found[1].strip() if found else "NODE"
    kind = _KINDS.get(word, word.lower().replace(" ", "_"))
    kernel = _KERNEL.search(label)
    if kernel:
        name = kernel[1].replace("\\", "").strip()
        return DrawnNode(number, "kernel", name, _sizes(kernel[2]), _sizes(kernel[3]), int(kernel[4]))
    copy = _COPY.search(label)
    return DrawnNode(number, kind, f"{kind} {copy[1].strip()}" if copy else kind)


def _sizes(text: str) -> tuple[int, ...]:
    """A grid or block: one number, or three in brackets or with x between."""
    values = tuple(int(one) for one in re.findall(r"\d+", text))
    return values + (1,) * (3 - len(values))
