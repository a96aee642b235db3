"""`nsysgap scrub`: a copy of a report that can be attached to a bug."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import IO

import click

from nsysgap.commands.common import output_file, require_new
from nsysgap.errors import NsysgapError
from nsysgap.units import printable


@click.command("scrub")
@click.argument("report", metavar="REPORT")
@click.option("-o", "--output", required=True, metavar="FILE", help="The copy: .sqlite, or .sqlite.gz, .xz, .zst.")
@click.option("--force", is_flag=True, help="Overwrite the output file.")
def command(report: str, output: str, force: bool) -> None:
    """Copy a report without environment, arguments, captured output, host and user names.

    \b
    Every event row stays as it is; kernel and NVTX names are not touched. REPORT is never changed.
    Example: nsysgap scrub report.sqlite -o public.sqlite.xz
    """
    from nsysgap.report import open_source
    from nsysgap.report.read import require_nsys_export
    from nsysgap.report.source import EXPORT_AGAIN_HINT
    from nsysgap.report.sqlite.scrub import scrub
    from nsysgap.report.sqlite.source import SqliteSource, translated_errors

    target = Path(output)
    _require_other(Path(report), target)
    require_new(target, force=force)
    with open_source(report) as source, tempfile.TemporaryDirectory(prefix="nsysgap-") as folder:
        copy = Path(folder) / "report.sqlite"
        require_nsys_export(source)
        if not isinstance(source, SqliteSource):
            raise NsysgapError(f"{report} is no SQLite export, which is what scrub copies.", EXPORT_AGAIN_HINT)
        try:
            shutil.copyfile(source.file, copy)
        except OSError as error:
            raise NsysgapError(
                f"No room for a copy in {folder} ({error.strerror}).", "Set TMPDIR to a larger disk."
            ) from None
        with translated_errors(source.path):
            done = scrub(copy)
        with output_file(output, force=force) as file:
            _write(copy, target, file)
    for line in done.removed:
        click.echo(f"removed: {line}")
    for line in done.rewritten:
        click.echo(f"rewritten: {line}")
    for line in done.remains:
        click.echo(f"still there: {line}")
    click.echo(f"Wrote {printable(str(target))} ({target.stat().st_size:,} bytes). Every event row is as it was.")


def _require_other(report: Path, target: Path) -> None:
    if target.suffix not in {".sqlite", ".gz", ".xz", ".zst"}:
        raise NsysgapError(
            f"{target} has no ending that says its form.", "Use .sqlite, .sqlite.gz, .xz or .zst.", exit_code=2
        )
    if report.exists() and target.exists() and report.samefile(target):
        raise NsysgapError(f"{target} is the report itself, which is never changed.", "Name another file.", exit_code=2)


def _write(copy: Path, target: Path, file: IO[bytes]) -> None:
    """Write the copy, packed as the name says; the same bytes each time."""
    with copy.open("rb") as source:
        if target.suffix == ".gz":
            import gzip

            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
                shutil.copyfileobj(source, packed)
        elif target.suffix == ".xz":
            import lzma

            with lzma.open(file, "wb", preset=6) as packed_xz:
                shutil.copyfileobj(source, packed_xz)
        elif target.suffix == ".zst":
            import zstandard

            zstandard.ZstdCompressor(level=15).copy_stream(source, file)
        else:
            shutil.copyfileobj(source, file)
