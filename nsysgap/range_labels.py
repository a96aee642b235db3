"""Names of NVTX ranges without their numbers: "token 0" to "token 47" are all "token #"."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NUMBER = re.compile(r"(?:(?<!\S)-)?[0-9]+")


def label_of(text: str) -> str:
    """A range's text with every number replaced by #, its minus sign too: "token 17" -> "token #".

    A minus sign belongs to a number only where it begins the text or follows white space: "a-1" -> "a-#".
    """
    return _NUMBER.sub("#", text)


def folded(texts: Iterable[str]) -> dict[str, str]:
    """For each text the row it stands in: "token # (48)" for 48 that differ in numbers only, else itself."""
    by_label: dict[str, list[str]] = {}
    for text in dict.fromkeys(texts):
        by_label.setdefault(label_of(text), []).append(text)
    return {
        text: f"{label} ({len(several):,})" if len(several) > 1 else text
        for label, several in by_label.items()
        for text in several
    }
