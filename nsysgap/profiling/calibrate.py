"""The runs of a calibration: one program, plain and under nsys, with graphs traced by node and as a whole."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nsysgap.errors import NsysgapError
from nsysgap.profiling.capture import Streams, capture, last_record
from nsysgap.profiling.children import Ran, run
from nsysgap.profiling.finding import Nsys, check_version, find_driver, find_nsys
from nsysgap.profiling.plan import Options, Target, check_room, nsys_command, shell_line

PROGRAM = Path(__file__).with_name("calibration_program.py")
PLAIN_RUNS = 3  # what is fastest counts: two are too few to be sure that nothing else ran
NO_DRIVER = "There is no NVIDIA driver on this machine: nothing can be measured."
NO_GPU = "The NVIDIA driver {} sees no GPU: nothing can be measured."
ELSEWHERE = (
    "Run nsysgap calibrate on the machine with the GPU, and give the file it writes here: whatif --calibration FILE."
)
Record = dict[str, Any]


@dataclass(frozen=True)
class CalibrationRuns:
    """`plain`: the records of the plain runs; `node`, `whole`: the reports with graphs traced by node and whole."""

    plain: tuple[Record, ...]
    node: Path
    whole: Path


def command_lines(nsys: str, python: str | None, folder: Path) -> list[str]:
    """What is run, as one would type it."""
    argv = _argv(python)
    under = [nsys_command(nsys, Options(graph_trace=how), folder / how, argv) for how in ("node", "graph")]
    return [shell_line(argv)] * PLAIN_RUNS + [shell_line(line) for line in under]


def calibration_runs(nsys_path: str | None, python: str | None, folder: Path, streams: Streams) -> CalibrationRuns:
    """Run the program in turn; its reports lie in `folder` then.

    Raises NsysgapError where there is no GPU, no nsys or no CuPy, or where a run fails; Interrupted when stopped.
    """
    nsys = _nsys(nsys_path)
    check_room(_target(python, folder, "node"))
    plain = []
    for number in range(PLAIN_RUNS):
        streams.say(f"plain run {number + 1} of {PLAIN_RUNS}")
        plain.append(_record(_run(_argv(python), streams)))
    reports = []
    for how, said in (("node", "by node"), ("graph", "as a whole")):
        streams.say(f"under nsys {nsys.version_text}, graphs traced {said}")
        target = _target(python, folder, how)
        made = capture(target, nsys, Options(graph_trace=how), streams, lambda _: "{}", baseline=False)
        if made.profiled.exit_code:
            raise NsysgapError(f"The program failed under nsys, with exit code {made.profiled.exit_code}.", "")
        reports.append(target.file(".sqlite"))
    return CalibrationRuns(tuple(plain), *reports)


def _nsys(path: str | None) -> Nsys:
    driver = find_driver()
    if driver is None or not driver.gpus:
        raise NsysgapError(NO_DRIVER if driver is None else NO_GPU.format(driver.version), ELSEWHERE)
    nsys = find_nsys(path)
    check_version(nsys, driver)
    return nsys


def _argv(python: str | None) -> tuple[str, ...]:
    return python or sys.executable, str(PROGRAM)


def _target(python: str | None, folder: Path, name: str) -> Target:
    return Target("the calibration", _argv(python), folder / name)


def _run(argv: tuple[str, ...], streams: Streams) -> Ran:
    try:
        return run(argv, out=streams.out, err=streams.err)
    except OSError as error:
        raise NsysgapError(f"{argv[0]} could not be started ({error.strerror}).", "Name a Python: --python.") from None


def _record(ran: Ran) -> Record:
    """The record of a plain run. Raises NsysgapError with the program's own words where it failed."""
    record = last_record(ran.stdout)
    if ran.exit_code or record is None:
        lines = ran.stderr.decode("utf-8", "replace").strip().splitlines()
        said = lines[-1].removeprefix("calibrate: ") if lines else f"exit code {ran.exit_code}"
        raise NsysgapError(f"The calibration's program failed: {said.rstrip('.')}.", "It needs CuPy: see the README.")
    return record
