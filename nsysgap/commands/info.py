"""`nsysgap info`: what a report holds and what it can answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nsysgap.commands.common import answers_of, raise_all, reports_argument
from nsysgap.commands.outputs import Destination, Outputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nsysgap.answers.info import InfoAnswer

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
        to.write(_written(answers, to, tables=tables))
    raise_all(failed)


def _written(answers: Sequence[InfoAnswer], to: Destination, *, tables: bool) -> bytes:
    if to.form == "json":
        from nsysgap.render.data import json_bytes

        return json_bytes([answer.document() for answer in answers])
    from nsysgap.render.text.console import text_bytes
    from nsysgap.render.text.info import info_blocks

    return text_bytes((info_blocks(answer.document(), tables=tables) for answer in answers), color=to.color)
