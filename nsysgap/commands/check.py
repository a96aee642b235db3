"""`nsysgap check`: a gate for CI."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import click

from nsysgap.causes import PARTS
from nsysgap.commands.common import (
    answer_of,
    reports_argument,
    select_option,
    selection,
    selection_options,
    whole_option,
)
from nsysgap.commands.compare import check_selection
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.values import Duration, Percent
from nsysgap.errors import NsysgapError
from nsysgap.units import printable

if TYPE_CHECKING:
    from nsysgap.analysis.comparing.limits import Limit
    from nsysgap.answers.check import CheckAnswer

OUTPUTS = Outputs(
    {
        "text": "",
        "json": "the contract nsysgap.check/1",
        "markdown": "for a pull request's comment",
        "junit": "JUnit XML, a test case a limit",
    },
    inputs=("reports", "baseline"),
)


@click.command("check")
@reports_argument
@click.option("--max-idle", type=Percent(), metavar="PERCENT", help="Of the GPU's time in the loop.")
@click.option("--max-step", type=Duration(), metavar="TIME", help="What a step may take, such as 12ms.")
@click.option("--max-gap", type=Duration(), metavar="TIME", help="The longest gap in the loop.")
@click.option("--max-launches", type=click.IntRange(min=0), metavar="N", help="Launch calls per step.")
@click.option("--max-starved", type=Percent(), metavar="PERCENT", help="Idle, or waiting for other ranks.")
@click.option(
    "--max-cause",
    type=Percent("cause"),
    multiple=True,
    metavar="CAUSE=PERCENT",
    help="Idle by one cause, such as host=10, of the GPU's time.",
)
@click.option("--baseline", metavar="FILE", help="A report, or what --save-baseline wrote.")
@click.option("--max-slower", type=Percent(), metavar="PERCENT", help="A step against the baseline's.")
@click.option(
    "--max-worse",
    type=Percent("figure"),
    multiple=True,
    metavar="FIGURE=PERCENT",
    help="A figure of compare against the baseline's, such as launches=0 or idle_host=10.",
)
@click.option("--ranks", is_flag=True, help="The reports are the ranks of one job: each limit holds for each role.")
@click.option("--anyway", is_flag=True, help="The baseline's other loop and launches are meant.")
@click.option("--save-baseline", metavar="FILE", help="Write the figures per step as small JSON, to be committed.")
@click.option("--loop", metavar="LABEL", help="The loop to judge, such as 'token #'; else the main loop.")
@selection_options
@select_option
@whole_option
@OUTPUTS.options
@click.pass_context
def command(ctx: click.Context, /, to: Destination, save_baseline: str | None, **given: Any) -> None:
    """A gate for CI: exit code 0 where all limits hold, 3 where one is broken, 4 where it cannot be told.

    \b
    Several reports are captures of one program: their median counts. A folder or a quoted pattern is
    a job of several ranks: the straggler and the others are judged apart. See docs/ci.md.
    Example: nsysgap check report.sqlite --max-idle 30 --baseline baseline.json --max-slower 5
    """
    from nsysgap.answers.captures import CaptureOptions
    from nsysgap.answers.check import CheckOptions, check

    limits = limits_of(given)
    if not limits and save_baseline is None:
        raise NsysgapError("No limit is named.", "Add one, such as --max-idle 30, or --save-baseline.", exit_code=2)
    reports, baseline, anyway = given.pop("reports"), given.pop("baseline"), given.pop("anyway")
    kept = None if save_baseline is None else Destination("json", save_baseline, to.force, to.inputs)
    if kept is not None:
        kept.check()
    loop, whole, job = given.pop("loop"), given.pop("whole"), given.pop("ranks")
    options = CaptureOptions(loop=loop, whole=whole, selection=selection(given))
    check_selection(options)
    answer = check(reports, CheckOptions(limits, options, baseline, anyway, job), answer_of)
    if limits:
        to.write(_written(answer, to))
    if kept is not None:
        from nsysgap.render.data import json_bytes

        kept.write(json_bytes([answer.saved()]))
    ctx.exit(answer.exit_code)


def limits_of(given: dict[str, Any]) -> tuple[Limit, ...]:
    """The limits that were given, taken out of the parameters. Raises NsysgapError (usage) for names of nothing."""
    from nsysgap.analysis.comparing.limits import CAUSE, WORSE, Limit, figure_named

    found: list[Limit] = []
    for option in ("max-idle", "max-step", "max-gap", "max-launches", "max-starved", "max-slower"):
        value = given.pop(option.replace("-", "_"))
        if value is not None:
            found.append(Limit(option, Fraction(value)))
    for cause, percent in given.pop("max_cause"):
        if cause not in PARTS:
            raise NsysgapError(f"'{printable(cause)}' is no cause.", f"There are {', '.join(PARTS)}.", exit_code=2)
        found.append(Limit(CAUSE, percent, cause))
    for name, percent in given.pop("max_worse"):
        figure = figure_named(name)
        if figure is None:
            hint = "Such as step, busy, idle, idle_host, launches, ops, api_calls, sync_tail."
            raise NsysgapError(f"'{printable(name)}' is no figure of a step.", hint, exit_code=2)
        found.append(Limit(WORSE, percent, figure))
    return tuple(found)


def _written(answer: CheckAnswer, to: Destination) -> bytes:
    document = answer.document()
    if to.form == "text":
        from nsysgap.render.text.check import check_blocks
        from nsysgap.render.text.console import text_bytes

        return text_bytes([check_blocks(document, answer.ranks)], color=to.color)
    if to.form == "markdown":
        from nsysgap.render.text.check import check_markdown

        return check_markdown(document, answer.ranks).encode("utf-8", "replace")
    if to.form == "junit":
        from nsysgap.render.junit import junit_xml

        return junit_xml(document)
    from nsysgap.render.data import json_bytes

    return json_bytes([document])
