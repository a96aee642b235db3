"""`nsysgap profile`: run a program plain and under nsys, and say why the GPU was idle."""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

import click

from nsysgap.commands import show_error
from nsysgap.commands.common import Pattern
from nsysgap.errors import NsysgapError
from nsysgap.units import printable

if TYPE_CHECKING:
    from nsysgap.answers.gaps import GapsAnswer
    from nsysgap.answers.opening import OpenReport
    from nsysgap.profiling.capture import Captured, Streams
    from nsysgap.profiling.finding import Driver, Nsys
    from nsysgap.profiling.plan import Options, Target

LISTED_GAPS = 5
WORKLOAD_RANGE = "measured"
NO_DRIVER = (
    "no NVIDIA driver was found on this machine: the program can use no GPU and the report can hold no GPU work. "
    "nsysgap profile --dry-run prints the command line to run on a machine that has one."
)
NO_GPU = "the NVIDIA driver {} sees no GPU: the program can use none and the report can hold no GPU work."
NO_DRIVER_HINT = "This machine has no NVIDIA driver, so no program can use a GPU here. Profile on a machine with one."


class _WithArguments(click.Command):
    """Everything after the first "--" is the target's own, whatever it looks like."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Cut off the target's arguments before click sees them."""
        place = args.index("--") if "--" in args else len(args)
        ctx.meta["nsysgap.arguments"] = tuple(args[place + 1 :])
        return super().parse_args(ctx, args[:place])


@click.command("profile", cls=_WithArguments, options_metavar="[OPTIONS]")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET... [-- ARGS]")
@click.option("--command", "is_command", is_flag=True, help="TARGET is any program, not a Python script.")
@click.option(
    "--nsys", "nsys_path", metavar="PATH", help="The nsys to use; else the variable NSYS, else the newest found."
)
@click.option("--python", metavar="PATH", help="The Python that runs scripts; else the one that runs nsysgap.")
@click.option("--dry-run", is_flag=True, help="Print the command lines and stop; works on any machine.")
@click.option("--no-baseline", is_flag=True, help="Leave out the plain run before the one under nsys.")
@click.option(
    "--graph-trace",
    type=click.Choice(["node", "graph"]),
    default="node",
    show_default=True,
    help="Trace CUDA graphs node by node, or each launch as a whole (cheaper).",
)
@click.option(
    "--stacks",
    type=click.Choice(["python", "native", "calls"]),
    help="Once more with call stacks: which line kept the GPU idle.",
)
@click.option("--gpu-metrics", is_flag=True, help="Also sample hardware counters (SMs active, ...) at 10 kHz.")
@click.option("--capture-range", metavar="nvtx=NAME", help="Record only inside the first NVTX range of this name.")
@click.option(
    "--nsys-args",
    default="",
    metavar="ARGS",
    help="Further options for nsys profile, in one string; they override nsysgap's own.",
)
@click.option("--nvtx", type=Pattern(), metavar="REGEX", help="Compare only inside these NVTX ranges (else: measured).")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "csv", "markdown"]),
    default="text",
    show_default=True,
    help="Of the summary; in other formats than text the programs' output goes to stderr.",
)
@click.option(
    "-o", "--output", metavar="NAME", help="Write NAME.nsys-rep, .sqlite, .json; a folder for several targets."
)
@click.option("--force", is_flag=True, help="Overwrite these files.")
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """Run programs plain and under nsys, and say why the GPU was idle.

    \b
    TARGET is a Python script; ARGS after -- are passed to it. Several targets end with a comparison.
    Every run reads standard input from the same place on if it is a file; a pipe can be read only
    once: give a file (< FILE), or leave out the plain run (--no-baseline).
    NSYSGAP_PROFILING=1 is set for both runs: a program may choose a smaller size by it.
    Example: nsysgap profile train.py -- --steps 10
    """
    from nsysgap.profiling.children import Interrupted, interruptible
    from nsysgap.profiling.plan import make_targets

    targets = make_targets(
        given["targets"],
        ctx.meta["nsysgap.arguments"],
        given["output"],
        command=given["is_command"],
        python=given["python"],
    )
    session = _Session(given)
    if given["dry_run"]:
        session.dry_run(targets)
        return
    try:
        with interruptible():
            code = session.run(targets)
    except Interrupted as stopped:
        click.echo(err=True)
        _say(f"stopped by {stopped}; nothing half-written was left.", session.kept())
        code = 128 + stopped.number
    if code:
        ctx.exit(code)


