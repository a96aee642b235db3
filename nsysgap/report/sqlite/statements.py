"""The SQL that reads a table: names quoted, columns that it lacks as NULL."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from nsysgap.report.reads import ROWID, Condition, NoneOf, OneOf, Present
from nsysgap.report.sqlite.layout import TableLayout

BINARY = ("binaryData",)  # columns of bytes, which some keep as text


def quoted(name: str) -> str:
    """A name as SQL takes it, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'


def selection(
    layout: TableLayout,
    table: str,
    columns: Sequence[str],
    where: Sequence[Condition] = (),
    *,
    as_text: Collection[str] = (),
) -> str:
    """The statement for these columns of the rows that fulfil all conditions; no columns: a 1 for each row."""
    wanted = [_column(layout, column, as_text) for column in columns] or ["1"]
    conditions = "".join(f" AND {condition(layout, required)}" for required in where)
    return f"SELECT {', '.join(wanted)} FROM {quoted(table)} WHERE 1{conditions}"


def _column(layout: TableLayout, column: str, as_text: Collection[str]) -> str:
    if column == ROWID:
        return layout.rowid or "NULL"
    if column == "count(*)":
        return column
    if not layout.has(column):
        return "NULL"
    if column in BINARY:
        return f"CAST({quoted(column)} AS BLOB)"
    return f"CAST({quoted(column)} AS TEXT)" if column in as_text else quoted(column)


def condition(layout: TableLayout, where: Condition) -> str:
    """A condition as SQL."""
    column = _column(layout, where.column, ())
    if isinstance(where, OneOf | NoneOf):
        values = ", ".join(map(str, where.values))
        return f"{column} {'NOT ' * isinstance(where, NoneOf)}IN ({values})"
    return f"{column} IS {'NOT ' * isinstance(where, Present)}NULL"
