"""What `whatif` and `advise` share: which step is predicted, what it amounts to, and what they write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nsysgap.commands.outputs import Destination
from nsysgap.commands.values import Many

if TYPE_CHECKING:
    from nsysgap.answers.whatif import WhatifAnswer

HOLDS = {
    "text": "",
    "json": "the contract nsysgap.whatif/1",
    "markdown": "for an issue or a pull request",
    "csv": "one row per change",
    "parquet": "these rows",
}


def scale_options(command: Any) -> Any:
    """--loop, --plain, --calibration, --per-day, --price: what predictions are of, and what they amount to."""
    for option in (
        click.option(
            "--calibration",
            metavar="FILE|NAME",
            help="Costs of graphs and copies: a file of calibrate, h100, h200 or usual; else the GPU's own if known.",
        ),
        click.option("--price", type=click.FloatRange(min=0), metavar="P", help="Of a GPU hour, with --per-day."),
        click.option(
            "--per-day", type=Many(), help="Steps a day, such as 10M: idle time, and what is gained, in GPU hours."
        ),
        click.option(
            "--plain",
            metavar="TIME|NAME.json",
            help="What a step takes without nsys, or the NAME.json of profile: predicts that too.",
        ),
        click.option("--loop", metavar="LABEL", help="Of this loop, such as 'step #', instead of the main loop."),
    ):
        command = option(command)
    return command


def written(answer: WhatifAnswer, to: Destination, *, advising: bool) -> bytes:
    """The answer in the format that was asked for."""
    if to.form == "text":
        from nsysgap.answers.whatif import ncu_command
        from nsysgap.render.text.console import text_bytes
        from nsysgap.render.text.whatif import whatif_blocks

        kernel = ncu_command(answer.kernel) if answer.kernel else ""
        return text_bytes([whatif_blocks(answer.document(), advising=advising, kernel=kernel)], color=to.color)
    if to.form == "markdown":
        from nsysgap.render.text.whatif import whatif_markdown

        return whatif_markdown(answer.document()).encode("utf-8", "replace")
    from nsysgap.render.data import data_bytes

    return data_bytes(answer, to.form)
