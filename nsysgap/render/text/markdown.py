"""Markdown that shows text as it stands: names from reports are other people's."""

from __future__ import annotations

import re

from nsysgap.units import printable

_MARKS = re.compile(r"[\\`*_\[\]#~@!]")


def plain(text: str) -> str:
    """Text without control characters in which nothing is a link, a mention, a tag, code or emphasis."""
    return _MARKS.sub(r"\\\g<0>", printable(text)).replace("&", "&amp;").replace("<", "&lt;")
