"""The ranks of a job from the reports that the user named: found, read side by side, compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

from nsysgap.answers.rank_units import RankOptions, ReportUnits, failed, report_units
from nsysgap.answers.ranks import RanksAnswer, ranks
from nsysgap.errors import NsysgapError
from nsysgap.fleet.map import Asked, ask_all
from nsysgap.fleet.paths import report_paths

Progress = Callable[[int], AbstractContextManager[Callable[[str, str], None]]]
"""(how many reports there are) -> a context that gives a function to call with each that is ready, and what it gave."""


def _silent(_: int) -> AbstractContextManager[Callable[[str, str], None]]:
    return nullcontext(lambda _, __: None)


def ranks_of(
    named: Sequence[str],
    options: RankOptions,
    *,
    workers: int | None = None,
    cluster: str | None = None,
    progress: Progress = _silent,
) -> RanksAnswer:
    """The comparison of all reports that `named` means.

    `cluster`: the Dask scheduler whose workers read them (see `ask_cluster`), None for processes of this machine, as
    many as `workers` or as fit; `progress` is told of each that is ready. A report that cannot be read is in the answer
    with its sentence. Raises NsysgapError where none has GPU work.
    """
    paths = report_paths(named)
    with progress(len(paths)) as ready:

        def done(reply: Asked[ReportUnits]) -> None:
            ready(reply.path, "no answer" if reply.answer is None else reply.answer.status)

        if cluster is None:
            asked = ask_all(paths, report_units, options, workers=workers, done=done)
        else:
            from nsysgap.fleet.cluster import ask_cluster

            asked = ask_cluster(paths, report_units, options, cluster=cluster, workers=workers, done=done)
    return ranks([_units(reply) for reply in asked])


def _units(asked: Asked[ReportUnits]) -> ReportUnits:
    if asked.answer is not None:
        return asked.answer
    return failed(asked.path, asked.error or NsysgapError(f"{asked.path} gave no answer.", ""))
