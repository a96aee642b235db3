"""Files that are whole or not there: written under another name, put in place at the end, never over an input."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from nsysgap.errors import NsysgapError

REMOVALS = 5
"""Tries to remove a folder: a transfer that was broken off may still make a file in it, once."""


def cache_folder() -> Path:
    """Where the user keeps what can be made again: $XDG_CACHE_HOME/nsysgap, ~/.cache/nsysgap without that variable."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nsysgap"


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new folder that goes away with the context, whatever is in it. Raises NsysgapError where none can be made."""
    import shutil
    import tempfile

    try:
        folder = Path(tempfile.mkdtemp(prefix="nsysgap-"))
    except OSError as error:
        raise NsysgapError(
            f"There is no folder for temporary files ({error.strerror or error}).",
            "Set TMPDIR to one you may write to.",
        ) from None
    try:
        yield folder
    finally:
        for _ in range(REMOVALS):
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break


def require_writable(target: Path, *, force: bool, inputs: Iterable[str] = ()) -> None:
    """Raise NsysgapError if a file would be overwritten without `force`, or is an input, whatever it is called."""
    if target.is_dir():
        raise NsysgapError(f"{target} is a folder.", "Name a file in it.")
    for path in inputs:
        if is_same_file(target, Path(path)):
            what = "an input" if str(target) == path else f"the same file as {path}, an input"
            raise NsysgapError(f"{target} is {what}: inputs are never written.", "Name another file.", exit_code=2)
    if target.is_file() and not force:
        raise NsysgapError(f"{target} exists already.", "Add --force to overwrite it, or name another file.")


def is_same_file(target: Path, path: Path) -> bool:
    """Whether two names lead to one file, by device and inode, through links of both kinds."""
    try:
        return not is_special(target) and target.samefile(path)
    except OSError:
        return False


@contextmanager
def output_file(target: Path, *, force: bool = False, inputs: Iterable[str] = ()) -> Iterator[IO[bytes]]:
    """A binary file to write: a temporary name that becomes `target` when the context ends well.

    Missing folders are made. A device or a named pipe is written to as it is. Raises NsysgapError for what
    `require_writable` refuses and what cannot be written; then nothing is left behind.
    """
    require_writable(target, force=force, inputs=inputs)
    if is_special(target):
        with _cannot_be_written(target), target.open("wb") as file:
            yield file
        return
    with _folder_of(target), _becoming(target) as file:
        yield file


@contextmanager
def _becoming(target: Path) -> Iterator[IO[bytes]]:
    """A temporary file beside `target` that takes its place when the context ends well."""
    import tempfile

    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise NsysgapError(
            f"{target} cannot be written ({error.strerror}).", "Name a folder you may write to."
        ) from None
    try:
        with _cannot_be_written(target):
            with os.fdopen(handle, "wb") as file:
                yield file
            Path(name).chmod(0o666 & ~_umask())
            Path(name).replace(target)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()


@contextmanager
def _folder_of(target: Path) -> Iterator[None]:
    """Make the folders that `target` lacks; take them away again if it is not written."""
    missing = [folder for folder in (target.parent, *target.parent.parents) if not folder.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NsysgapError(
            f"{target.parent} cannot be made ({error.strerror}).", "Name a folder you may write to."
        ) from None
    try:
        yield
    except BaseException:
        for folder in missing:
            with suppress(OSError):  # others may have put files there meanwhile
                folder.rmdir()
        raise


@contextmanager
def _cannot_be_written(target: Path) -> Iterator[None]:
    """Turn errors of the operating system into a sentence; a reader that has seen enough is none."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise NsysgapError(
            f"{target} cannot be written ({error.strerror}).", "Free some space or name another disk."
        ) from None


def is_special(target: Path) -> bool:
    """Whether this is a device or a named pipe (/dev/null, /dev/stdout), which no file may replace."""
    return target.exists() and not target.is_file() and not target.is_dir()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
