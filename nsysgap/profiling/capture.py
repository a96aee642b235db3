"""One target, captured: the plain run, the run under nsys, and report files that appear only when they are whole."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from nsysgap.errors import NsysgapError
from nsysgap.profiling.children import Interrupted, Ran, run, uninterrupted
from nsysgap.profiling.finding import Nsys
from nsysgap.profiling.nsyslines import NsysLines, explain
from nsysgap.profiling.nvtx_times import notes_folder, read_range_times, timing_environment
from nsysgap.profiling.plan import SUFFIXES, Options, Target, export_command, nsys_command, shell_line
from nsysgap.profiling.standard_input import StandardInput
from nsysgap.profiling.step_times import StepTimes, step_times
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
class Round:
    """A plain run (None if left out) and the run under nsys after it.

    `plain_loops`: the loops of the plain run's NVTX ranges; `no_loops` says why there are none, "" where there are.
    `report_loops`: those of the report, `session_ns` how long nsys recorded; empty and None for the round that is
    kept, whose report is read in full.
    """

    plain: Run | None
    profiled: Run
    plain_loops: tuple[StepTimes, ...] = ()
    no_loops: str = ""
    report_loops: tuple[Record, ...] = ()
    session_ns: int | None = None


@dataclass(frozen=True)
class Captured:
    """A target with its rounds, in order, and the command line that made the report: that of the last round."""

    target: Target
    nsys: Nsys
    command: tuple[str, ...]
    rounds: tuple[Round, ...]
    missing_cupy: bool = False

    @property
    def plain(self) -> Run | None:
        """The plain run of the round that is kept."""
        return self.rounds[-1].plain

    @property
    def profiled(self) -> Run:
        """The run under nsys whose report is kept."""
        return self.rounds[-1].profiled


ReadRound = Callable[[Path], tuple[tuple[Record, ...], int | None]]
"""A round's report -> its loops of NVTX ranges, and how long nsys recorded, ns."""


def capture(
    target: Target,
    nsys: Nsys,
    options: Options,
    streams: Streams,
    summed_up: Callable[[Captured], str],
    *,
    baseline: bool,
    repeat: int = 1,
    read_round: ReadRound = lambda _: ((), 0),
) -> Captured:
    """Run a target plain (with `baseline`) and under nsys; NAME.nsys-rep, NAME.sqlite and NAME.json are then in place.

    `repeat`: so many times in turn; each round's report but the last one's is read by `read_round` and let go of. A
    round that fails is the last. `summed_up` makes the text of NAME.json, before the report is read: whoever stops the
    reading has a whole capture. Raises NsysgapError when nsys made no report, Interrupted when stopped; then nothing
    is left behind. A target that fails is captured all the same: its exit code is in the result.
    """
    command = nsys_command(nsys.path, options, target.output, target.argv)
    rounds: list[Round] = []
    missing_cupy = False
    for number in range(1, repeat + 1):
        said = target.said if repeat == 1 else f"{target.said}, {number} of {repeat}"
        ran = _plain_round(said, target, streams) if baseline else Round(None, Run(0, 0.0, None))
        streams.say(f"{said}: {shell_line(command)}")
        with _work_folder(target) as folder:
            under = _under_nsys(target, nsys, options, streams, folder)
            missing_cupy = bool(_NO_CUPY.search(under.stderr))
            rounds.append(replace(ran, profiled=_run_of(under)))
            captured = Captured(target, nsys, tuple(command), tuple(rounds), missing_cupy)
            if number < repeat and not under.exit_code and not (ran.plain and ran.plain.exit_code):
                loops, session = read_round(folder / (target.output.name + ".sqlite"))
                rounds[-1] = replace(rounds[-1], report_loops=loops, session_ns=session)
                continue
            (folder / (target.output.name + ".json")).write_text(summed_up(captured))
            with uninterrupted():
                for suffix in SUFFIXES:
                    (folder / (target.output.name + suffix)).replace(target.file(suffix))
        break
    return captured


def _plain_round(said: str, target: Target, streams: Streams) -> Round:
    """The plain run, which notes the times of its NVTX ranges where it can."""
    streams.say(f"{said}: plain run, without nsys")
    unrun = Run(0, 0.0, None)
    with notes_folder() as folder:
        why, added = "", {}
        try:
            added = timing_environment(folder, dict(os.environ))
        except (NsysgapError, OSError) as error:
            why = str(error)
        run = _run_of(_start(target.argv, streams, added=added))
        if why:
            return Round(run, unrun, no_loops=why)
        try:
            times = read_range_times(folder)
        except (OSError, ValueError) as error:
            return Round(run, unrun, no_loops=f"The notes of the plain run cannot be read ({error}).")
    if times.full:
        return Round(run, unrun, no_loops="The plain run made more NVTX ranges than there is room to note.")
    why = "" if times.ranges else "The plain run made no NVTX ranges."
    return Round(run, unrun, tuple(step_times(times)), why)


def _under_nsys(target: Target, nsys: Nsys, options: Options, streams: Streams, folder: Path) -> Ran:
    """Run a target under nsys, with the report in a folder."""
    lines = NsysLines(streams.progress)
    try:
        ran = _start(nsys_command(nsys.path, options, folder / target.output.name, target.argv), streams, lines)
        _require_report(target, nsys, folder / target.output.name, ran, lines, options)
    except (Interrupted, NsysgapError):
        remove_named(lines.own)
        raise
    return ran


def _start(
    argv: list[str] | tuple[str, ...],
    streams: Streams,
    lines: NsysLines | None = None,
    added: Mapping[str, str] = MappingProxyType({}),
) -> Ran:
    streams.given.before_run(streams.say)
    try:
        if lines is None:
            return run(argv, out=streams.out, err=streams.err, added=added)
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
