"""`nsysgap check`: a gate for CI."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import click

from nsysgap.commands.common import answer_of, reports_argument
from nsysgap.commands.comparing import capture_options, side_options
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.values import Duration, Percent
from nsysgap.commands.writing import write
from nsysgap.errors import NsysgapError
from nsysgap.render import text

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
@click.option("--save-baseline", metavar="FILE", help="Write the figures per step as small JSON, to be committed.")
@side_options
@OUTPUTS.options
@click.pass_context
def command(
    ctx: click.Context, /, reports: tuple[str, ...], save_baseline: str | None, to: Destination, **given: Any
) -> None:
    """A gate for CI: exit code 0 where all limits hold, 3 where one is broken, 4 where it cannot be told.

    \b
    Several reports are captures of one program: their median counts. A folder or a quoted pattern is
    a job of several ranks: the straggler and the others are judged apart. See docs/ci.md.
    Example: nsysgap check report.sqlite --max-idle 30 --baseline baseline.json --max-slower 5
    """
    from nsysgap.answers.check import CheckOptions, check

    limits = _limits(given)
    if not limits and save_baseline is None:
        raise NsysgapError("No limit is named.", "Add one, such as --max-idle 30, or --save-baseline.", exit_code=2)
    kept = None if save_baseline is None else Destination("json", save_baseline, to.force, to.inputs)
    if kept is not None:
        kept.check()
    judged = capture_options(given)
    answer = check(reports, CheckOptions(limits, judged, **given), answer_of)
    if limits:
        write(
            to,
            [answer],
            text=lambda answered: text.check_blocks(answered.document(), answered.ranks),
            markdown=lambda answered: text.check_markdown(answered.document(), answered.ranks),
            junit=_junit,
        )
    if kept is not None:
        from nsysgap.render.data import json_bytes

        kept.write(json_bytes([answer.saved()]))
    ctx.exit(answer.exit_code)


def _limits(given: dict[str, Any]) -> tuple[Limit, ...]:
    """The limits that were given, taken out of the parameters. Raises NsysgapError (usage) for names of nothing."""
    from nsysgap.analysis.comparing.limits import PLAIN, Limit
    from nsysgap.answers.check import named_limits

    numbers = [(option, given.pop(option.replace("-", "_"))) for option in PLAIN]
    plain = [Limit(option, Fraction(most)) for option, most in numbers if most is not None]
    return (*plain, *named_limits(given.pop("max_cause"), given.pop("max_worse")))


def _junit(answer: CheckAnswer) -> bytes:
    from nsysgap.render.junit import junit_xml

    return junit_xml(answer.document())
