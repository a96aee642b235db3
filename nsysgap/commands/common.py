"""What the commands share: options, selections, asking reports, saying what is wrong with some."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from nsysgap.commands import show_error
from nsysgap.commands.progress import progress_bar
from nsysgap.commands.values import Duration, Pattern, Top, top_of
from nsysgap.errors import NsysgapError
from nsysgap.memory import keep_one_heap

if TYPE_CHECKING:
    from nsysgap.answers.opening import OpenReport
    from nsysgap.answers.selection import Selection
    from nsysgap.profiling.children import Interrupted

Command = TypeVar("Command", bound=Callable[..., Any])
Options = TypeVar("Options")
Answer = TypeVar("Answer")
WINDOW = ("device", "nvtx", "domain", "since", "until", "hidden_after_ns", "select")


reports_argument = click.argument("reports", nargs=-1, required=True, type=click.Path(), metavar="REPORT...")
report_argument = click.argument("report", type=click.Path(), metavar="REPORT")


hidden_after_option = click.option(
    "--hidden-after",
    "hidden_after_ns",
    type=Duration(),
    default="100us",
    show_default=True,
    metavar="TIME",
    help="A longer stretch of a sync call in which no op runs is 'untraced'.",
)


since_option = click.option(
    "--from", "since", type=Duration(), metavar="TIME", help="Only from this time of the session on."
)
until_option = click.option(
    "--to", "until", type=Duration(), metavar="TIME", help="Only before this time, e.g. 1.2s or 350ms."
)
whole_option = click.option("--whole", is_flag=True, help="The whole report, with what lies before and after its loop.")


def selection_options(command: Command) -> Command:
    """--device, --nvtx, --domain, --from, --to, --hidden-after: which part of the report counts, see `selection`."""
    for option in (
        hidden_after_option,
        until_option,
        since_option,
        click.option(
            "--domain",
            type=Pattern(),
            metavar="REGEX",
            help="Only NVTX ranges in domains whose name matches (default: the default one).",
        ),
        click.option("--nvtx", type=Pattern(), metavar="REGEX", help="Only inside NVTX ranges whose name matches."),
        click.option("--device", type=click.IntRange(min=0), metavar="N", help="Only this GPU."),
    ):
        command = option(command)
    return command


select_option = click.option(
    "--select",
    type=click.Choice(["host", "gpu"]),
    default="host",
    show_default=True,
    help="The time of the --nvtx ranges, or the GPU's time for what was launched inside them.",
)


def window_options(command: Command) -> Command:
    """`selection_options`, --select and --whole: of commands that are about the report's loop where it has one."""
    return selection_options(select_option(whole_option(command)))


loop_option = click.option(
    "--loop", metavar="LABEL", help="The loop of this label, such as 'step #', instead of the main loop."
)
critical_path_option = click.option(
    "--critical-path", is_flag=True, help="A track with what limits each process's main loop."
)
unfold_option = click.option(
    "--unfold", is_flag=True, help="List NVTX ranges that differ in numbers only one by one, as JSON and CSV do."
)
rank_regex_option = click.option(
    "--rank-regex", metavar="REGEX", help="Tell ranks by file name: the first group is the number."
)
nsys_option = click.option(
    "--nsys", "nsys_path", metavar="PATH", help="The nsys to use; else the variable NSYS, else the newest found."
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Print the command lines and stop; works on any machine.")


def top_option(what: str, listed: int) -> Callable[[Command], Command]:
    """--top: how many rows to show, None for all; `listed` where it is not given."""
    return click.option(
        "--top",
        type=Top(),
        metavar="N|all",
        callback=lambda _, __, given: top_of(given, listed),
        help=f"{what} ({listed}).",
    )


def selection(given: dict[str, Any], *, loop: bool = False) -> Selection:
    """What `window_options` or some of them asked for, taken out of the parameters.

    `loop`: only the main loop, unless --whole is given. Raises NsysgapError (usage) for --select gpu without ranges to
    select.
    """
    from nsysgap.answers.selection import Selection

    chosen = {name: given.pop(name) for name in WINDOW if name in given}
    whole = given.pop("whole", False)
    if chosen.get("select") == "gpu" and chosen["nvtx"] is None and chosen["domain"] is None:
        raise NsysgapError("--select gpu needs --nvtx or --domain.", "Name the ranges: --nvtx REGEX.", exit_code=2)
    return Selection(**chosen, loop=loop and not whole)


def say(message: str, hint: str = "") -> None:
    """Say something on standard error, in the form that errors have."""
    show_error(NsysgapError(message, hint))


def say_stopped(by: Interrupted, hint: str = "") -> int:
    """Say that a signal stopped the programs that were run; the exit code."""
    say(f"stopped by {by}; nothing half-written was left.", hint)
    return 128 + by.number


class Refusing(Protocol):
    """An answer that may say why its report cannot tell all that was asked."""

    @property
    def refusal(self) -> NsysgapError | None:
        """Why not, None where it can."""


def raise_all(failed: Sequence[NsysgapError], answers: Sequence[Refusing] = ()) -> None:
    """Say what is wrong with each of several reports, then what the others cannot tell; the exit code is the last's."""
    said = [*failed, *(answer.refusal for answer in answers if answer.refusal is not None)]
    for error in said[:-1]:
        show_error(error)
    if said:
        raise said[-1]


@contextmanager
def opened_report(path: str | os.PathLike[str]) -> Iterator[OpenReport]:
    """Open and read a report, with a progress bar on a terminal if it takes more than a moment."""
    from nsysgap.answers import opening

    keep_one_heap()
    with opening.opened(path, progress_bar) as report:
        yield report


def answer_of(path: str, question: Callable[[OpenReport, Options], Answer], options: Options) -> Answer:
    """The answer of one report, with a progress bar. Raises NsysgapError where it has none."""
    with opened_report(path) as report:
        return question(report, options)


def answers_of(
    reports: Sequence[str], question: Callable[[OpenReport, Options], Answer], options: Options
) -> tuple[list[Answer], list[NsysgapError]]:
    """The answer of each report that has one, and what is wrong with the others: none stops at the first bad one.

    A report is released before the next is read.
    """
    answers: list[Answer] = []
    failed: list[NsysgapError] = []
    for path in reports:
        try:
            answers.append(answer_of(path, question, options))
        except NsysgapError as error:
            failed.append(error.with_traceback(None))  # it would hold on to the report
    return answers, failed
