"""StringIds: the texts that every other table points to."""

from __future__ import annotations

from nsysgap.names import HIGHEST_TEXT_ID, Names
from nsysgap.report.source import Source

NO_STRING = 2**31 - 1  # the index of no text, for numbers that no exporter gives


def read_names(source: Source) -> Names:
    """All texts as bytes: whether they are UTF-8 matters only to whoever shows one."""
    if not source.catalog.has("StringIds", "id", "value"):
        return Names()
    rows = source.texts("StringIds", "id", "value")
    return Names({index: text for index, text in rows if isinstance(index, int) and 0 <= index <= HIGHEST_TEXT_ID})
