"""One question asked of many reports, by processes of this machine: as many as cores and memory allow.

A worker opens a report, answers, and hands back the answer alone. A worker that is killed loses only the report it was
at; whoever stops the whole (Ctrl-C) leaves no process behind.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import Any, Generic, NoReturn, TypeVar

from nsysgap.cores import usable_cores
from nsysgap.errors import NsysgapError, called
from nsysgap.fleet.paths import free_memory, largest_first, size_of

Answer = TypeVar("Answer")
MEMORY_PER_BYTE = 3.3
"""Of a report's size, resident in a worker at its most (measured), beside WORKER_BYTES."""
WORKER_BYTES = 70 << 20
KILLED = "was being read when its worker was killed (out of memory?)"


LONGEST_TEMPORARY = 70
"""Bytes of the temporary folder's name: a server's socket below it adds 32, and may have 107 in all."""


@dataclass(frozen=True)
class Asked(Generic[Answer]):
    """A report's answer, or the error it gave."""

    path: str
    answer: Answer | None = None
    error: NsysgapError | None = None


def worker_count(paths: Sequence[str], wanted: int | None = None, size: Callable[[str], int] | None = None) -> int:
    """How many workers: cores by affinity, free memory over what the largest report takes, never more than reports.

    `size`: bytes of a report, else `size_of`; a single worker is one whatever the reports take.
    """
    limit = min(wanted or usable_cores(), len(paths))
    memory = free_memory()
    if memory is not None and wanted is None and limit > 1:
        largest = max(map(size or size_of, paths))
        limit = min(limit, int(memory / (MEMORY_PER_BYTE * largest + WORKER_BYTES)))
    return max(limit, 1)


def ask_all(
    paths: Sequence[str],
    question: Callable[..., Answer],
    options: Any,
    *,
    workers: int | None = None,
    done: Callable[[Asked[Answer]], None] = lambda _: None,
) -> list[Asked[Answer]]:
    """The answers of all reports, in the order of `paths`. `done` is told each report as it is ready.

    With one worker the reports are read in this process, one after the other.
    """
    size = cache(size_of)  # a storage is asked once for each
    count = worker_count(paths, workers, size)
    answers: dict[str, Asked[Answer]] = {}
    if count == 1:
        results = _one_by_one(paths, question, options)
    else:
        results = _by_pool(largest_first(paths, size), question, options, count)
    for asked in results:
        answers[asked.path] = asked
        done(asked)
    return [answers[path] for path in paths]


def answer_of(path: str, question: Callable[..., Answer], options: Any, *, at: str | None = None) -> Asked[Answer]:
    """One report's answer or error: what a worker runs. `at`: where it lies, if not at `path`, which answers name."""
    from nsysgap.answers.opening import ask

    try:
        if at is None:
            return Asked(path, ask(path, question, options))
        with called(path, at):
            return Asked(path, ask(at, question, options, named=path))
    except NsysgapError as error:
        return Asked(path, error=error)


def _one_by_one(paths: Sequence[str], question: Callable[..., Answer], options: Any) -> Iterator[Asked[Answer]]:
    for path in paths:
        yield answer_of(path, question, options)


def _by_pool(
    paths: Sequence[str], question: Callable[..., Answer], options: Any, count: int
) -> Iterator[Asked[Answer]]:
    """All reports by a pool, in this order; those that were open when a worker died are tried once more, each alone."""
    left = list(paths)
    suspects: list[str] = []
    while left:
        broken: list[str] = []
        with _pool(count) as pool, _stopped_on_error(pool):
            for asked, path in _results(pool, left, question, options, count):
                if asked is None:
                    broken.append(path)
                else:
                    yield asked
                    left.remove(path)
        if not broken:
            break
        suspects += broken
        left = [path for path in left if path not in broken]
    for path in suspects:
        yield _alone(path, question, options)


def _results(
    pool: ProcessPoolExecutor, paths: Sequence[str], question: Callable[..., Answer], options: Any, count: int
) -> Iterator[tuple[Asked[Answer] | None, str]]:
    """(answer, path) as they come; (None, path) for the reports that were being read when a worker died."""
    waiting = list(paths)
    running: dict[Future[Asked[Answer]], str] = {}
    while waiting or running:
        try:
            while waiting and len(running) < count:
                running[pool.submit(_work, waiting[0], question, options)] = waiting[0]
                waiting.pop(0)
        except BrokenProcessPool:
            waiting.clear()
        ready, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in ready:
            path = running.pop(future)
            if isinstance(future.exception(), BrokenProcessPool):
                yield None, path
                waiting.clear()  # the pool is gone: the others wait for the next one
            else:
                yield future.result(), path


def _alone(path: str, question: Callable[..., Answer], options: Any) -> Asked[Answer]:
    """A report that may have killed its worker, in a worker of its own."""
    with _pool(1) as pool, _stopped_on_error(pool):
        try:
            return pool.submit(_work, path, question, options).result()
        except BrokenProcessPool:
            hint = "Read it where there is more memory; the other reports are not touched by it."
            return Asked(path, error=NsysgapError(f"{path} {KILLED}.", hint))


def _pool(count: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, mp_context=clean_start(), initializer=_begin, initargs=(dict(os.environ),))


def clean_start() -> ForkServerContext | SpawnContext:
    """How to start processes that get no threads and files of this one: by a server process where there can be one."""
    served = sys.platform == "linux" and len(os.fsencode(tempfile.gettempdir())) <= LONGEST_TEMPORARY
    return get_context("forkserver") if served else get_context("spawn")


def _begin(environment: dict[str, str]) -> None:
    """A worker's begin. The server that workers come from has the environment of its own begin: credentials and TMPDIR
    may have been set since. A terminal sends Ctrl-C to workers too: it is for the process that asked, which stops them.
    """
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _work(path: str, question: Callable[..., Answer], options: Any) -> Asked[Answer]:
    """`answer_of` in a worker, which lets go of temporary files when it is told to stop."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        return answer_of(path, question, options)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _stop(number: int, _: object) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # once is enough: a second time would come while files are removed
    raise KeyboardInterrupt


@contextmanager
def _stopped_on_error(pool: ProcessPoolExecutor) -> Iterator[None]:
    """Stop the workers at once where anything but a result leaves the context: Ctrl-C, a signal to end, an error."""
    try:
        yield
    except BaseException:
        for worker in list((pool._processes or {}).values()):  # Python 3.14 has terminate_workers() for this
            worker.terminate()
        pool.shutdown(cancel_futures=True)
        raise
