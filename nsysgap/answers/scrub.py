"""A copy of a report that can be attached to a bug, and what was removed from it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from nsysgap.errors import NsysgapError
from nsysgap.fleet.remote import fetched
from nsysgap.report import open_source
from nsysgap.report.read import require_nsys_export
from nsysgap.report.sqlite.copy import copy_to
from nsysgap.report.sqlite.scrub import scrub as scrub_copy
from nsysgap.report.sqlite.source import translated_errors


@dataclass(frozen=True)
class ScrubOptions:
    """`copy`: where the scrubbed SQLite file is made; the report itself is never changed."""

    copy: Path


@dataclass(frozen=True)
class ScrubAnswer:
    """What was done to the copy, one line each.

    `kept`: variables of the environment that name nobody, "RANK=0, WORLD_SIZE=2"; `remains`: what is still in texts
    that were kept.
    """

    removed: tuple[str, ...]
    rewritten: tuple[str, ...]
    kept: str
    remains: tuple[str, ...]


def scrub(report: str, options: ScrubOptions) -> ScrubAnswer:
    """Make the copy and scrub it. Raises NsysgapError where there is no room or nothing to copy."""
    with fetched(report) as local, open_source(local) as source:
        require_nsys_export(source)
        with translated_errors(source.path):
            try:
                copy_to(source, options.copy)
            except OSError as error:
                raise NsysgapError(
                    f"No room for a copy in {options.copy.parent} ({error.strerror}).", "Set TMPDIR to a larger disk."
                ) from None
            done = scrub_copy(options.copy)
    return ScrubAnswer(tuple(done.removed), tuple(done.rewritten), done.kept, tuple(done.remains))


def write_packed(copy: Path, form: str, file: IO[bytes]) -> None:
    """Write the copy as "sqlite", "sqlite.gz", "sqlite.xz" or "sqlite.zst"; the same bytes each time."""
    with copy.open("rb") as source:
        if form == "sqlite.gz":
            import gzip

            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
                shutil.copyfileobj(source, packed)
        elif form == "sqlite.xz":
            import lzma

            with lzma.open(file, "wb", preset=6) as packed_xz:
                shutil.copyfileobj(source, packed_xz)
        elif form == "sqlite.zst":
            import zstandard

            zstandard.ZstdCompressor(level=15).copy_stream(source, file)
        else:
            shutil.copyfileobj(source, file)
