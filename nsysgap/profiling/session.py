"""One call of `nsysgap profile`: every target captured, read and summed up. What is said goes through `Said`."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from nsysgap.errors import NsysgapError
from nsysgap.profiling.capture import Captured, Streams, capture
from nsysgap.profiling.finding import Driver, Nsys, check_version, find_driver, find_nsys, knows_option
from nsysgap.profiling.plan import (
    Options,
    Target,
    capture_lines,
    check_extra,
    check_outputs,
    check_room,
    check_target,
    shell_line,
)
from nsysgap.profiling.reading import CapturedReport, failure_of, read_round, unread_summary

if TYPE_CHECKING:
    from nsysgap.profiling.reading import Opener

NO_DRIVER = (
    "no NVIDIA driver was found on this machine: the program can use no GPU and the report can hold no GPU work. "
    "nsysgap profile --dry-run prints the command line to run on a machine that has one."
)
NO_GPU = "the NVIDIA driver {} sees no GPU: the program can use none and the report can hold no GPU work."
SAMPLING_COST = (
    "once more with call stacks. Sampling costs time (a decode loop of 9.8 ms a token under nsys took 15.8 with Python "
    "samples at 2 kHz, 27 with a stack per CUDA call): take times from the capture without, shares from this one."
)
Say = Callable[[str, str], None]


@dataclass(frozen=True)
class Shown:
    """Whom a session tells what: `say` (message, hint), `capture` of a report that was read, `stacks` of a capture and
    the one with stacks beside it."""

    say: Say
    capture: Callable[[CapturedReport], None]
    stacks: Callable[[Captured, Captured], None]


class Session:
    """The options of one call, and what it does with each target."""

    def __init__(self, given: dict[str, Any], shown: Shown, open_report: Opener) -> None:
        self.given, self.shown, self.open_report = given, shown, open_report
        self.stacks: str = given["stacks"] or ""
        self.twice = bool(self.stacks) and not given["no_baseline"]
        self.capture_range = _range_name(given["capture_range"])
        self.driver: Driver | None = None
        self.unread: Target | None = None
        self.summaries: list[dict[str, Any]] = []

    def options(self, nsys: Nsys | None) -> Options:
        """How to capture, in the words that this nsys knows."""
        metrics = ""
        if self.given["gpu_metrics"]:
            old = nsys is not None and not knows_option(nsys, "--gpu-metrics-devices")
            metrics = "--gpu-metrics-device=all" if old else "--gpu-metrics-devices=all"
        try:
            extra = tuple(shlex.split(self.given["nsys_args"]))
        except ValueError as error:
            raise NsysgapError(
                f"--nsys-args cannot be split into words: {error}.", "Close the quotes.", exit_code=2
            ) from None
        check_extra(extra)
        stacks = "" if self.twice else self.stacks
        return Options(self.given["graph_trace"], self.capture_range, metrics, extra, stacks)

    def lines(self, targets: list[Target]) -> list[str]:
        """What would be run for each target; needs neither nsys nor a GPU."""
        nsys: Nsys | None = None
        try:
            nsys = find_nsys(self.given["nsys_path"])
        except NsysgapError as error:
            self.shown.say(f"{error} (The lines below name it 'nsys'.)", "")
        options, shell_lines = self.options(nsys), []
        for target in targets:
            try:
                check_target(target, command=self.given["is_command"])
            except NsysgapError as error:
                self.shown.say(str(error), "")
            if not self.given["no_baseline"]:
                shell_lines.append(shell_line(target.argv))
            lines = capture_lines(nsys.path if nsys else "nsys", options, target, self.stacks, twice=self.twice)
            shell_lines += map(shell_line, lines)
        return shell_lines

    def run(self, targets: list[Target], streams: Callable[[], Streams]) -> int:
        """Capture every target; the exit code is that of the first target that fails."""
        for target in targets:
            check_target(target, command=self.given["is_command"])
            check_outputs(target, force=self.given["force"])
            if self.twice:
                check_outputs(target.sampled, force=self.given["force"])
            check_room(target)
        nsys, self.driver = find_nsys(self.given["nsys_path"]), find_driver()
        check_version(nsys, self.driver)
        if self.driver is None:
            self.shown.say(NO_DRIVER, "")
        elif not self.driver.gpus:
            self.shown.say(NO_GPU.format(self.driver.version), "")
        options = self.options(nsys)
        codes: list[int] = []
        for target in targets:
            try:
                codes.append(self._target(target, nsys, options, streams))
            except NsysgapError as error:
                self.shown.say(error.message, error.hint)
                codes.append(error.exit_code)
        return next((code for code in codes if code), 0)

    def _target(self, target: Target, nsys: Nsys, options: Options, streams: Callable[[], Streams]) -> int:
        """Capture a target and write its NAME.json; its exit code, 1 if its report cannot answer."""
        captured, report = self._capture(target, nsys, options, streams(), baseline=not self.given["no_baseline"])
        self.summaries.append(report.summary)
        self.shown.capture(report)
        if self.stacks:
            self.shown.stacks(captured, self._sampled(captured, nsys, options, streams))
        refusal = failure_of(captured, self.driver)
        if refusal is None and report.refusal is not None:
            refusal = NsysgapError(report.refusal.message, report.refusal.hint)
        if refusal is None:
            return 0
        self.shown.say(refusal.message, refusal.hint)
        return refusal.exit_code

    def _sampled(self, captured: Captured, nsys: Nsys, options: Options, streams: Callable[[], Streams]) -> Captured:
        """The capture with stacks: made here (with a summary of its own) if the first had none."""
        if not self.twice:
            return captured
        self.shown.say(SAMPLING_COST, "")
        chosen = replace(options, stacks=self.stacks)
        return self._capture(captured.target.sampled, nsys, chosen, streams(), baseline=False)[0]

    def _capture(
        self, target: Target, nsys: Nsys, options: Options, streams: Streams, *, baseline: bool
    ) -> tuple[Captured, CapturedReport]:
        """Capture a target, read its report and write NAME.json."""
        self.unread = None
        captured = capture(
            target,
            nsys,
            options,
            streams,
            lambda made: unread_summary(made, self.driver),
            baseline=baseline,
            repeat=self.given["repeat"] if baseline else 1,
            read_round=partial(read_round, open_report=self.open_report),
        )
        self.unread = target
        try:
            whole = self.capture_range is None
            report = CapturedReport(
                captured, self.driver, (self.given["nvtx"], self.given["domain"]), self.open_report, whole=whole
            )
        except NsysgapError as error:
            failure = failure_of(captured, self.driver)
            if failure is None:
                raise
            self.shown.say(error.message, error.hint)
            raise failure from error
        report.write_json()
        self.unread = None
        return captured, report

    def kept(self) -> str:
        """Where a capture is whose report was not read to its end; "" if there is none."""
        if self.unread is None:
            return ""
        name = self.unread.file(".sqlite")
        return f"{self.unread.said} was captured: nsysgap gaps {name} reads its report."


def _range_name(said: str | None) -> str | None:
    if said is None:
        return None
    kind, equals, name = said.partition("=")
    if kind != "nvtx" or not equals or not name:
        raise NsysgapError(
            f"--capture-range '{said}' is not understood.", "Write --capture-range nvtx=NAME.", exit_code=2
        )
    return name
