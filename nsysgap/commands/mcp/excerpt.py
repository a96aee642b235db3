"""Documents cut to a number of rows, and how to get the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nsysgap.errors import NsysgapError

Document = dict[str, Any]
PAIRS = 4  # lists of so few items are values, not rows


def excerpt(document: Document, limit: int) -> tuple[Document, list[Document]]:
    """(the document with at most `limit` rows in every list, the lists that were cut: list, shown, of)."""
    cut: list[Document] = []
    return _cut(document, limit, "", cut), cut


def _cut(part: Any, limit: int, place: str, cut: list[Document]) -> Any:
    if isinstance(part, Mapping):
        return {key: _cut(value, limit, f"{place}/{_escaped(key)}", cut) for key, value in part.items()}
    if not isinstance(part, list):
        return part
    if len(part) > max(limit, PAIRS):
        cut.append({"list": place, "shown": limit, "of": len(part)})
        part = part[:limit]
    return [_cut(item, limit, f"{place}/{number}", cut) for number, item in enumerate(part)]


def rows_of(document: Document, pointer: str, offset: int, limit: int) -> Document:
    """A list of the document alone, by its JSON Pointer: {"list", "offset", "of", "rows"}.

    Raises NsysgapError where the pointer leads to no list.
    """
    part: Any = document
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(part, list) and key.isdecimal() and int(key) < len(part):
            part = part[int(key)]
        elif isinstance(part, Mapping) and key in part:
            part = part[key]
        else:
            part = None
    if not pointer.startswith("/") or not isinstance(part, list):
        lists = [f"/{_escaped(key)}" for key, value in document.items() if isinstance(value, list)]
        raise NsysgapError(f"{pointer[:80]} is no list of this answer.", f"There is {', '.join(lists)}.")
    return {"list": pointer, "offset": offset, "of": len(part), "rows": part[offset : offset + limit]}


def _escaped(key: object) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")