class _Session:
    """One call of the command: its options, and what it does with each target."""

    def __init__(self, given: dict[str, Any]) -> None:
        from nsysgap.profiling.standard_input import StandardInput

        self.given = given
        self.text = given["form"] == "text"
        self.stacks: str = given["stacks"] or ""
        self.twice = bool(self.stacks) and not given["no_baseline"]
        self.capture_range = _range_name(given["capture_range"])
        self.input = StandardInput()
        self.unread: Target | None = None

    def options(self, nsys: Nsys | None) -> Options:
        """How to capture, in the words that this nsys knows."""
        from nsysgap.profiling.finding import knows_option
        from nsysgap.profiling.plan import Options, check_extra

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

    def dry_run(self, targets: list[Target]) -> None:
        """Print what would be run, for each target; needs neither nsys nor a GPU."""
        from nsysgap.profiling.finding import find_nsys
        from nsysgap.profiling.plan import capture_lines, check_target, shell_line

        nsys: Nsys | None = None
        try:
            nsys = find_nsys(self.given["nsys_path"])
        except NsysgapError as error:
            _say(f"{error} (The lines below name it 'nsys'.)")
        options = self.options(nsys)
        for target in targets:
            try:
                check_target(target, command=self.given["is_command"])
            except NsysgapError as error:
                _say(str(error))
            if not self.given["no_baseline"]:
                click.echo(shell_line(target.argv))
            for line in capture_lines(nsys.path if nsys else "nsys", options, target, self.stacks, twice=self.twice):
                click.echo(shell_line(line))

    def run(self, targets: list[Target]) -> int:
        """Capture every target, print the summary, return the exit code: the first failing target's."""
        from nsysgap.profiling.finding import check_version, find_driver, find_nsys
        from nsysgap.profiling.plan import check_outputs, check_room, check_target

        if sys.stdout is None:
            raise NsysgapError("Standard output is closed (>&-).", "To drop what is printed: > /dev/null")
        for target in targets:
            check_target(target, command=self.given["is_command"])
            check_outputs(target, force=self.given["force"])
            if self.twice:
                check_outputs(target.sampled, force=self.given["force"])
            check_room(target)
        nsys, driver = find_nsys(self.given["nsys_path"]), find_driver()
        check_version(nsys, driver)
        if driver is None:
            _say(NO_DRIVER)
        elif not driver.gpus:
            _say(NO_GPU.format(driver.version))
        options = self.options(nsys)
        summaries: list[dict[str, Any]] = []
        codes: list[int] = []
        for target in targets:
            try:
                codes.append(self._one(target, nsys, driver, options, summaries))
            except NsysgapError as error:
                _say(error.message, error.hint)
                codes.append(error.exit_code)
        self._print_summary(summaries, several=len(targets) > 1)
        return next((code for code in codes if code), 0)

    def _one(
        self, target: Target, nsys: Nsys, driver: Driver | None, options: Options, summaries: list[dict[str, Any]]
    ) -> int:
        """Capture a target, write its NAME.json, print its gaps; its exit code, 1 if its report cannot answer."""
        captured, report = self._capture(target, nsys, driver, options, baseline=not self.given["no_baseline"])
        summaries.append(report.summary)
        if self.text:
            report.print_text()
        if self.stacks:
            self._print_stacks(captured, nsys, driver, options)
        failure = _failure(captured, driver)
        if failure is not None:
            _say(failure.message, failure.hint)
            return failure.exit_code
        if report.refusal is not None:
            _say(report.refusal.message, report.refusal.hint)
            return 1
        return 0

    def _capture(
        self, target: Target, nsys: Nsys, driver: Driver | None, options: Options, *, baseline: bool
    ) -> tuple[Captured, _Report]:
        """Capture a target, read its report and write NAME.json."""
        from nsysgap.profiling.capture import capture

        self.unread = None
        captured = capture(
            target, nsys, options, self._streams(), lambda made: _unread_summary(made, driver), baseline=baseline
        )
        self.unread = target
        try:
            report = _Report(captured, driver, self.given["nvtx"], whole=self.capture_range is None)
        except NsysgapError as error:
            failure = _failure(captured, driver)
            if failure is None:
                raise
            _say(error.message, error.hint)
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

    def _streams(self) -> Streams:
        from nsysgap.profiling.capture import Streams

        sys.stdout.flush()
        out: IO[bytes] = sys.stdout.buffer if self.text else sys.stderr.buffer
        return Streams(self.input, out, sys.stderr.buffer, _say, _progress if sys.stderr.isatty() else lambda _: None)

    def _print_stacks(self, captured: Captured, nsys: Nsys, driver: Driver | None, options: Options) -> None:
        """The table of lines: of a capture with stacks, made here (with a summary of its own) if the first had none."""
        from nsysgap.commands.profile_stacks import SAMPLING_COST, stacks_text

        if self.twice:
            _say(SAMPLING_COST)
            chosen = replace(options, stacks=self.stacks)
            sampled, _ = self._capture(captured.target.sampled, nsys, driver, chosen, baseline=False)
        else:
            sampled = captured
        if self.text:
            click.echo(stacks_text(captured, sampled, self.stacks, self.given["nvtx"]), nl=False)

    def _print_summary(self, summaries: list[dict[str, Any]], *, several: bool) -> None:
        from nsysgap.profiling.summary import COMPARISON_SCHEMA
        from nsysgap.render.data import dump_json
        from nsysgap.render.text.profile import comparison_csv, comparison_markdown, comparison_text

        form = self.given["form"]
        if form == "json":
            document = {"schema": COMPARISON_SCHEMA, "captures": summaries}
            click.echo(dump_json(document if several or not summaries else summaries[0]))
        elif form == "csv":
            click.echo(comparison_csv(summaries), nl=False)
        elif form == "markdown":
            click.echo(comparison_markdown(summaries), nl=False)
        elif several and summaries:
            click.echo("\n" + comparison_text(summaries), nl=False)


