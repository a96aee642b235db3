"""What will be run and written: targets, file names, the plain and the nsys command line. Nothing runs here."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from nsysgap.errors import NsysgapError
from nsysgap.files import is_same_file

SUFFIXES = (".nsys-rep", ".sqlite", ".json")
FIXED_FLAGS = ("--trace=cuda,nvtx,osrt",)
QUIET_FLAGS = ("--cpuctxsw=none",)
STACK_FLAGS = {
    "": ("--sample=none",),
    "python": ("--sample=none", "--python-sampling=true", "--python-sampling-frequency=1000"),
    "native": ("--sample=process-tree",),
    # Without CPU sampling nsys records no Python backtrace of CUDA calls, and does not say so.
    "calls": ("--sample=process-tree", "--python-backtrace=cuda", "--cudabacktrace=all:0"),
}
STACKS_NAME = ".stacks"
SHORT_OPTIONS = {"-t": "--trace", "-s": "--sample", "-o": "--output", "-c": "--capture-range", "-e": "--env-var"}
OWN_OPTIONS = ("--output", "--export")
# The report of a program that does nothing takes 1 MB here and 1 to 2 MB in nsys's temporary folder: with 1 MB there
# nsys crashed, with 0.3 MB it waited for ever. No capture worth having fits into eight times that.
LEAST_ROOM = 16 << 20
_VARIABLE = re.compile(r"%q\{([^{}]+)\}")


@dataclass(frozen=True)
class Options:
    """How to capture: `graph_trace` "node" or "graph", `capture_range` an NVTX range's name (None: everything),
    `metrics_flag` the option that samples GPU metrics ("" for none), `extra` further nsys options, `stacks` which call
    stacks to record: "python", "native", "calls" or "" for none."""

    graph_trace: str = "node"
    capture_range: str | None = None
    metrics_flag: str = ""
    extra: tuple[str, ...] = ()
    stacks: str = ""

    @property
    def blobs(self) -> bool:
        """Whether the stacks are payloads, which `nsys profile --export` leaves out."""
        return self.stacks in ("python", "calls")

    def flags(self) -> list[str]:
        """The options of `nsys profile`, without the output's name; one that `extra` gives too is `extra`'s."""
        flags = [*FIXED_FLAGS, f"--cuda-graph-trace={self.graph_trace}", *STACK_FLAGS[self.stacks], *QUIET_FLAGS]
        flags += [] if self.blobs else ["--export=sqlite"]
        if self.capture_range is not None:
            # The range's name is an ordinary string in most programs, not a registered one: nsys must look at both.
            flags += ["--capture-range=nvtx", f"--nvtx-capture={self.capture_range}", "--capture-range-end=stop"]
            flags += ["--env-var=NSYS_NVTX_PROFILER_REGISTER_ONLY=0"]
        if self.metrics_flag:
            flags.append(self.metrics_flag)
        given = {_option(word) for word in self.extra} - {"--env-var"}  # more variables leave ours in place
        return [*(flag for flag in flags if _option(flag) not in given), *self.extra]


def _option(word: str) -> str:
    """The long name of the option that a word of a command line gives; the word itself if it gives none."""
    name = word.partition("=")[0] if word.startswith("--") else word[:2]
    return SHORT_OPTIONS.get(name, name) if name.startswith("-") else word


def check_extra(extra: Sequence[str]) -> None:
    """Raise NsysgapError where an nsys option says which files to write: nsysgap moves them once they are whole."""
    for word in extra:
        if _option(word) in OWN_OPTIONS:
            raise NsysgapError(
                f"{word} in --nsys-args: nsysgap names the files itself.", "Use nsysgap's own -o NAME.", exit_code=2
            )


@dataclass(frozen=True)
class Target:
    """A program to capture: what the user called it, its command line, and the path prefix of its files."""

    said: str
    argv: tuple[str, ...]
    output: Path

    def file(self, suffix: str) -> Path:
        """One of the target's files."""
        return self.output.with_name(self.output.name + suffix)

    @property
    def sampled(self) -> Target:
        """The same program, captured once more with call stacks, beside the capture without."""
        return Target(self.said, self.argv, self.file(STACKS_NAME))


def nsys_command(nsys: str, options: Options, output: str | os.PathLike[str], argv: Sequence[str]) -> list[str]:
    """The nsys command line that captures argv and writes OUTPUT.nsys-rep and OUTPUT.sqlite."""
    return [nsys, "profile", *options.flags(), "--output", os.fspath(output), *argv]


def export_command(nsys: str, report: str | os.PathLike[str], export: str | os.PathLike[str]) -> list[str]:
    """The nsys command line that writes a report as SQLite, with the payloads that hold Python stacks."""
    flags = ["--type", "sqlite", "--include-blobs=true", "--output", os.fspath(export)]
    return [nsys, "export", *flags, os.fspath(report)]


