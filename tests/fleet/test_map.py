"""One question asked of many reports by several processes: order, errors, a killed worker, Ctrl-C."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from rank_reports import save_job, steady

from nsysgap.answers.opening import OpenReport
from nsysgap.answers.rank_units import RankOptions, report_units
from nsysgap.fleet import map as fleet
from nsysgap.fleet.map import ask_all, clean_start, worker_count


def killer(report: OpenReport, options: str) -> str:
    """Answers with the report's name; dies, as for want of memory, at the one named in the options."""
    if Path(report.path).name == options:
        os.kill(os.getpid(), signal.SIGKILL)
    return Path(report.path).name


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return [str(path) for path in save_job(tmp_path_factory.mktemp("job"), steady(4, 3))]


def test_two_processes_answer_as_one_does(reports: list[str]) -> None:
    done: list[str] = []
    one = ask_all(reports, report_units, RankOptions(), workers=1)
    two = ask_all(reports, report_units, RankOptions(), workers=2, done=lambda asked: done.append(asked.path))
    assert [asked.path for asked in two] == reports
    assert sorted(done) == sorted(reports)
    for first, second in zip(one, two, strict=True):
        assert first.answer is not None
        assert second.answer is not None
        assert first.answer.units[0].facts.between.tolist() == second.answer.units[0].facts.between.tolist()


def test_a_killed_worker_loses_only_its_report(reports: list[str]) -> None:
    found = ask_all(reports, killer, "rank1.sqlite", workers=2)
    assert [asked.answer for asked in found] == ["rank0.sqlite", None, "rank2.sqlite", "rank3.sqlite"]
    assert "worker was killed" in str(found[1].error)


def test_a_bad_report_is_its_own_error(reports: list[str], tmp_path: Path) -> None:
    bad = tmp_path / "bad.sqlite"
    bad.write_bytes(b"no database")
    found = ask_all([reports[0], str(bad)], report_units, RankOptions(), workers=2)
    assert found[0].error is None
    assert "bad.sqlite" in str(found[1].error)


def test_workers_by_cores_memory_and_reports(monkeypatch: pytest.MonkeyPatch, reports: list[str]) -> None:
    monkeypatch.setattr(fleet, "usable_cores", lambda: 16)
    monkeypatch.setattr(fleet, "size_of", lambda _: 100 << 20)  # 400 MB a worker
    monkeypatch.setattr(fleet, "free_memory", lambda: 1 << 30)
    assert worker_count(reports * 8) == 2
    monkeypatch.setattr(fleet, "free_memory", lambda: 1 << 20)
    assert worker_count(reports) == 1  # never none
    monkeypatch.setattr(fleet, "free_memory", lambda: None)
    assert worker_count(reports * 8) == 16
    assert worker_count(reports) == 4
    assert worker_count(reports, wanted=3) == 3


def test_a_long_folder_for_temporary_files_has_no_room_for_a_server_s_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/tmp/" + "x" * 90)
    assert clean_start().get_start_method() == "spawn"
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/tmp")
    assert clean_start().get_start_method() == "forkserver"


PROGRAM = """
import sys, time
from nsysgap.fleet.map import ask_all
def slow(report, options):
    print(report.path, flush=True)
    time.sleep(600)
if __name__ == "__main__":
    ask_all(sys.argv[1:], slow, None, workers=2)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_stops_it_leaves_nothing(reports: list[str], tmp_path: Path, number: signal.Signals) -> None:
    """Two compressed reports are unpacked and being asked; then nothing holds the output open, nor lies in TMPDIR."""
    script, scratch = tmp_path / "program.py", tmp_path / "scratch"
    scratch.mkdir()
    script.write_text(PROGRAM)
    packed = [tmp_path / f"{Path(report).name}.gz" for report in reports]
    for report, target in zip(reports, packed, strict=True):
        target.write_bytes(gzip.compress(Path(report).read_bytes()))
    line = [sys.executable, "-c", WRAPPER, str(script), *map(str, packed)]
    with subprocess.Popen(
        line,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
        env={**os.environ, "TMPDIR": str(scratch)},
    ) as program:
        assert program.stdout is not None
        assert len({program.stdout.readline() for _ in range(2)}) == 2
        assert len(list(scratch.glob("nsysgap-*"))) == 2
        if number == signal.SIGINT:
            os.killpg(program.pid, number)  # as a terminal does
        else:
            program.send_signal(number)
        out, err = program.communicate()  # until everyone who held them open has gone
    assert (out, program.returncode) == ("", 7)
    assert err == ""
    assert list(scratch.glob("nsysgap-*")) == []


WRAPPER = """
import runpy, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except KeyboardInterrupt:
    sys.exit(7)
"""
