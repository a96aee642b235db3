"""Batches: slices of one layout, and no more text at once than fits a bounded memory."""

from __future__ import annotations

import numpy as np

from nsysgap.render.batches import MOST_TEXT, batches
from nsysgap.tracks import Slices, Texts

LONG = 5_000


def named(*lengths: int) -> Slices:
    """Slices whose names have these lengths; equal lengths share a text."""
    different, index = np.unique(np.array(lengths), return_inverse=True)
    start = np.arange(len(lengths), dtype=np.int64)
    texts = Texts(index, ["x" * length for length in different.tolist()])
    return Slices("kernel", texts, start, start + 1, np.zeros(len(lengths), np.int32))


def test_short_names_stay_together() -> None:
    assert [len(batch) for batch in batches(named(*range(30)))] == [30]


def test_one_giant_name_does_not_widen_the_others() -> None:
    rows = named(*[LONG] * 20_000, 100 * LONG)
    widths = [max(len(batch.name.texts[i]) for i in set(batch.name.index.tolist())) for batch in batches(rows)]
    assert widths.count(100 * LONG) == 1
    for batch, width in zip(batches(rows), widths, strict=True):
        assert len(batch) * width <= MOST_TEXT


def test_pieces_hold_every_slice_once_in_order() -> None:
    found = np.concatenate([batch.start for batch in batches(named(*[LONG] * 20_000))])
    assert found.tolist() == list(range(20_000))
