"""How reports are called: which names are a report's, and in which order numbered names come."""

from __future__ import annotations

import re
from collections.abc import Iterable

ENDINGS = (
    ".sqlite",
    ".sqlite.gz",
    ".sqlite.xz",
    ".sqlite.zst",
    ".nsys-rep",
    ".nsys-rep.gz",
    ".nsys-rep.xz",
    ".nsys-rep.zst",
)
FOLDER_ENDINGS = ("_pqtdir", "_arwdir")
TABLES = ("StringIds.parquet", "StringIds.arrow")
"""A folder with one of these is a report itself, whatever its name."""
_DIGITS = re.compile(r"(\d+)")


def reports_among(files: Iterable[str], folders: Iterable[str]) -> list[str]:
    """The reports of one folder by their names or paths, numbers in their order; of NAME.sqlite and NAME.nsys-rep the
    export. `folders`: those that are reports.
    """
    named = [name for name in files if name.endswith(ENDINGS)]
    exports = {name.rpartition(".sqlite")[0] for name in named if ".sqlite" in name}
    kept = [name for name in named if ".sqlite" in name or name.rpartition(".nsys-rep")[0] not in exports]
    return sorted([*kept, *folders], key=natural)


def natural(name: str) -> list[tuple[int, str | int]]:
    """What to sort names by: rank2 before rank10."""
    return [(1, int(part)) if part.isdigit() else (0, part) for part in _DIGITS.split(name)]
