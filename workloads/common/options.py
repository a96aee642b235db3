"""Options of the workloads: what counts as a size, and one of several words."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from common.errors import WorkloadError

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGEST = 2**31 - 1
"""Largest size: CUDA's limit for blocks, and products of two of them still fit 64 bits."""


def positive(text: str) -> int:
    """Return a whole number from 1 to `LARGEST`, or tell argparse what is wrong with it."""
    if not text.isascii() or not text.isdigit() or len(text) > 20 or not 1 <= int(text) <= LARGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {LARGEST}")
    return int(text)


def one_of(option: str, value: str, words: Sequence[str]) -> str:
    """Return the word that an option names; raises `WorkloadError` where it is none of them."""
    if value not in words:
        raise WorkloadError(f"unknown {option} {value!r}: choose {' or '.join(words)}")
    return value


def chosen(option: str, value: str, words: Sequence[str], every: str = "all") -> tuple[str, ...]:
    """Return the words that an option names: one, several with commas between, or `every` of them.

    Raises `WorkloadError` for a word that is none of them.
    """
    if value == every:
        return tuple(words)
    asked = tuple(dict.fromkeys(value.split(",")))
    for word in asked:
        if word not in words:
            raise WorkloadError(f"unknown {option} {word!r}: choose from {', '.join(words)}, or {every}")
    return asked
