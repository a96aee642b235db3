"""What the user named as reports: files, folders of them, patterns; each report once, in a stable order."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from nsysgap.errors import NsysgapError
from nsysgap.fleet.remote import is_url, matching

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
_DIGITS = re.compile(r"(\d+)")


def report_paths(named: Sequence[str]) -> list[str]:
    """Every report that is meant, each once, numbers in names in their order (rank2 before rank10).

    A folder means the reports in it (of NAME.sqlite and NAME.nsys-rep the export), unless it is an exported report
    itself (Parquet or Arrow tables). A pattern that the shell left alone, or of a URL, is matched here. Raises
    NsysgapError for what matches nothing.
    """
    found: list[str] = []
    for name in named:
        if is_url(name):
            found += matching(name)
        elif Path(name).is_dir() and not is_exported_folder(Path(name)):
            found += _in_folder(Path(name))
        elif not Path(name).exists() and glob.has_magic(name):
            matches = sorted(glob.glob(name, recursive=True), key=_natural)  # noqa: PTH207 - patterns may be absolute
            if not matches:
                raise NsysgapError(f"Nothing matches {name}.", "Name reports, a folder of them, or a pattern.")
            found += matches
        else:
            found.append(name)
    return list(dict.fromkeys(found))


def is_several(name: str) -> bool:
    """Whether a name means several reports: a folder of them, or a pattern."""
    folder = Path(name)
    if folder.is_dir():
        return not is_exported_folder(folder)
    return not is_url(name) and not folder.exists() and glob.has_magic(name)


def is_exported_folder(folder: Path) -> bool:
    """Whether a folder is a report: tables as Parquet or Arrow files, as nsys exports them."""
    return folder.name.endswith(FOLDER_ENDINGS) or any(
        (folder / f"StringIds{ending}").exists() for ending in (".parquet", ".arrow")
    )


def _in_folder(folder: Path) -> list[str]:
    reports = [path for path in folder.iterdir() if path.is_file() and path.name.endswith(ENDINGS)]
    folders = [path for path in folder.iterdir() if path.is_dir() and is_exported_folder(path)]
    exports = {path.name.partition(".sqlite")[0] for path in reports if ".sqlite" in path.name}
    kept = [path for path in reports if ".sqlite" in path.name or path.name.partition(".nsys-rep")[0] not in exports]
    if not kept and not folders:
        raise NsysgapError(f"{folder} holds no reports.", "Reports end with .sqlite or .nsys-rep, also .gz, .xz, .zst.")
    return sorted(map(str, [*kept, *folders]), key=_natural)


def _natural(path: str) -> list[tuple[int, str | int]]:
    return [(1, int(part)) if part.isdigit() else (0, part) for part in _DIGITS.split(path)]


def size_of(path: str) -> int:
    """Bytes of a report, 0 where that cannot be told: how long it will take, more or less."""
    try:
        if Path(path).is_dir():
            return sum(file.stat().st_size for file in Path(path).iterdir())
        return Path(path).stat().st_size
    except OSError:
        return 0


def largest_first(paths: Iterable[str]) -> list[str]:
    """In order of size, the largest first: a large one begun last would keep all others waiting for it."""
    return sorted(paths, key=lambda path: -size_of(path))


def free_memory() -> int | None:
    """Bytes that this machine can still give, None where that cannot be told."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None
