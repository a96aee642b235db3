"""`nsysgap compare`: before and after, per step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nsysgap.commands.common import answer_of, select_option, selection, selection_options, whole_option
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.errors import NsysgapError

if TYPE_CHECKING:
    from nsysgap.answers.compare import CompareAnswer
    from nsysgap.render.text.compare import Said

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
@click.option("--loop", metavar="LABEL", help="The loop to compare, such as 'token #'; else the main loop.")
@selection_options
@select_option
@whole_option
@click.option(
    "--match",
    type=click.Choice(["demangled", "short"]),
    default="demangled",
    show_default=True,
    help="Kernels are the same by their whole name, or by their short name.",
)
@click.option("--ranks", is_flag=True, help="The reports of a side are the ranks of one job: compare by role.")
@click.option("--anyway", is_flag=True, help="Compare other loops, and launches that differ by more than half.")
@click.option("--predicted", metavar="WHATIF.json", help="Say how well this prediction of nsysgap whatif held.")
@click.option("--detail", is_flag=True, help="All figures and kernels, however many lines.")
@OUTPUTS.options
def command(to: Destination, detail: bool, **given: Any) -> None:
    """Before and after: what a step takes, what explains the change, which kernels, and what noise lets one say.

    \b
    With four captures a side or more a change is tested; with fewer it is only shown. A folder or a
    quoted pattern is a job of several ranks: the straggler and the others are compared apart.
    Example: nsysgap compare before.sqlite after.sqlite
    """
    from nsysgap.answers.captures import CaptureOptions
    from nsysgap.answers.compare import CompareOptions, compare_roles

    before, after = sides_of(given.pop("reports"), given.pop("before"), given.pop("after"))
    loop, match = given.pop("loop"), given.pop("match")
    anyway, predicted, job = given.pop("anyway"), given.pop("predicted"), given.pop("ranks")
    options = CaptureOptions(
        loop=loop, whole=given.pop("whole"), short=match == "short", draw=to.form == "html", selection=selection(given)
    )
    check_selection(options)
    answers = compare_roles(before, after, CompareOptions(options, anyway, predicted, job), answer_of)
    to.write(_written(answers, to, detail=detail))


def check_selection(options: Any) -> None:
    """Raise NsysgapError (usage) where both a loop and a window are selected."""
    if options.loop is not None and (options.selects_time or options.whole):
        said = "--loop selects iterations; --nvtx, --domain, --from, --to and --whole a window."
        raise NsysgapError(said, "Take one of them.", exit_code=2)


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


def _written(answers: list[CompareAnswer], to: Destination, *, detail: bool) -> bytes:
    if to.form in {"text", "markdown"}:
        return "\n".join(_text(answer, to, detail=detail) for answer in answers).encode("utf-8", "replace")
    if to.form == "html":
        if len(answers) > 1:
            hint = "Name two of their reports, or take --format text, json, markdown, csv."
            raise NsysgapError("A page compares two captures; ranks of a job are compared by role.", hint, exit_code=2)
        from nsysgap.render.pages.compare import Pictures, compare_page

        (first, second), (before, after) = answers[0].pictures()
        page = compare_page(answers[0].document(), _said(answers[0]), Pictures((first, second), (before, after)))
        return page.encode("utf-8", "replace")
    from nsysgap.render.data import csv_bytes, json_bytes, parquet_bytes

    if to.form == "json":
        return json_bytes([answer.document() for answer in answers])
    frames = [answer.frame().assign(role=answer.role) if answer.role else answer.frame() for answer in answers]
    return (csv_bytes if to.form == "csv" else parquet_bytes)(frames)


def _text(answer: CompareAnswer, to: Destination, *, detail: bool) -> str:
    from nsysgap.render.text.compare import compare_markdown, compare_text

    document, said = answer.document(), _said(answer)
    if to.form == "markdown":
        title = f"### {answer.role}\n\n" if answer.role else ""
        return title + compare_markdown(document, said, detail=detail)
    title = f"{answer.role.capitalize()}:\n" if answer.role else ""
    return title + compare_text(document, said, detail=detail, color=to.color)


def _said(answer: CompareAnswer) -> Said:
    from nsysgap.render.text.compare import Said

    return Said(answer.explained, answer.matched[0], answer.noise, answer.verdict)
