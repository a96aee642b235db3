"""The causes as data: complete, and short enough for where they are shown."""

from __future__ import annotations

import re

from nsysgap.causes import CAUSES, HOST, PARTS, UNKNOWN


def test_every_cause_says_all_of_itself() -> None:
    assert (
        *("in_graph", "queued", "launch", "profiler", "sync", "untraced", "cuda_api", "os", "host", "unknown"),
    ) == PARTS
    for cause in CAUSES:
        assert 0 < len(cause.label) <= 40, cause.key
        assert cause.meaning, cause.key
        assert cause.advice.endswith("."), cause.key
        assert cause.advice.count("`") % 2 == 0, cause.key
        assert re.fullmatch("#[0-9a-f]{6}", cause.color), cause.key


def test_causes_are_told_apart() -> None:
    assert len({cause.label for cause in CAUSES}) == len({(cause.color, cause.hatch) for cause in CAUSES}) == 10


def test_key_and_label_are_one_pair() -> None:
    assert CAUSES[HOST].named == "host (in the program's own code)"
    assert CAUSES[UNKNOWN].key == "unknown"
