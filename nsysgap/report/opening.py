"""From whatever file or folder the user names to a readable export: unpacked, exported, checked, never written to.

Folders (folder.py) and `.sqlite` are opened where they lie; `.gz`, `.xz` and `.zst` are unpacked and `.nsys-rep` is
exported into a temporary folder that goes away with the source; a compressed `.nsys-rep` is first unpacked.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from nsysgap.errors import NsysgapError
from nsysgap.files import temporary_folder
from nsysgap.report.folder import folder_of, open_folder
from nsysgap.report.source import Source, enough_memory
from nsysgap.report.sqlite.header import HEADER_BYTES, SQLITE_MAGIC, promised_bytes, unfinished
from nsysgap.report.sqlite.source import WRITING_HINT, SqliteSource
from nsysgap.report.unpacking import COMPRESSED, unpack

LFS_POINTER = b"version https://git-lfs.github.com/spec/v1"
LFS_HINT = "Fetch the file in its repository: git lfs pull"
NSYS_REP = (".nsys-rep", ".qdrep")
IMPORT_HINT = (
    "Finish it with the QdstrmImporter in nsys's host-... folder (QdstrmImporter --input-file FILE.qdstrm), then: "
    "nsys export --type sqlite FILE.nsys-rep"
)
OTHER_EXPORTS = {
    **dict.fromkeys((".h5", ".hdf", ".hdf5"), "an HDF5 export"),
    **dict.fromkeys((".arrow", ".arrows"), "one Arrow stream of all tables"),
    **dict.fromkeys((".jsonl", ".jsonlines", ".json"), "a JSON Lines export"),
    ".txt": "a text export",
}
OTHER_MAGIC = {b"\x89HDF\r\n\x1a\n": ".h5", b"ARROW1": ".arrow"}  # what they begin with, whatever they are called
EXPORT_HINT = "Export it where nsys is installed: nsys export --type sqlite --output REPORT.sqlite REPORT.nsys-rep"


@contextmanager
def open_source(path: str | os.PathLike[str]) -> Iterator[Source]:
    """Open a report of any supported kind; temporary files are gone when the block ends.

    Raises NsysgapError with the next step for everything that is not a readable report.
    """
    path = Path(path)
    if folder := folder_of(path):
        with enough_memory(path):
            yield open_folder(path, folder)
        return
    head = _head(path)
    with ExitStack() as cleanup:
        file, kind = path, path.suffix
        for suffix, magic in COMPRESSED.items():
            if head.startswith(magic):
                kind = Path(path.stem).suffix if path.suffix == suffix else path.suffix
                # nsys goes by the name's ending.
                file = unpack(
                    path,
                    suffix,
                    cleanup.enter_context(temporary_folder()) / f"report{kind if kind in NSYS_REP else ''}",
                )
                head = _head(file)
        if kind.lower() == ".qdstrm":
            raise NsysgapError(f"{path} is a raw capture that nsys has not finished.", IMPORT_HINT)
        if not head.startswith((SQLITE_MAGIC, LFS_POINTER)) and kind in NSYS_REP:
            file = _export(path, file, cleanup.enter_context(temporary_folder()))
            head = _head(file)
        _check_file(path, file, head, kind.lower())
        source = SqliteSource(path, file)
        cleanup.callback(source.close)
        with enough_memory(path):
            yield source


def _head(path: Path) -> bytes:
    try:
        kind = path.stat().st_mode
        if not stat.S_ISREG(kind):  # opening a pipe would wait for whoever writes to it
            raise NsysgapError(f"{path} is a pipe or a device, not a file.", "Write the report to a file first.")
        with path.open("rb") as file:
            return file.read(HEADER_BYTES)
    except FileNotFoundError:
        raise NsysgapError(
            f"{path} does not exist.", "Check the path; nsys writes NAME.sqlite with --export sqlite."
        ) from None
    except PermissionError:
        raise NsysgapError(f"{path} may not be read by you.", "Ask its owner, or: chmod u+r FILE.") from None
    except OSError as error:
        raise NsysgapError(f"{path} cannot be read ({error.strerror or error}).", "Copy it to a local disk.") from None


def _check_file(path: Path, file: Path, head: bytes, ending: str) -> None:
    """Raise NsysgapError unless it is a whole SQLite file. `ending`: that of the name, without a compression's."""
    if not head:
        raise NsysgapError(f"{path} is empty.", "nsys writes the export last: has it finished, and was the disk full?")
    if head.startswith(LFS_POINTER):
        raise NsysgapError(f"{path} is a Git LFS pointer, not the file that it stands for.", LFS_HINT)
    begins = next((ending for magic, ending in OTHER_MAGIC.items() if head.startswith(magic)), ending)
    if not head.startswith(SQLITE_MAGIC) and (other := OTHER_EXPORTS.get(begins)):
        hint = "Export the report as SQLite (nsys export --type sqlite REPORT.nsys-rep) or as a parquetdir."
        raise NsysgapError(f"{path} looks like {other}, which nsysgap does not read.", hint)
    if not head.startswith(SQLITE_MAGIC):
        raise NsysgapError(
            f"{path} is not an nsys report: neither SQLite nor .nsys-rep.",
            "Make one: nsys profile --export sqlite ..., or: nsys export --type sqlite REPORT.nsys-rep.",
        )
    if beside := unfinished(file):
        raise NsysgapError(
            f"{path} is still being written or was left half-written: {beside.name} lies beside it.",
            f"{WRITING_HINT} If no nsys is running, export the report again.",
        )
    _check_length(path, file, head)
    _check_writer(path, file)


