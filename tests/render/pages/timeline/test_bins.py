"""Bins hold every nanosecond, however fine."""

from __future__ import annotations

import base64
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from page_files import decoded

from nsysgap.render.pages.timeline.bins import Grid, TrackBins, covered_before, fill
from nsysgap.render.pages.timeline.pack import Packed


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 9)), max_size=12), st.integers(1, 50))
@settings(deadline=None)
def test_bins_hold_every_nanosecond(pieces: list[tuple[int, int]], bins: int) -> None:
    start, end = slices_of(pieces)
    grid = Grid(-5, int(end.max(initial=-5)) + 1, bins)
    found = np.diff(covered_before(start, end, grid.edges))
    ticks = [t for a, b in zip(start, end, strict=True) for t in range(a, b)]
    expected = [sum(low <= t < low + grid.width for t in ticks) for low in grid.edges[:-1].tolist()]
    assert found.tolist() == expected
    assert len(grid.edges) - 1 <= max(bins, 1)


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 150)), max_size=12), st.integers(1, 9), st.integers(0, 600)
)
@settings(deadline=None)
def test_finer_bins_hold_every_nanosecond_too(pieces: list[tuple[int, int]], bins: int, room: int) -> None:
    start, end = slices_of(pieces)
    grid = Grid(-5, int(end.max(initial=-5)) + 1, bins)
    track = TrackBins("gaps", lambda: iter([("0 3", start, end)]), grid)
    with ThreadPoolExecutor(1) as pool:
        fill([track], pool, room)
    assert sum(len(level.text) for level in track.levels[1:]) <= room
    covered = {t for a, b in zip(start.tolist(), end.tolist(), strict=True) for t in range(a, b)}
    width, begins = grid.width, grid.edges[:-1].tolist()
    for number, level in enumerate(track.levels):
        values = decoded_column(level, "0 3")
        if number:
            parents, width = begins, width // 4
            begins = [parent + part * width for part in range(3) for parent in parents]
        assert values == [sum(t in covered for t in range(low, low + width)) for low in begins]
        if number:
            begins = sorted(parent + part * width for part in range(4) for parent in parents)
        begins = [low for low in begins if 0 < sum(t in covered for t in range(low, low + width)) < width]
    assert len(track.levels) == 4 or room < 500


def test_what_fits_decides_how_fine_bins_are() -> None:
    edges = np.cumsum(np.random.default_rng(7).integers(1, 900, 4000))
    grid = Grid(0, int(edges[-1]), 100)

    def levels(room: float | None = None) -> list[list[int]]:
        kinds = ("api", "gaps", "nvtx", "gaps")
        tracks = [TrackBins(kind, lambda: iter([("0 1", edges[:-1:2], edges[1::2])]), grid) for kind in kinds]
        with ThreadPoolExecutor(1) as pool:
            fill(tracks, pool, room)
        return [[len(level.text) for level in track.levels] for track in tracks]

    sizes = levels(10**9)[0]
    assert [len(one) for one in levels(10**9)] == [4, 4, 4, 4]
    assert [len(one) for one in levels(0)] == [1, 1, 1, 1]
    assert [len(one) for one in levels(3 * sizes[1])] == [1, 2, 2, 2]
    assert [len(one) for one in levels(4 * sizes[1] + 2 * sizes[2])] == [2, 3, 2, 3]
    unasked = levels()
    assert sum(sum(one[1:]) for one in unasked) <= 1.3 * sum(one[0] for one in unasked)


def decoded_column(level: Packed, column: str) -> list[int]:
    """The values of the only column of a level; none if the level has not got it."""
    if column not in level.specs:
        return []
    spec = level.specs[column]
    return decoded(spec, zlib.decompress(base64.b64decode(level.text)) if level.text else b"", spec["n"])


def slices_of(pieces: list[tuple[int, int]]) -> tuple[Any, Any]:
    """(start, end) of slices one after the other, each at a distance and of a length."""
    start, end, at = [], [], -5
    for distance, length in pieces:
        start.append(at + distance)
        end.append(at := at + distance + length)
    return np.array(start, np.int64), np.array(end, np.int64)
