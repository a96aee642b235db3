"""Reports read by the workers of a real Dask scheduler, both processes of their own; one of them is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

import pytest
from browser import missing
from command_line import run
from folders import ROOT
from questions_of_workers import killing, waiting_once
from rank_reports import save_job, steady

import nsysgap
from nsysgap.answers.rank_units import ReportUnits
from nsysgap.answers.ranks import ranks
from nsysgap.errors import NsysgapError
from nsysgap.fleet.cluster import ask_cluster
from nsysgap.fleet.map import Asked

BOUND_S = 300  # only what hangs takes so long


@pytest.fixture(scope="module", autouse=True)
def _dask() -> None:
    if find_spec("distributed") is None:  # asked for, not imported: each process of a run collects this file
        missing("Dask's scheduler (PyPI: distributed)")


class Cluster:
    """A scheduler and its workers; `file` is the scheduler's."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.file = folder / "scheduler.json"
        self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show")
        self._until(self.file.exists)

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        line = [sys.executable, "-m", "dask", *arguments, "--scheduler-file", str(self.file)]
        surroundings = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
        surroundings |= {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
        with (self.folder / "log").open("ab") as log:
            started = subprocess.Popen(line, cwd=self.folder, env=surroundings, stdout=log, stderr=log)
        self.stack.callback(started.wait)
        self.stack.callback(started.kill)
        return started

    def add_worker(self) -> None:
        number = self.workers()
        self._start("worker", "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
        self._until(lambda: self.workers() > number)

    def workers(self) -> int:
        from distributed import Client

        with Client(scheduler_file=str(self.file)) as client:
            return len(client.scheduler_info(n_workers=-1)["workers"])

    def _until(self, true: object) -> None:
        assert callable(true)
        end = time.monotonic() + BOUND_S
        while not true():
            assert time.monotonic() < end, (self.folder / "log").read_text()
            time.sleep(0.05)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with ExitStack() as stack:
        started = Cluster(tmp_path_factory.mktemp("cluster"), stack)
        for _ in range(2):
            started.add_worker()
        yield started


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return save_job(tmp_path_factory.mktemp("job"), steady(4, 12, late={2: 900}))


def test_the_same_document_as_from_one_process(
    cluster: Cluster, job: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the scheduler's file, by the variable, from Python; paths as they were named, also relative ones."""
    monkeypatch.chdir(job[0].parent)
    names = [path.name for path in job]
    plain = run("ranks", *names, "--workers", 1, "--format", "json").stdout
    done = run("ranks", *names, "--dask", cluster.file, "--format", "json")
    assert done.stdout == plain, done.stderr
    assert done.stderr == ""
    address = json.loads(cluster.file.read_text())["address"]
    assert run("ranks", *names, "--format", "json", environment={"DASK_SCHEDULER_ADDRESS": address}).stdout == plain
    assert nsysgap.open_fleet(names, dask=address).document() == json.loads(plain)
    fetched = run("ranks", job[0].parent.as_uri() + "/rank*.sqlite", "--dask", cluster.file, "--format", "json").stdout
    assert fetched == plain.replace('"path": "', f'"path": "{job[0].parent.as_uri()}/')


def test_reports_that_no_worker_can_read_are_their_own_errors(
    cluster: Cluster, job: list[Path], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.sqlite"
    bad.write_bytes(b"no database")
    names = [*job, bad, tmp_path / "none.sqlite"]
    plain = run("ranks", *names, "--workers", 1, "--format", "json").stdout
    assert run("ranks", *names, "--dask", cluster.file, "--format", "json").stdout == plain
    assert [one["status"] for one in json.loads(plain)["reports"]] == ["ok"] * 4 + ["error"] * 2


def test_a_worker_that_is_killed_in_the_middle_changes_nothing(
    cluster: Cluster, job: list[Path], tmp_path: Path
) -> None:
    def kill_the_reader() -> None:
        while not (tmp_path / "pid").exists():
            time.sleep(0.02)
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)

    killer = Thread(target=kill_the_reader)
    killer.start()
    seen: list[str] = []

    def ready(asked: Asked[ReportUnits]) -> None:
        seen.append(asked.path)

    paths = [str(path) for path in job]
    found = ask_cluster(paths, waiting_once, str(tmp_path), cluster=str(cluster.file), done=ready)
    killer.join()
    assert sorted(seen) == sorted(paths)
    document = ranks([one.answer for one in found if one.answer is not None]).document()
    assert document == json.loads(run("ranks", *job, "--workers", 1, "--format", "json").stdout)
    assert cluster.workers() == 1
    cluster.add_worker()


def test_a_report_that_kills_its_workers_is_that_report_s_error(cluster: Cluster, job: list[Path]) -> None:
    paths = [str(path) for path in job[:2]]
    for _ in range(2):
        cluster.add_worker()
    found = ask_cluster(paths, killing, "rank1.sqlite", cluster=str(cluster.file))
    assert found[0].answer == "rank0.sqlite"
    assert found[1].error is not None
    assert "every worker that read it was killed" in found[1].error.message


def test_a_scheduler_on_this_machine(job: list[Path]) -> None:
    plain = run("ranks", *job, "--workers", 1, "--format", "json").stdout
    done = run("ranks", *job, "--dask", "local", "--workers", 2, "--format", "json")
    assert (done.stdout, done.stderr) == (plain, "")


def test_no_scheduler_and_no_dask_are_said(job: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    done = run("ranks", *job, "--dask", "nonsense")
    assert done.returncode == 1
    assert "No Dask scheduler answers at nonsense" in done.stderr
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(NsysgapError, match="--dask needs Dask") as error:
        ask_cluster([str(job[0])], killing, "", cluster="local")
    assert "nsysgap[dask]" in error.value.hint
