"""DOT files of CUDA graphs, as cudaGraphDebugDotPrint writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsysgap.drawing import DrawnNode
from nsysgap.errors import NsysgapError
from nsysgap.report.dot import read_dot


def dot_of(label: str) -> str:
    return f'digraph dot {{\n"graph_1_node_0"[style="bold" shape="record" label="{label}"];\n}}\n'


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (
            r"{KERNEL| {ID | 0 (topoId: 1) | f\<\<\<4,\{32,4\},16\>\>\>}}",
            DrawnNode(0, "kernel", "f", (4, 1, 1), (32, 4, 1), 16),
        ),
        (r"{KERNEL| {ID | 0 | g\<\<\<\{4,8,2\},384,0\>\>\>}}", DrawnNode(0, "kernel", "g", (4, 8, 2), (384, 1, 1), 0)),
        ("{\nMEMSET\n| {{ID | node handle} | {0 | 0x1}}}", DrawnNode(0, "memset", "memset")),
        ("{\nMEMCPY\n| {kind | HtoD (HOST to DEVICE)}}", DrawnNode(0, "memcpy", "memcpy HtoD (HOST to DEVICE)")),
        ("0\nMEM_ALLOC", DrawnNode(0, "node", "node")),
        ("{EMPTY | x}", DrawnNode(0, "empty", "empty")),
    ],
)
def test_labels_of_dot_files(label: str, expected: DrawnNode, tmp_path: Path) -> None:
    path = tmp_path / "graph.dot"
    path.write_text(dot_of(label), encoding="utf-8")
    assert read_dot(path).nodes == (expected,)


@pytest.mark.parametrize("content", ["", "digraph dot {}", "not a graph at all", "\x00\xff"])
def test_file_that_is_no_dot_file_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "graph.dot"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(NsysgapError, match="holds no CUDA graph"):
        read_dot(path)
    with pytest.raises(NsysgapError, match="cannot be read"):
        read_dot(tmp_path / "missing.dot")
