"""The changes that a user names, as what predictions take: the same for the command and the Python API."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nsysgap.analysis.schedule.changes import Asked
from nsysgap.answers.selection import pattern

Factors = Iterable[tuple[str, float]]
"""(what, how many times), both of each."""


def asked_changes(  # noqa: PLR0913 - an argument per change
    *,
    graph: str | None = None,
    sync_every: int | None = None,
    pin: bool = False,
    overlap_copies: bool = False,
    elsewhere: Sequence[str] = (),
    faster: Factors = (),
    cheaper_launches: float | None = None,
    fuse: Sequence[str] = (),
    batch: Factors = (),
    no_os_waits: bool = False,
) -> tuple[Asked, ...]:
    """The changes in the order in which they are told, each to be predicted; `graph`: "" for a whole step.

    Raises NsysgapError (usage) for a name that is no regular expression, before a report is read.
    """
    faster, batch = tuple(faster), tuple(batch)
    for regex in (*fuse, *(name for name, _ in batch), *(name for name, _ in faster)):
        pattern(regex)
    asked = [Asked("graph", graph)] if graph is not None else []
    asked += [Asked("fewer-syncs", factor=sync_every)] if sync_every else []
    asked += [Asked("pinned")] if pin else []
    asked += [Asked("overlapped")] if overlap_copies else []
    asked += [Asked("elsewhere", name) for name in elsewhere]
    asked += [Asked("faster", name, factor) for name, factor in faster]
    asked += [Asked("cheaper-launches", factor=cheaper_launches)] if cheaper_launches else []
    asked += [Asked("fused", name) for name in fuse]
    asked += [Asked("batched", name, factor) for name, factor in batch]
    return (*asked, *([Asked("os-waits")] if no_os_waits else []))
