"""Reads what a written timeline page carries."""

from __future__ import annotations

from typing import Any

import numpy as np


def decoded(spec: dict[str, Any], data: bytes, number: int) -> list[int]:
    """The values again, by the words of pack.py: an oracle without NumPy."""
    if "c" in spec:
        return [spec["c"]] * number
    size = {"u8": 1, "u16": 2, "u32": 4, "f64": 8, "i64": 8}[spec["t"]]
    rows = [bytes(data[plane * number + i] for plane in range(size)) for i in range(number)]
    if spec["t"] == "f64":
        values = [int(np.frombuffer(row, "<f8")[0]) for row in rows]
    else:
        values = [int.from_bytes(row, "little", signed=spec["t"] == "i64") for row in rows]
    if "at" not in spec:
        return values
    begins, total, found = dict(zip(spec["at"], spec["first"], strict=True)), 0, []
    for i, value in enumerate(values):
        step = (-(value + 1) // 2 if value % 2 else value // 2) if "z" in spec else value
        total = begins.get(i, total + step)
        found.append(total)
    return found
