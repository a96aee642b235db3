"""Which files an agent may have read: reports below the folders that the server was started with."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from nsysgap.errors import NsysgapError
from nsysgap.fleet.paths import is_exported_folder, report_paths

RUN_NSYS = (".nsys-rep", ".qdrep")
BESIDE = ("-wal", "-shm", "-journal")


class Folders:
    """The folders, with all links resolved. Raises NsysgapError for one that is none."""

    def __init__(self, named: Sequence[str]) -> None:
        for name in named:
            if not Path(name).is_dir():
                raise NsysgapError(f"{name} is no folder.", "Name a folder with reports: --root FOLDER")
        self.roots = tuple(Path(os.path.realpath(name)) for name in named)

    def __str__(self) -> str:
        return ", ".join(map(str, self.roots))

    def file(self, name: str) -> str:
        """A file below the folders, relative names from the first one on. Raises NsysgapError for anything else."""
        path = self._inside(name)
        if not path.is_file():
            raise NsysgapError(f"There is no file {name} below {self}.", "Name one that is there.")
        return str(path)

    def report(self, name: str) -> str:
        """A report below the folders, a file or an exported folder. Raises NsysgapError for anything else."""
        path = self._inside(name)
        if not path.is_dir():
            return self._report_file(name)
        if not is_exported_folder(path):
            raise NsysgapError(f"{name} is a folder, not a report.", "Name one of the reports in it.")
        self._require_inside(path)
        return str(path)

    def reports(self, name: str) -> str:
        """A report, or a folder of reports. Raises NsysgapError for anything else."""
        path = self._inside(name)
        if not path.is_dir() or is_exported_folder(path):
            return self.report(name)
        self._require_inside(path)
        for report in report_paths([str(path)]):
            self.report(report)
        return str(path)

    def _report_file(self, name: str) -> str:
        path = self.file(name)
        if any(ending in Path(path).suffixes for ending in RUN_NSYS):
            raise NsysgapError(
                f"{name} would have to be exported, and this server runs no program.",
                f"Have it exported: nsys export --type sqlite --include-blobs=true {name}",
            )
        for ending in BESIDE:
            self._inside(path + ending)
        return path

    def _inside(self, name: str) -> Path:
        if "\0" in name:
            raise NsysgapError("A name of a file holds no zero bytes.", "Name a report.")
        try:
            path = Path(os.path.realpath(self.roots[0] / name))
        except (OSError, ValueError) as error:
            raise NsysgapError(f"{name[:80]} cannot be looked up ({error}).", "Name a report.") from None
        if not any(path == root or root in path.parents for root in self.roots):
            raise NsysgapError(f"{name} does not lie below {self}.", "This server reads nothing else.")
        return path

    def _require_inside(self, folder: Path) -> None:
        """Raises NsysgapError for a link in a folder that leads out."""
        for path in _links(folder):
            self._inside(str(path))


def _links(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            yield path
        if path.is_dir() and not path.is_symlink() and is_exported_folder(path):
            yield from _links(path)
