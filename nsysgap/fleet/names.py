"""How reports are called: which names are a report's, and in which order numbered names come."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

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
_URL = re.compile(r"^[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_WEB = re.compile(r"^https?://", re.IGNORECASE)


def is_url(path: object) -> bool:
    """Whether this names something to fetch, such as s3://bucket/report.sqlite."""
    return isinstance(path, str) and bool(_URL.match(path))


def is_web(path: str) -> bool:
    """Whether this is a web address: its query may sign it, and has other rules for patterns and folders."""
    return bool(_WEB.match(path))


def unsigned(path: str) -> str:
    """A path or URL without what signs a web address."""
    return path.partition("?")[0] if is_web(path) else path


def report_name(path: str) -> str:
    """The name of the file or folder that a path or URL means, as it is shown."""
    return unsigned(path).rstrip("/").rpartition("/")[2] if is_url(path) else PurePath(path).name


def report_stem(path: str) -> str:
    """That name without a report's endings: run.sqlite.xz -> run; "report" where nothing is left."""
    name = report_name(path)
    for ending in (".gz", ".xz", ".zst", ".sqlite", ".db", ".nsys-rep", ".qdrep"):
        name = name.removesuffix(ending)
    return name or "report"


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