def _check_length(path: Path, file: Path, head: bytes) -> None:
    """SQLite's header says how many pages the file has: a shorter file was truncated."""
    promised = promised_bytes(head)
    if len(head) < HEADER_BYTES or file.stat().st_size < promised:
        raise NsysgapError(
            f"{path} is truncated: {file.stat().st_size:,} of {promised:,} bytes.", "Copy or export the report again."
        )


def _check_writer(path: Path, file: Path) -> None:
    """On Linux: refuse a file that another process of ours holds open for writing."""
    if _leased(file):
        return
    try:
        status, own = file.stat(), str(os.getpid())
        with os.scandir("/proc") as processes:
            numbers = [process.name for process in processes if process.name.isdigit()]
        for number in numbers:
            if number != own and _writes(number, status):
                raise NsysgapError(f"{path} is still being written by process {number}.", WRITING_HINT)
    except OSError:
        return


def _leased(file: Path) -> bool:
    """Whether Linux leases us the file for reading (fcntl(2)), which it does only where nobody has it open for writing.

    It may refuse for other reasons, as on network file systems or to who does not own the file: False says nothing.
    """
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        with file.open("rb", buffering=0) as opened:
            # Who opens the file for writing meanwhile makes the kernel send a signal: not SIGIO, which would end us.
            fcntl.fcntl(opened, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(opened, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(opened, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError:
        return False
    return True


def _writes(process: str, status: os.stat_result) -> bool:
    """Whether a process has the file open for writing. Without Path: all that any program of the user has open."""
    try:
        with os.scandir(f"/proc/{process}/fd") as links:
            for link in links:
                if os.path.samestat(link.stat(), status):
                    flags = Path(f"/proc/{process}/fdinfo/{link.name}").read_text().split("flags:")[1].split()[0]
                    if int(flags, 8) & os.O_ACCMODE:
                        return True
    except (OSError, IndexError, ValueError):
        pass  # the process ended or is not ours to look into
    return False


def _export(path: Path, file: Path, folder: Path) -> Path:
    """Let nsys export `file`, which is what the user named `path`, unpacked."""
    import shutil
    import subprocess

    nsys = shutil.which("nsys")
    if nsys is None:
        raise NsysgapError(f"{path} must be exported to SQLite first, and there is no nsys on PATH.", EXPORT_HINT)
    target = folder / "report.sqlite"
    command = [nsys, "export", "--type", "sqlite", "--force-overwrite", "true", "--output", str(target)]
    # Blobs hold the stacks of Python; what nsys of 2022 does not know, it refuses.
    for options in (["--include-blobs=true"], []):
        argv = [*command, *options, str(file)]
        done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
        if not done.returncode and target.exists():
            break
    if done.returncode or not target.exists():
        said = (done.stderr or done.stdout).strip().splitlines()
        raise NsysgapError(
            f"nsys export could not read {path}: {said[-1] if said else f'exit code {done.returncode}'}",
            "Use the nsys that made the report, or a newer one.",
        )
    return target
