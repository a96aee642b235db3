"""`nsysgap compare`: before and after, per step."""

from __future__ import annotations

from typing import Any

import click

from nsysgap.commands.common import answer_of
from nsysgap.commands.comparing import capture_options, side_options
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.writing import write
from nsysgap.errors import NsysgapError
from nsysgap.render import pages, text

SIDES = ("--before", "--after")
OUTPUTS = Outputs(
    {
        "text": "",
        "json": "the contract nsysgap.compare/1",
        "markdown": "for a pull request",
        "csv": "one row per kernel, copy, memset and graph",
        "parquet": "these rows",
        "html": "a page with both steps drawn",
    },
    shorthands=("html",),
    inputs=("reports", "before", "after", "predicted"),
)


class ManyAfterOption(click.Command):
    """Lets --before and --after take several reports each, until the next option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give every report an option of its own."""
        spread: list[str] = []
        side: str | None = None
        for word in args:
            if word in SIDES:
                side = word
            elif side is not None and not word.startswith("-"):
                spread += [side, word]
            else:
                side = None
                spread.append(word)
        return super().parse_args(ctx, spread)


@click.command("compare", cls=ManyAfterOption)
@click.argument("reports", nargs=-1, metavar="[BEFORE AFTER]")
@click.option("--before", multiple=True, metavar="REPORT...", help="The captures before, one or more.")
@click.option("--after", multiple=True, metavar="REPORT...", help="The captures after, one or more.")
@side_options
@click.option(
    "--match",
    type=click.Choice(["demangled", "short"]),
    default="demangled",
    show_default=True,
    help="Kernels are the same by their whole name, or by their short name.",
)
@click.option("--predicted", metavar="WHATIF.json", help="Say how well this prediction of nsysgap whatif held.")
@click.option("--detail", is_flag=True, help="All figures and kernels, however many lines.")
@OUTPUTS.options
def command(reports: tuple[str, ...], match: str, detail: bool, to: Destination, **given: Any) -> None:
    """Before and after: what a step takes, what explains the change, which kernels, and what noise lets one say.

    \b
    With four captures a side or more a change is tested; with fewer it is only shown. A folder or a
    quoted pattern is a job of several ranks: the straggler and the others are compared apart.
    Example: nsysgap compare before.sqlite after.sqlite
    """
    from nsysgap.answers.compare import CompareOptions, compare_roles

    before, after = sides_of(reports, given.pop("before"), given.pop("after"))
    compared = capture_options(given, short=match == "short", draw=to.form == "html")
    answers = compare_roles(before, after, CompareOptions(compared, **given), answer_of)
    if to.form == "html" and len(answers) > 1:
        hint = "Name two of their reports, or take --format text, json, markdown, csv."
        raise NsysgapError("A page compares two captures; ranks of a job are compared by role.", hint, exit_code=2)
    write(
        to,
        answers,
        text=lambda answer: text.compare_text(answer, detail=detail, color=to.color),
        markdown=lambda answer: text.compare_markdown(answer, detail=detail),
        html=pages.compare_page,
    )


def sides_of(
    reports: tuple[str, ...], before: tuple[str, ...], after: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The reports of both sides. Raises NsysgapError (usage) for anything but two, or some on either side."""
    if len(reports) == 2 and not before and not after:
        return reports[:1], reports[1:]
    if not reports and before and after:
        return before, after
    hint = "nsysgap compare BEFORE AFTER, or nsysgap compare --before A1 A2 ... --after B1 B2 ..."
    raise NsysgapError("Two reports are compared, or some before with some after.", hint, exit_code=2)
