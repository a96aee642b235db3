"""What a report holds, without judging it: `nsysgap info` shows this."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from nsysgap.report.catalog import Catalog
from nsysgap.report.diagnostics import diagnostics
from nsysgap.report.metadata import EXPORT_TABLES, key_values
from nsysgap.report.source import Source, translated_errors

_COMMAND_KEYS = ("COMMAND_LINE", "CAPTURE_COMMAND", "NSYS_COMMAND_LINE", "PROFILE_COMMAND", "EXECUTABLE", "ARGUMENTS")


@dataclass(frozen=True)
class Description:
    """The report's own words about itself.

    `rows`: (table, number of rows) of every table that has any but the ENUM_ ones, in the report's order; `capture`:
    the capture's settings; `command`: the captured command line if recorded; `started`: UTC time of the capture's
    start; `diagnostics`: (severity, text); `target`: the machine's description (name, value).
    """

    rows: list[tuple[str, int]]
    capture: list[tuple[str, str]]
    command: str | None
    started: str | None
    diagnostics: list[tuple[str, str]]
    export: dict[str, str]
    target: dict[str, str]


def describe(source: Source) -> Description:
    """Read the description of a report. Raises NsysgapError when the file is damaged."""
    with translated_errors(source.path), source.engine.connect() as connection:
        catalog = Catalog.probe(connection)
        capture = key_values(connection, catalog, "META_DATA_CAPTURE")
        rows = []
        for table in catalog.columns:
            if not table.startswith(("ENUM_", "sqlite_")):
                number = connection.execute(text(f'SELECT count(*) FROM "{table}"')).scalar_one()
                rows += [(table, int(number))] if number else []
        started = None
        if catalog.has("TARGET_INFO_SESSION_START_TIME", "utcTime"):
            started = connection.execute(text("SELECT utcTime FROM TARGET_INFO_SESSION_START_TIME")).scalar()
        target = {}
        if catalog.has("TARGET_INFO_SYSTEM_ENV", "name", "value"):
            rows_of_target = connection.execute(text("SELECT name, value FROM TARGET_INFO_SYSTEM_ENV"))
            target = {row[0]: row[1] for row in rows_of_target}
        return Description(
            rows=rows,
            capture=capture,
            command=_command(capture),
            started=started,
            diagnostics=diagnostics(connection, catalog),
            export={name: value for table in EXPORT_TABLES for name, value in key_values(connection, catalog, table)},
            target=target,
        )


def _command(capture: list[tuple[str, str]]) -> str | None:
    found = [value for name, value in capture if name.upper().rsplit(":", 1)[-1] in _COMMAND_KEYS and value]
    return " ".join(found) or None
