"""What the user named as reports: files, folders of them, patterns; each report once, in a stable order."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from nsysgap.errors import NsysgapError
from nsysgap.fleet.names import FOLDER_ENDINGS, TABLES, natural, reports_among
from nsysgap.fleet.remote import bytes_behind, inside, is_pattern, is_report, is_url, matching


def report_paths(named: Sequence[str]) -> list[str]:
    """Every report that is meant, each once, numbers in names in their order (rank2 before rank10).

    A folder means the reports in it (of NAME.sqlite and NAME.nsys-rep the export), unless it is an exported report
    itself (Parquet or Arrow tables). A pattern that the shell left alone, or of a URL, is matched here; folders behind
    URLs are looked into likewise. Raises NsysgapError for what matches nothing.
    """
    found: list[str] = []
    for name in named:
        if is_url(name):
            found += _behind(name)
        elif Path(name).is_dir() and not is_exported_folder(Path(name)):
            found += _in_folder(Path(name))
        elif not Path(name).exists() and glob.has_magic(name):
            matches = sorted(glob.glob(name, recursive=True), key=natural)  # noqa: PTH207 - patterns may be absolute
            if not matches:
                raise NsysgapError(f"Nothing matches {name}.", "Name reports, a folder of them, or a pattern.")
            found += matches
        else:
            found.append(name)
    return list(dict.fromkeys(found))


def is_several(name: str) -> bool:
    """Whether a name means several reports: a folder of them, or a pattern. Raises NsysgapError for a dead URL."""
    if is_url(name):
        return is_pattern(name) or not is_report(name)
    folder = Path(name)
    if folder.is_dir():
        return not is_exported_folder(folder)
    return not folder.exists() and glob.has_magic(name)


def is_exported_folder(folder: Path) -> bool:
    """Whether a folder is a report: tables as Parquet or Arrow files, as nsys exports them."""
    return folder.name.endswith(FOLDER_ENDINGS) or any((folder / table).exists() for table in TABLES)


def _in_folder(folder: Path) -> list[str]:
    entries = list(folder.iterdir())
    folders = [str(path) for path in entries if path.is_dir() and is_exported_folder(path)]
    return _some(str(folder), reports_among([str(path) for path in entries if path.is_file()], folders))


def _behind(url: str) -> list[str]:
    """The reports that a URL means: those that match it, those in the folder, or itself."""
    if is_pattern(url):
        return matching(url)
    if is_report(url):
        return [url]
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
