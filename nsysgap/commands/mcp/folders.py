"""Which files an agent may have read: reports below the folders that the server was started with."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from nsysgap.errors import NsysgapError
from nsysgap.fleet.names import FOLDER_ENDINGS, reports_among
from nsysgap.fleet.paths import is_exported_folder, report_paths

RUN_NSYS = (".nsys-rep", ".qdrep")
NAMED, LOOKED = 20, 200
"""How many reports an error names, and how many folders are looked into for them."""
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
            raise NsysgapError(f"There is no file {name} below {self}.", self._there())
        return str(path)

    def report(self, name: str) -> str:
        """A report below the folders, a file or an exported folder. Raises NsysgapError for anything else."""
        path = self._inside(name)
        if not path.is_dir():
            return self._report_file(name)
        if not is_exported_folder(path):
            raise NsysgapError(f"{name} is a folder, not a report.", self._there(path))
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

    def _there(self, below: Path | None = None) -> str:
        """Which reports an agent could name, the first few of them; nothing behind links is looked at."""
        reports: list[str] = []
        for root in self.roots if below is None else (below,):
            for looked, (at, inner, files) in enumerate(os.walk(root)):
                inner.sort()
                names = reports_among(files, [name for name in inner if name.endswith(FOLDER_ENDINGS)])
                paths = [Path(at, name) for name in names if ".nsys-rep" not in name]
                reports += [str(path) for path in paths if self._holds(Path(os.path.realpath(path)))]
                if looked >= LOOKED or len(reports) > NAMED:
                    break
        first = [name.removeprefix(f"{self.roots[0]}/") for name in reports[:NAMED]]
        if not first:
            return "There are no reports there."
        return f"There are {', '.join(first)}{' and more' if len(reports) > NAMED else ''}."

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
        if not self._holds(path):
            raise NsysgapError(f"{name} does not lie below {self}.", "This server reads nothing else.")
        return path

    def _holds(self, path: Path) -> bool:
        """Whether a path, links resolved, lies below one of the folders."""
        return any(path == root or root in path.parents for root in self.roots)

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
