"""Reads the DOT files that cudaGraphDebugDotPrint writes: nodes with kernel, grid and block, and the edges.

The format is nowhere documented; this reads what CUDA 12 and 13 write with cudaGraphDebugDotFlagsVerbose: a record per
node, whose label begins with the node's type, `{ID | 3 (topoId: 7) | kernel\\<\\<\\<grid,block,shared\\>\\>\\>}` for a
kernel, and one line per edge. Without the flag names are missing, and nodes bear their type alone.
"""

from __future__ import annotations

import re
import stat
from pathlib import Path

from nsysgap.drawing import Drawing, DrawnNode
from nsysgap.errors import NsysgapError

LARGEST_BYTES = 1 << 28
# Bounded where one could look to the text's end from every place of it: a file may be made to take the square.
_NODE = re.compile(
    r'^"(graph_(\d{1,18})_node_(\d{1,18}))"\s{0,9}\[[^\]]{0,400}?label="((?:[^"\\]|\\.)*)"', re.MULTILINE
)
_NAME = r'"(graph_\d{1,18}_node_\d{1,18})"'
_EDGE = re.compile(rf"^{_NAME}\s{{0,9}}->\s{{0,9}}{_NAME}", re.MULTILINE)
_KIND = re.compile(r"\{?\s{0,9}([A-Z][A-Z_ ]{0,60}[A-Z])")
_SIZE = r"(\d{1,18}|[\\({]{1,4}[\d, x]{1,60}[\\)}]{1,4})"
_KERNEL = re.compile(rf"\|([^|{{}}]*?)\\<\\<\\<{_SIZE},\s{{0,9}}{_SIZE},\s{{0,9}}(\d{{1,18}})\\>\\>\\>")
_COPY = re.compile(r"\{kind \|([^}|]+)\}")
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
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would wait for whoever writes to it, /dev/zero has no end
            raise NsysgapError(f"{path} is no file.", "Name the DOT file that cudaGraphDebugDotPrint wrote.")
        if status.st_size > LARGEST_BYTES:
            raise NsysgapError(f"{path} is too large for a DOT file of one graph.", "Name a file of one graph.")
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise NsysgapError(f"{path} cannot be read ({error.strerror}).", "Check the path of --dot.") from None


def _node(number: int, label: str) -> DrawnNode:
    match = _KIND.match(label.lstrip())
    word = match[1].strip() if match else "NODE"
    kind = _KINDS.get(word, word.lower().replace(" ", "_"))
    kernel = _KERNEL.search(label)
    if kernel:
        name = kernel[1].replace("\\", "").strip()
        return DrawnNode(number, "kernel", name, _sizes(kernel[2]), _sizes(kernel[3]), int(kernel[4]))
    copy = _COPY.search(label)
    return DrawnNode(number, kind, f"{kind} {copy[1].strip()}" if copy else kind)


def _sizes(text: str) -> tuple[int, ...]:
    """A grid or block: one number, or three in brackets or with x between."""
    values = tuple(int(number) for number in re.findall(r"\d{1,18}", text)[:3])
    return values + (1,) * (3 - len(values))
