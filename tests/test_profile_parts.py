"""The parts of `nsysgap profile` that need no nsys: choosing one, taking its lines out, explaining it, records."""

from __future__ import annotations

import io
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from nsysgap.errors import NsysgapError
from nsysgap.profiling.capture import Run, last_record
from nsysgap.profiling.children import STOPPING, Interrupted, descendants, interruptible, run
from nsysgap.profiling.finding import Driver, Nsys, check_version, find_nsys
from nsysgap.profiling.nsyslines import NsysLines, explain
from nsysgap.profiling.plan import Options, check_extra, make_targets
from nsysgap.profiling.summary import perturbation
from nsysgap.profiling.temporaries import Temporaries, remove_named


def executable(path: Path, version: str) -> Path:
    """A program that answers --version as nsys does; nothing else of it is used."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho 'NVIDIA Nsight Systems version {version}'\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_newest_nsys_of_path_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executable(tmp_path / "a/nsys", "2023.4.4.54-234433681190v0")
    newest = executable(tmp_path / "b/nsys", "2099.10.1.0")
    executable(tmp_path / "c/nsys", "2099.9.1.0")
    monkeypatch.setenv("PATH", os.pathsep.join(str(tmp_path / one) for one in "abc"))
    monkeypatch.delenv("NSYS", raising=False)
    assert find_nsys() == Nsys(str(newest), (2099, 10, 1, 0))


def test_nsys_asked_for_comes_before_a_newer_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = executable(tmp_path / "old/bin/nsys", "2023.4.4")
    executable(tmp_path / "nsys", "2099.1.1")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("NSYS", str(tmp_path / "old"))  # a folder will do
    assert find_nsys().path == str(old)
    assert find_nsys(str(tmp_path / "nsys")).version == (2099, 1, 1)


@pytest.mark.parametrize(
    ("version", "cuda", "fits"),
    [
        ((2023, 4, 4), (12, 4), True),
        ((2024, 6, 2), (13, 0), False),
        ((2025, 1, 1), (13, 0), True),
        ((2024, 7), (14, 1), False),
    ],
)
def test_version_check_against_driver(version: tuple[int, ...], cuda: tuple[int, int], fits: bool) -> None:
    nsys, driver = Nsys("/opt/nsys", version), Driver("580.1", cuda, ("GPU",))
    check_version(nsys, None)
    if fits:
        check_version(nsys, driver)
    else:
        with pytest.raises(NsysgapError, match="too old for this driver") as caught:
            check_version(nsys, driver)
        assert "Install Nsight Systems 2025 or newer" in caught.value.hint


NSYS_SAID = (
    b"Generating '/tmp/nsys-report-4359.qdstrm'\n"
    b"\r[1/2] [0%                          ] report.nsys-rep\r[1/2] [=======================95%  ] report.nsys-rep\n"
    b"[2/2] [========================100%] report.sqlite\r[2/2] [========================100%] report.sqlite\n"
    b"Generated:\n    /tmp/x/report.nsys-rep\n\t/tmp/x/report.sqlite\n"
)


@pytest.mark.parametrize("size", [1, 2, 7, 64, 100_000])
def test_own_lines_are_taken_out_however_they_arrive(size: int) -> None:
    program = b"Generous output\nprogress 1/2\r[1/2] epoch\n  /not/nsys\nGenerated: 5 tokens\nno newline at the end\n"
    percents: list[int] = []
    lines = NsysLines(percents.append)
    stream = program + NSYS_SAID
    given = b"".join(lines(stream[i : i + size]) for i in range(0, len(stream), size)) + lines(b"")
    assert given.replace(b"\r", b"\n").split() == program.replace(b"\r", b"\n").split()
    assert percents == [0, 95, 100, 100]


@pytest.mark.parametrize("parts", [(b'{"a": 1}', NSYS_SAID), (b'{"a": 1}' + NSYS_SAID,)], ids=["apart", "at once"])
def test_own_lines_right_behind_an_unfinished_line_are_taken_out(parts: tuple[bytes, ...]) -> None:
    lines = NsysLines()
    given = b"".join(lines(part) for part in parts) + lines(b"")
    assert given == b'{"a": 1}'
    assert last_record(given) == {"a": 1}


def test_unfinished_line_of_the_program_comes_at_once() -> None:
    lines = NsysLines()
    assert lines(b"Password: ") == b"Password: "
    assert lines(b"[1/2] not") == b"[1/2] not"  # the line has begun with what is not nsys's
    assert lines(b"\nGener") == b"\n"
    assert lines(b"ous") == b"Generous"


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        ("Failed to create '/x.qdstrm': No space left on device.", "the disk is full", "TMPDIR"),
        ("Insufficient privilege, see ERR_NVGPUCTRPERM", "only root", "--gpu-metrics"),
        (
            "Illegal --gpu-metrics-device arguments.\nNone of the installed GPUs",
            "no GPU here",
            "Leave out --gpu-metrics",
        ),
        ("ptrace: Operation not permitted", "not permitted to trace", "SYS_ADMIN"),
        ("Executable not found in current directory", "program was not found", "target's path"),
        (
            "option '--sample' cannot be specified more than once\nTry 'nsys --help'",
            "one of its options",
            "--nsys-args",
        ),
        ("what(): boost::filesystem::temp_directory_path: Not a directory", "temporary folder", "TMPDIR"),
        ("something new\nusage: nsys profile\nTry 'nsys profile --help'", "something new", "by itself"),
        ("", "said nothing and ended with exit code 3", "by itself"),
    ],
)
def test_nsys_failures_have_a_next_step(said: str, message: str, hint: str) -> None:
    error = explain("a.py", said, 3)
    assert message in error.message
    assert hint in error.hint


def test_record_is_the_json_object_on_the_last_line() -> None:
    assert last_record(b'text\n{"a": 1}\n') == {"a": 1}
    for output in (b"", b"text", b'{"a": 1}\nmore', b"[1]", b"{broken", b"\n\n", b'{"a": NaN}', b'{"a": 1e999}'):
        assert last_record(output) is None


def test_perturbation_is_of_the_measured_part_else_of_the_whole_run() -> None:
    plain, traced = Run(0, 2.0, {"wall_s_measured": 0.5}), Run(0, 9.0, {"wall_s_measured": 0.6})
    assert perturbation(plain, traced, 10**9) == {
        "of": "the measured part",
        "plain_s": 0.5,
        "profiled_s": 0.6,
        "ratio": 1.2,
    }
    whole = perturbation(Run(0, 2.0, None), traced, 3 * 10**9)
    assert whole == {"of": "the whole run", "plain_s": 2.0, "profiled_s": 3.0, "ratio": 1.5}
    assert perturbation(Run(0, 2.0, None), traced, None) is None  # only a range was captured
    assert perturbation(None, traced, 10**9) is None
    assert perturbation(Run(1, 2.0, None), traced, 10**9) is None  # a failed run's time means nothing


def test_outputs_are_named_after_targets() -> None:
    [one] = make_targets(["dir/a.py"], ["-x"], None, command=False, python="py")
    assert (one.argv, one.output) == (("py", "dir/a.py", "-x"), Path("a"))
    [one] = make_targets(["dir/tool.bin"], [], None, command=True, python=None)
    assert (one.argv, one.output) == (("dir/tool.bin",), Path("tool.bin"))
    [one] = make_targets(["a.py"], [], "x/report.sqlite", command=False, python=None)
    assert one.output == Path("x/report")
    both = make_targets(["a.py", "b.py"], [], "x", command=False, python=None)
    assert [target.output for target in both] == [Path("x/a"), Path("x/b")]


def test_options_given_for_nsys_come_before_our_own() -> None:
    flags = Options(extra=("-t", "cuda", "--sample=cpu", "--stats=true"), capture_range="x").flags()
    assert not [flag for flag in flags if flag.startswith("--trace")]
    assert [flag for flag in flags if "sample" in flag] == ["--sample=cpu"]
    assert flags[-4:] == ["-t", "cuda", "--sample=cpu", "--stats=true"]
    assert "--cuda-graph-trace=node" in flags
    assert "--capture-range=nvtx" in flags
    for given in ("-o", "--output=x", "--export=none"):
        with pytest.raises(NsysgapError, match="names the files itself"):
            check_extra([given])


def test_child_killed_by_a_signal_has_a_shell_exit_code() -> None:
    out, err = io.BytesIO(), io.BytesIO()
    ran = run([sys.executable, "-c", "import os; print('x', flush=True); os.kill(os.getpid(), 9)"], out=out, err=err)
    assert (ran.exit_code, ran.stdout, out.getvalue()) == (137, b"x\n", b"x\n")


def test_output_is_kept_when_the_reader_is_gone() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb", buffering=0) as closed:
        ran = run([sys.executable, "-c", "print('x' * 100_000); print('end')"], out=closed, err=io.BytesIO())
    assert ran.exit_code == 0
    assert ran.stdout.endswith(b"end\n")


def test_detached_grandchildren_end_with_an_interrupted_child() -> None:
    inner = "import subprocess, sys, time; subprocess.Popen(['sleep', '60'], start_new_session=True); time.sleep(60)"
    before, handlers = set(descendants()), [signal.getsignal(number) for number in STOPPING]
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    began = time.monotonic()
    with interruptible(), pytest.raises(Interrupted) as caught:
        run([sys.executable, "-c", inner], out=io.BytesIO(), err=io.BytesIO())
    assert caught.value.number == signal.SIGTERM
    assert time.monotonic() - began < 15
    assert set(descendants()) <= before
    assert [signal.getsignal(number) for number in STOPPING] == handlers


def test_what_a_program_left_running_ends_too_when_a_later_run_is_interrupted() -> None:
    leaving = "import subprocess; subprocess.Popen(['sleep', '60'], start_new_session=True, stdout=-3, stderr=-3)"
    before = set(descendants())
    timer = threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    outlived: set[int] = set()

    def runs() -> None:
        with interruptible():
            run([sys.executable, "-c", leaving], out=io.BytesIO(), err=io.BytesIO())
            outlived.update(set(descendants()) - before)
            run([sys.executable, "-c", "import time; time.sleep(60)"], out=io.BytesIO(), err=io.BytesIO())

    with pytest.raises(Interrupted):
        runs()
    assert outlived
    assert set(descendants()) <= before


def test_only_what_ended_processes_of_ours_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "nvidia/nsight_systems"
    folder.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    closed, opened = tmp_path / "nsys-report-1a.qdstrm", tmp_path / "nsys-report-2b.qdstrm"
    closed.touch()
    os.utime(closed, (0, 0))
    program = "import sys; file = open(sys.argv[1], 'w'); print(flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", program, opened], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    pid, other = child.pid, child.pid + 1
    ours = [f"quadd_session_12{pid}", f"NSys-agent-instance-{pid}-4-2025", f"NSys-termination_status_{pid}-4-2025"]
    theirs = [f"quadd_session_12{other}", f"NSys-agent-instance-{other}-4-2025", f"quadd_session_12{pid}7"]
    for name in ours + theirs:
        (folder / name).mkdir()
    left = Temporaries()
    left.note([pid])
    child.communicate(b"\n")
    left.remove()
    assert {path.name for path in folder.iterdir()} == set(theirs)
    assert list(tmp_path.glob("nsys-report-*")) == [closed]  # older than our processes: it may be another nsys's
    remove_named(f"Generating '{closed}'\n".encode())
    assert not closed.exists()
