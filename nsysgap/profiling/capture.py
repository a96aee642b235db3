"""One target, captured: the plain run, the run under nsys, and report files that appear only when they are whole."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from nsysgap.errors import NsysgapError
from nsysgap.profiling.children import Interrupted, Ran, run, uninterrupted
from nsysgap.profiling.finding import Nsys
from nsysgap.profiling.nsyslines import NsysLines, explain
from nsysgap.profiling.plan import SUFFIXES, Options, Target, export_command, nsys_command, shell_line
from nsysgap.profiling.standard_input import StandardInput
from nsysgap.profiling.temporaries import remove_named

Record = dict[str, Any]
_NO_CUPY = re.compile(rb"No module named 'cupy'|CuPy is not installed")


@dataclass(frozen=True)
class Streams:
    """What a program's runs read, where their two outputs go, what to say between them, and whom to tell how far nsys
    has written."""

    given: StandardInput
    out: IO[bytes]
    err: IO[bytes]
    say: Callable[[str], None]
    progress: Callable[[int], None]


@dataclass(frozen=True)
class Run:
    """One run of a target: exit code, wall time of the process in s, and its JSON record if its last line was one."""

    exit_code: int
    wall_s: float
    record: Record | None


@dataclass(frozen=True)
class Captured:
    """A target with its plain run (None if left out), its run under nsys, and the command line that made the report."""

    target: Target
    nsys: Nsys
    command: tuple[str, ...]
    plain: Run | None
    profiled: Run
    missing_cupy: bool = False


def capture(
    target: Target,
    nsys: Nsys,
    options: Options,
    streams: Streams,
    summed_up: Callable[[Captured], str],
    *,
    baseline: bool,
) -> Captured:
    """Run a target plain (with `baseline`) and under nsys; NAME.nsys-rep, NAME.sqlite and NAME.json are then in place.

    `summed_up` makes the text of NAME.json, before the report is read: whoever stops the reading has a whole capture.
    Raises NsysgapError when nsys made no report, Interrupted when stopped; then nothing is left behind. A target that
    fails is captured all the same: its exit code is in the result.
    """
    command = nsys_command(nsys.path, options, target.output, target.argv)
    plain = None
    if baseline:
        streams.say(f"{target.said}: plain run, without nsys")
        plain = _run_of(_start(target.argv, streams))
    streams.say(f"{target.said}: {shell_line(command)}")
    with _work_folder(target) as folder:
        lines = NsysLines(streams.progress)
        try:
            ran = _start(nsys_command(nsys.path, options, folder / target.output.name, target.argv), streams, lines)
            _require_report(target, nsys, folder / target.output.name, ran, lines, options)
        except (Interrupted, NsysgapError):
            remove_named(lines.own)
            raise
        missing_cupy = bool(_NO_CUPY.search(ran.stderr))
        captured = Captured(target, nsys, tuple(command), plain, _run_of(ran), missing_cupy)
        (folder / (target.output.name + ".json")).write_text(summed_up(captured))
        with uninterrupted():
            for suffix in SUFFIXES:
                (folder / (target.output.name + suffix)).replace(target.file(suffix))
    return captured


def _start(argv: list[str] | tuple[str, ...], streams: Streams, lines: NsysLines | None = None) -> Ran:
    streams.given.before_run(streams.say)
    try:
        if lines is None:
            return run(argv, out=streams.out, err=streams.err)
        return run(argv, out=streams.out, err=streams.err, keep_out=lines)
    except OSError as error:
        raise NsysgapError(
            f"{argv[0]} could not be started ({error.strerror}).", "Check its path and permissions."
        ) from None


def _run_of(ran: Ran) -> Run:
    return Run(ran.exit_code, ran.wall_s, last_record(ran.stdout))


def last_record(output: bytes) -> Record | None:
    """The JSON object on the last line of what a program printed; None if it is none."""
    lines = output.rstrip().splitlines()
    if not lines or not lines[-1].lstrip().startswith(b"{"):
        return None
    try:
        record = json.loads(lines[-1], parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _no_number(said: str) -> float:
    raise ValueError(f"{said} is no JSON")


def _finite(said: str) -> float:
    value = float(said)
    return value if math.isfinite(value) else _no_number(said)


def _require_report(target: Target, nsys: Nsys, made: Path, ran: Ran, lines: NsysLines, options: Options) -> None:
    """See that both files are there and whole. Raises NsysgapError with nsys's own words if they are not."""
    report, export = made.with_name(made.name + ".nsys-rep"), made.with_name(made.name + ".sqlite")
    said = "\n".join(part.decode("utf-8", "replace") for part in (ran.stderr, ran.stdout, lines.own))
    if "No space left on device" in said:
        raise explain(target.said, said, ran.exit_code)
    if not report.exists():
        if options.capture_range is not None and ran.exit_code == 0:
            raise NsysgapError(
                f"The NVTX range '{options.capture_range}' never began in {target.said}: nsys recorded nothing.",
                "Check its spelling (a range of another domain is NAME@DOMAIN), or leave out --capture-range.",
            )
        raise explain(target.said, said, ran.exit_code)
    if not export.exists():
        _export(nsys, report, export, blobs=options.blobs)


def _export(nsys: Nsys, report: Path, export: Path, *, blobs: bool) -> None:
    argv = export_command(nsys.path, report, export)
    if not blobs:  # the option is unknown to old releases, and what it adds is large
        argv.remove("--include-blobs=true")
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode or not export.exists():
        raise explain(report.name, done.stderr or done.stdout, done.returncode)


@contextmanager
def _work_folder(target: Target) -> Iterator[Path]:
    """A hidden folder beside the target's files, on the same disk, so that finished files can be renamed into place."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{target.output.name}.", suffix=".part", dir=target.output.parent))
    except OSError as error:
        raise NsysgapError(
            f"No folder can be made in {target.output.parent} ({error.strerror}).",
            "Choose another place: -o FOLDER/NAME.",
        ) from None
    try:
        yield folder.resolve()
    except OSError as error:
        raise NsysgapError(
            f"{target.output}.* cannot be written ({error.strerror}).", "Choose another place: -o NAME."
        ) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
