"""A graph to draw: nodes and edges, between the reader of DOT files, the analyses and the renderers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BODY_SHIFT = 32


@dataclass(frozen=True, slots=True)
class DrawnNode:
    """One node. `number` is its place in its graph, in the body of a conditional node with the body's number in the
    upper 32 bits; `mean_ns` is None where it was never seen to run.

    `name` is untrusted text. `grid`, `block` and `shared` are None where they are not known or have no meaning.
    """

    number: int
    kind: str
    name: str
    grid: tuple[int, ...] | None = None
    block: tuple[int, ...] | None = None
    shared: int | None = None
    mean_ns: int | None = None

    @property
    def label(self) -> str:
        """What people are shown for the number: "3", "body 1: 3"."""
        body, number = self.number >> BODY_SHIFT, self.number & (1 << BODY_SHIFT) - 1
        return f"body {body}: {number}" if body else str(number)


@dataclass(frozen=True)
class Drawing:
    """A graph: nodes by number, edges as pairs of numbers, and a sentence on where the edges come from."""

    nodes: tuple[DrawnNode, ...]
    edges: tuple[tuple[int, int], ...]
    source: str


@dataclass(frozen=True)
class Picture:
    """What to draw: a graph, the layer of each node, and the nodes that stand for several (number -> how many)."""

    drawing: Drawing
    layers: Mapping[int, int]
    repeats: Mapping[int, int]
