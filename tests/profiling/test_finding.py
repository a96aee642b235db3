"""Choosing nsys, and whether it fits the driver."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from nsysgap.errors import NsysgapError
from nsysgap.profiling.finding import Driver, Nsys, check_version, find_nsys


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
