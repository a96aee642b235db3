"""The first screen of `nsysgap gaps`: what its text is where no table is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nsysgap.commands.common import answers_of, raise_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nsysgap.answers.selection import Selection
    from nsysgap.commands.outputs import Destination


def write_screens(reports: Sequence[str], chosen: Selection, to: Destination) -> None:
    """Write one screen a report, then raise what is wrong with those that cannot answer."""
    from nsysgap.answers.screen import ScreenOptions, screen
    from nsysgap.render.text.console import text_bytes
    from nsysgap.render.text.screen import screen_blocks

    answers, failed = answers_of(reports, screen, ScreenOptions(chosen))
    if answers:
        to.write(text_bytes((screen_blocks(answer) for answer in answers), color=to.color))
    raise_all(failed + [answer.gaps.refusal for answer in answers if answer.gaps.refusal is not None])
