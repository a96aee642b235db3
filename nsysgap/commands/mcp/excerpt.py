"""Documents cut to a number of rows, and how to get the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from nsysgap.errors import NsysgapError

Document = dict[str, Any]
Answer = Document | list[Document]  # of one report, of several
PAIRS = 4  # lists of so few items are values, not rows
ROWS = (20, 10, 5, 3, 1)
"""How many rows of each list are shown where nobody says how many: the first of these that fits MOST_TEXT."""
MOST_TEXT = 20_000  # characters: what an agent reads is in its way ever after
GAPS = "nsysgap.gaps/1"


def as_text(answer: Any) -> str:
    """An answer as an agent gets it: JSON without spaces."""
    return json.dumps(answer, separators=(",", ":"))


def fitting(document: Answer) -> tuple[Answer, list[Document]]:
    """`excerpt` with as many rows as fit MOST_TEXT."""
    for limit in ROWS:
        shown, cut = excerpt(document, limit)
        if len(as_text(shown)) <= MOST_TEXT:
            break
    return shown, cut


def gaps_unlisted(document: Answer, cut: list[Document]) -> list[Document]:
    """`cut`, with lists of gaps that the command itself ended early: it lists 20 where it is not told `top`."""
    lists = {entry["list"]: entry for entry in cut}
    for pointer, answer in _answers(document):
        there = _gap_count(answer)
        at = f"{pointer}/gaps"
        if there is not None and len(answer["gaps"]) < there:
            lists[at] = {"list": at, "shown": lists.get(at, {}).get("shown", len(answer["gaps"])), "of": there}
    return list(lists.values())


def _answers(document: Answer) -> Iterator[tuple[str, Document]]:
    if isinstance(document, Mapping):
        yield "", document
    else:
        yield from ((f"/{number}", answer) for number, answer in enumerate(document))


def _gap_count(document: Document) -> int | None:
    """How many gaps there are, of any length; None for another document."""
    if document.get("schema") != GAPS:
        return None
    return sum(int(device["gap_count"]) for device in document["devices"])


def excerpt(document: Answer, limit: int) -> tuple[Answer, list[Document]]:
    """(the document with at most `limit` rows in every list, the lists that were cut: list, shown, of)."""
    cut: list[Document] = []
    return _cut(document, limit, "", cut), cut


def _cut(part: Any, limit: int, pointer: str, cut: list[Document]) -> Any:
    if isinstance(part, Mapping):
        return {key: _cut(value, limit, f"{pointer}/{_escaped(key)}", cut) for key, value in part.items()}
    if not isinstance(part, list):
        return part
    if len(part) > max(limit, PAIRS):
        cut.append({"list": pointer, "shown": limit, "of": len(part)})
        part = part[:limit]
    return [_cut(item, limit, f"{pointer}/{number}", cut) for number, item in enumerate(part)]


def rows_of(document: Answer, pointer: str, offset: int, limit: int | None, *, all_gaps: bool) -> Document:
    """A list of the document alone, by its JSON Pointer: {"list", "offset", "of", "rows"}, and "next" where there are
    more: the offset to ask for. Without a limit as many rows as fit MOST_TEXT. `all_gaps`: gaps of any length count.

    Raises NsysgapError where the pointer leads to no list.
    """
    part = _list_at(document, pointer)
    there = len(part)
    if all_gaps:
        there = max([there, *(_gap_count(answer) or 0 for at, answer in _answers(document) if pointer == f"{at}/gaps")])
    for most in ROWS if limit is None else (limit,):
        rows = part[offset : offset + most]
        if len(as_text(rows)) <= MOST_TEXT:
            break
    more = {"next": offset + len(rows)} if rows and offset + len(rows) < there else {}
    return {"list": pointer, "offset": offset, "of": there, **more, "rows": rows}


def _list_at(document: Answer, pointer: str) -> list[Any]:
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
        lists = [
            f"{at}/{_escaped(key)}"
            for at, answer in _answers(document)
            for key, value in answer.items()
            if isinstance(value, list)
        ]
        raise NsysgapError(f"{pointer[:80]} is no list of this answer.", f"There is {', '.join(lists)}.")
    return part


def _escaped(key: object) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")
