"""Slices cut into batches of one layout: the same args present in every slice, texts of about the same length.

Chunks keep the memory small however long the trace, and a batch can be written as a table of bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nsysgap.arrays import codes

if TYPE_CHECKING:
    from nsysgap.tracks import Slices, Source, Texts

CHUNK = 32_768
WIDTHS = tuple(32 << i for i in range(26))  # up to the longest text that SQLite holds
MOST_TEXT = 1 << 25


def chunks(source: Source) -> Iterator[Slices]:
    """The slices of a source, CHUNK at a time."""
    for low in range(0, source.count, CHUNK):
        yield source.make(low, min(low + CHUNK, source.count))


def batches(slices: Slices, *, pairs: bool = False) -> Iterator[Slices]:
    """Slices of one layout: an arg or flow is present in all of a batch or in none, and then it is left out; with
    `pairs` all of a batch start the same number of arrows."""
    code = np.zeros(len(slices), np.int64)
    for mask in _masks(slices):
        code = code * 2 + mask
    for texts in _texts(slices):
        code = code * (len(WIDTHS) + 1) + np.digitize(_lengths(texts), WIDTHS)
    for flow in slices.flows if pairs else ():
        if flow.more is not None:
            code = code * (int(flow.more.max(initial=0)) + 1) + flow.more
    first = code[0] if len(code) else 0
    if (code == first).all():
        yield from _pieces(_without_absent(slices))
        return
    for layout in np.unique(code).tolist():
        yield from _pieces(_without_absent(slices.take(np.flatnonzero(code == layout))))


def _pieces(batch: Slices) -> Iterator[Slices]:
    """A batch as it is, or in pieces where its texts are long: no more than MOST_TEXT characters at once."""
    if len(batch) * sum(max(map(len, texts.texts), default=0) for texts in _texts(batch)) <= MOST_TEXT:
        yield batch
        return
    length = sum(int(_lengths(texts).max(initial=0)) for texts in _texts(batch))
    most = max(MOST_TEXT // max(length, 1), 1)
    for low in range(0, len(batch), most):
        yield batch.take(slice(low, low + most))


def _masks(slices: Slices) -> Iterator[NDArray[np.bool_]]:
    yield from (arg.present for arg in slices.args if arg.present is not None)
    for flow in slices.flows:
        yield flow.id != 0
        if flow.shared is not None:
            yield flow.shared


def _texts(slices: Slices) -> Iterator[Texts]:
    yield slices.name
    for arg in slices.args:
        if not isinstance(arg.values, np.ndarray):
            yield arg.values


def _lengths(texts: Texts) -> NDArray[np.int64]:
    used, inverse = codes(texts.index)
    lengths: NDArray[np.int64] = np.array([len(texts.texts[i]) for i in used.tolist()], np.int64)[inverse]
    return lengths


def _without_absent(slices: Slices) -> Slices:
    args = tuple(arg for arg in slices.args if arg.present is None or bool(arg.present[:1].all()))
    flows = tuple(flow for flow in slices.flows if len(flow.id) and flow.id[0] != 0)
    return replace(slices, args=args, flows=flows)
