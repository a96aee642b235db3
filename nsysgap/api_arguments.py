"""What arguments of the Python API may be, and what of them counts: shared by reports, comparisons and fleets."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from nsysgap.analysis.idle.attribution import HIDDEN_AFTER_NS
from nsysgap.answers.selection import WHOLE, Selection, pattern
from nsysgap.errors import NsysgapError
from nsysgap.units import parse_duration

Path = str | os.PathLike[str]
Paths = Path | Sequence[Path]
"""One report, or several; with open_fleet also folders, patterns and URLs."""
Regex = str | re.Pattern[str]
Time = int | str
"""ns from the start of the session, or text such as "1.2s" or "350ms"."""


def selection(
    device: int | None,
    ranges: tuple[Regex | None, Regex | None],
    since: Time | None,
    until: Time | None,
    hidden_after_ns: int = HIDDEN_AFTER_NS,
) -> Selection:
    """The arguments of a method as a Selection, `ranges` by name and by domain; the whole report without any."""
    nvtx, domain = (None if regex is None else pattern(regex) for regex in ranges)
    made = Selection(device, nvtx, maybe_ns(since), maybe_ns(until), hidden_after_ns, domain=domain)
    return WHOLE if made == WHOLE else made


def ns(time: Time) -> int:
    """A time in ns. Raises NsysgapError for a text that is none."""
    return parse_duration(time) if isinstance(time, str) else int(time)


def maybe_ns(time: Time | None) -> int | None:
    """A time in ns where there is one."""
    return None if time is None else ns(time)


def texts_of(paths: Paths) -> tuple[str, ...]:
    """One path or several, as texts."""
    return (os.fspath(paths),) if isinstance(paths, str | os.PathLike) else tuple(os.fspath(path) for path in paths)


def one_of(value: str, known: tuple[str, ...], name: str) -> str:
    """`value`, or NsysgapError that says what there is."""
    if value not in known:
        raise NsysgapError(f"{name}={value!r} is not known.", f"There is {', '.join(known)}.", exit_code=2)
    return value
