"""StringIds: the texts that every other table points to."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from nsysgap.report.catalog import Catalog
from nsysgap.report.cells import rows_of_bytes
from nsysgap.tables import HIGHEST_TEXT_ID, Names

NO_STRING = 2**31 - 1  # the index of no text, for numbers that no exporter gives


def read_names(connection: Connection, catalog: Catalog) -> Names:
    """All texts as bytes: whether they are UTF-8 matters only to whoever shows one."""
    if not catalog.has("StringIds", "id", "value"):
        return Names()
    usable = "value IS NOT NULL AND typeof(id) = 'integer' AND id BETWEEN 0 AND ?"
    statement = f"SELECT id, CAST(value AS TEXT) FROM StringIds WHERE {usable}"
    rows = rows_of_bytes(connection, statement, HIGHEST_TEXT_ID)
    # Damage shows as NULL even where the column is declared NOT NULL, which SQLite then takes for granted.
    return Names({index: value for index, value in rows if value is not None})
