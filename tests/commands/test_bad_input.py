"""Whatever a user can get wrong: one sentence, what to do next, exit code 1 or 2, never a traceback."""

from __future__ import annotations

import gzip
import lzma
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import zstandard
from command_line import process, process_environment, run
from folders import NAIVE
from real_nsys import require_nsys
from report_builder import ReportBuilder

from nsysgap.commands import main

PACKERS: list[tuple[str, Callable[[bytes], bytes]]] = [
    (".gz", gzip.compress),
    (".xz", lzma.compress),
    (".zst", zstandard.compress),
]


def answer(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """(exit code, standard error) of a command, run in this process: a traceback would be an exception here."""
    with pytest.raises(SystemExit) as stopped:
        main([str(one) for one in arguments])
    code = stopped.value.code
    assert isinstance(code, int)
    return code, capsys.readouterr().err


def refused(capsys: pytest.CaptureFixture[str], path: Path, *words: str) -> None:
    """Both commands refuse the file with these words and a hint on the line after, and leave its folder alone."""
    before = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
    for command in ("gaps", "info"):
        code, said = answer(capsys, command, path)
        assert code == 1
        first, hint = said.strip().split("\n")
        assert first.startswith("nsysgap: ")
        assert all(word in first for word in words), first
        assert len(hint.strip()) > 10
    assert (sorted(path.parent.iterdir()) if path.parent.is_dir() else []) == before


def test_no_such_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    refused(capsys, tmp_path / "report.sqlite", "does not exist")


def test_a_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    refused(capsys, tmp_path, "is a folder")


def test_a_pipe(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Opening one would wait for ever."""
    path = tmp_path / "report.sqlite"
    os.mkfifo(path)
    refused(capsys, path, "is a pipe or a device")
    assert answer(capsys, "gaps", os.devnull)[0] == 1


def test_a_report_that_may_not_be_read(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root every file may be read: the refusal is made here."""

    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "report.sqlite"
    path.write_bytes(NAIVE.read_bytes())
    monkeypatch.setattr(Path, "open", forbidden)
    refused(capsys, path, "may not be read by you")


def test_an_empty_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "report.sqlite"
    path.touch()
    refused(capsys, path, "is empty")


def test_not_sqlite(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "report.sqlite"
    path.write_text("hello\n" * 100)
    refused(capsys, path, "neither SQLite nor .nsys-rep")


@pytest.mark.parametrize("ending", [".sqlite", ".sqlite.xz", ".nsys-rep"])
def test_a_git_lfs_pointer(capsys: pytest.CaptureFixture[str], tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"report{ending}"
    path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n")
    refused(capsys, path, "is a Git LFS pointer, not the file")
    assert "git lfs pull" in answer(capsys, "gaps", path)[1]


@pytest.mark.parametrize("size", [50, 1000, 200_000])
def test_truncated(capsys: pytest.CaptureFixture[str], tmp_path: Path, size: int) -> None:
    path = tmp_path / "report.sqlite"
    path.write_bytes(NAIVE.read_bytes()[:size])
    refused(capsys, path, "is truncated")


@pytest.mark.parametrize("seed", range(30))
def test_damage_anywhere_gives_an_answer_or_a_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, seed: int
) -> None:
    luck = random.Random(seed)
    content = bytearray(NAIVE.read_bytes())
    for _ in range(5):
        place = luck.randrange(100, len(content) - 64)
        content[place : place + 64] = luck.randbytes(64)
    path = tmp_path / "report.sqlite"
    path.write_bytes(content)
    code, said = answer(capsys, "gaps", path)
    assert code in {0, 1}
    assert (code == 0) == (said == "")


def test_a_row_that_claims_to_be_gigabytes_long(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite runs out of memory: what Python raises of that is said like any other damage."""

    def no_memory(*_: object, **__: object) -> None:
        raise MemoryError

    path = tmp_path / "report.sqlite"
    path.write_bytes(NAIVE.read_bytes())
    monkeypatch.setattr("nsysgap.report.sqlite.columns.read_columns", no_memory)
    code, said = answer(capsys, "gaps", path)
    assert code == 1
    assert "not enough memory" in said


def test_what_sqlite_quotes_of_a_damaged_file_is_one_line_without_control_characters(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    content = NAIVE.read_bytes()
    place = content.index(b"CREATE TABLE DIAGNOSTIC_EVENT") + len(b"CREATE TABLE DIAGNOSTIC_EVENT")
    path = tmp_path / "report.sqlite"
    path.write_bytes(content[:place] + b" \x1b[31m\n`" + content[place + 8 :])
    code, said = answer(capsys, "gaps", path)
    assert code == 1
    assert len(said.strip().split("\n")) == 2
    assert "\x1b" not in said


def test_sqlite_but_no_nsys_export(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "report.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE notes (text TEXT)")
        database.commit()
    refused(capsys, path, "not an nsys export")


def test_no_cuda_table_says_why_and_never_0_percent(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, report: ReportBuilder
) -> None:
    path = report.osrt(0, 10).diagnostic(2, "CUDA profiling might have not been started correctly.").save(tmp_path)
    code, said = answer(capsys, "gaps", path)
    assert code == 1
    assert "holds no GPU work" in said
    assert "might have not been started" in said
    assert "--trace=cuda" in said


def test_locked_by_a_writer(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "report.sqlite"
    path.write_bytes(NAIVE.read_bytes())
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        code, said = answer(capsys, "gaps", path)
    assert code == 1
    assert "is locked" in said


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_half_written_with_a_file_beside_it(capsys: pytest.CaptureFixture[str], tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "report.sqlite"
    path.write_bytes(NAIVE.read_bytes())
    Path(f"{path}{suffix}").write_bytes(b"rows to come")
    refused(capsys, path, "still being written", suffix)


def test_a_report_in_wal_mode_gets_no_file_beside_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """SQLite makes a -wal and a -shm file even to read such a database."""
    path = tmp_path / "report.sqlite"
    path.write_bytes(NAIVE.read_bytes())
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
    before = path.read_bytes()
    code, said = answer(capsys, "gaps", path)
    assert (code, said) == (0, "")
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_process_writes_it_in_wal_mode(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "report.sqlite"
    path.write_bytes(NAIVE.read_bytes())
    program = (
        "import sqlite3, sys; database = sqlite3.connect(sys.argv[1]); database.execute('PRAGMA journal_mode = WAL');"
        "database.execute('CREATE TABLE more (a)'); print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        refused(capsys, path, "still being written")
        writer.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_another_process_still_writes_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "report.sqlite"
    path.write_bytes(NAIVE.read_bytes())
    program = f"import sys; file = open({str(path)!r}, 'r+b'); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        refused(capsys, path, f"still being written by process {writer.pid}")
        writer.communicate()
    assert run("gaps", path).returncode == 0  # nobody has it open any more


def test_nsys_rep_without_nsys_says_how_to_export(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    path = tmp_path / "report.nsys-rep"
    path.write_bytes(b"something of nsys")
    packed = tmp_path / "report.nsys-rep.gz"
    packed.write_bytes(gzip.compress(b"something of nsys"))
    for one in (path, packed):
        code, said = answer(capsys, "gaps", one)
        assert code == 1
        assert f"{one} must be exported to SQLite first" in said
        assert "no nsys on PATH" in said
        assert "nsys export --type sqlite" in said


def test_nsys_rep_is_exported_by_nsys_and_leaves_nothing_behind(tmp_path: Path) -> None:
    nsys = require_nsys()
    options = ["--trace=none", "--sample=none", "--cpuctxsw=none", "-o", str(tmp_path / "made")]
    subprocess.run([nsys, "profile", *options, "true"], capture_output=True, check=True)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    made = (tmp_path / "made.nsys-rep").read_bytes()
    (tmp_path / "cut.nsys-rep").write_bytes(made[:3000])
    for suffix, pack in PACKERS:
        (tmp_path / f"packed.nsys-rep{suffix}").write_bytes(pack(made))
    before = sorted(tmp_path.iterdir())
    path = f"{Path(nsys).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "TMPDIR": str(scratch)}
    whole, idle, cut = (
        run(*one, environment=environment)
        for one in (("info", before[1]), ("gaps", before[1]), ("gaps", tmp_path / "cut.nsys-rep"))
    )
    packed = [run("info", tmp_path / f"packed.nsys-rep{suffix}", environment=environment) for suffix, _ in PACKERS]
    for one in (whole, *packed):
        assert (one.returncode, "command   true" in one.stdout) == (0, True), one.stderr
    assert (idle.returncode, "holds no GPU work" in idle.stderr) == (1, True)
    assert (cut.returncode, "nsys export could not read" in cut.stderr) == (1, True)
    assert sorted(tmp_path.iterdir()) == before
    assert list(scratch.iterdir()) == []


def test_no_folder_for_temporary_files(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report that needs none opens all the same."""

    def nowhere() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    path = tmp_path / "report.sqlite.gz"
    path.write_bytes(gzip.compress(NAIVE.read_bytes()))
    code, said = answer(capsys, "gaps", path)
    assert code == 1
    assert "no folder for temporary files" in said
    assert "TMPDIR" in said
    assert answer(capsys, "gaps", NAIVE)[0] == 0


@pytest.mark.parametrize(("suffix", "pack"), PACKERS)
def test_truncated_compressed_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / f"report.sqlite{suffix}"
    path.write_bytes(pack(NAIVE.read_bytes())[:5000])
    refused(capsys, path, f"not a whole {suffix} file")


def in_frames(content: bytes) -> bytes:
    """As pzstd writes it: several frames, one after the other, some of them to be skipped."""
    skipped = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"
    middle = len(content) // 2
    return zstandard.compress(content[:middle]) + skipped + zstandard.compress(content[middle:])


@pytest.mark.parametrize(("suffix", "pack"), [*PACKERS, (".zst", in_frames)])
def test_compressed_reports_open_and_leave_nothing_behind(
    tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    path = tmp_path / f"report.sqlite{suffix}"
    path.write_bytes(pack(NAIVE.read_bytes()))
    done = run("gaps", path, environment={"TMPDIR": str(scratch)})
    assert done.returncode == 0
    assert "longest gap" in done.stdout
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--nvtx", "no such range"], "No NVTX range matches"),
        (["--from", "100s"], "selection holds no GPU time"),
        (["--device", "7"], "GPU 7 ran nothing"),
    ],
)
def test_selections_of_nothing(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    code, said = answer(capsys, "gaps", NAIVE, *arguments)
    assert code == 1
    assert words in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["--top", "-3"],
        ["--top", "many"],
        ["--min", "-5us"],
        ["--min", "9e99s"],
        ["--from", "soon"],
        ["--from", "2s", "--to", "1s"],
        ["--nvtx", "("],
        ["--device", "-1"],
        ["--by", "colour"],
        ["--format", "parquet"],
        ["--unknown"],
    ],
)
def test_wrong_usage_exits_with_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    code, said = answer(capsys, "gaps", NAIVE, *arguments)
    assert code == 2
    assert said.strip()


def test_control_characters_of_names_never_reach_the_terminal(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, report: ReportBuilder
) -> None:
    report.launch((0, 5), (10, 20)).launch((15, 25), (40, 50), name="bad\x1b[31m\x07name\r\n")
    with pytest.raises(SystemExit) as stopped:
        main(["gaps", str(report.save(tmp_path)), "--by", "kernel"])
    code, out = stopped.value.code, capsys.readouterr().out
    assert code in {0, None}
    assert "bad" in out
    assert not set("\x1b\x07\r") & set(out)


@pytest.mark.parametrize(("command", "suffix"), [("timeline", "html"), ("to-chrome", "json"), ("scrub", "sqlite")])
def test_nor_do_those_of_files(capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str, suffix: str) -> None:
    target = tmp_path / f"odd\x1b[31m.{suffix}"
    with pytest.raises(SystemExit) as stopped:
        main([command, str(NAIVE), "-o", str(target)])
    assert not stopped.value.code
    assert target.exists()
    said = "".join(capsys.readouterr())
    assert f"[31m.{suffix}" in said
    assert "\x1b" not in said


@pytest.mark.parametrize(
    ("number", "code", "words"), [(signal.SIGINT, 130, "nsysgap: stopped."), (signal.SIGTERM, 143, "")]
)
def test_ctrl_c_and_kill_end_clean(tmp_path: Path, number: int, code: int, words: str) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    path = tmp_path / "report.sqlite.xz"
    # Streams one after the other: quick to make, and far longer to unpack than any signal is on its way.
    path.write_bytes(lzma.compress(NAIVE.read_bytes(), preset=0) + 1000 * lzma.compress(bytes(4_000_000), preset=0))
    environment = process_environment(TMPDIR=str(scratch))
    with subprocess.Popen(process("gaps", path), stderr=subprocess.PIPE, text=True, env=environment) as running:
        while not list(scratch.glob("*/report")):
            assert running.poll() is None
            time.sleep(0.01)
        running.send_signal(number)
        _, said = running.communicate(timeout=300)
    assert running.returncode == code
    assert said.strip() == words
    assert list(scratch.iterdir()) == []


def test_what_nsys_says_of_an_empty_report_is_a_line_each_within_80_columns(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    report = ReportBuilder().osrt(0, 1).diagnostic(3, "No CUDA events collected.")
    report.diagnostic(3, "Some events were lost: " + "boost::exception_detail::clone_impl " * 40)
    code, said_all = answer(capsys, "gaps", report.save(tmp_path))
    assert code == 1
    said = said_all.splitlines()
    details = [line for line in said if line.startswith(("  - ", "    "))]
    assert next(line for line in details if line.startswith("  - ")) == "  - nsys says: No CUDA events collected."
    assert sum(line.startswith("  - ") for line in details) == 2
    assert max(map(len, details)) <= 80
    assert len(details) <= 6