def _unread_summary(captured: Captured, driver: Driver | None) -> str:
    """The text of NAME.json as long as the report has not been read: without figures."""
    from nsysgap.analysis.launching_ways import INFLATED
    from nsysgap.profiling.summary import summary
    from nsysgap.render.data import dump_json

    document = summary(captured, driver, session_ns=None, selection="", figures=None, inflated=INFLATED)
    unread = {"level": "warning", "text": "The report has not been read: there are no figures."}
    return dump_json(document | {"warnings": [unread]}) + "\n"


class _Report:
    """A captured report, read and summed up."""

    def __init__(self, captured: Captured, driver: Driver | None, nvtx: re.Pattern[str] | None, *, whole: bool) -> None:
        from nsysgap.analysis.launching_ways import INFLATED
        from nsysgap.commands.common import opened_report
        from nsysgap.profiling.summary import summary

        self.target = captured.target
        self.answer: GapsAnswer | None = None
        self.refusal: NsysgapError | None = None
        with opened_report(captured.target.file(".sqlite")) as report:
            figures = self._ask(report, captured, driver, nvtx)
            header = report.header()
        words = "" if self.answer is None else self.answer.selection
        session = header.duration_ns if whole else None
        self.summary = summary(
            captured, driver, session_ns=session, selection=words, figures=figures, inflated=INFLATED
        )
        self.summary["warnings"] = header.document()["warnings"]

    def _ask(
        self, report: OpenReport, captured: Captured, driver: Driver | None, nvtx: re.Pattern[str] | None
    ) -> dict[str, Any] | None:
        """Ask why the GPU was idle; the figures of the summary, None from a report that cannot answer."""
        from nsysgap.analysis.launching_ways import launch_figures
        from nsysgap.analysis.questions import why_no_kernels
        from nsysgap.answers.gaps import GapsOptions, gaps
        from nsysgap.answers.selection import Selection
        from nsysgap.figures import as_json

        why = why_no_kernels(report.trace)
        if why is not None:
            self.refusal = NsysgapError(why[0], why[1] if driver else NO_DRIVER_HINT)
            return None
        record = captured.profiled.record
        selection = Selection(nvtx=nvtx or _workload_range(report.trace, record))
        self.answer = gaps(report, GapsOptions(selection, LISTED_GAPS))
        figures: dict[str, Any] = as_json(launch_figures(report.idle(selection), record).as_dict())
        return figures

    def write_json(self) -> None:
        """Write NAME.json."""
        from nsysgap.files import output_file
        from nsysgap.render.data import json_bytes

        with output_file(self.target.file(".json"), force=True) as file:
            file.write(json_bytes([self.summary]))

    def print_text(self) -> None:
        """Print what `nsysgap gaps` says, and what nsys changed."""
        from nsysgap.commands.outputs import Destination
        from nsysgap.render.text.console import as_text
        from nsysgap.render.text.gaps import gaps_blocks
        from nsysgap.render.text.profile import perturbation_text

        if self.answer is not None:
            blocks = gaps_blocks(self.answer.document(), self.answer.gaps_by_cause)
            click.echo("\n" + as_text(blocks, color=Destination("text").color), nl=False)
            click.echo("\n" + perturbation_text(self.summary))
        names = ", ".join(str(self.target.file(suffix)) for suffix in (".nsys-rep", ".sqlite", ".json"))
        click.echo(f"\nWrote {printable(names)}.")


