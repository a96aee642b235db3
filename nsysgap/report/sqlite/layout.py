"""Where SQLite keeps a table: its tree of pages, the name of its row numbers, the place of each column in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nsysgap.errors import NsysgapError
from nsysgap.report.catalog import known_name
from nsysgap.report.source import CHANGED_HINT

# Each is the row's number, unless a column of the table's own bears the name.
_ROWID_NAMES = ("rowid", "_rowid_", "oid")
TABLES = "SELECT name, rootpage FROM sqlite_master WHERE type = 'table' ORDER BY rowid"
VIEWS = "SELECT name FROM sqlite_master WHERE type = 'view'"
COLUMNS = "SELECT cid, name, pk, hidden FROM pragma_table_xinfo(?)"


@dataclass(frozen=True)
class TableLayout:
    """`root`: the number of the tree's first page; `rowid`: what SQL calls the row's number, None where it cannot;
    `fields`: which field of a row each column is, by its name in small letters, without keys, which may be the row's
    number itself, and without any where columns are generated, which take no place."""

    columns: tuple[str, ...]
    root: int
    rowid: str | None
    fields: dict[str, int]

    def has(self, column: str) -> bool:
        """Whether the table has a column of this name, in whatever letters."""
        return column.lower() in map(str.lower, self.columns)

    @classmethod
    def of(cls, root: int, rows: Sequence[tuple[Any, ...]]) -> TableLayout:
        """From what SQLite says of a table's columns (COLUMNS)."""
        own = {name.lower() for _, name, *_ in rows}
        plain = not any(hidden for *_, hidden in rows)
        return cls(
            columns=tuple(name for _, name, *_ in rows),
            root=root,
            rowid=next((name for name in _ROWID_NAMES if name not in own), None),
            fields={name.lower(): number for number, name, key, _ in rows if not key} if plain else {},
        )


def refuse_views(path: object, names: Sequence[str]) -> None:
    """Raise NsysgapError for a view where nsys writes a table: it could compute anything, for ever."""
    for name in names:
        if known_name(name):
            raise NsysgapError(f"{path} was changed: its {name} is a view, where nsys writes a table.", CHANGED_HINT)
