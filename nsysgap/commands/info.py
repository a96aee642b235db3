"""`nsysgap info`: what a report holds and what it can answer."""

from __future__ import annotations

import click

from nsysgap.commands.common import answers_of, raise_all, reports_argument
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.writing import write
from nsysgap.render import text

OUTPUTS = Outputs({"text": "", "json": "the contract nsysgap.info/1"})


@click.command("info")
@reports_argument
@click.option("--tables", is_flag=True, help="The report's tables too, more threads, all that nsys said.")
@OUTPUTS.options
def command(reports: tuple[str, ...], tables: bool, to: Destination) -> None:
    """What a report holds, what is missing, and which questions it can answer.

    \b
    Example: nsysgap info report.sqlite
    """
    from nsysgap.answers.info import InfoOptions, info

    answers, failed = answers_of(reports, info, InfoOptions())
    if answers:
        write(to, answers, text=lambda answer: text.info_blocks(answer.document(), tables=tables))
    raise_all(failed)
