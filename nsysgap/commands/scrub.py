"""`nsysgap scrub`: a copy of a report that can be attached to a bug."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from nsysgap.commands.common import report_argument
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.errors import NsysgapError
from nsysgap.units import printable

if TYPE_CHECKING:
    from nsysgap.report.sqlite.scrub import Scrubbed


OUTPUTS = Outputs({"sqlite": "", "sqlite.gz": "", "sqlite.xz": "", "sqlite.zst": ""})


@click.command("scrub")
@report_argument
@OUTPUTS.options
def command(report: str, to: Destination) -> None:
    """Copy a report without environment, arguments, captured output, host and user names.

    \b
    Every event row stays as it is; kernel and NVTX names are not touched. REPORT is never changed.
    Example: nsysgap scrub report.sqlite -o public.sqlite.xz
    """
    with tempfile.TemporaryDirectory(prefix="nsysgap-") as folder:
        copy = Path(folder) / "report.sqlite"
        done = _scrubbed(report, copy)
        with to.file() as file:
            _write(copy, to.form, file)
    for word, lines in {
        "removed": done.removed,
        "rewritten": done.rewritten,
        "kept": [f"{done.kept} of the environment, which name nobody"] if done.kept else [],
        "still there": done.remains,
    }.items():
        for line in lines:
            click.echo(f"{word}: {printable(line)}", err=to.path is None)
    to.announce("every event row is as it was")


def _scrubbed(report: str, copy: Path) -> Scrubbed:
    """Make the copy and scrub it. Raises NsysgapError where there is no room or nothing to copy."""
    from nsysgap.report import open_source
    from nsysgap.report.read import require_nsys_export
    from nsysgap.report.sqlite.copy import copy_to
    from nsysgap.report.sqlite.scrub import scrub
    from nsysgap.report.sqlite.source import translated_errors

    with open_source(report) as source:
        require_nsys_export(source)
        with translated_errors(source.path):
            try:
                copy_to(source, copy)
            except OSError as error:
                raise NsysgapError(
                    f"No room for a copy in {copy.parent} ({error.strerror}).", "Set TMPDIR to a larger disk."
                ) from None
            return scrub(copy)


def _write(copy: Path, form: str, file: IO[bytes]) -> None:
    """Write the copy, packed as the format says; the same bytes each time."""
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
