"""Small tools for long integer columns with few distinct values: what np.unique does, without sorting millions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Indices = NDArray[Any]
FEW_GROUPS = 64
FEW_VALUES, SAMPLE = 16, 4096  # comparing a column with so few values is cheaper than sorting it or searching for it
FEW_WANTED = 4  # and with so few than looking each of its values up in a table
WIDE = 1 << 20  # a lookup table of this size is always cheaper than a sort


def held_once(values: Array) -> Array:
    """The same values; where all are equal, as a view of one of them: long columns often hold one value."""
    if not len(values) or values[-1] != values[0] or (values != values[0]).any():
        return values
    return np.broadcast_to(values[:1].copy(), values.shape)


def index_type(count: int) -> np.dtype[Any]:
    """The dtype of positions among so many rows, and of -1: int32 where they fit."""
    return np.dtype(np.int32 if count < 1 << 31 else np.intp)


def narrowed(values: Array) -> Array:
    """The same values, as int32 where they fit."""
    limits = np.iinfo(np.int32)
    fit = not len(values) or (values.min() >= limits.min and values.max() <= limits.max)
    return values.astype(np.int32) if fit else values


def distinct(values: Array) -> Array:
    """The distinct values, sorted, in the values' dtype."""
    if len(values) <= SAMPLE:
        return _sorted_once(values)
    if values.strides == (0,):  # held once
        return values[:1].copy()
    low, high = int(values.min()), int(values.max())
    if low == high:
        return values[:1].copy()
    if high - low < WIDE:
        seen = np.zeros(high - low + 1, np.bool_)
        seen[values - values.dtype.type(low)] = True
        occurring: Array = (np.flatnonzero(seen) + low).astype(values.dtype)
        return occurring
    few = _sorted_once(values[:: len(values) // SAMPLE + 1])
    if len(few) <= FEW_VALUES:  # such as the IDs of threads, which are long numbers
        known = np.zeros(len(values), np.bool_)
        for value in few:
            known |= values == value
        return _sorted_once(np.concatenate((few, values[~known])))
    heads = np.concatenate(([True], values[1:] != values[:-1]))  # equal values often stand in runs
    return _sorted_once(values[heads])


def _sorted_once(values: Array) -> Array:
    """np.unique by sorting: its own way, a hash table, takes 50 times as long for many values and imports numpy.ma."""
    ordered = np.sort(values)
    return ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))] if len(ordered) else ordered


def positions(present: Array, values: Array) -> NDArray[np.int32]:
    """The position of each value among the sorted distinct ones, all of which it is one of, as np.searchsorted."""
    if len(present) > FEW_VALUES:
        return np.searchsorted(present, values).astype(np.int32)
    position = np.zeros(len(values), np.int32)
    for value in present[1:]:
        position += values >= value
    return position


def lookup(ordered: Array, wanted: Array) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """(the first position of each wanted value among sorted ones, whether it is there)."""
    if not len(ordered):
        return np.zeros(len(wanted), np.intp), np.zeros(len(wanted), np.bool_)
    position = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    return position, ordered[position] == wanted


def rows_of(ordered: Array, wanted: Array) -> NDArray[np.int32]:
    """The first position of each wanted value among sorted ones, -1 where it is not there."""
    position, known = lookup(ordered, wanted)
    return np.where(known, position, -1).astype(np.int32)


def stands_again(ordered: Array, position: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether the value at each position of sorted ones stands behind it once more."""
    following = np.minimum(position + 1, len(ordered) - 1)
    again: NDArray[np.bool_] = (following > position) & (ordered[following] == ordered[position])
    return again


def is_any(values: Array, wanted: Iterable[int]) -> NDArray[np.bool_]:
    """Whether each value is one of a few wanted ones: np.isin by comparisons or a lookup table."""
    chosen = wanted if isinstance(wanted, np.ndarray) else np.fromiter(wanted, np.int64)
    if not len(values) or not len(chosen):
        return np.zeros(len(values), np.bool_)
    if values.strides == (0,):  # held once
        return np.broadcast_to(np.isin(values[:1], chosen), values.shape).copy()
    if len(chosen) <= FEW_WANTED:
        known = np.zeros(len(values), np.bool_)
        for value in chosen.tolist():
            known |= values == value
        return known
    low, high = int(values.min()), int(values.max())
    if high - low >= max(WIDE, 4 * len(values)):
        return np.isin(values, chosen)
    table = np.zeros(high - low + 1, np.bool_)
    table[chosen[(chosen >= low) & (chosen <= high)] - low] = True
    inside: NDArray[np.bool_] = table[values - values.dtype.type(low)] if low else table[values]
    return inside


def codes(values: Array) -> tuple[Array, Array]:
    """(distinct values sorted, the position of each value among them): np.unique with return_inverse."""
    present = distinct(values)
    if len(present) == 1:
        return present, np.zeros(len(values), np.uint8)
    if not len(present) or int(present[-1]) - int(present[0]) >= WIDE:
        return present, np.searchsorted(present, values)
    low = present[0]
    position = np.zeros(int(present[-1]) - int(low) + 1, np.min_scalar_type(len(present)))
    position[present - low] = np.arange(len(present))
    return present, position[values - low]


def combined_codes(*columns: Array) -> tuple[Array, int]:
    """(a number for each row's combination of values, how many numbers there are); not all numbers need occur."""
    coded = [codes(column) for column in columns]
    number = 1
    for present, _ in coded:
        number *= max(len(present), 1)
    dtype = np.min_scalar_type(number)  # as narrow as can be: these columns are long
    combined = coded[0][1].astype(dtype)
    for present, code in coded[1:]:
        combined *= dtype.type(max(len(present), 1))
        combined += code.astype(dtype)
    return combined, number


def grouped(keys: Array, number: int) -> Callable[[int], Indices]:
    """A function that gives the positions of a key (0 <= key < number), in order, as int32 where they fit.

    Few keys are looked for one by one, which needs no memory to speak of; many are sorted once.
    """
    dtype = index_type(len(keys))
    if number <= FEW_GROUPS:
        return lambda key: np.flatnonzero(keys == key).astype(dtype)
    small = keys.astype(np.min_scalar_type(number))
    order = np.argsort(small, kind="stable").astype(dtype)  # a radix sort for up to 16 bits
    bounds = np.concatenate(([0], np.cumsum(np.bincount(small, minlength=number))))
    return lambda key: order[bounds[key] : bounds[key + 1]]
