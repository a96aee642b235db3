"""What the user named as reports: files, folders of them, patterns; each report once, in a stable order."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from nsysgap.errors import NsysgapError
from nsysgap.fleet.names import FOLDER_ENDINGS, TABLES, is_url, natural, reports_among
from nsysgap.fleet.remote import bytes_behind, inside, is_pattern, is_report, matching


def report_paths(named: Sequence[str]) -> list[str]:
    """Every report that is meant, each once, numbers in names in their order (rank2 before rank10).

    A folder means the reports in it (of NAME.sqlite and NAME.nsys-rep the export), unless it is an exported report
    itself (Parquet or Arrow tables). A pattern that the shell left alone, or of a URL, is matched here; folders behind
    URLs are looked into likewise. Raises NsysgapError for what matches nothing.
    """
    paths: list[str] = []
    for name in named:
        several = reports_of(name)
        paths += [name] if several is None else several
    return list(dict.fromkeys(paths))


def reports_of(name: str) -> list[str] | None:
    """The reports that a folder of them, or a pattern, means; None where the name is that of one report.

    Raises NsysgapError where it means none, and for a dead URL.
    """
    if is_url(name):
        return _behind(name)
    if Path(name).is_dir() and not is_exported_folder(Path(name)):
        return _in_folder(Path(name))
    if not is_local_pattern(name):
        return None
    matches = sorted(glob.glob(name, recursive=True), key=natural)  # noqa: PTH207 - patterns may be absolute
    if not matches:
        raise NsysgapError(f"Nothing matches {name}.", "Name reports, a folder of them, or a pattern.")
    return matches


def is_local_pattern(name: str) -> bool:
    """Whether a path stands for all that match it: one that the shell left alone."""
    return not Path(name).exists() and glob.has_magic(name)


def is_exported_folder(folder: Path) -> bool:
    """Whether a folder is a report: tables as Parquet or Arrow files, as nsys exports them."""
    return folder.name.endswith(FOLDER_ENDINGS) or any((folder / table).exists() for table in TABLES)


def _in_folder(folder: Path) -> list[str]:
    entries = list(folder.iterdir())
    folders = [str(path) for path in entries if path.is_dir() and is_exported_folder(path)]
    return _some(str(folder), reports_among([str(path) for path in entries if path.is_file()], folders))


def _behind(url: str) -> list[str] | None:
    """The reports that a URL means: those that match it, or those in the folder; None where it is one itself."""
    if is_pattern(url):
        return matching(url)
    if is_report(url):
        return None
    files, folders = inside(url)
    return _some(url, reports_among(files, [name for name in folders if name.rstrip("/").endswith(FOLDER_ENDINGS)]))


def _some(folder: str, reports: list[str]) -> list[str]:
    if not reports:
        raise NsysgapError(f"{folder} holds no reports.", "Reports end with .sqlite or .nsys-rep, also .gz, .xz, .zst.")
    return reports


def size_of(path: str) -> int:
    """Bytes of a report, 0 where that cannot be told: how long it will take, more or less."""
    if is_url(path):
        return bytes_behind(path)
    try:
        if Path(path).is_dir():
            return sum(file.stat().st_size for file in Path(path).iterdir())
        return Path(path).stat().st_size
    except OSError:
        return 0


def largest_first(paths: Iterable[str], size: Callable[[str], int] = size_of) -> list[str]:
    """In order of size, the largest first: a large one begun last would keep all others waiting for it."""
    return sorted(paths, key=lambda path: -size(path))


def free_memory() -> int | None:
    """Bytes that this machine can still give, None where that cannot be told."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None
