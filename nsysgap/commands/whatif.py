"""`nsysgap whatif`: what a change would gain."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

from nsysgap.commands.common import answer_of, report_argument
from nsysgap.commands.outputs import Destination, Outputs
from nsysgap.errors import NsysgapError
from nsysgap.units import counted

if TYPE_CHECKING:
    from nsysgap.analysis.schedule.changes import Asked
    from nsysgap.answers.whatif import WhatifAnswer
    from nsysgap.answers.whatif_picture import WhatifPicture

HOLDS = {
    "text": "",
    "json": "the contract nsysgap.whatif/1",
    "markdown": "for an issue or a pull request",
    "csv": "one row per change",
    "parquet": "these rows",
}
OUTPUTS = Outputs({**HOLDS, "html": "one step, recorded and predicted, drawn"}, shorthands=("html",))
TRACES = Outputs({"json.gz": "", "json": "", "pftrace": ""}, on_pipes="json")


class Factor(click.ParamType):  # type: ignore[type-arg] # generic only in newer releases
    """NAME=K: what to change, and how many times."""

    name = "NAME=K"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        """Split at the last =, or fail as wrong usage."""
        if isinstance(value, tuple):
            return value
        target, equals, factor = value.rpartition("=")
        try:
            number = float(factor)
        except ValueError:
            number = 0
        if not equals or not target or not 1 <= number < float("inf"):
            self.fail(f"'{value}' is not NAME=K with K at least 1, such as 'load=2'.", param, ctx)
        return target, number


class Many(click.ParamType):  # type: ignore[type-arg] # generic only in newer releases
    """A number, perhaps with k, M or G (or B) behind it: 10M."""

    name = "N"
    sizes: ClassVar[dict[str, float]] = {"k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number, or fail as wrong usage."""
        text = str(value)
        size = self.sizes.get(text[-1:].lower())
        try:
            number = float(text if size is None else text[:-1]) * (size or 1)
        except ValueError:
            number = -1
        if not 0 <= number < float("inf"):
            self.fail(f"'{value}' is not a number of 0 or more, such as 10M or 250000.", param, ctx)
        return number


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
    from nsysgap.commands.tracing import write_trace

    viewed = predicted_trace(picture)
    with to.file() as file:
        write_trace(viewed, to.form, file)
    to.announce(
        f"recorded and predicted, {counted(viewed.slice_count, 'slice', 'slices')}; open it at https://ui.perfetto.dev"
    )


def _asked(
    graph: str | None,
    sync_every: int | None,
    cheaper_launches: float | None,
    faster: tuple[tuple[str, float], ...],
    batch: tuple[tuple[str, float], ...],
    **more: Any,
) -> tuple[Asked, ...]:
    from nsysgap.analysis.schedule.changes import Asked

    for regex in (*more["fuse"], *(name for name, _ in batch), *(name for name, _ in faster)):
        _require_regex(regex)
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


def _require_regex(text: str) -> None:
    try:
        re.compile(text)
    except re.error as error:
        raise NsysgapError(
            f"'{text}' is not a regular expression: {error}.", "Escape brackets: \\[", exit_code=2
        ) from None


def written(answer: WhatifAnswer, to: Destination, *, advising: bool) -> bytes:
    """The answer in the format that was asked for."""
    if to.form in {"json", "csv", "parquet"}:
        from nsysgap.render.data import data_bytes

        return data_bytes(answer, to.form)
    if to.form == "markdown":
        from nsysgap.render.text.whatif import whatif_markdown

        return whatif_markdown(answer.document()).encode("utf-8", "replace")
    from nsysgap.answers.whatif import ncu_command
    from nsysgap.render.text.console import text_bytes
    from nsysgap.render.text.whatif import whatif_blocks

    kernel = ncu_command(answer.kernel) if answer.kernel else ""
    return text_bytes([whatif_blocks(answer.document(), advising=advising, kernel=kernel)], color=to.color)
