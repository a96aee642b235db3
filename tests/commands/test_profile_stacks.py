"""`nsysgap profile --stacks`: its captures and its table of lines."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from stack_reports import StackReport

from nsysgap.commands import cli
from nsysgap.commands.profile_output import stacks_text


@pytest.mark.parametrize(
    ("kind", "flags"),
    [
        ("python", "--sample=none --python-sampling=true --python-sampling-frequency=1000"),
        ("native", "--sample=process-tree"),
        ("calls", "--sample=process-tree --python-backtrace=cuda --cudabacktrace=all:0"),
    ],
)
def test_profile_captures_without_stacks_then_with_them(kind: str, flags: str, tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.touch()
    done = CliRunner().invoke(cli, ["profile", "--dry-run", "--stacks", kind, "-o", str(tmp_path / "r"), str(script)])
    _, plain, sampled, *export = done.stdout.splitlines()
    assert "sampling" not in plain
    assert "process-tree" not in plain
    assert f" {flags} --cpuctxsw=none" in sampled
    assert f"--output {tmp_path / 'r.stacks'} " in sampled
    assert ("--export=sqlite" in sampled) is (kind == "native")
    hostile_stacks = tmp_path / "r.stacks"
    exported = f"--type sqlite --include-blobs=true --output {hostile_stacks}.sqlite {hostile_stacks}.nsys-rep"
    assert [line.split(" export ")[1] for line in export] == ([] if kind == "native" else [exported])
    done = CliRunner().invoke(cli, ["profile", "--dry-run", "--no-baseline", "--stacks", kind, str(script)])
    assert len([line for line in done.stdout.splitlines() if " profile " in line]) == 1


def captured(path: Path, seconds: float) -> Any:
    """What `profile` knows of a finished capture, as far as the table of lines asks."""
    target = SimpleNamespace(file=path.with_suffix)
    return SimpleNamespace(target=target, profiled=SimpleNamespace(record={"wall_s_measured": seconds}))


def test_shares_are_from_the_stacks_and_times_from_the_capture_without(hostile_stacks: Path, tmp_path: Path) -> None:
    report = StackReport()
    report.gap(1000, 1600)
    plain, sampled = captured(report.write(tmp_path / "plain.sqlite"), 2.0), captured(hostile_stacks, 3.0)
    said = stacks_text(plain, sampled, "python", (None, None))
    assert "600 ns of idle time (host), 100.0 % of 600 ns" in said
    assert re.search(r"work lib/prog.py:20 +225 ns +37.5 %", said)
    assert "took 1.50 times as long" in said
    assert f"Times are those of {tmp_path / 'plain.sqlite'}" in said


def test_profile_without_a_baseline_says_the_times_it_has(hostile_stacks: Path, tmp_path: Path) -> None:
    sampled = captured(hostile_stacks, 3.0)
    assert "2.00 us of idle time" in stacks_text(sampled, sampled, "python", (None, None))
    lost = stacks_text(captured(tmp_path / "none.sqlite", 2.0), sampled, "python", (None, None))
    assert "2.00 us of idle time" in lost
    assert "Times are those" not in lost
