"""What `whatif` and `advise` share: which step is predicted, what it amounts to, and what they write."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from nsysgap.commands.common import Command, loop_option
from nsysgap.commands.outputs import Destination
from nsysgap.commands.values import Many
from nsysgap.commands.writing import write
from nsysgap.render import text

if TYPE_CHECKING:
    from nsysgap.answers.whatif import WhatifAnswer
    from nsysgap.commands.writing import Rendered

SCALE = ("loop", "plain", "per_day", "price", "calibration")
"""The parameters of `scale_options`, and the fields of WhatifOptions."""

HOLDS = {
    "text": "",
    "json": "the contract nsysgap.whatif/1",
    "markdown": "for an issue or a pull request",
    "csv": "one row per change",
    "parquet": "these rows",
}


def scale_options(command: Command) -> Command:
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
        loop_option,
    ):
        command = option(command)
    return command


def write_predictions(
    to: Destination, answer: WhatifAnswer, *, advising: bool, **pages: Callable[[WhatifAnswer], Rendered]
) -> None:
    """Write the answer in the format that was asked for; `pages`: how, in formats that only one of the two has."""
    write(
        to,
        [answer],
        text=lambda answered: text.whatif_blocks(
            answered.document(), advising=advising, kernel=answered.kernel_command
        ),
        markdown=lambda answered: text.whatif_markdown(answered.document()),
        **pages,
    )
