"""One question asked of many reports by the workers of a Dask cluster, each of which opens its reports where they lie.

A task is a report; what comes back is its answer alone. Of a worker that dies the scheduler gives the report to another
one; a report that kills every worker is that report's error, and so is one that no worker can see.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from nsysgap.errors import NsysgapError
from nsysgap.fleet.map import Asked, answer_of, worker_count
from nsysgap.fleet.names import is_url

Answer = TypeVar("Answer")
LOCAL = "local"
INSTALL = "pip install 'nsysgap[dask]'"


def ask_cluster(
    paths: Sequence[str],
    question: Callable[..., Answer],
    options: Any,
    *,
    cluster: str,
    workers: int | None = None,
    done: Callable[[Asked[Answer]], None] = lambda _: None,
) -> list[Asked[Answer]]:
    """The answers of all reports, in the order of `paths`. `cluster`: a scheduler's address or its file, or "local" for
    one on this machine of as many `workers` as fit; `done` is told each report as it is ready.

    Raises NsysgapError where there is no scheduler, or no worker.
    """
    with _client(cluster, paths, workers) as client:
        futures = {_submit(client, path, question, options): path for path in paths}
        answers: dict[str, Asked[Answer]] = {}
        try:
            for future in _completed(futures):
                path = futures[future]
                asked, there = _result(future, path)
                answers[path] = asked if there else _elsewhere(client, path, question, options, asked)
                done(answers[path])
        except BaseException:
            client.cancel(list(futures), force=True)
            raise
    return [answers[path] for path in paths]


def _completed(futures: Any) -> Iterator[Any]:
    from distributed import as_completed

    yield from as_completed(list(futures))


def _submit(client: Any, path: str, question: Callable[..., Answer], options: Any, **where: Any) -> Any:
    """A report's task. Workers have another working directory: they get the whole path, answers keep the name."""
    whole = path if is_url(path) else str(Path(path).resolve())
    return client.submit(_asked, path, whole, question, options, pure=False, **where)


def _asked(path: str, whole: str, question: Callable[..., Answer], options: Any) -> tuple[Asked[Answer], bool]:
    """What a worker runs: (the answer or error, whether the report can be seen from there)."""
    there = is_url(path) or Path(whole).exists() or bool(list(Path(whole).parent.glob(f"{Path(whole).name}_*dir")))
    return answer_of(path, question, options, at=whole), there


def _result(future: Any, path: str) -> tuple[Asked[Any], bool]:
    """(the answer or the error of a task, whether another worker need not be asked)."""
    from distributed import KilledWorker

    try:
        answered: tuple[Asked[Any], bool] = future.result()
    except KilledWorker:
        hint = "Give workers more memory, or fewer threads each; the other reports are not touched by it."
        said = f"{path}: every worker that read it was killed (out of memory?)."
        return Asked(path, error=NsysgapError(said, hint)), True
    except ImportError as error:
        said = f"{path}: a worker cannot run the question ({error})."
        return Asked(path, error=NsysgapError(said, "Install the same nsysgap on all workers.")), True
    return answered


def _elsewhere(
    client: Any, path: str, question: Callable[..., Answer], options: Any, first: Asked[Answer]
) -> Asked[Answer]:
    """The answer of a worker of another machine that can see the report; else what the first one said."""
    by_host: dict[str, str] = {}
    for address, worker in client.scheduler_info(n_workers=-1)["workers"].items():
        by_host.setdefault(worker["host"], address)
    for address in by_host.values():
        asked, there = _result(_submit(client, path, question, options, workers=[address]), path)
        if there:
            return asked
    return first


@contextmanager
def _client(cluster: str, paths: Sequence[str], workers: int | None) -> Iterator[Any]:
    try:
        import distributed
    except ImportError:
        raise NsysgapError("--dask needs Dask.", INSTALL) from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is said of each report
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if cluster == LOCAL:
            with _local(worker_count(paths, workers)) as made, distributed.Client(made) as client:
                yield client
            return
        try:
            named = {"scheduler_file": cluster} if Path(cluster).is_file() else {"address": cluster}
            client = distributed.Client(**named, timeout="10s")
        except (OSError, ValueError, TimeoutError, KeyError) as error:
            said = f"No Dask scheduler answers at {cluster} ({type(error).__name__})."
            hint = "Name its address (tcp://HOST:8786), the file that it wrote, or local."
            raise NsysgapError(said, hint) from None
        with client:
            if not client.scheduler_info(n_workers=-1)["workers"]:
                raise NsysgapError(f"The Dask cluster at {cluster} has no workers.", "Start some: dask worker ADDRESS")
            yield client


@contextmanager
def _local(number: int) -> Iterator[Any]:
    """A scheduler and workers on this machine; memory is bounded by their number alone."""
    import dask
    from distributed import LocalCluster

    # Alone this setting makes the work cost 1.6 times as much; dask.config.set cannot take it away.
    dask.config.get("distributed.nanny.pre-spawn-environ", {}).pop("MALLOC_TRIM_THRESHOLD_", None)
    more = {"dashboard_address": None, "silence_logs": logging.CRITICAL, "memory_limit": 0}
    folder = os.environ.get("TMPDIR") or None
    with LocalCluster(n_workers=number, threads_per_worker=1, local_directory=folder, **more) as made:
        yield made
