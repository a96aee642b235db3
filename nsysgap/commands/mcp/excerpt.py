"""Documents cut to a number of rows, and how to get the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nsysgap.errors import NsysgapError

Document = dict[str, Any]
Answer = Document | list[Document]  # of one report, of several
PAIRS = 4  # lists of so few items are values, not rows


def excerpt(document: Answer, limit: int) -> tuple[Answer, list[Document]]:
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


def rows_of(document: Answer, pointer: str, offset: int, limit: int) -> Document:
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
        named = {"": document} if isinstance(document, Mapping) else {f"/{n}": one for n, one in enumerate(document)}
        lists = [
            f"{at}/{_escaped(key)}"
            for at, one in named.items()
            for key, value in one.items()
            if isinstance(value, list)
        ]
        raise NsysgapError(f"{pointer[:80]} is no list of this answer.", f"There is {', '.join(lists)}.")
    return {"list": pointer, "offset": offset, "of": len(part), "rows": part[offset : offset + limit]}


def _escaped(key: object) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")
