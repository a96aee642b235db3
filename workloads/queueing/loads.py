"""The loads: which products, how many, how many in one batch, and the source's figures for them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """A product y = x aT: x is (tokens, inner), a is (outer, inner), y is (tokens, outer)."""

    tokens: int
    outer: int
    inner: int


@dataclass(frozen=True)
class Load:
    """A stream of products of one shape over `layers` weight matrices in turn.

    `slots` operands lie at equal distances in memory; command i works on slot i modulo `slots`.
    """

    name: str
    shape: Shape
    layers: int
    commands: int
    batch: int

    def slots(self, batch: int) -> int:
        """Return how many operands there are: all layers, in whole batches."""
        return batch * -(-self.layers // batch)


LOADS = {
    load.name: load
    for load in (
        Load("gemv-micro", Shape(1, 64, 8192), 1, 2_000_000, 512),
        Load("decode", Shape(1, 1024, 1024), 8, 400_000, 16),
        Load("prefill", Shape(256, 1024, 1024), 64, 256, 8),
    )
}
MODES = ("none", "shape-batched")
PRECISIONS = ("fp32", "fp16")
BYTES = {"fp32": 4, "fp16": 2}
TOLERANCE = {"fp32": 1e-4, "fp16": 4e-3}
"""Largest difference from NumPy's float64 result over the largest value: float32 sums of 8,192
products in any order, float16 results of 11 bits.
"""

SOURCE_GPU = "RTX 3060"
SOURCE_WALL_MS = {
    ("gemv-micro", "fp32"): (15807.6, 3482.2),
    ("gemv-micro", "fp16"): (17803.2, 5559.4),
    ("decode", "fp32"): (13831.7, 12282.7),
    ("decode", "fp16"): (8564.6, 6665.3),
    ("prefill", "fp32"): (239.3, 273.6),
    ("prefill", "fp16"): (352.4, 349.0),
}
"""Wall ms of the source's program in the modes none and shape-batched, with as many commands."""
