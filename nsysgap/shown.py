"""Plain values of the Python API, as a notebook shows them: still dict, list and str, with `_repr_html_`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from nsysgap.units import count, printable

ROWS = 60
"""So many rows of a list are shown, as pandas does."""


class ShownDocument(dict[str, Any]):
    """A document, or a row of one: a dict, shown as a table of its keys. Names are escaped."""

    def _repr_html_(self) -> str:
        return _html(self)


class ShownList(list[Any]):
    """A list of texts or of rows, shown as a list or a table of the first rows. Names are escaped."""

    def _repr_html_(self) -> str:
        return _html(self) or "none"


class ShownText(str):
    """Text of several lines, shown as it stands. Names are escaped."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self)}</pre>"


class ShownPage(str):
    """A whole HTML page, shown in a frame of its own that reaches neither the notebook nor its origin."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        frame = 'sandbox="allow-scripts" style="width: 100%; height: 70vh; border: 1px solid #8888"'
        return f'<iframe srcdoc="{escape(self)}" {frame}></iframe>'


def shown(document: Mapping[str, Any]) -> ShownDocument:
    """A document whose own documents and lists are shown as well."""
    return ShownDocument({key: _inner(value) for key, value in document.items()})


def shown_list(values: Sequence[Any]) -> ShownList:
    """A list whose documents and lists are shown as well."""
    return ShownList(_inner(value) for value in values)


def _inner(value: Any) -> Any:
    if isinstance(value, Mapping):
        return shown(value)
    return shown_list(value) if isinstance(value, list | tuple) else value


def _html(value: Any) -> str:
    if isinstance(value, Mapping):
        return _table([(_text(key), _html(inner)) for key, inner in value.items()])
    if not isinstance(value, list):
        return _text(value)
    if any(isinstance(inner, Mapping) for inner in value):
        return _rows(value)
    if all(isinstance(inner, str) for inner in value):
        return "".join(f"<li>{_text(inner)}</li>" for inner in value[:ROWS]) + _rest(value)
    return ", ".join(_html(inner) for inner in value[:ROWS]) + _rest(value)


def _rows(rows: Sequence[Any]) -> str:
    """A table of documents, a column per key that one of them has."""
    keys = list(dict.fromkeys(key for row in rows[:ROWS] if isinstance(row, Mapping) for key in row))
    head = "".join(f"<th>{_text(key)}</th>" for key in keys)
    cells = [[_html(row[key]) if key in row else "" for key in keys] for row in rows[:ROWS] if isinstance(row, Mapping)]
    return f"{_table(cells, head)}{_rest(rows)}"


def _table(rows: Sequence[Sequence[str]], head: str = "") -> str:
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>{body}</tbody></table>"


def _rest(values: Sequence[Any]) -> str:
    return f"<p>and {count(len(values) - ROWS)} more</p>" if len(values) > ROWS else ""


def _text(value: Any) -> str:
    return "" if value is None else escape(printable(str(value)))
