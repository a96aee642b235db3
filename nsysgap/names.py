"""The texts of a report: what its other tables name by number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

HIGHEST_TEXT_ID = 2_000_000_000  # of a report's own texts: indices are int32, and texts that are added come after these


class Names:
    """The texts of a report by index: StringIds, and texts that rows carry themselves.

    Texts stay bytes until asked for; what is not valid UTF-8 comes out with replacement characters, an index that the
    report does not hold as "<no string 17>".
    """

    def __init__(self, strings: Mapping[int, bytes] | None = None) -> None:
        self._strings: dict[int, bytes] = dict(strings or {})
        self._index = {text: index for index, text in self._strings.items()}
        self._next = HIGHEST_TEXT_ID + 1  # not after the highest here: rows may name IDs that StringIds lacks

    def __getitem__(self, index: int) -> str:
        text = self._strings.get(int(index))
        return f"<no string {index}>" if text is None else text.decode("utf-8", "replace")

    def raw(self, index: int) -> bytes:
        """The text as the report stores it. Raises KeyError for an index that the report does not hold."""
        return self._strings[int(index)]

    def __contains__(self, index: int) -> bool:
        return int(index) in self._strings

    def __len__(self) -> int:
        return len(self._strings)

    def __iter__(self) -> Iterator[str]:
        """Every text. Without this, Python would ask for the texts of 0, 1, 2, ... and never come to an end."""
        return (self[index] for index in self._strings)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """The texts as an array of objects: `numpy.asarray(names)`, in the order of iteration."""
        return np.array(list(self), dtype=object if dtype is None else dtype)

    def add(self, text: bytes) -> int:
        """The index of a text, a new one if it was not there."""
        index = self._index.get(text)
        if index is None:
            index, self._next = self._next, self._next + 1
            self._strings[index], self._index[text] = text, index
        return index

    def find(self, wanted: Iterable[str]) -> set[int]:
        """The indices of exactly these texts: all of them, should a report hold one twice."""
        texts = {name.encode() for name in wanted}
        return {index for index, text in self._strings.items() if text in texts}

    def items(self) -> Iterator[tuple[int, bytes]]:
        """Every (index, text)."""
        return iter(self._strings.items())

    @property
    def invalid(self) -> int:
        """How many texts are not valid UTF-8."""
        return sum(not _is_utf8(text) for text in self._strings.values())


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
