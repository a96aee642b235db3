"""What the commands share: options, selections, opening with progress, output that is whole or not there."""

from __future__ import annotations

import ctypes
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

from nsysgap.commands import output_refused, show_error
from nsysgap.errors import NsysgapError
from nsysgap.units import counted, duration, parse_duration, printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nsysgap.intervals import IntervalSet
    from nsysgap.report.source import Source
    from nsysgap.tables import Trace

Command = TypeVar("Command", bound=Callable[..., Any])
PROGRESS_AFTER_S = 1.0
M_ARENA_MAX = -8  # malloc.h


class Duration(click.ParamType):  # type: ignore[type-arg] # generic only in newer releases
    """A time such as 350ms or 1.2s, as integer nanoseconds; a bare number is seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse, or fail as wrong usage."""
        if isinstance(value, int):
            return value
        try:
            return parse_duration(value)
        except NsysgapError as error:
            self.fail(str(error), param, ctx)


class Pattern(click.ParamType):  # type: ignore[type-arg] # generic only in newer releases
    """A regular expression."""

    name = "regex"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> re.Pattern[str]:
        """Compile, or fail as wrong usage."""
        try:
            return re.compile(value)
        except re.error as error:
            self.fail(f"'{value}' is not a regular expression: {error}.", param, ctx)


class Top(click.ParamType):  # type: ignore[type-arg] # generic only in newer releases
    """A number of rows, or "all" (None)."""

    name = "N|all"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """A count; -1 stands for all."""
        if value == "all":
            return -1
        try:
            number = int(value)
        except ValueError:
            number = -1
        if number < 0:
            self.fail(f"'{value}' is neither a number of rows nor 'all'.", param, ctx)
        return number


def selection_options(command: Command) -> Command:
    """--device, --nvtx, --from, --to: which part of the report counts."""
    for option in (
        click.option(
            "--to", "until", type=Duration(), metavar="TIME", help="Only before this time, e.g. 1.2s or 350ms."
        ),
        click.option("--from", "since", type=Duration(), metavar="TIME", help="Only from this time of the session on."),
        click.option("--nvtx", type=Pattern(), metavar="REGEX", help="Only inside NVTX ranges whose name matches."),
        click.option("--device", type=click.IntRange(min=0), metavar="N", help="Only this GPU."),
    ):
        command = option(command)
    return command


def output_options(command: Command) -> Command:
    """-o/--output and --force."""
    for option in (
        click.option("--force", is_flag=True, help="Overwrite the output file."),
        click.option("-o", "--output", metavar="FILE", help="Write to this file instead of the terminal."),
    ):
        command = option(command)
    return command


@dataclass(frozen=True)
class Selected:
    """The selected time (None: all of it) and a sentence on what selected it ("" for all).

    `ranges`: the rows of nvtx that --nvtx matched, None without it.
    """

    time: IntervalSet | None
    said: str
    ranges: NDArray[np.intp] | None = None


def select_time(
    trace: Trace, nvtx: re.Pattern[str] | None = None, since: int | None = None, until: int | None = None
) -> Selected:
    """Combine --nvtx, --from and --to. Raises NsysgapError when nothing is left."""
    from nsysgap.intervals import IntervalSet, intersect

    time_set, said, rows = None, [], None
    if nvtx is not None:
        time_set, sentence, rows = _in_ranges(trace, nvtx)
        said.append(sentence)
    if since is not None or until is not None:
        import numpy as np

        limits = np.iinfo(np.int64)
        low, high = limits.min if since is None else since, limits.max if until is None else until
        if high <= low:
            raise NsysgapError("--from is not before --to: nothing is selected.", "Swap them.", exit_code=2)
        span = IntervalSet(np.array([low], np.int64), np.array([high], np.int64))
        time_set = span if time_set is None else intersect(time_set, span)
        said.append(f"from {duration(since or 0)}" + ("" if until is None else f" to {duration(until)}"))
    if time_set is not None:
        _require_ops(trace, time_set)
    return Selected(time_set, ", ".join(said), rows)


def _in_ranges(trace: Trace, pattern: re.Pattern[str]) -> tuple[IntervalSet, str, NDArray[np.intp]]:
    from nsysgap.analysis.relations.ranges import select_ranges

    found = select_ranges(trace, pattern)
    if not found.ranges:
        raise NsysgapError(f"No NVTX range matches '{pattern.pattern}'.", _known_names(trace))
    names = ", ".join(printable(name, 40) for name in found.names[:3])
    more = f" and {len(found.names) - 3:,} more names" if len(found.names) > 3 else ""
    ranges = counted(found.ranges, "NVTX range", "NVTX ranges")
    return found.time, f"inside {ranges} ({names}{more}), {duration(found.time.total)}", found.rows


