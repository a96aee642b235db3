"""DOT files of CUDA graphs, as cudaGraphDebugDotPrint writes them."""

from __future__ import annotations

import os
from contextlib import suppress
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


@pytest.mark.parametrize(
    "hostile",
    [
        '"graph_1_node_1" [' * 20_000,
        dot_of(r"{KERNEL| {ID | 0 | f\<\<\<" + "9" * 5_000 + r",1,0\>\>\>}}"),
        dot_of("|" + " " * 100_000 + "x"),
        dot_of("{kind |" + " " * 100_000),
        dot_of(" " * 100_000 + "KERNEL"),
        dot_of("A_" * 100_000),
        '"graph_1_node_' + "9" * 5_000 + '"[label="x"];',
    ],
    ids=["no ends", "long number", "spaces", "spaces in a copy", "spaces before", "long kind", "long node"],
)
def test_hostile_files_end_in_a_graph_or_a_sentence(hostile: str, tmp_path: Path) -> None:
    """No numbers that Python will not read, no expression that takes the square of the file's length."""
    path = tmp_path / "graph.dot"
    path.write_text(hostile, encoding="utf-8")
    nodes: tuple[DrawnNode, ...] = ()
    with suppress(NsysgapError):
        nodes = read_dot(path).nodes
    assert len(nodes) <= 1


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(NsysgapError, match="is no file"):
            read_dot(path)
