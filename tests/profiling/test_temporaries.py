"""What nsys leaves behind is removed where it is ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nsysgap.profiling.temporaries import Temporaries, remove_named


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
