"""`nsysgap whatif`: what a change would gain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nsysgap.commands.common import answer_of, report_argument
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.predicting import HOLDS, SCALE, scale_options, write_predictions
from nsysgap.commands.tracing import write_traces
from nsysgap.commands.values import Factor
from nsysgap.errors import NsysgapError
from nsysgap.render import pages

OUTPUTS = Outputs({**HOLDS, "html": "one step, recorded and predicted, drawn"}, shorthands=("html",))
TRACES = Outputs({"json.gz": "", "json": "", "pftrace": ""}, on_pipes="json")


@click.command("whatif")
@report_argument
@click.option("--graph", is_flag=False, flag_value="", metavar="[RANGE]", help="Capture a step, or a range of it.")
@click.option("--sync-every", type=click.IntRange(min=2), metavar="K", help="Wait in every K-th step only.")
@click.option("--pin", is_flag=True, help="Copy from pinned memory.")
@click.option("--overlap-copies", is_flag=True, help="Copy a step ahead, on a stream of its own.")
@click.option("--elsewhere", multiple=True, metavar="RANGE", help="Do a range's work on another thread.")
@click.option(
    "--faster", type=Factor(), multiple=True, help="Make a range, a line (file.py:12) or a kernel K x faster."
)
@click.option("--cheaper-launches", type=click.FloatRange(min=1), metavar="K", help="Make launch calls K x cheaper.")
@click.option("--fuse", multiple=True, metavar="REGEX", help="Fuse neighbouring kernels of such names.")
@click.option("--batch", type=Factor(), multiple=True, help="Run K launches of a kernel as one.")
@click.option("--no-os-waits", is_flag=True, help="Without the host's waits in OS calls.")
@click.option(
    "--trace", type=click.Path(), metavar="FILE", help="Also write the recorded and the predicted loop for Perfetto."
)
@scale_options
@OUTPUTS.options
def command(report: str, trace: str | None, to: Destination, **given: Any) -> None:
    """What a change would gain, by replaying the report with it: a figure, a gain, a range, or why nothing is said.

    \b
    Several changes are predicted one by one and all together.
    Example: nsysgap whatif report.sqlite --graph --per-day 10M
    """
    from nsysgap.answers.asked_changes import asked_changes
    from nsysgap.answers.whatif import WhatifOptions, whatif

    scale = {name: given.pop(name) for name in SCALE}
    asked = asked_changes(**given)
    if not asked:
        raise NsysgapError("No change is named.", "Add one, such as --graph; nsysgap advise finds some.", exit_code=2)
    options = WhatifOptions(asked, **scale)
    traced = None if trace is None else _traced(trace, report, to)
    if traced is None and to.form != "html":
        write_predictions(to, answer_of(report, whatif, options), advising=False)
        return
    from nsysgap.answers.whatif_picture import drawn_steps, predicted_trace, whatif_picture

    picture = answer_of(report, whatif_picture, options)
    write_predictions(
        to,
        picture.answer,
        advising=False,
        html=lambda answer: pages.whatif_page(answer.document(), drawn_steps(picture), picture.step),
    )
    if traced is not None:
        write_traces([(traced, predicted_trace(picture))], "recorded and predicted, ")


def _traced(name: str, report: str, to: Destination) -> Destination:
    """Where the trace goes. Raises NsysgapError where it cannot, or where the answer goes."""
    traced = TRACES.destination(None, name, {"report": report}, force=to.force)
    if to.path is not None and Path(name).resolve() == Path(to.path).resolve():
        raise NsysgapError(f"-o and --trace both name {name}.", "Name two files.", exit_code=2)
    return traced
