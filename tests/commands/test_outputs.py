"""One rule for -o and --format, for every command: commands/outputs.py."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_line import run
from folders import NAIVE

from nsysgap.commands import COMMANDS
from nsysgap.commands.outputs import FORMS, Destination, Outputs
from nsysgap.errors import NsysgapError
from nsysgap.files import output_file

ALL = Outputs({"text": "", "json": "a contract", "csv": "rows", "speedscope": "", "html": "a page"})
PAGE = Outputs({"html": "a page"}, default_name=lambda _, ending: f"made{ending}")


@pytest.mark.parametrize(
    ("form", "output", "chosen"),
    [
        (None, None, "text"),
        ("csv", None, "csv"),
        (None, "-", "text"),
        (None, "a/b.CSV", "csv"),
        (None, "x.json", "json"),
        (None, "x.speedscope.json", "speedscope"),
        ("speedscope", "x.json", "speedscope"),
        ("json", "no-ending", "json"),
        ("json", "odd.ending", "json"),
        (None, "/dev/null", "text"),
    ],
)
def test_the_ending_chooses_the_format(form: str | None, output: str | None, chosen: str) -> None:
    assert ALL.form_of(form, output) == chosen


@pytest.mark.parametrize(
    ("form", "output", "words"),
    [
        ("csv", "x.json", "x.json is json by its name, and --format says csv. Name it x.csv, or leave out --format."),
        (None, "x", "The name x does not say which format to write. End it with .txt or .json or .csv or "),
        (None, "x.dat", "The name x.dat does not say which format to write."),
        (None, "x.parquet", "This command writes no .parquet files: x.parquet. End it with .txt or .json"),
        ("csv", "x.svg", "This command writes no .svg files: x.svg. End it with .csv."),
    ],
)
def test_what_says_no_format_or_two_is_refused(form: str | None, output: str, words: str) -> None:
    with pytest.raises(NsysgapError) as refused:
        ALL.form_of(form, output)
    assert str(refused.value).startswith(words)
    assert refused.value.exit_code == 2


def test_a_command_with_one_format_needs_no_ending_but_takes_no_wrong_one() -> None:
    assert PAGE.form_of(None, "page") == "html"
    for name in ("page.json", "page.dat"):
        with pytest.raises(NsysgapError):
            PAGE.form_of(None, name)


def test_markup_is_nothing_for_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    ALL.destination("html", None, {})  # a pipe
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    with pytest.raises(NsysgapError, match=r"-o NAME\.html"):
        ALL.destination("html", None, {})
    assert ALL.destination("json", None, {}).color
    monkeypatch.setenv("NO_COLOR", "1")
    assert not ALL.destination("json", None, {}).color


@pytest.mark.parametrize("link", [None, os.symlink, os.link])
def test_no_input_is_ever_written(tmp_path: Path, link: object) -> None:
    report = tmp_path / "report.json"
    report.write_text("kept")
    target = report
    if callable(link):
        target = tmp_path / "other.json"
        link(report, target)
    with pytest.raises(NsysgapError, match="inputs are never written"):
        ALL.destination(None, str(target), {"reports": ("absent", str(report))}, force=True)
    with pytest.raises(NsysgapError, match="inputs are never written"):
        Destination("json", str(target), force=True, inputs=(str(report),)).write(b"lost")
    assert report.read_text() == "kept"


def test_files_are_announced_in_folders_that_are_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "new" / "deep" / "x.csv"
    Destination("csv", str(target)).write(b"a,b\n" * 300, "open it")
    assert target.read_bytes() == b"a,b\n" * 300
    assert capsys.readouterr().err == f"Wrote {target} (1.2 kB): open it.\n"


def test_nothing_is_left_of_what_fails(tmp_path: Path) -> None:
    def fails_half_way() -> Iterator[bytes]:
        yield b"half"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Destination("csv", str(tmp_path / "new" / "deep" / "x.csv")).write(fails_half_way())
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(NsysgapError, match="cannot be made"), output_file(tmp_path / "file" / "x.csv"):
        pass


WRITING = {
    name: module.OUTPUTS
    for name, (path, _) in COMMANDS.items()
    if hasattr(module := importlib.import_module(f"nsysgap.commands.{path}"), "OUTPUTS")
}
# What commands take that are asked of no report.
WITHOUT_REPORT: dict[str, tuple[str, ...]] = {"calibrate": (), "schema": ("gaps",)}


@pytest.mark.parametrize("link", [os.symlink, os.link])
@pytest.mark.parametrize("name", sorted(WRITING.keys() - WITHOUT_REPORT.keys()))
def test_no_command_writes_over_its_report(tmp_path: Path, name: str, link: Callable[[Path, Path], None]) -> None:
    report = tmp_path / "report.sqlite"
    report.write_bytes(NAIVE.read_bytes())
    target = tmp_path / f"other{FORMS[WRITING[name].default].endings[0]}"
    link(report, target)
    done = run(name, report, "-o", target, "--force")
    assert (done.returncode, "inputs are never written" in done.stderr) == (2, True)
    assert report.read_bytes() == NAIVE.read_bytes()


@pytest.mark.parametrize("name", WRITING)
def test_every_command_refuses_endings_that_it_does_not_write(tmp_path: Path, name: str) -> None:
    for wrong in ("made.docx", "made.junit.xml"):
        done = run(name, *WITHOUT_REPORT.get(name, (NAIVE,)), "-o", tmp_path / wrong)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 2
    assert list(tmp_path.iterdir()) == []
