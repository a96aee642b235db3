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
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from report_builder import ReportBuilder

from nsysgap.commands import main

ROOT = Path(__file__).parents[2]
NAIVE = ROOT / "sample_traces" / "naive.sqlite"


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


def test_an_empty_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "report.sqlite"
    path.touch()
    refused(capsys, path, "is empty")


def test_not_sqlite(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "report.sqlite"
    path.write_text("hello\n" * 100)
    refused(capsys, path, "neither SQLite nor .nsys-rep")


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


def test_nsys_rep_without_nsys_says_how_to_export(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    path = tmp_path / "report.nsys-rep"
    path.write_bytes(b"something of nsys")
    code, said = answer(capsys, "gaps", path)
    assert code == 1
    assert "no nsys on PATH" in said
    assert "nsys export --type sqlite" in said


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".xz", lzma.compress)])
def test_truncated_compressed_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / f"report.sqlite{suffix}"
    path.write_bytes(pack(NAIVE.read_bytes())[:5000])
    refused(capsys, path, f"not a whole {suffix} file")


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".xz", lzma.compress)])
def test_compressed_reports_open_and_leave_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    path = tmp_path / f"report.sqlite{suffix}"
    path.write_bytes(pack(NAIVE.read_bytes()))
    environment = {**os.environ, "TMPDIR": str(scratch), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "nsysgap", "gaps", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0
    assert "idle by cause" in done.stdout
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


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no /dev/full")
@pytest.mark.parametrize("command", [["gaps"], ["to-chrome", "-o", "-"]])
def test_standard_output_on_a_full_disk(command: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "nsysgap", command[0], str(NAIVE), *command[1:]],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    assert ran.returncode == 1
    assert ran.stderr.startswith("nsysgap: Standard output cannot be written (No space left on device).\n")
    assert "Traceback" not in ran.stderr


def test_ctrl_c_ends_clean(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    path = tmp_path / "report.sqlite.xz"
    path.write_bytes(lzma.compress(NAIVE.read_bytes() + bytes(400_000_000), preset=0))
    environment = {**os.environ, "TMPDIR": str(scratch), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "nsysgap", "gaps", str(path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as running:
        while not list(scratch.glob("*/report")):
            assert running.poll() is None
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert said.strip() == "nsysgap: stopped."
    assert list(scratch.iterdir()) == []
