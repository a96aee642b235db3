"""The SQL that reads a table: names quoted, columns that it lacks as NULL."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from nsysgap.report.catalog import Catalog
from nsysgap.report.reads import ROWID, Condition, NoneOf, OneOf, Present


def quoted(name: str) -> str:
    """A name as SQL takes it, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'


def selection(
    catalog: Catalog,
    table: str,
    columns: Sequence[str],
    where: Sequence[Condition] = (),
    *,
    as_text: Collection[str] = (),
) -> str:
    """The statement for these columns of the rows that fulfil all conditions; no columns: a 1 for each row."""
    wanted = [_column(catalog, table, column, as_text) for column in columns] or ["1"]
    conditions = "".join(f" AND {condition(catalog, table, one)}" for one in where)
    return f"SELECT {', '.join(wanted)} FROM {quoted(table)} WHERE 1{conditions}"


def _column(catalog: Catalog, table: str, column: str, as_text: Collection[str]) -> str:
    if column == ROWID:
        return "rowid"
    if column == "count(*)":
        return column
    if not catalog.has(table, column):
        return "NULL"
    return f"CAST({quoted(column)} AS TEXT)" if column in as_text else quoted(column)


def condition(catalog: Catalog, table: str, where: Condition) -> str:
    """A condition as SQL."""
    column = _column(catalog, table, where.column, ())
    if isinstance(where, OneOf | NoneOf):
        values = ", ".join(map(str, where.values))
        return f"{column} {'NOT ' * isinstance(where, NoneOf)}IN ({values})"
    return f"{column} IS {'NOT ' * isinstance(where, Present)}NULL"
