"""Markup that pages share: untrusted text, tables, and the data that a page's script reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from nsysgap.causes import CAUSES
from nsysgap.units import printable

SHOWN_CAUSES = [{"key": cause.key, "label": cause.label, "color": cause.color} for cause in CAUSES]
"""The causes of idle time as scripts of pages read them, in the order of their numbers."""


def text(value: str, most: int | None = None) -> str:
    """Text of a report as HTML, cut in its middle to `most` characters."""
    return escape(printable(value, most))


def paragraph(value: str) -> str:
    """A text of several lines as one paragraph."""
    return f"<p>{'<br>'.join(map(text, value.splitlines()))}</p>"


def table(rows: Iterable[Sequence[str]], name: str = "") -> str:
    """A table of texts: the first row holds the heads. `name`: its id."""
    heads, *body = rows
    head = "".join(f"<th>{text(cell)}</th>" for cell in heads)
    lines = "".join(f"<tr>{''.join(f'<td>{text(cell)}</td>' for cell in row)}</tr>" for row in body)
    mark = f' id="{name}"' if name else ""
    return f"<table{mark}><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def data_script(data: Any) -> str:
    """What a page's script reads, as JSON in which no name is markup."""
    shown = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="data">{shown}</script>'
