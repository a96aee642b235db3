"""The ranks of a job from the reports that the user named: found, read side by side, compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nsysgap.answers.rank_units import RankOptions, ReportUnits, failed, report_units
from nsysgap.answers.ranks import RanksAnswer, ranks
from nsysgap.errors import NsysgapError
from nsysgap.fleet.map import Asked, ask_all
from nsysgap.fleet.paths import report_paths


def ranks_of(
    named: Sequence[str],
    options: RankOptions,
    *,
    workers: int | None = None,
    done: Callable[[Asked[ReportUnits]], None] = lambda _: None,
    cluster: str | None = None,
) -> RanksAnswer:
    """The comparison of all reports that `named` means.

    `cluster`: the Dask scheduler whose workers read them (see `ask_cluster`), None for processes of this machine, as
    many as `workers` or as fit. A report that cannot be read is in the answer with its sentence. Raises NsysgapError
    where none has GPU work.
    """
    paths = report_paths(named)
    if cluster is None:
        return ranks([_units(one) for one in ask_all(paths, report_units, options, workers=workers, done=done)])
    from nsysgap.fleet.cluster import ask_cluster

    asked = ask_cluster(paths, report_units, options, cluster=cluster, workers=workers, done=done)
    return ranks([_units(one) for one in asked])


def _units(asked: Asked[ReportUnits]) -> ReportUnits:
    if asked.answer is not None:
        return asked.answer
    return failed(asked.path, asked.error or NsysgapError(f"{asked.path} gave no answer.", ""))