def _range_name(said: str | None) -> str | None:
    if said is None:
        return None
    kind, equals, name = said.partition("=")
    if kind != "nvtx" or not equals or not name:
        raise NsysgapError(
            f"--capture-range '{said}' is not understood.", "Write --capture-range nvtx=NAME.", exit_code=2
        )
    return name


def _workload_range(trace: Any, record: dict[str, Any] | None) -> re.Pattern[str] | None:
    """The range that holds what a workload's record is about, if this is a workload's report."""
    if record is None or "kernels_of_work" not in record or not trace.nvtx.rows:
        return None
    known = trace.names.find((WORKLOAD_RANGE,))
    return re.compile(f"^{WORKLOAD_RANGE}$") if known & set(trace.nvtx["name"].tolist()) else None


def _failure(captured: Captured, driver: Driver | None) -> NsysgapError | None:
    """What to say about a target that failed."""
    code = captured.profiled.exit_code
    if not code:
        return None
    target = captured.target
    message = f"{target.said} ended with exit code {code} under nsys; its partial report is {target.file('.sqlite')}."
    hint = "See what it printed above."
    if captured.plain is not None:
        hint += f" Without nsys it ended with exit code {captured.plain.exit_code}."
    if captured.missing_cupy:
        extra = "gpu" if driver is not None and driver.cuda < (13, 0) else "gpu13"
        hint = f"It needs CuPy: pip install 'nsysgap[{extra}]' (gpu for CUDA 12, gpu13 for CUDA 13)."
    return NsysgapError(message, hint, exit_code=code)


def _say(message: str, hint: str = "") -> None:
    """Say something on standard error, in the form that errors have."""
    show_error(NsysgapError(message, hint))


def _progress(percent: int) -> None:
    """How far nsys is with writing its report, on a line of the terminal that is written over."""
    click.echo(
        f"\rnsysgap: nsys writes the report, {percent} %\x1b[K" + ("\r\x1b[K" if percent >= 100 else ""),
        nl=False,
        err=True,
    )
