"""`nsysgap calibrate` in this process: stand-ins for nsys and the program, which give an H200's runs made small."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

import pytest
from command_line import Done, run
from folders import SAMPLES
from stand_in_nsys import stand_in

from nsysgap.profiling import calibrate as runs
from nsysgap.profiling import calibration_program
from nsysgap.profiling.finding import Driver, find_driver

REAL = SAMPLES / "calibration"
GRAPH = SAMPLES / "cures" / "h200" / "graph_before.sqlite.xz"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with nsys and with the program; the machine has a driver and a GPU."""
    for how in ("node", "graph"):
        (tmp_path / f"{how}.sqlite").write_bytes(lzma.decompress((REAL / f"h200_{how}.sqlite.xz").read_bytes()))
    stand_in(tmp_path / "nsys", f'cp "{tmp_path}/${{out##*/}}.sqlite" "$out.sqlite"; echo > "$out.nsys-rep"')
    (record, *_) = json.loads((REAL / "h200_plain.json").read_text())
    (tmp_path / "program.py").write_text(f"import sys\nsys.stderr.write('busy\\n')\nprint({json.dumps(record)!r})\n")
    monkeypatch.setattr(runs, "PROGRAM", tmp_path / "program.py")
    monkeypatch.setattr(runs, "find_driver", lambda: Driver("580.159.04", (13, 0), ("NVIDIA H200",)))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def calibrate(machine: Path, *options: str) -> Done:
    return run("calibrate", "--nsys", machine / "nsys", *options, cwd=machine)


def whatif(report: Path, *options: str, environment: dict[str, str]) -> dict[str, Any]:
    done = run("whatif", report, "--graph", "--format", "json", *options, environment=environment)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_the_result_is_kept_where_whatif_finds_it(machine: Path) -> None:
    done = calibrate(machine)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("NVIDIA H200, driver 580.159.04, nsys 2025.3.2.0\n")
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    said = done.stderr.splitlines()
    assert said[:4] == [*(f"nsysgap: plain run {n} of 3" for n in (1, 2, 3)),
                        "nsysgap: under nsys 2025.3.2, graphs traced by node"]  # fmt: skip
    assert "busy" not in done.stderr
    (kept,) = (machine / "cache" / "nsysgap").glob("*.json")
    assert kept.name == "calibration-nvidia-h200-580.159.04.json"
    document = json.loads(kept.read_text())
    assert document["graph_call"]["nsys"] == [2_515, 1_441]
    surroundings = {"XDG_CACHE_HOME": str(machine / "cache")}
    found = whatif(GRAPH, environment=surroundings)
    assert found["calibration"] == {"gpu": "NVIDIA H200", "driver": "580.159.04", "source": str(kept)}
    assert found["notes"][0] == "Constants: measured on NVIDIA H200, driver 580.159.04."
    usual = whatif(GRAPH, "--calibration", "usual", environment=surroundings)
    assert usual["changes"][0]["under_nsys"] != found["changes"][0]["under_nsys"]
    assert usual == whatif(GRAPH, environment={"XDG_CACHE_HOME": str(machine / "elsewhere")})


def test_a_file_is_written_instead_and_taken_by_name(machine: Path) -> None:
    done = calibrate(machine, "-o", "made.json")
    assert (done.returncode, done.stdout) == (0, "")
    assert not (machine / "cache").exists()
    found = whatif(GRAPH, "--calibration", str(machine / "made.json"), environment={})
    assert found["calibration"]["source"] == str(machine / "made.json")
    assert calibrate(machine, "-o", "made.json").returncode == 1  # it exists


def test_nothing_is_left_where_a_run_fails(machine: Path) -> None:
    (machine / "program.py").write_text("import sys; sys.exit('calibrate: CuPy is not installed: get it.')")
    done = calibrate(machine)
    assert (done.returncode, done.stdout) == (1, "")
    assert "The calibration's program failed: CuPy is not installed: get it." in done.stderr
    assert not (machine / "cache").exists()


def test_nsys_that_fails_is_said(machine: Path) -> None:
    stand_in(machine / "nsys", "echo 'No space left on device' >&2; exit 1")
    done = calibrate(machine)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert not (machine / "cache").exists()


def test_without_a_gpu_one_sentence_says_so(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "find_driver", lambda: None)
    done = calibrate(machine)
    assert done.returncode == 1
    assert done.stderr.startswith("nsysgap: There is no NVIDIA driver on this machine: nothing can be measured.\n")
    monkeypatch.setattr(runs, "find_driver", lambda: Driver("580.1", (13, 0), ()))
    assert "The NVIDIA driver 580.1 sees no GPU" in calibrate(machine).stderr


def test_the_program_says_in_one_sentence_that_there_is_no_gpu(capsys: pytest.CaptureFixture[str]) -> None:
    if find_driver() is not None:
        pytest.skip("this machine has a GPU")
    assert calibration_program.main(["--repeats", "1"]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n"), said.err.startswith("calibrate: ")) == ("", 1, True)


def test_a_dry_run_prints_what_would_be_run(tmp_path: Path) -> None:
    lines = run("calibrate", "--dry-run", "--python", "mine", cwd=tmp_path).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["mine"] * 3 + ["nsys"] * 2
    assert [("--cuda-graph-trace=node" in line, "--cuda-graph-trace=graph" in line) for line in lines[3:]] == [
        (True, False),
        (False, True),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cannot be read as JSON"),
        ("[]", "its schema is not nsysgap.calibration/1"),
        ('{"schema": "nsysgap.calibration/1"}', "The calibration is not whole"),
        ('{"schema": "nsysgap.calibration/1", "gpu": "", "driver": "", "nsys": "", "graph_call": {"nsys": [1]}}',
         "The calibration is not whole"),
    ],
)  # fmt: skip
def test_what_is_no_calibration_is_said(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text(text)
    done = run("whatif", GRAPH, "--graph", "--calibration", tmp_path / "bad.json")
    assert done.returncode == 1
    assert said in " ".join(done.stderr.split())
    assert "Make one: nsysgap calibrate" in " ".join(done.stderr.split())


def test_a_broken_calibration_in_the_cache_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "nsysgap").mkdir()
    (tmp_path / "nsysgap" / "calibration-nvidia-h200-580.159.04.json").write_text("{")
    found = whatif(GRAPH, environment={"XDG_CACHE_HOME": str(tmp_path)})
    assert found["calibration"]["source"] == "usual"
    assert "cannot be read as JSON" in found["notes"][0]


def test_the_costs_of_another_gpu_are_said_and_the_range_is_wider() -> None:
    own = whatif(GRAPH, "--calibration", "h200", environment={})
    other = whatif(GRAPH, "--calibration", "h100", environment={})
    assert other["notes"][0] == (
        "Constants are NVIDIA H100 80GB HBM3's, this GPU is NVIDIA H200: ranges of graphs are wider."
    )
    (mine, theirs) = (one["changes"][0]["under_nsys"] for one in (own, other))
    assert theirs["worst_ns"] > mine["worst_ns"]
    assert theirs["best_ns"] < mine["best_ns"]
