"""`nsysgap advise`: which changes would gain most."""

from __future__ import annotations

from typing import Any

import click

from nsysgap.commands.common import answer_of, report_argument
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.predicting import HOLDS, scale_options, write_predictions

OUTPUTS = Outputs(HOLDS)


@click.command("advise")
@report_argument
@scale_options
@OUTPUTS.options
def command(report: str, to: Destination, **scale: Any) -> None:
    """Which changes would gain most, each predicted, best first, and how to make them; what gains under 2 % is counted.

    \b
    Example: nsysgap advise report.sqlite
    """
    from nsysgap.answers.whatif import WhatifOptions, advise

    write_predictions(to, answer_of(report, advise, WhatifOptions(**scale)), advising=True)
