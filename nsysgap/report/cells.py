"""Cells of a report's small tables as what they should be: any column may hold anything, damage brings NULLs."""

from __future__ import annotations


def whole(value: object, bits: int = 64) -> int | None:
    """The value if it is an integer that fits so many bits, signed; else None."""
    fits = isinstance(value, int) and -(1 << bits - 1) <= value < 1 << bits - 1
    return value if isinstance(value, int) and fits else None


def words(value: object) -> str:
    """The value as text: "" for NULL."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)
