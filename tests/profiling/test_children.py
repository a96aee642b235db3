"""Programs that are run: their output, their exit codes, and all of them ending with an interrupted run."""

from __future__ import annotations

import io
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from nsysgap.numpy_settings import SETTINGS, tell_numpy
from nsysgap.profiling.children import STOPPING, Interrupted, descendants, interruptible, run

WAITING = "print('ready', flush=True); time.sleep(3600)"


class StopsUs(io.BytesIO):
    """The output of a program that is under way once it says something: then this process is asked to end."""

    def write(self, data: Any, /) -> int:
        if data:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().write(data)


def test_child_killed_by_a_signal_has_a_shell_exit_code() -> None:
    out, err = io.BytesIO(), io.BytesIO()
    ran = run([sys.executable, "-c", "import os; print('x', flush=True); os.kill(os.getpid(), 9)"], out=out, err=err)
    assert (ran.exit_code, ran.stdout, out.getvalue()) == (137, b"x\n", b"x\n")


def test_a_program_knows_that_it_is_profiled() -> None:
    out = io.BytesIO()
    ran = run([sys.executable, "-c", "import os; print(os.environ['NSYSGAP_PROFILING'])"], out=out, err=io.BytesIO())
    assert (ran.exit_code, ran.stdout) == (0, b"1\n")
    assert "NSYSGAP_PROFILING" not in os.environ


def test_a_program_is_not_told_what_numpy_is_told_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nsysgap.numpy_settings._added", set())  # commands that ran in this process told it too
    monkeypatch.setenv("NUMPY_MADVISE_HUGEPAGE", "1")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    tell_numpy()
    assert [os.environ[name] for name in SETTINGS] == ["1", "1"]
    program = f"import os; print([os.environ.get(name) for name in {list(SETTINGS)}])"
    out = io.BytesIO()
    run([sys.executable, "-c", program], out=out, err=io.BytesIO())
    assert out.getvalue() == b"['1', None]\n"


def test_output_is_kept_when_the_reader_is_gone() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb", buffering=0) as closed:
        ran = run([sys.executable, "-c", "print('x' * 100_000); print('end')"], out=closed, err=io.BytesIO())
    assert ran.exit_code == 0
    assert ran.stdout.endswith(b"end\n")


def test_detached_grandchildren_end_with_an_interrupted_child() -> None:
    inner = f"import subprocess, sys, time; subprocess.Popen(['sleep', '3600'], start_new_session=True); {WAITING}"
    before, handlers = set(descendants()), [signal.getsignal(number) for number in STOPPING]
    with interruptible(), pytest.raises(Interrupted) as caught:
        run([sys.executable, "-c", inner], out=StopsUs(), err=io.BytesIO())
    assert caught.value.number == signal.SIGTERM
    assert set(descendants()) <= before
    assert [signal.getsignal(number) for number in STOPPING] == handlers


def test_what_a_program_left_running_ends_too_when_a_later_run_is_interrupted() -> None:
    leaving = "import subprocess; subprocess.Popen(['sleep', '3600'], start_new_session=True, stdout=-3, stderr=-3)"
    before = set(descendants())
    outlived: set[int] = set()

    def runs() -> None:
        with interruptible():
            run([sys.executable, "-c", leaving], out=io.BytesIO(), err=io.BytesIO())
            outlived.update(set(descendants()) - before)
            run([sys.executable, "-c", f"import time; {WAITING}"], out=StopsUs(), err=io.BytesIO())

    with pytest.raises(Interrupted):
        runs()
    assert outlived
    assert set(descendants()) <= before


def test_a_signal_while_processes_are_listed_comes_after_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle it would leave an open file behind, of which Python complains."""
    text_of = Path.read_text
    read: list[Path] = []

    def interrupted_once(path: Path, **options: Any) -> str:
        if not read:
            os.kill(os.getpid(), signal.SIGINT)
        read.append(path)
        return text_of(path, **options)

    def lists() -> None:
        with interruptible():
            monkeypatch.setattr(Path, "read_text", interrupted_once)
            try:
                descendants()
            finally:
                monkeypatch.setattr(Path, "read_text", text_of)  # what ends the children lists them too

    with pytest.raises(Interrupted):
        lists()
    assert len(read) > 1
