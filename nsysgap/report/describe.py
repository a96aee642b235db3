"""What a report holds, without judging it: `nsysgap info` shows this."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from nsysgap.report.cells import words
from nsysgap.report.diagnostics import Diagnostic, diagnostics
from nsysgap.report.metadata import EXPORT_TABLES, key_values
from nsysgap.report.source import Source

# Not counted: they describe the capture, the machine and the export itself, and come with other rows in a folder.
DESCRIPTIONS = (*EXPORT_TABLES, "META_DATA_CAPTURE", "TARGET_INFO_SYSTEM_ENV")

# What META_DATA_CAPTURE calls the parts of a command line: PROCESS_0:COMMAND, PROCESS_0:ARGUMENT_0, ..._1.
_COMMAND_PART = re.compile(r"(.*:)?(?:COMMAND|ARGUMENT_(\d+))\Z")


@dataclass(frozen=True)
class Description:
    """The report's own words about itself.

    `rows`: (table, number of rows) of every table that has any, by name, but the ENUM_ ones and DESCRIPTIONS;
    `capture`: the capture's settings; `command`: the captured command line if recorded; `started`: UTC time of the
    capture's start; `diagnostics`: what nsys said of it; `target`: the machine's description (name, value).
    """

    rows: list[tuple[str, int]]
    capture: list[tuple[str, str]]
    command: str | None
    started: str | None
    diagnostics: list[Diagnostic]
    export: dict[str, str]
    target: dict[str, str]


def describe(source: Source) -> Description:
    """Read the description of a report. Raises NsysgapError when the file is damaged."""
    capture = sorted(key_values(source, "META_DATA_CAPTURE"))  # in a folder they come in any order
    left_out = ("ENUM_", "sqlite_", *DESCRIPTIONS)
    tables = [table for table in sorted(source.catalog.columns) if not table.startswith(left_out)]
    started = source.first("TARGET_INFO_SESSION_START_TIME", ("utcTime",)) or (None,)
    return Description(
        rows=[(table, number) for table in tables if (number := source.count(table))],
        capture=capture,
        command=_command(capture),
        started=words(started[0]) or None,
        diagnostics=diagnostics(source),
        export={name: value for table in EXPORT_TABLES for name, value in key_values(source, table)},
        target=dict(key_values(source, "TARGET_INFO_SYSTEM_ENV")),
    )


def _command(capture: list[tuple[str, str]]) -> str | None:
    """The command lines of all processes that nsys launched, quoted as for a shell."""
    parts: dict[str, dict[int, str]] = {}
    for name, value in capture:
        if match := _COMMAND_PART.match(name):
            parts.setdefault(match[1] or "", {})[int(match[2] or -1)] = value
    lines = (
        shlex.join(arguments[index] for index in sorted(arguments)) for arguments in parts.values() if arguments.get(-1)
    )
    return "; ".join(lines) or None
