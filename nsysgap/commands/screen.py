"""The first screen of `nsysgap gaps`: what its text is where no table is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nsysgap.commands.common import answers_of, raise_all
from nsysgap.commands.writing import write
from nsysgap.render import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nsysgap.answers.selection import Selection
    from nsysgap.commands.outputs import Destination


def write_screens(reports: Sequence[str], chosen: Selection, to: Destination) -> None:
    """Write one screen a report, then raise what is wrong with those that cannot answer."""
    from nsysgap.answers.screen import ScreenOptions, screen

    answers, failed = answers_of(reports, screen, ScreenOptions(chosen))
    if answers:
        write(to, answers, text=text.screen_blocks)
    raise_all(failed, answers)
