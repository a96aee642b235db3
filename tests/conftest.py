"""Fixtures for all tests: real reports, unpacked once per run, and settings of hypothesis."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import stack_answers
from browser import chromium
from examples import SHARE, examples
from perfetto_reader import Engine, require
from real_reports import case_report, real_reports, require_report
from report_builder import ReportBuilder
from two_thread_report import two_threads

# A background job inherits "ignore Ctrl-C", one below nohup "ignore hanging up": they would hand it on to the programs
# that tests stop. A handler of our own is not handed on.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)

# Where it is not kept, each worker of a run compiles every test anew, and each `python -m nsysgap` all of nsysgap.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


AFTER_ITS_FOLDERS = -200  # multiprocessing removes its own folders, which lie in that of the worker, at -100


def pytest_configure() -> None:
    """Give each process of a run that has several a folder of its own for temporary files.

    nsys keeps its sessions and raw reports there, and `nsysgap profile` looks there for what a killed nsys left: tests
    that run beside each other must not meet.
    """
    gc.disable()  # what is imported and collected stays
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker:
        folder = tempfile.mkdtemp(prefix=f"nsysgap-{worker}-")
        os.environ["TMPDIR"], tempfile.tempdir = folder, None
        Finalize(None, shutil.rmtree, (folder, True), exitpriority=AFTER_ITS_FOLDERS)


def pytest_collection_finish() -> None:
    """Collect garbage from here on, and less often: each time all that is imported is gone through."""
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    gc.enable()


REQUIRE_ALL = os.environ.get("NSYSGAP_REQUIRE_ALL") == "1"

hypothesis.settings.register_profile(
    "same every time", max_examples=examples(100), derandomize=True, deadline=None, database=None
)
hypothesis.settings.register_profile("new every time", max_examples=examples(100), deadline=None)
hypothesis.settings.load_profile("new every time" if SHARE > 1 else "same every time")


@pytest.fixture(scope="session")
def traces_dir() -> Path:
    """The folder of real reports; the test is skipped without it, fails with NSYSGAP_REQUIRE_ALL=1."""
    folder = os.environ.get("NSYSGAP_TRACES")
    if not folder or not real_reports():
        missing = "NSYSGAP_TRACES names no folder with real reports"
        if REQUIRE_ALL:
            pytest.fail(missing)
        pytest.skip(missing)
    return Path(folder)


@pytest.fixture(scope="session")
def real_report(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """real_report("proto_naive"): the unpacked report of a name that starts so, to be read only; skips or fails."""
    folder = tmp_path_factory.mktemp("real")
    return cache(lambda name: require_report(name, folder))


@pytest.fixture(scope="session")
def real_case(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """real_case("mpi_wait"): the unpacked case of that name, to be read only; skips or fails."""
    folder = tmp_path_factory.mktemp("cases")
    return cache(lambda name: case_report(name, folder))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A running Chromium, the only one of this process."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def perfetto() -> Iterator[Engine]:
    """Perfetto's trace processor, the only one of this process."""
    require()
    with Engine() as started:
        yield started


@pytest.fixture(scope="session")
def hostile_stacks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made report with stacks and a hostile name of stack_answers.py."""
    return stack_answers.write_report(tmp_path_factory.mktemp("hostile") / "made.sqlite")


@pytest.fixture(scope="session")
def two_thread_stacks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made report of two threads with stacks of two_thread_report.py."""
    return two_threads().write(tmp_path_factory.mktemp("two_threads") / "made.sqlite")


@pytest.fixture(scope="session")
def kept_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for XDG_CACHE_HOME whose compiled library stays: to compile it takes half a second each time."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def report() -> ReportBuilder:
    """A report to fill with rows."""
    return ReportBuilder()
