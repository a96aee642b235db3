"""What `compare` and `check` share: which part of each report is held against another, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nsysgap.commands.common import Command, loop_option, selection, window_options
from nsysgap.errors import NsysgapError

if TYPE_CHECKING:
    from nsysgap.answers.captures import CaptureOptions


def side_options(command: Command) -> Command:
    """--loop, a window, --ranks and --anyway; see `capture_options` for the first two."""
    for option in (
        click.option("--anyway", is_flag=True, help="Compare other loops, and launches that differ by more than half."),
        click.option("--ranks", "job", is_flag=True, help="A side's reports are the ranks of one job: by role."),
        window_options,
        loop_option,
    ):
        command = option(command)
    return command


def capture_options(given: dict[str, Any], *, short: bool = False, draw: bool = False) -> CaptureOptions:
    """What of each report counts, taken out of the parameters that `side_options` gives; "job" and "anyway" stay.

    Raises NsysgapError (usage) where both a loop and a window are selected.
    """
    from nsysgap.answers.captures import CaptureOptions

    loop, whole = given.pop("loop"), given.pop("whole")
    options = CaptureOptions(selection(given), loop, whole, short, draw)
    if options.selects_both:
        said = "--loop selects iterations; --nvtx, --domain, --from, --to and --whole a window."
        raise NsysgapError(said, "Take one of them.", exit_code=2)
    return options
