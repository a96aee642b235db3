"""What a report holds, without judging it: `nsysgap info` shows this."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from sqlalchemy import text

from nsysgap.report.catalog import Catalog
from nsysgap.report.cells import words
from nsysgap.report.diagnostics import diagnostics
from nsysgap.report.metadata import EXPORT_TABLES, key_values
from nsysgap.report.source import Source, translated_errors

# What META_DATA_CAPTURE calls the parts of a command line: PROCESS_0:COMMAND, PROCESS_0:ARGUMENT_0, ..._1.
_COMMAND_PART = re.compile(r"(.*:)?(?:COMMAND|ARGUMENT_(\d+))\Z")


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
            found = connection.execute(text("SELECT utcTime FROM TARGET_INFO_SESSION_START_TIME")).scalar()
            started = words(found) or None
        return Description(
            rows=rows,
            capture=capture,
            command=_command(capture),
            started=started,
            diagnostics=diagnostics(connection, catalog),
            export={name: value for table in EXPORT_TABLES for name, value in key_values(connection, catalog, table)},
            target=dict(key_values(connection, catalog, "TARGET_INFO_SYSTEM_ENV")),
        )


def _command(capture: list[tuple[str, str]]) -> str | None:
    """The command lines of all processes that nsys launched, quoted as for a shell."""
    parts: dict[str, dict[int, str]] = {}
    for name, value in capture:
        if match := _COMMAND_PART.match(name):
            parts.setdefault(match[1] or "", {})[int(match[2] or -1)] = value
    lines = (shlex.join(found[place] for place in sorted(found)) for found in parts.values() if found.get(-1))
    return "; ".join(lines) or None
