"""StringIds: the texts that every other table points to."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.engine import Connection

from nsysgap.report.catalog import Catalog
from nsysgap.tables import Names


def read_names(connection: Connection, catalog: Catalog) -> Names:
    """All texts as bytes: whether they are UTF-8 matters only to whoever shows one."""
    if not catalog.has("StringIds", "id", "value"):
        return Names()
    rows = connection.execute(text("SELECT id, CAST(value AS BLOB) FROM StringIds WHERE value IS NOT NULL"))
    return Names({row[0]: row[1] for row in rows})
