"""What the program wrote last: its own reason, where a report holds no GPU work."""

from __future__ import annotations

import re

from nsysgap.names import Names
from nsysgap.report.cells import whole, words
from nsysgap.report.source import Source

MOST_LINES = 5
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def read_last_words(source: Source, names: Names) -> tuple[str, ...]:
    """The last lines of what the processes wrote to standard error, at most five; of the last process that did."""
    last: tuple[str, ...] = ()
    for file, content in source.rows("ProcessStreams", ("filenameId", "contentId")):
        file_id, content_id = whole(file, 32), whole(content, 32)
        if file_id is None or content_id is None or file_id not in names or content_id not in names:
            continue
        lines = [line for line in map(_shown, words(names.raw(content_id)).split("\n")) if line]
        if "stderr" in names[file_id].lower() and lines:
            last = tuple(lines[-MOST_LINES:])
    return last


def _shown(line: str) -> str:
    """What a terminal shows of a line: without escape sequences, only what follows the last carriage return."""
    text = _ESCAPES.sub("", line).rstrip("\r ").rpartition("\r")[2]
    return _CONTROLS.sub("", text.expandtabs(1)).strip()
