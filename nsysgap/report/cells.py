"""Cells of a report's small tables as what they should be: SQLite keeps anything in any column, damage brings NULLs."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Connection


def whole(value: object, bits: int = 64) -> int | None:
    """The value if it is an integer that fits so many bits, signed; else None."""
    fits = isinstance(value, int) and -(1 << bits - 1) <= value < 1 << bits - 1
    return value if isinstance(value, int) and fits else None


def words(value: object) -> str:
    """The value as text: "" for NULL."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def rows_of_bytes(connection: Connection, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """The rows of a statement, texts as bytes of UTF-8, be they valid or not: CAST(... AS TEXT) for any value.

    CAST(... AS BLOB) would give them as the file does, which may be in UTF-16.
    """
    sqlite: Any = connection.connection.driver_connection
    decode, sqlite.text_factory = sqlite.text_factory, bytes
    try:
        rows: list[tuple[Any, ...]] = sqlite.execute(statement, values).fetchall()
    finally:
        sqlite.text_factory = decode
    return rows
