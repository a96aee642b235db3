"""`nsysgap profile` at a terminal: captures as they come, the summary at the end, where programs' own output goes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any

import click

from nsysgap.commands.common import answer_of, opened_report, say, say_stopped
from nsysgap.commands.outputs import Destination
from nsysgap.errors import NsysgapError
from nsysgap.profiling.children import Interrupted, interruptible
from nsysgap.profiling.plan import make_targets
from nsysgap.profiling.session import Session, Shown
from nsysgap.profiling.summary import COMPARISON_SCHEMA, measured_ratio
from nsysgap.units import printable

if TYPE_CHECKING:
    from nsysgap.profiling.capture import Captured, Streams
    from nsysgap.profiling.reading import CapturedReport, Ranges


def run(given: dict[str, Any], arguments: tuple[str, ...]) -> int:
    """Profile the targets of these options, or print what would be run; the exit code."""
    printed = Printed(given)
    kinds = {"command": given["is_command"], "python": given["python"]}
    targets = make_targets(given["targets"], arguments, given["output"], **kinds)
    session = Session(given, printed.shown(), opened_report)
    if given["dry_run"]:
        click.echo("\n".join(session.lines(targets)))
        return 0
    if sys.stdout is None:
        raise NsysgapError("Standard output is closed (>&-).", "To drop what is printed: > /dev/null")
    try:
        with interruptible():
            code = session.run(targets, printed.streams())
            printed.summary(session.summaries, several=len(targets) > 1)
    except Interrupted as stopped:
        click.echo(err=True)
        return say_stopped(stopped, session.kept())
    return code


class Printed:
    """The output of one call with these options: in the format that they name, text or a document of nothing else."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.given, self.form = given, given["form"]

    def shown(self) -> Shown:
        """Whom a session tells what."""
        text = self.form == "text"
        return Shown(
            say=say,
            capture=print_capture if text else lambda _: None,
            stacks=self._stacks if text else lambda _, __: None,
        )

    def _stacks(self, captured: Captured, sampled: Captured) -> None:
        ranges = (self.given["nvtx"], self.given["domain"])
        click.echo(stacks_text(captured, sampled, self.given["stacks"], ranges), nl=False)

    def streams(self) -> Callable[[], Streams]:
        """What each run reads and writes: beside a document on standard output, programs write to standard error."""
        from nsysgap.profiling.capture import Streams
        from nsysgap.profiling.standard_input import StandardInput

        given = StandardInput()

        def streams() -> Streams:
            sys.stdout.flush()
            out: IO[bytes] = sys.stdout.buffer if self.form == "text" else sys.stderr.buffer
            return Streams(given, out, sys.stderr.buffer, say, _progress if sys.stderr.isatty() else lambda _: None)

        return streams

    def summary(self, summaries: list[dict[str, Any]], *, several: bool) -> None:
        """Print the summaries of all targets side by side; as text where there are several."""
        from nsysgap.render.data import dump_json
        from nsysgap.render.text.profile import COMPARISONS

        if self.form == "json":
            document = {"schema": COMPARISON_SCHEMA, "captures": summaries}
            click.echo(dump_json(document if several or not summaries else summaries[0]))
        elif self.form != "text":
            click.echo(COMPARISONS[self.form](summaries), nl=False)
        elif several and summaries:
            click.echo("\n" + COMPARISONS["text"](summaries), nl=False)


def print_capture(report: CapturedReport) -> None:
    """Print the first screen of `nsysgap gaps`, and what nsys changed."""
    from nsysgap.render.text.profile import capture_text

    files = [str(report.target.file(suffix)) for suffix in (".nsys-rep", ".sqlite", ".json")]
    click.echo(capture_text(report.screen, report.summary, files, color=Destination("text").color), nl=False)


def stacks_text(plain: Captured, sampled: Captured, kind: str, ranges: Ranges) -> str:
    """The lines of a capture with stacks in the times of the one without; an error as its sentence."""
    from nsysgap.answers.sampled_stacks import SampledStacksOptions, sampled_stacks
    from nsysgap.answers.selection import Selection
    from nsysgap.render.text.sampled_stacks import sampled_stacks_text

    chosen, once = Selection(nvtx=ranges[0], domain=ranges[1]), plain is sampled
    options = SampledStacksOptions(kind, chosen, None if once else str(plain.target.file(".sqlite")))
    try:
        answer = sampled_stacks(str(sampled.target.file(".sqlite")), options, answer_of)
    except NsysgapError as error:
        return f"\nnsysgap: {printable(str(error))}\n"
    slower = None if once else measured_ratio(plain.profiled.record, sampled.profiled.record)
    return sampled_stacks_text(answer.document, answer.timed_by, slower)


def _progress(percent: int) -> None:
    """How far nsys is with writing its report, on a line of the terminal that is written over."""
    click.echo(
        f"\rnsysgap: nsys writes the report, {percent} %\x1b[K" + ("\r\x1b[K" if percent >= 100 else ""),
        nl=False,
        err=True,
    )
