"""Broken reports: a few of the thousands of tests/fuzz/run.py, and that the checks notice what they are for."""

from __future__ import annotations

import lzma
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from command_line import Done, run

from fuzz import cases
from fuzz.cases import prepare, tried
from fuzz.mutations import KINDS, Broken, broken
from nsysgap.report.sqlite import columns, page_columns

CASES = int(os.environ.get("NSYSGAP_BROKEN_REPORTS", "30"))
"""tests/fuzz/run.py takes more of them."""


FAILURES = sorted((Path(__file__).parent / "failures").iterdir())


@pytest.mark.parametrize("kept", FAILURES, ids=lambda path: path.name)
def test_what_once_failed_ends_well(kept: Path, tmp_path: Path) -> None:
    failed = []
    for number, command in enumerate(cases.COMMANDS):
        folder = tmp_path / str(number)
        (folder / "work").mkdir(parents=True)
        report = folder / "work" / kept.name.removesuffix(".xz")
        report.write_bytes(lzma.decompress(kept.read_bytes()))
        failed.append(cases.asked(Broken(report, "kept", kept.name), command, folder)[1])
    assert set(failed) == {""}


@pytest.fixture(scope="module", autouse=True)
def _prepared() -> None:
    prepare()


@pytest.mark.parametrize("tens", range(CASES // 10))
def test_whatever_the_file_every_command_ends_well(tens: int) -> None:
    failed = [outcome for seed in range(10 * tens, 10 * tens + 10) if (outcome := tried(seed)).failure]
    assert failed == []


def test_the_same_seed_is_the_same_file(tmp_path: Path) -> None:
    made = []
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        made.append([broken(seed, tmp_path / str(number)).path.read_bytes() for seed in range(40) if seed % 3])
    assert made[0] == made[1]


def test_every_kind_comes_up(tmp_path: Path) -> None:
    kinds = set()
    for seed in range(60):
        (tmp_path / str(seed)).mkdir()
        kinds.add(broken(seed, tmp_path / str(seed)).kind)
    assert kinds == set(KINDS)


def failing(monkeypatch: pytest.MonkeyPatch, replacement: Callable[..., object]) -> str:
    """The failure of a report that is read well, with a command that does something else than it should."""
    monkeypatch.setattr(cases, "run", replacement)
    return tried(5).failure


def test_what_goes_wrong_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = run

    def changing(*arguments: object, cwd: Path, **more: object) -> Done:
        done = real(*arguments, cwd=cwd, **more)  # type: ignore[arg-type]
        with (cwd / str(arguments[1])).open("ab") as file:
            file.write(b"x")
        return done

    def leaving(*arguments: object, cwd: Path, **more: object) -> Done:
        done = real(*arguments, cwd=cwd, **more)  # type: ignore[arg-type]
        (cwd.parent / "tmp" / "left").touch()
        return done

    def silent(*_: object, **__: object) -> Done:
        return Done(1, b"", "")

    def raising(*_: object, **__: object) -> NoReturn:
        raise KeyError("surprise")

    def killed(*_: object, **__: object) -> NoReturn:
        os.abort()

    assert failing(monkeypatch, changing) == "the report was changed"
    assert failing(monkeypatch, leaving) == "left behind: ['left']"
    assert failing(monkeypatch, silent).startswith("no sentence")
    assert "KeyError: 'surprise'" in failing(monkeypatch, raising)
    assert "ended by signal 6" in failing(monkeypatch, killed)


def test_a_case_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "WALL_S", 0.2)

    def hanging(*_: object, **__: object) -> None:
        time.sleep(60)

    assert "no answer: ended by signal 9" in failing(monkeypatch, hanging)


def test_rows_that_sqlite_does_not_have_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = page_columns.PlainTable.read

    def other(self: page_columns.PlainTable, *arguments: object) -> dict[str, object]:
        found = real(self, *arguments)  # type: ignore[arg-type]
        for values in found.values():
            if len(values):
                values[-1] += 1
        return dict(found)

    monkeypatch.setattr(page_columns.PlainTable, "read", other)
    assert columns.PARALLEL_ROWS  # the table is read by its pages
    assert any("as other rows than SQLite's" in tried(seed).failure for seed in range(8))
