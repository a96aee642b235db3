"""`nsysgap whatif`: what a change would gain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nsysgap.commands.common import answer_of, report_argument
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.commands.predicting import HOLDS, scale_options, written
from nsysgap.commands.values import Factor
from nsysgap.errors import NsysgapError

if TYPE_CHECKING:
    from nsysgap.analysis.schedule.changes import Asked
    from nsysgap.answers.whatif_picture import WhatifPicture

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
def command(
    report: str,
    loop: str | None,
    plain: str | None,
    per_day: float | None,
    price: float | None,
    trace: str | None,
    calibration: str | None,
    to: Destination,
    **given: Any,
) -> None:
    """What a change would gain, by replaying the report with it: a figure, a gain, a range, or why nothing is said.

    \b
    Several changes are predicted one by one and all together.
    Example: nsysgap whatif report.sqlite --graph --per-day 10M
    """
    from nsysgap.answers.whatif import WhatifOptions, whatif
    from nsysgap.answers.whatif_picture import whatif_picture

    asked = _asked(**given)
    if not asked:
        raise NsysgapError("No change is named.", "Add one, such as --graph; nsysgap advise finds some.", exit_code=2)
    options = WhatifOptions(asked, loop, plain, per_day, price, calibration)
    traced = None if trace is None else TRACES.destination(None, trace, {"report": report}, force=to.force)
    if trace is not None and to.path is not None and Path(trace).resolve() == Path(to.path).resolve():
        raise NsysgapError(f"-o and --trace both name {trace}.", "Name two files.", exit_code=2)
    if traced is None and to.form != "html":
        to.write(written(answer_of(report, whatif, options), to, advising=False))
        return
    picture = answer_of(report, whatif_picture, options)
    to.write(_page(picture) if to.form == "html" else written(picture.answer, to, advising=False))
    if traced is not None:
        _write_trace(picture, traced)


def _page(picture: WhatifPicture) -> bytes:
    from nsysgap.answers.whatif_picture import drawn_steps
    from nsysgap.render.pages.whatif import whatif_page

    return whatif_page(picture.answer.document(), drawn_steps(picture), picture.step).encode("utf-8", "replace")


def _write_trace(picture: WhatifPicture, to: Destination) -> None:
    from nsysgap.answers.whatif_picture import predicted_trace
    from nsysgap.commands.tracing import announced, write_trace

    viewed = predicted_trace(picture)
    with to.file() as file:
        write_trace(viewed, to.form, file)
    to.announce(f"recorded and predicted, {announced(viewed.slice_count)}")


def _asked(
    graph: str | None,
    sync_every: int | None,
    cheaper_launches: float | None,
    faster: tuple[tuple[str, float], ...],
    batch: tuple[tuple[str, float], ...],
    **more: Any,
) -> tuple[Asked, ...]:
    from nsysgap.analysis.schedule.changes import Asked
    from nsysgap.answers.selection import pattern

    for regex in (*more["fuse"], *(name for name, _ in batch), *(name for name, _ in faster)):
        pattern(regex)  # refused before the report is read
    found = [Asked("graph", graph)] if graph is not None else []
    found += [Asked("fewer-syncs", factor=sync_every)] if sync_every else []
    found += [Asked("pinned")] if more["pin"] else []
    found += [Asked("overlapped")] if more["overlap_copies"] else []
    found += [Asked("elsewhere", name) for name in more["elsewhere"]]
    found += [Asked("faster", name, factor) for name, factor in faster]
    found += [Asked("cheaper-launches", factor=cheaper_launches)] if cheaper_launches else []
    found += [Asked("fused", name) for name in more["fuse"]]
    found += [Asked("batched", name, factor) for name, factor in batch]
    return (*found, *([Asked("os-waits")] if more["no_os_waits"] else []))