def _known_names(trace: Trace) -> str:
    import numpy as np

    index, number = np.unique(trace.nvtx["name"], return_counts=True)
    if not len(index):
        return "The report holds no NVTX ranges: capture with --trace=cuda,nvtx and mark phases in the program."
    most = [printable(trace.names[int(index[i])], 40) for i in np.argsort(-number, kind="stable")[:5]]
    return f"The report has {len(index):,} names, such as: {', '.join(most)}."


def _require_ops(trace: Trace, selection: IntervalSet) -> None:
    from nsysgap.intervals import IntervalSet, intersect

    ops = trace.ops
    if not ops.rows:
        return
    first, last = int(ops["start"][0]), int(ops["end"].max())
    import numpy as np

    if not len(intersect(selection, IntervalSet(np.array([first]), np.array([last]))).starts):
        raise NsysgapError(
            "The selection holds no GPU time.",
            f"The GPUs of this report worked from {duration(first)} to {duration(last)} of the session.",
        )


def raise_all(failed: list[NsysgapError]) -> None:
    """Say what is wrong with each of several reports; the exit code is the last one's."""
    for error in failed[:-1]:
        show_error(error)
    if failed:
        raise failed[-1]


def check_device(trace: Trace, device: int | None) -> None:
    """Raise NsysgapError for a GPU that ran nothing in this report."""
    import numpy as np

    if device is not None and trace.ops.rows and not (trace.ops["device"] == device).any():
        known = ", ".join(str(number) for number in np.unique(trace.ops["device"]))
        raise NsysgapError(f"GPU {device} ran nothing in {trace.path}.", f"GPUs with work: {known}.")


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[tuple[Source, Trace]]:
    """Open and read a report, with a progress bar on a terminal if it takes more than a moment."""
    from nsysgap.report import open_source, read_trace

    _share_one_heap()
    with open_source(path) as source, progress_bar(f"Reading {Path(path).name}", source.rows_guess) as advance:
        trace = read_trace(source, advance)
        advance(source.rows_guess)
        yield source, trace


def _share_one_heap() -> None:
    """Let all threads allocate from one heap: with one each, glibc holds on to 50 to 100 MB more on large reports."""
    set_option = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if set_option is not None:
        set_option(M_ARENA_MAX, 1)


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A function to call with the amount done; draws on stderr, only on a terminal, only after a second."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    bar = _Bar(what, total)
    try:
        yield bar.advance
    finally:
        bar.stop()


class _Bar:
    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.done = what, max(total, 1), 0
        self.began = time.monotonic()
        self.progress: Any = None

    def advance(self, amount: int) -> None:
        self.done = min(self.done + amount, self.total)
        if self.progress is None and self.done < self.total and time.monotonic() - self.began > PROGRESS_AFTER_S:
            from rich.console import Console
            from rich.progress import Progress

            self.progress = Progress(console=Console(stderr=True), transient=True)
            self.task = self.progress.add_task(self.what, total=self.total)
            self.progress.start()
        if self.progress is not None:
            self.progress.update(self.task, completed=self.done)
            if self.done >= self.total:
                self.stop()

    def stop(self) -> None:
        if self.progress is not None:
            self.progress.stop()
            self.progress = None
            self.total = 0


@contextmanager
def output_file(output: str | None, *, force: bool = False) -> Iterator[IO[bytes]]:
    """A binary file to write: standard output for None or "-", else a temporary name that becomes `output` at the end.

    A device or a named pipe is written to as it is. Raises NsysgapError if the file exists (without `force`) or cannot
    be written; then nothing is left behind.
    """
    if output in (None, "-"):
        with _stdout() as file:
            yield file
        return
    target = Path(str(output))
    require_new(target, force=force)
    if _is_special(target):
        with _cannot_be_written(target), target.open("wb") as file:
            yield file
        return
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent or Path())
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


def _is_special(target: Path) -> bool:
    """Whether this is a device or a named pipe (/dev/null, /dev/stdout), which no file may replace."""
    return target.exists() and not target.is_file() and not target.is_dir()


@contextmanager
def _stdout() -> Iterator[IO[bytes]]:
    if sys.stdout is None:  # the shell closed it: >&-
        raise NsysgapError("Standard output is closed.", "Name a file: -o FILE.")
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise output_refused(error) from None


def to_terminal(output: str | None) -> bool:
    """Whether what is written to `output` is seen on a terminal."""
    return output is None and sys.stdout is not None and sys.stdout.isatty()


def require_new(target: Path, *, force: bool) -> None:
    """Raise NsysgapError if a file would be overwritten without --force."""
    if target.is_dir():
        raise NsysgapError(f"{target} is a folder.", "Name a file in it.")
    if target.is_file() and not force:
        raise NsysgapError(f"{target} exists already.", "Add --force to overwrite it, or name another file.")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
