"""`nsysgap profile` with a real nsys on any machine: the whole path up to a report without GPU work."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command_line import Done, process, run
from folders import NAIVE
from real_nsys import require_nsys
from stand_in_nsys import stand_in

from nsysgap.commands import main
from nsysgap.profiling.finding import find_driver

PROGRAM = """
import json, sys, time
print("to stdout", flush=True)
print("to stderr", file=sys.stderr, flush=True)
time.sleep(float(sys.argv[1]))
print(json.dumps({"kernels_of_work": 10, "wall_s_measured": 0.5, "wall_us_per_kernel": 50000.0}))
sys.exit(int(sys.argv[2]))
"""
Profile = Callable[..., Done]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path


@pytest.fixture
def profile(folder: Path) -> Profile:
    """Runs `nsysgap profile ARGUMENTS` in the folder with the real nsys."""
    nsys = require_nsys()

    return lambda *arguments: run("profile", *arguments, cwd=folder, environment={"NSYS": nsys})


def command(*arguments: str) -> list[str]:
    return process("profile", *arguments)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def without_gpu() -> None:
    if find_driver() is not None:
        pytest.skip("this machine has a GPU")


def test_program_without_gpu_work_is_captured_and_the_report_says_so(profile: Profile, folder: Path) -> None:
    done = profile("program.py", "--", "0.1", "0")
    assert done.returncode == 1
    assert done.stdout.count("to stdout") == 2  # the plain run and the one under nsys
    assert done.stderr.count("to stderr") == 2
    assert "program.sqlite holds no GPU work" in done.stderr
    assert "Traceback" not in done.stderr
    assert names(folder) == {"program.py", "program.nsys-rep", "program.sqlite", "program.json"}
    with sqlite3.connect(folder / "program.sqlite") as report:
        assert report.execute("SELECT count(*) FROM OSRT_API").fetchone()[0] > 0


def test_nsys_own_lines_are_not_passed_through(profile: Profile) -> None:
    done = profile("--no-baseline", "program.py", "--", "0.1", "0")
    for own in ("Generating '", "Generated:", "[1/2]", ".qdstrm"):
        assert own not in done.stdout


def test_machine_without_a_driver_is_named(profile: Profile) -> None:
    without_gpu()
    done = profile("--no-baseline", "program.py", "--", "0.1", "0")
    assert "no NVIDIA driver was found" in done.stderr


def test_summary_holds_command_baseline_and_versions(profile: Profile, folder: Path) -> None:
    profile("program.py", "--", "0.1", "0")
    summary = json.loads((folder / "program.json").read_text())
    assert summary["schema"] == "nsysgap.profile/1"
    assert summary["argv"] == [sys.executable, "program.py", "0.1", "0"]
    assert summary["nsys_command"][1:] == [
        *("profile", "--trace=cuda,nvtx,osrt", "--cuda-graph-trace=node", "--sample=none", "--cpuctxsw=none"),
        *("--export=sqlite", "--output", "program", *summary["argv"]),
    ]
    assert summary["nsys_version"].startswith("20")
    assert summary["baseline"]["exit_code"] == summary["profiled"]["exit_code"] == 0
    assert summary["baseline"]["record"]["kernels_of_work"] == 10
    assert summary["perturbation"] == {"of": "the measured part", "plain_s": 0.5, "profiled_s": 0.5, "ratio": 1.0}
    assert summary["figures"] is None
    assert summary["inflated_by_nsys"] == [
        *("launch_latency_ns", "idle_percent_by_cause.launch", "idle_percent_by_cause.host"),
    ]


def test_capture_with_stacks_has_files_and_a_summary_of_its_own(profile: Profile, folder: Path) -> None:
    profile("--stacks", "native", "program.py", "--", "0.1", "0")
    kinds = (".nsys-rep", ".sqlite", ".json")
    assert names(folder) == {
        "program.py",
        *(f"{name}{kind}" for name in ("program", "program.stacks") for kind in kinds),
    }
    plain, sampled = (json.loads((folder / f"{name}.json").read_text()) for name in ("program", "program.stacks"))
    assert (plain["baseline"] is None, sampled["baseline"]) == (False, None)
    assert "--sample=process-tree" in sampled["nsys_command"]
    assert sampled["profiled"]["record"]["kernels_of_work"] == 10


READS = "import sys; print(repr(sys.stdin.readline()), flush=True)\n"


def test_every_run_reads_the_same_of_a_file(folder: Path) -> None:
    (folder / "reads.py").write_text(READS)
    (folder / "lines").write_text("zero\none\ntwo\n")
    environment = {**os.environ, "NSYS": require_nsys()}
    with (folder / "lines").open("rb", buffering=0) as given:
        given.read(len("zero\n"))  # as by a command before it in the same script
        arguments = command("--stacks", "native", "reads.py")
        done = subprocess.run(
            arguments, cwd=folder, env=environment, stdin=given, capture_output=True, text=True, check=False
        )
    assert done.stdout.count("'one\\n'") == 3  # plain, under nsys, once more with stacks
    assert "standard input" not in done.stderr


@pytest.mark.parametrize(("options", "read"), [((), ["'one\\n'", "''"]), (("--no-baseline",), ["'one\\n'"])])
def test_pipe_is_read_once_and_the_next_run_says_so(folder: Path, options: tuple[str, ...], read: list[str]) -> None:
    (folder / "reads.py").write_text(READS)
    arguments, environment = command(*options, "reads.py"), {**os.environ, "NSYS": require_nsys()}
    done = subprocess.run(
        arguments, cwd=folder, env=environment, input="one\n", capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[: len(read)] == read
    for words in ("standard input is a pipe, which can be read only once", "< FILE", "--no-baseline"):
        assert (words in done.stderr) == (len(read) > 1)


def test_open_pipe_without_a_writer_at_work_holds_nothing_up(folder: Path) -> None:
    with subprocess.Popen(
        command("program.py", "--", "0", "0"),
        cwd=folder,
        env={**os.environ, "NSYS": require_nsys()},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stderr is not None
        said = running.stderr.read()  # to its end, with its input open still
    assert running.returncode == 1
    assert "holds no GPU work" in said
    assert "standard input" not in said


def test_whole_run_is_compared_where_a_program_measures_nothing(profile: Profile, folder: Path) -> None:
    (folder / "quiet.py").write_text("import time; time.sleep(0.4)\n")
    profile("quiet.py")
    found = json.loads((folder / "quiet.json").read_text())["perturbation"]
    assert found["of"] == "the whole run"
    # Which takes longer is not asked: on a busy machine either may.
    assert min(found["plain_s"], found["profiled_s"]) >= 0.4


def test_failing_target_keeps_its_exit_code_and_partial_report(profile: Profile, folder: Path) -> None:
    done = profile("program.py", "--", "0.1", "7")
    assert done.returncode == 7
    assert "program.py ended with exit code 7 under nsys; its partial report is program.sqlite." in done.stderr
    assert "Without nsys it ended with exit code 7" in done.stderr
    assert (folder / "program.sqlite").exists()
    assert json.loads((folder / "program.json").read_text())["profiled"]["exit_code"] == 7


def test_missing_cupy_names_the_extra(profile: Profile, folder: Path) -> None:
    (folder / "needs.py").write_text("raise ModuleNotFoundError(\"No module named 'cupy'\")\n")
    done = profile("--no-baseline", "needs.py")
    assert done.returncode == 1
    assert "pip install 'nsysgap[gpu" in done.stderr


def test_existing_files_are_kept_without_force(profile: Profile, folder: Path) -> None:
    (folder / "program.sqlite").write_text("mine")
    done = profile("program.py", "--", "0.1", "0")
    assert done.returncode == 1
    assert "program.sqlite exists already" in done.stderr
    assert "--force" in done.stderr
    assert "to stdout" not in done.stdout  # nothing ran
    assert (folder / "program.sqlite").read_text() == "mine"


def test_force_overwrites(profile: Profile, folder: Path) -> None:
    for suffix in ("nsys-rep", "sqlite", "json"):
        (folder / f"program.{suffix}").write_text("old")
    profile("--force", "--no-baseline", "program.py", "--", "0.1", "0")
    assert (folder / "program.sqlite").read_bytes().startswith(b"SQLite format 3")
    assert json.loads((folder / "program.json").read_text())["baseline"] is None
    assert (folder / "program.nsys-rep").stat().st_size > 1000


def test_any_program_with_command_and_output_name(profile: Profile, folder: Path) -> None:
    done = profile("--command", "-o", "listing", "ls", "--", "-d", "--", "/")
    assert done.stdout.startswith("/\n/\n")  # its arguments arrive, the second -- among them
    assert {"listing.nsys-rep", "listing.sqlite", "listing.json"} <= names(folder)


def test_several_targets_end_with_a_comparison(profile: Profile, folder: Path) -> None:
    (folder / "other.py").write_text(PROGRAM)
    (folder / "out").mkdir()
    done = profile("--format", "csv", "-o", "out", "program.py", "other.py", "--", "0.1", "0")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["name"] for row in rows] == ["program", "other"]
    assert [row["plain_us_per_kernel"] for row in rows] == ["50000.0", "50000.0"]
    assert rows[0]["idle_percent_high"] == ""  # no GPU work: no figure, not zero
    assert "to stdout" in done.stderr
    assert {"program.sqlite", "other.sqlite"} <= names(folder / "out")


def test_json_on_stdout_is_nothing_but_json(profile: Profile) -> None:
    done = profile("--format", "json", "--no-baseline", "program.py", "--", "0.1", "0")
    assert json.loads(done.stdout)["name"] == "program"


def test_capture_range_that_never_begins(profile: Profile, folder: Path) -> None:
    done = profile("--no-baseline", "--capture-range", "nvtx=nowhere", "program.py", "--", "0.1", "0")
    assert done.returncode == 1
    assert "The NVTX range 'nowhere' never began in program.py" in done.stderr
    assert names(folder) == {"program.py"}


def test_nsys_complaint_is_passed_on(profile: Profile, folder: Path) -> None:
    done = profile("--no-baseline", "--nsys-args", "--no-such-option", "program.py", "--", "0.1", "0")
    assert done.returncode == 1
    assert "does not take one of its options: unrecognised option '--no-such-option'" in done.stderr
    assert names(folder) == {"program.py"}


def test_control_characters_of_names_and_of_nsys_never_reach_the_terminal(folder: Path) -> None:
    nsys = stand_in(folder / "nsys", "printf 'Generated:\\n    /tmp/\\033[31mred.nsys-rep\\n'; exit 3")
    (folder / "odd\x1b[31m.py").write_text("")
    done = run("profile", "--nsys", nsys, "--no-baseline", "odd\x1b[31m.py", cwd=folder)
    assert done.returncode == 1
    assert "nsys wrote no report of odd\N{REPLACEMENT CHARACTER}[31m.py" in done.stderr
    assert "red.nsys-rep" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of this size."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        if os.environ.get("NSYSGAP_REQUIRE_ALL") == "1" and os.getuid() == 0:
            pytest.fail("a small file system cannot be mounted")
        pytest.skip("only root can mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_disk_that_fills_up(profile: Profile, folder: Path) -> None:
    """It has room when the capture begins; the program leaves none."""
    (folder / "fills.py").write_text(
        "with open('small/mine', 'wb', buffering=0) as mine:\n"
        "    try:\n        while mine.write(bytes(4096)): pass\n    except OSError: pass\n"
    )
    with small_disk(folder / "small", "17m") as small:
        done = profile("--no-baseline", "-o", "small/program", "fills.py")
        assert done.returncode == 1
        assert "the disk is full" in done.stderr
        assert "No space left on device" in done.stderr
        assert names(small) == {"mine"}


@pytest.mark.parametrize("place", ["output", "TMPDIR"])
def test_disk_without_room_is_refused_before_anything_runs(
    profile: Profile, folder: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """nsys would wait for ever with so little room for its temporary files."""
    with small_disk(folder / "small", "300k") as small:
        if place == "TMPDIR":
            monkeypatch.setenv("TMPDIR", str(small))
        done = profile("-o", "small/program" if place == "output" else "program", "program.py", "--", "0.1", "0")
        assert done.returncode == 1
        name = "small" if place == "output" else str(small)
        assert f"nsysgap: The disk of {name} has 0.3 MB free: a capture needs 17 MB and more.\n" in done.stderr
        assert ("-o FOLDER/NAME" if place == "output" else "set TMPDIR to a larger disk") in done.stderr
        assert done.stdout == ""
        assert names(small) == set()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("deaf", [False, True], ids=["plain", "ignores-signals"])
def test_interrupted_run_leaves_no_process_and_no_file(
    folder: Path, number: signal.Signals, code: int, deaf: bool
) -> None:
    mark = f"{folder.name}-{time.time_ns()}"
    ignoring = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" if deaf else ""
    child = (
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', sys.argv[1]], start_new_session=True)"
    )
    (folder / "long.py").write_text(
        f"{ignoring}import subprocess, sys, time\n{child}\nprint('ready', flush=True)\ntime.sleep(60)\n"
    )
    running = subprocess.Popen(
        command("--no-baseline", "long.py", "--", mark),
        cwd=folder,
        env={**os.environ, "NSYS": require_nsys()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    ready = running.stdout.readline()
    assert ready == "ready\n", running.communicate()
    assert len(processes_with(mark)) >= 3
    running.send_signal(number)
    _, said = running.communicate(timeout=300)
    assert running.returncode == code
    assert f"stopped by {number.name}" in said
    assert "Traceback" not in said.partition("nsysgap: stopped")[2]
    assert processes_with(mark) == []
    assert names(folder) == {"long.py", "program.py"}


@pytest.mark.parametrize("code", [0, 7])
@pytest.mark.parametrize("place", ["first rename", "reading"])
def test_interrupted_after_the_capture_keeps_it_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], place: str, code: int
) -> None:
    """All three files, those of a failing target too: reading can be done later, capturing perhaps not."""
    nsys = stand_in(folder / "nsys", f'cp "{NAIVE}" "$out.sqlite"; echo > "$out.nsys-rep"; exit {code}')

    def interrupted(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    def renamed(path: Path, target: Path) -> None:
        if target.name == "program.nsys-rep":
            interrupted()
        path.rename(target)

    if place == "reading":
        monkeypatch.setattr("nsysgap.answers.opening.read_trace", interrupted)
    else:
        monkeypatch.setattr(Path, "replace", renamed)
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as stopped:
        main(["profile", "--nsys", str(nsys), "--no-baseline", "program.py"])
    assert stopped.value.code == 130
    said = capfd.readouterr().err
    assert "stopped by SIGINT; nothing half-written was left." in said
    if place == "reading":
        assert "program.py was captured: nsysgap gaps program.sqlite reads its report." in said
    assert names(folder) == {"nsys", "program.py", "program.nsys-rep", "program.sqlite", "program.json"}
    summary = json.loads((folder / "program.json").read_text())
    assert (summary["profiled"]["exit_code"], summary["figures"]) == (code, None)
    assert "has not been read" in summary["warnings"][0]["text"]


def test_failing_target_is_named_also_where_its_report_does_not_answer(folder: Path) -> None:
    nsys = stand_in(folder / "nsys", f'cp "{NAIVE}" "$out.sqlite"; echo > "$out.nsys-rep"; exit 7')
    done = run("profile", "--nsys", nsys, "--no-baseline", "--nvtx", "no such range", "program.py", cwd=folder)
    assert done.returncode == 7
    assert "No NVTX range matches 'no such range'" in done.stderr
    assert "program.py ended with exit code 7 under nsys; its partial report is program.sqlite." in done.stderr


def processes_with(mark: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = path.read_bytes()
        except OSError:
            continue
        if mark.encode() in arguments:
            found.append(path.parent.name)
    return found


def test_dry_run_works_without_nsys_and_gpu(folder: Path) -> None:
    options = ("--dry-run", "--graph-trace", "graph", "--gpu-metrics", "--capture-range", "nvtx=step 1")
    arguments = (*options, "--nsys-args", "--stats=false", "program.py", "--", "a b")
    done = run("profile", *arguments, cwd=folder, environment={"PATH": "/nowhere", "NSYS": ""})
    assert done.returncode == 0
    plain, traced = done.stdout.splitlines()
    assert plain == f"{sys.executable} program.py 'a b'"
    assert traced.endswith(
        " profile --trace=cuda,nvtx,osrt --cuda-graph-trace=graph --sample=none --cpuctxsw=none --export=sqlite "
        "--capture-range=nvtx '--nvtx-capture=step 1' --capture-range-end=stop "
        "--env-var=NSYS_NVTX_PROFILER_REGISTER_ONLY=0 "
        f"--gpu-metrics-devices=all --stats=false --output program {plain}"
    )
    assert names(folder) == {"program.py"}


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["absent.py"], "absent.py does not exist", "Name a Python script"),
        (["--command", "no-such-program"], "no-such-program is no program", "Check the path"),
        (["."], ". is a folder", "Name a Python script"),
        (["--nsys", "/no/nsys", "program.py"], "--nsys names /no/nsys, which is no program", "Install NVIDIA"),
        (["--nsys", "/bin/true", "program.py"], "does not say its version", "Install NVIDIA"),
        (["-o", "program.py/absent/", "program.py"], "program.py/absent cannot be made", "Choose another place"),
        (["program.py", "./program.py"], "would both write program", "one by one"),
        (["--capture-range", "measured", "program.py"], "is not understood", "nvtx=NAME"),
    ],
)
def test_wrong_input_is_one_sentence_and_a_next_step(
    folder: Path, arguments: list[str], message: str, hint: str
) -> None:
    done = run("profile", *arguments, cwd=folder)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_what_the_program_reads_is_never_written(folder: Path) -> None:
    (folder / "settings.json").write_text("kept")
    done = run("profile", "-o", "settings", "--force", "program.py", "--", "settings.json", cwd=folder)
    assert done.returncode == 2
    assert "settings.json is an input of the program" in done.stderr
    assert (folder / "settings.json").read_text() == "kept"


def test_the_folder_of_the_output_is_made(folder: Path) -> None:
    nsys = stand_in(folder / "nsys", f'cp "{NAIVE}" "$out.sqlite"; echo > "$out.nsys-rep"; exit 0')
    done = run("profile", "--nsys", nsys, "--no-baseline", "-o", "new/deep/", "program.py", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert names(folder / "new" / "deep") == {"program.nsys-rep", "program.sqlite", "program.json"}


def test_closed_standard_output_is_refused_before_anything_runs(folder: Path) -> None:
    done = run("profile", "program.py", "--", "0", "0", cwd=folder, output=None)
    assert done.returncode == 1
    assert done.stderr == "nsysgap: Standard output is closed (>&-).\n  To drop what is printed: > /dev/null\n"
    assert names(folder) == {"program.py"}


def test_no_nsys_anywhere_says_how_to_get_one(folder: Path) -> None:
    if list(Path("/opt/nvidia").glob("nsight-systems*")) or list(Path("/usr/local").glob("**/bin/nsys")):
        pytest.skip("this machine has nsys in a usual folder")
    done = run("profile", "program.py", cwd=folder, environment={"PATH": "/nowhere", "NSYS": ""})
    assert done.returncode == 1
    assert "nsys was not found" in done.stderr
    assert "Install NVIDIA Nsight Systems" in done.stderr
