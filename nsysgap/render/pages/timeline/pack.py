"""Columns of integers as few bytes: the page decodes them back to the same integers (page/codec.js).

A column becomes a *spec* (a small JSON value) and bytes. Values are stored as they are or as differences to the one
before; the bytes of all first places come first, then those of all second places and so on, which compresses better.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Spec = dict[str, Any]
EXACT = 2**53
LEVEL = 6


@dataclass(frozen=True)
class Packed:
    """Columns of one length: their specs by name, and all their bytes as base64 of a zlib stream."""

    specs: dict[str, Spec]
    text: str


def pack_columns(columns: dict[str, NDArray[Any]], deltas: dict[str, NDArray[np.intp]]) -> Packed:
    """Pack columns; those named in `deltas` as differences that begin anew at the given positions."""
    specs, parts = {}, []
    for name, values in columns.items():
        spec, data = encode(values, deltas.get(name))
        specs[name] = spec
        parts.append(data)
    raw = b"".join(parts)
    return Packed(specs, pack_text(raw) if raw else "")


def pack_text(raw: bytes) -> str:
    """Bytes as base64 of a zlib stream."""
    return base64.b64encode(zlib.compress(raw, LEVEL)).decode("ascii")


def encode(values: NDArray[Any], begins: NDArray[np.intp] | None = None) -> tuple[Spec, bytes]:
    """The spec and bytes of one column of integers. `begins`: store differences, anew from each of these positions.

    Spec: {"c": value} for a constant; else {"t": u8 | u16 | u32 | f64 | i64} and, for differences, "first" (the value
    at each beginning), "at" (the beginnings) and, if they may be negative, "z": 1 (2d or -2d - 1 is stored).
    """
    values = values.astype(np.int64)
    if not len(values):
        return {"c": 0}, b""
    if (values == values[0]).all() and abs(int(values[0])) < EXACT:
        return {"c": int(values[0])}, b""
    if begins is not None and (encoded := _differences(values, begins)) is not None:
        return encoded
    return _plain(values)


def _differences(values: NDArray[np.int64], begins: NDArray[np.intp]) -> tuple[Spec, bytes] | None:
    """The values as differences, if those fit into 32 bits; begins are distinct positions, 0 among them."""
    if max(abs(int(values.max())), abs(int(values.min()))) >= EXACT:
        return None
    step = np.diff(values, prepend=values[:1])
    step[begins] = 0
    spec: Spec = {"first": values[begins].tolist(), "at": begins.tolist()}
    if int(step.min()) < 0:
        step = np.where(step < 0, -2 * step - 1, 2 * step)
        spec["z"] = 1
    if int(step.max()) >= 2**32:
        return None
    plain, data = _plain(step)
    return {**spec, **plain}, data


def _plain(values: NDArray[np.int64]) -> tuple[Spec, bytes]:
    low, high = int(values.min()), int(values.max())
    if low < 0 or high >= 2**32:
        exact = low > -EXACT and high < EXACT
        return ({"t": "f64"}, _planes(values.astype("<f8"))) if exact else ({"t": "i64"}, _planes(values.astype("<i8")))
    kind = "u8" if high < 2**8 else "u16" if high < 2**16 else "u32"
    return {"t": kind}, _planes(values.astype({"u8": "<u1", "u16": "<u2", "u32": "<u4"}[kind]))


def _planes(values: NDArray[Any]) -> bytes:
    return values.view(np.uint8).reshape(len(values), -1).T.tobytes()