def capture_lines(nsys: str, options: Options, target: Target, stacks: str, *, twice: bool) -> list[list[str]]:
    """Every nsys command line of a capture; `twice`: without stacks, then with them."""
    lines = []
    made = [(options, target), *([(replace(options, stacks=stacks), target.sampled)] if twice else [])]
    for chosen, chosen_target in made:
        lines.append(nsys_command(nsys, chosen, chosen_target.output, chosen_target.argv))
        if chosen.blobs:
            lines.append(export_command(nsys, chosen_target.file(".nsys-rep"), chosen_target.file(".sqlite")))
    return lines


def shell_line(argv: Sequence[str]) -> str:
    """A command line as one would type it."""
    return shlex.join(argv)


def make_targets(
    said: Sequence[str], arguments: Sequence[str], output: str | None, *, command: bool, python: str | None
) -> list[Target]:
    """The targets in the order named. `output`: a name for one target, a folder for several.

    `%q{VARIABLE}` in it stands for a variable of the environment, as in nsys; without a name the rank of a job that
    runs this once a rank is part of it. Raises NsysgapError when two targets would write the same files.
    """
    targets = []
    for named in said:
        argv = (named, *arguments) if command else (python or sys.executable, named, *arguments)
        targets.append(Target(named, tuple(argv), _output(named, output, several=len(said) > 1)))
    by_output: dict[Path, str] = {}
    for target in targets:
        if target.output in by_output:
            raise NsysgapError(
                f"{by_output[target.output]} and {target.said} would both write {target.output}.*.",
                "Capture them one by one, each with its own -o NAME.",
                exit_code=2,
            )
        by_output[target.output] = target.said
    return targets


def _output(said: str, output: str | None, *, several: bool) -> Path:
    path = Path(said)
    name = path.stem if path.suffix == ".py" else path.name
    if output is None:
        return Path(name + _rank_suffix())
    output = _VARIABLE.sub(lambda match: _variable(match[1]), output)
    if several or output.endswith(os.sep) or Path(output).is_dir():
        return Path(output) / name
    for suffix in SUFFIXES:
        output = output.removesuffix(suffix)
    return Path(output)


def _rank_suffix() -> str:
    """ "_rank3" where this is one of several ranks: below torchrun, srun or mpirun each must have files of its own."""
    from nsysgap.report.rank_facts import rank_of

    rank, size = rank_of(os.environ)
    return "" if rank is None or size == 1 else f"_rank{rank}"


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise NsysgapError(f"-o names the variable {name}, which is not set.", "Name one that is.", exit_code=2)
    return value.replace(os.sep, "_")


def check_target(target: Target, *, command: bool) -> None:
    """Raise NsysgapError for a target that cannot be run."""
    path = Path(target.said)
    if command:
        if shutil.which(target.said) is None:
            raise NsysgapError(
                f"{target.said} is no program that can be run.", "Check the path and its permission to run."
            )
        return
    if path.is_dir():
        raise NsysgapError(f"{path} is a folder.", "Name a Python script, or with --command any program.")
    if not path.exists():
        raise NsysgapError(f"{path} does not exist.", "Name a Python script, or with --command any program.")
    with path.open("rb") as file:
        if file.read(4) == b"\x7fELF":
            raise NsysgapError(f"{path} is no Python script.", f"Run it as a program: nsysgap profile --command {path}")


def check_outputs(target: Target, *, force: bool) -> None:
    """Make the folder of a target's files if it is missing.

    Raises NsysgapError if a file would be overwritten without --force, or one that the program's command line names
    even with it, or the folder cannot be written to.
    """
    folder = target.output.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NsysgapError(f"{folder} cannot be made ({error.strerror}).", "Choose another place: -o NAME.") from None
    for suffix in SUFFIXES:
        file = target.file(suffix)
        read = next((word for word in target.argv if is_same_file(file, Path(word))), None)
        if read is not None:
            raise NsysgapError(
                f"{file} is an input of the program ({read}): inputs are never written.",
                "Choose another name: -o NAME.",
                exit_code=2,
            )
        if file.is_dir():
            raise NsysgapError(f"{file} is a folder.", "Choose another name: -o NAME.")
        if file.exists() and not force:
            raise NsysgapError(
                f"{file} exists already.", "Add --force to overwrite it, or choose another name: -o NAME."
            )
    if not os.access(folder, os.W_OK):
        raise NsysgapError(f"You may not write into {folder}.", "Choose another place: -o FOLDER/NAME.")


def check_room(target: Target) -> None:
    """Raise NsysgapError where nsys could write next to nothing: it may wait for ever instead of saying so."""
    temporary = Path(os.environ.get("TMPDIR") or "/tmp")  # noqa: S108 - nsys's, wherever Python's would be
    for folder, hint in (
        (target.output.parent, "Free some space, or write elsewhere: -o FOLDER/NAME."),
        (temporary, "nsys keeps its temporary files there: free some space, or set TMPDIR to a larger disk."),
    ):
        with suppress(OSError):  # nsys says what is wrong with the folder
            disk = shutil.disk_usage(folder)
            if disk.free < LEAST_ROOM and disk.total:  # some network disks tell no sizes
                raise NsysgapError(
                    f"The disk of {folder} has {disk.free / 1e6:.1f} MB free: a capture needs {LEAST_ROOM / 1e6:.0f} "
                    "MB and more.",
                    hint,
                )
