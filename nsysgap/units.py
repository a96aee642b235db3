"""Numbers and names for people: the only place where a nanosecond becomes "4.1 us"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from nsysgap.errors import NsysgapError

NS_PER_UNIT = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000}
MAX_NS = 2**63 - 1
_DURATION = re.compile(r"\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*(ns|us|µs|ms|s|m)?\s*\Z")
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff]"
)


def duration(ns: int) -> str:
    """A time in the unit that fits: 1234 -> "1.23 us"; exact below 1 us."""
    size = abs(ns)
    if size < 1_000:
        return f"{ns} ns"
    for unit, scale in (("us", 1e3), ("ms", 1e6)):
        if size < scale * 999.5:
            return f"{_three_digits(ns / scale)} {unit}"
    return f"{_three_digits(ns / 1e9)} s"


def extent(low: int, high: int, beside: str = "") -> str:
    """ "8.30 to 13.4": two times, without their unit where it is that of a time `beside` them, such as "9.44 ms"."""
    unit = beside.rpartition(" ")[2]
    first, last = duration(low).split(" "), duration(high).split(" ")
    if first[1] == last[1] == unit:
        return f"{first[0]} to {last[0]}"
    return f"{' '.join(first)} to {' '.join(last)}"


def _three_digits(value: float) -> str:
    size = abs(value)
    return f"{value:.2f}" if size < 9.995 else f"{value:.1f}" if size < 99.95 else f"{value:,.0f}"


def parse_duration(text: str, *, default_unit: str = "s") -> int:
    """ "1.2s", "350ms", "100us" or a bare number in `default_unit` -> integer nanoseconds.

    Raises NsysgapError (usage) for anything else, for negative and for absurdly large values.
    """
    match = _DURATION.match(text)
    if match is None:
        raise NsysgapError(f"'{text}' is not a duration.", "Write e.g. 350ms, 1.2s or 100us.", exit_code=2)
    try:
        value = Decimal(match[1]) * NS_PER_UNIT[match[2] or default_unit]
    except InvalidOperation:
        value = Decimal(MAX_NS) + 1
    if value > MAX_NS:
        raise NsysgapError(f"'{text}' is longer than 292 years.", "Write e.g. 350ms, 1.2s or 100us.", exit_code=2)
    return int(value.to_integral_value())


def scale_of(ns: int) -> tuple[str, int]:
    """(unit, ns) in which a time has three or four digits, for times that are to be added up: ("us", 10)."""
    size = abs(ns)
    for unit, scale in (("ns", 1), ("us", 1_000), ("ms", 1_000_000)):
        if size < 1_000 * scale:
            return unit, max(scale // 100, 1) if size < 100 * scale else max(scale // 10, 1)
    return "s", 10_000_000


def rounded_together(values: Sequence[int], scale: int) -> list[int]:
    """Integers as whole multiples of `scale` that sum to their sum, rounded: those of the largest remainders go up."""
    total = (2 * sum(values) + scale) // (2 * scale)
    rounded = [value // scale for value in values]
    order = sorted(range(len(values)), key=lambda i: (-(values[i] % scale), i))
    for i in order[: total - sum(rounded)]:
        rounded[i] += 1
    return rounded


def percent(part: int, whole: int) -> str:
    """A share as "27.1 %"; "-" of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def count(number: int) -> str:
    """An integer with thousands separators."""
    return f"{number:,}"


def counted(number: int, singular: str, plural: str) -> str:
    """A number and what there are so many of: "1 name is", "2 names are"."""
    return f"{count(number)} {singular if number == 1 else plural}"


def file_size(number: int) -> str:
    """A number of bytes in decimal units: 1234 -> "1.2 kB"."""
    if number < 1_000:
        return counted(number, "byte", "bytes")
    size, unit = next(
        ((number / scale, unit) for scale, unit in ((1e3, "kB"), (1e6, "MB")) if number < scale * 999.95),
        (number / 1e9, "GB"),
    )
    return f"{size:.1f} {unit}"


def printable_lines(text: str) -> str:
    """A text of several lines without control or direction-changing characters but ends of lines and tabs."""
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))


def printable(name: str, width: int | None = None) -> str:
    """An untrusted name without control or direction-changing characters, cut in the middle to `width`."""
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", name)
    if width is None or len(text) <= width:
        return text
    head = (width - 1) * 2 // 3
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"
