"""`nsysgap advise`: which changes would gain most."""

from __future__ import annotations

import click

from nsysgap.commands.common import answer_of, report_argument
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.predicting import HOLDS, scale_options, written

OUTPUTS = Outputs(HOLDS)


@click.command("advise")
@report_argument
@scale_options
@OUTPUTS.options
def command(
    report: str,
    loop: str | None,
    plain: str | None,
    per_day: float | None,
    price: float | None,
    calibration: str | None,
    to: Destination,
) -> None:
    """Which changes would gain most, each predicted, best first, and how to make them; what gains under 2 % is counted.

    \b
    Example: nsysgap advise report.sqlite
    """
    from nsysgap.answers.whatif import WhatifOptions, advise

    answer = answer_of(report, advise, WhatifOptions((), loop, plain, per_day, price, calibration))
    to.write(written(answer, to, advising=True))
